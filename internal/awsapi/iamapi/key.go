package iamapi

import (
	"context"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
)

// AccessKey is an access key of an answer. The secret is in the answer of
// CreateAccessKey alone.
type AccessKey struct {
	UserName        string
	AccessKeyID     string `xml:"AccessKeyId" json:"AccessKeyId"`
	Status          string // Active or Inactive
	SecretAccessKey string `xml:",omitempty" json:",omitempty"`
	CreateDate      string
}

func accessKey(k iam.AccessKey) AccessKey {
	out := AccessKey{UserName: k.User, AccessKeyID: k.ID, Status: "Active", CreateDate: timestamp(k.Created)}
	if !k.Active {
		out.Status = "Inactive"
	}
	return out
}

// AccessKeyOutput is the answer of CreateAccessKey.
type AccessKeyOutput struct{ AccessKey AccessKey }

// AccessKeyListOutput is the answer of ListAccessKeys.
type AccessKeyListOutput struct {
	AccessKeyMetadata List[AccessKey]
	Truncation
}

// LastUsed is when a key signed last; Service and Region are N/A if it never did.
type LastUsed struct {
	LastUsedDate string `xml:",omitempty" json:",omitempty"`
	ServiceName  string
	Region       string
}

// LastUsedOutput is the answer of GetAccessKeyLastUsed.
type LastUsedOutput struct {
	UserName          string
	AccessKeyLastUsed LastUsed
}

func (a api) keys(ops map[string]wire.QueryOperation) {
	ops["CreateAccessKey"] = wire.QueryOp(a.createAccessKey)
	ops["ListAccessKeys"] = wire.QueryOp(a.listAccessKeys)
	ops["UpdateAccessKey"] = wire.QueryOp(a.updateAccessKey)
	ops["DeleteAccessKey"] = wire.QueryOp(a.deleteAccessKey)
	ops["GetAccessKeyLastUsed"] = wire.QueryOp(a.getAccessKeyLastUsed)
}

// keyInput names a key with AWS's own spelling of the parameter.
type keyInput struct {
	UserName    string
	AccessKeyId string
	Status      string
}

func (a api) createAccessKey(ctx context.Context, in *keyInput) (*AccessKeyOutput, error) {
	made, key, err := a.iam.CreateAccessKey(ctx, in.UserName)
	out := accessKey(made)
	out.SecretAccessKey = key.Secret
	return &AccessKeyOutput{out}, err
}

func (a api) listAccessKeys(ctx context.Context, in *struct {
	UserName string
	Paging
}) (*AccessKeyListOutput, error) {
	keys, next, err := a.iam.ListAccessKeys(ctx, in.UserName, in.page())
	return &AccessKeyListOutput{listOf(keys, accessKey), truncation(next)}, err
}

func (a api) updateAccessKey(ctx context.Context, in *keyInput) (*nothing, error) {
	return nil, a.iam.UpdateAccessKey(ctx, in.UserName, in.AccessKeyId, in.Status)
}

func (a api) deleteAccessKey(ctx context.Context, in *keyInput) (*nothing, error) {
	return nil, a.iam.DeleteAccessKey(ctx, in.UserName, in.AccessKeyId)
}

func (a api) getAccessKeyLastUsed(ctx context.Context, in *keyInput) (*LastUsedOutput, error) {
	key, err := a.iam.AccessKeyLastUsed(ctx, in.AccessKeyId)
	out := &LastUsedOutput{key.User, LastUsed{ServiceName: "N/A", Region: "N/A"}}
	if !key.Used.At.IsZero() {
		out.AccessKeyLastUsed = LastUsed{timestamp(key.Used.At), key.Used.Service, key.Used.Region}
	}
	return out, err
}
