package iamapi

import (
	"context"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
)

// Group is a group of an answer.
type Group struct {
	Path       string
	GroupName  string
	GroupID    string `xml:"GroupId" json:"GroupId"`
	Arn        string
	CreateDate string
}

func group(g iam.Group) Group {
	return Group{Path: g.Path, GroupName: g.Name, GroupID: g.ID, Arn: g.ARN, CreateDate: timestamp(g.Created)}
}

// GroupOutput is the answer of CreateGroup.
type GroupOutput struct{ Group Group }

// GroupUsersOutput is the answer of GetGroup.
type GroupUsersOutput struct {
	Group Group
	Users List[User]
	Truncation
}

// GroupListOutput is the answer of ListGroups and ListGroupsForUser.
type GroupListOutput struct {
	Groups List[Group]
	Truncation
}

func (a api) groups(ops map[string]wire.QueryOperation) {
	ops["CreateGroup"] = wire.QueryOp(a.createGroup)
	ops["GetGroup"] = wire.QueryOp(a.getGroup)
	ops["ListGroups"] = wire.QueryOp(a.listGroups)
	ops["UpdateGroup"] = wire.QueryOp(a.updateGroup)
	ops["DeleteGroup"] = wire.QueryOp(a.deleteGroup)
	ops["AddUserToGroup"] = wire.QueryOp(a.addUserToGroup)
	ops["RemoveUserFromGroup"] = wire.QueryOp(a.removeUserFromGroup)
}

func (a api) createGroup(ctx context.Context, in *struct{ GroupName, Path string }) (*GroupOutput, error) {
	g, err := a.iam.CreateGroup(ctx, in.GroupName, in.Path)
	return &GroupOutput{group(g)}, err
}

func (a api) getGroup(ctx context.Context, in *struct {
	GroupName string
	Paging
}) (*GroupUsersOutput, error) {
	g, users, next, err := a.iam.GetGroup(ctx, in.GroupName, in.page())
	return &GroupUsersOutput{group(g), listOf(users, listedUser), truncation(next)}, err
}

func (a api) listGroups(ctx context.Context, in *listInput) (*GroupListOutput, error) {
	groups, next, err := a.iam.ListGroups(ctx, in.PathPrefix, in.page())
	return &GroupListOutput{listOf(groups, group), truncation(next)}, err
}

func (a api) updateGroup(ctx context.Context, in *struct{ GroupName, NewGroupName, NewPath string }) (*nothing, error) {
	return nil, a.iam.UpdateGroup(ctx, in.GroupName, in.NewGroupName, in.NewPath)
}

func (a api) deleteGroup(ctx context.Context, in *struct{ GroupName string }) (*nothing, error) {
	return nil, a.iam.DeleteGroup(ctx, in.GroupName)
}

type membershipInput struct{ GroupName, UserName string }

func (a api) addUserToGroup(ctx context.Context, in *membershipInput) (*nothing, error) {
	return nil, a.iam.AddUserToGroup(ctx, in.GroupName, in.UserName)
}

func (a api) removeUserFromGroup(ctx context.Context, in *membershipInput) (*nothing, error) {
	return nil, a.iam.RemoveUserFromGroup(ctx, in.GroupName, in.UserName)
}
