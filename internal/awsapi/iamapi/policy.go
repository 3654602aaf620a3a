package iamapi

import (
	"context"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
)

// Policy is a managed policy of an answer.
type Policy struct {
	PolicyName                    string
	PolicyID                      string `xml:"PolicyId" json:"PolicyId"`
	Arn                           string
	Path                          string
	DefaultVersionID              string `xml:"DefaultVersionId" json:"DefaultVersionId"`
	AttachmentCount               int
	PermissionsBoundaryUsageCount int
	IsAttachable                  bool
	Description                   string `xml:",omitempty" json:",omitempty"`
	CreateDate                    string
	UpdateDate                    string
	Tags                          *List[Tag] `xml:",omitempty" json:",omitempty"`
}

func managed(p iam.ManagedPolicy) Policy {
	return Policy{
		PolicyName: p.Name, PolicyID: p.ID, Arn: p.ARN, Path: p.Path, DefaultVersionID: p.DefaultVersion, AttachmentCount: p.Attachments,
		PermissionsBoundaryUsageCount: p.Boundaries, IsAttachable: true, Description: p.Description,
		CreateDate: timestamp(p.Created), UpdateDate: timestamp(p.Updated), Tags: optionalTags(p.Tags),
	}
}

// PolicyVersion is a version of a managed policy.
type PolicyVersion struct {
	Document         Document `xml:",omitempty" json:",omitempty"`
	VersionID        string   `xml:"VersionId" json:"VersionId"`
	IsDefaultVersion bool
	CreateDate       string
}

func version(v iam.PolicyVersion) PolicyVersion {
	return PolicyVersion{document(v.Document), v.ID, v.Default, timestamp(v.Created)}
}

// PolicyOutput is the answer of CreatePolicy and GetPolicy.
type PolicyOutput struct{ Policy Policy }

// PolicyListOutput is the answer of ListPolicies.
type PolicyListOutput struct {
	Policies List[Policy]
	Truncation
}

// PolicyVersionOutput is the answer of CreatePolicyVersion and GetPolicyVersion.
type PolicyVersionOutput struct{ PolicyVersion PolicyVersion }

// PolicyVersionListOutput is the answer of ListPolicyVersions.
type PolicyVersionListOutput struct {
	Versions List[PolicyVersion]
	Truncation
}

func (a api) policies(ops map[string]wire.QueryOperation) {
	ops["CreatePolicy"] = wire.QueryOp(a.createPolicy)
	ops["GetPolicy"] = wire.QueryOp(a.getPolicy)
	ops["ListPolicies"] = wire.QueryOp(a.listPolicies)
	ops["DeletePolicy"] = wire.QueryOp(a.deletePolicy)
	ops["CreatePolicyVersion"] = wire.QueryOp(a.createPolicyVersion)
	ops["GetPolicyVersion"] = wire.QueryOp(a.getPolicyVersion)
	ops["ListPolicyVersions"] = wire.QueryOp(a.listPolicyVersions)
	ops["DeletePolicyVersion"] = wire.QueryOp(a.deletePolicyVersion)
	ops["SetDefaultPolicyVersion"] = wire.QueryOp(a.setDefaultPolicyVersion)
}

func (a api) createPolicy(ctx context.Context, in *struct {
	PolicyName, Path, PolicyDocument, Description string
	Tags                                          []Tag
}) (*PolicyOutput, error) {
	p, err := a.iam.CreatePolicy(ctx, iam.NewPolicy{Name: in.PolicyName, Path: in.Path, Document: in.PolicyDocument, Description: in.Description, Tags: given(in.Tags)})
	return &PolicyOutput{managed(p)}, err
}

func (a api) getPolicy(ctx context.Context, in *struct{ PolicyArn string }) (*PolicyOutput, error) {
	p, err := a.iam.GetPolicy(ctx, in.PolicyArn)
	return &PolicyOutput{managed(p)}, err
}

func (a api) listPolicies(ctx context.Context, in *struct {
	PathPrefix, Scope, PolicyUsageFilter string
	OnlyAttached                         bool
	Paging
}) (*PolicyListOutput, error) {
	filter := iam.PolicyFilter{PathPrefix: in.PathPrefix, Scope: in.Scope, OnlyAttached: in.OnlyAttached, Usage: in.PolicyUsageFilter}
	policies, next, err := a.iam.ListPolicies(ctx, filter, in.page())
	return &PolicyListOutput{listOf(policies, managed), truncation(next)}, err
}

func (a api) deletePolicy(ctx context.Context, in *struct{ PolicyArn string }) (*nothing, error) {
	return nil, a.iam.DeletePolicy(ctx, in.PolicyArn)
}

func (a api) createPolicyVersion(ctx context.Context, in *struct {
	PolicyArn, PolicyDocument string
	SetAsDefault              bool
}) (*PolicyVersionOutput, error) {
	v, err := a.iam.CreatePolicyVersion(ctx, in.PolicyArn, in.PolicyDocument, in.SetAsDefault)
	return &PolicyVersionOutput{version(v)}, err
}

type versionInput struct{ PolicyArn, VersionId string }

func (a api) getPolicyVersion(ctx context.Context, in *versionInput) (*PolicyVersionOutput, error) {
	v, err := a.iam.GetPolicyVersion(ctx, in.PolicyArn, in.VersionId)
	return &PolicyVersionOutput{version(v)}, err
}

func (a api) listPolicyVersions(ctx context.Context, in *struct {
	PolicyArn string
	Paging
}) (*PolicyVersionListOutput, error) {
	versions, next, err := a.iam.ListPolicyVersions(ctx, in.PolicyArn, in.page())
	return &PolicyVersionListOutput{listOf(versions, version), truncation(next)}, err
}

func (a api) deletePolicyVersion(ctx context.Context, in *versionInput) (*nothing, error) {
	return nil, a.iam.DeletePolicyVersion(ctx, in.PolicyArn, in.VersionId)
}

func (a api) setDefaultPolicyVersion(ctx context.Context, in *versionInput) (*nothing, error) {
	return nil, a.iam.SetDefaultPolicyVersion(ctx, in.PolicyArn, in.VersionId)
}
