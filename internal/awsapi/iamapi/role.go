package iamapi

import (
	"context"
	"time"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
)

// Role is a role of an answer.
type Role struct {
	Path                     string
	RoleName                 string
	RoleID                   string `xml:"RoleId" json:"RoleId"`
	Arn                      string
	CreateDate               string
	AssumeRolePolicyDocument Document
	Description              string     `xml:",omitempty" json:",omitempty"`
	MaxSessionDuration       int        // seconds
	PermissionsBoundary      *Boundary  `xml:",omitempty" json:",omitempty"`
	Tags                     *List[Tag] `xml:",omitempty" json:",omitempty"`
}

func role(r iam.Role) Role {
	return Role{
		Path: r.Path, RoleName: r.Name, RoleID: r.ID, Arn: r.ARN, CreateDate: timestamp(r.Created), AssumeRolePolicyDocument: document(r.TrustPolicy),
		Description: r.Description, MaxSessionDuration: int(r.MaxSession / time.Second), PermissionsBoundary: boundary(r.Boundary), Tags: optionalTags(r.Tags),
	}
}

// RoleOutput is the answer of CreateRole, GetRole and UpdateRoleDescription.
type RoleOutput struct{ Role Role }

// RoleListOutput is the answer of ListRoles.
type RoleListOutput struct {
	Roles List[Role]
	Truncation
}

func (a api) roles(ops map[string]wire.QueryOperation) {
	ops["CreateRole"] = wire.QueryOp(a.createRole)
	ops["GetRole"] = wire.QueryOp(a.getRole)
	ops["ListRoles"] = wire.QueryOp(a.listRoles)
	ops["UpdateRole"] = wire.QueryOp(a.updateRole)
	ops["UpdateRoleDescription"] = wire.QueryOp(a.updateRoleDescription)
	ops["UpdateAssumeRolePolicy"] = wire.QueryOp(a.updateAssumeRolePolicy)
	ops["DeleteRole"] = wire.QueryOp(a.deleteRole)
	ops["ListInstanceProfilesForRole"] = wire.QueryOp(a.listInstanceProfilesForRole)
}

func (a api) createRole(ctx context.Context, in *struct {
	RoleName, Path, AssumeRolePolicyDocument, Description, PermissionsBoundary string
	MaxSessionDuration                                                         *int
	Tags                                                                       []Tag
}) (*RoleOutput, error) {
	longest := time.Hour
	if in.MaxSessionDuration != nil {
		longest = seconds(*in.MaxSessionDuration)
	}
	r, err := a.iam.CreateRole(ctx, iam.NewRole{Name: in.RoleName, Path: in.Path, TrustPolicy: in.AssumeRolePolicyDocument, Description: in.Description,
		Boundary: in.PermissionsBoundary, MaxSession: longest, Tags: given(in.Tags)})
	return &RoleOutput{role(r)}, err
}

// seconds is n seconds, and more than a day if that is more than a Duration can be.
func seconds(n int) time.Duration { return time.Duration(max(min(n, 1<<20), -1)) * time.Second }

func (a api) getRole(ctx context.Context, in *struct{ RoleName string }) (*RoleOutput, error) {
	r, err := a.iam.GetRole(ctx, in.RoleName)
	return &RoleOutput{role(r)}, err
}

func (a api) listRoles(ctx context.Context, in *listInput) (*RoleListOutput, error) {
	roles, next, err := a.iam.ListRoles(ctx, in.PathPrefix, in.page())
	return &RoleListOutput{listOf(roles, role), truncation(next)}, err
}

func (a api) updateRole(ctx context.Context, in *struct {
	RoleName           string
	Description        *string
	MaxSessionDuration *int
}) (*nothing, error) {
	update := iam.RoleUpdate{Description: in.Description}
	if in.MaxSessionDuration != nil {
		longest := seconds(*in.MaxSessionDuration)
		update.MaxSession = &longest
	}
	_, err := a.iam.UpdateRole(ctx, in.RoleName, update)
	return &nothing{}, err
}

func (a api) updateRoleDescription(ctx context.Context, in *struct{ RoleName, Description string }) (*RoleOutput, error) {
	r, err := a.iam.UpdateRoleDescription(ctx, in.RoleName, in.Description)
	return &RoleOutput{role(r)}, err
}

func (a api) updateAssumeRolePolicy(ctx context.Context, in *struct{ RoleName, PolicyDocument string }) (*nothing, error) {
	return nil, a.iam.UpdateTrustPolicy(ctx, in.RoleName, in.PolicyDocument)
}

func (a api) deleteRole(ctx context.Context, in *struct{ RoleName string }) (*nothing, error) {
	return nil, a.iam.DeleteRole(ctx, in.RoleName)
}

// instanceProfiles is the answer of operations on instance profiles, of which
// there are none: there are no instances. Tools ask before they delete a role.
type instanceProfiles struct {
	InstanceProfiles List[nothing]
	Truncation
}

func (a api) listInstanceProfilesForRole(ctx context.Context, in *struct{ RoleName string }) (*instanceProfiles, error) {
	return &instanceProfiles{}, a.iam.CheckRole(ctx, "iam:ListInstanceProfilesForRole", in.RoleName)
}
