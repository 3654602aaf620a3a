// Package sts speaks AWS STS in the Query protocol: who a caller is, and
// credentials that last for a while.
//
// Who calls is proven by the signature check in front of it.
package sts

import (
	"context"
	"net/http"
	"time"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
)

// Version is the API version that requests name.
const Version = "2011-06-15"

// New returns the handler; it belongs behind wire.NewRouter as "sts/" + Version.
func New(s *iam.Service, opt wire.Options) http.Handler {
	if opt.Service == "" {
		opt.Service = "sts"
	}
	a := api{s}
	return wire.NewQuery(Version, "https://sts.amazonaws.com/doc/"+Version+"/", map[string]wire.QueryOperation{
		"AssumeRole":         wire.QueryOp(a.assumeRole).Needs("", "sts:TagSession"),
		"GetAccessKeyInfo":   wire.QueryOp(a.getAccessKeyInfo),
		"GetCallerIdentity":  wire.QueryOp(a.getCallerIdentity).Open(),
		"GetFederationToken": wire.QueryOp(a.getFederationToken).Needs("", "sts:TagSession"),
		"GetSessionToken":    wire.QueryOp(a.getSessionToken).Open(),
	}, opt)
}

type api struct{ iam *iam.Service }

type callerIdentity struct {
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

func (a api) getCallerIdentity(ctx context.Context, _ *struct{}) (*callerIdentity, error) {
	p, err := a.iam.CallerIdentity(ctx)
	return &callerIdentity{Arn: p.ARN, UserID: p.UserID, Account: p.AccountID}, err
}

type keyInfo struct{ Account string }

func (a api) getAccessKeyInfo(ctx context.Context, in *struct {
	AccessKeyID string `form:"AccessKeyId"`
}) (*keyInfo, error) {
	account, err := a.iam.KeyAccount(ctx, in.AccessKeyID)
	return &keyInfo{account}, err
}

type credentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

func shown(c iam.Credentials) credentials {
	return credentials{c.Key.ID, c.Key.Secret, c.Token, c.Expires.UTC().Format(time.RFC3339)}
}

// policyARN is one of the managed policies that bound a session.
type policyARN struct {
	ARN string `form:"arn"`
}

func arns(from []policyARN) (all []string) {
	for _, p := range from {
		all = append(all, p.ARN)
	}
	return all
}

// duration is what DurationSeconds asks for; zero if it is not given, and next to
// nothing, which is refused, if it is given as 0.
func duration(given *int32) time.Duration {
	if given == nil {
		return 0
	}
	return max(time.Duration(*given)*time.Second, 1)
}

// refuseMFA: nobody may believe that a one-time code was checked.
func refuseMFA(serial, code string) error {
	if serial == "" && code == "" {
		return nil
	}
	return errs.New(errs.Denied, iam.CodeAccessDenied, "MultiFactorAuthentication failed: this server has no MFA devices. Leave SerialNumber and TokenCode out.")
}

func tags(from []tag) (all []iam.Tag) {
	for _, t := range from {
		all = append(all, iam.Tag(t))
	}
	return all
}

type assumeRoleInput struct {
	RoleArn, RoleSessionName, Policy, SourceIdentity string

	ExternalID      string `form:"ExternalId"`
	PolicyArns      []policyARN
	DurationSeconds *int32

	Tags              []tag
	TransitiveTagKeys []string
	SerialNumber      string
	TokenCode         string
}

type tag struct{ Key, Value string }

type assumeRoleOutput struct {
	SourceIdentity  string `xml:",omitempty"`
	AssumedRoleUser struct {
		AssumedRoleID string `xml:"AssumedRoleId"`
		Arn           string
	}
	Credentials      credentials
	PackedPolicySize *int `xml:",omitempty"`
}

func (a api) assumeRole(ctx context.Context, in *assumeRoleInput) (*assumeRoleOutput, error) {
	if err := refuseMFA(in.SerialNumber, in.TokenCode); err != nil {
		return nil, err
	}
	s, err := a.iam.AssumeRole(ctx, iam.AssumeRoleInput{
		RoleARN: in.RoleArn, SessionName: in.RoleSessionName, Duration: duration(in.DurationSeconds), Policy: in.Policy, PolicyARNs: arns(in.PolicyArns),
		ExternalID: in.ExternalID, SourceIdentity: in.SourceIdentity, Tags: tags(in.Tags), Transitive: in.TransitiveTagKeys,
	})
	if err != nil {
		return nil, err
	}
	out := &assumeRoleOutput{SourceIdentity: in.SourceIdentity, Credentials: shown(s.Credentials), PackedPolicySize: packed(s.Packed)}
	out.AssumedRoleUser.AssumedRoleID, out.AssumedRoleUser.Arn = s.ID, s.ARN
	return out, nil
}

func packed(percent int) *int {
	if percent == 0 {
		return nil
	}
	return &percent
}

func (a api) getSessionToken(ctx context.Context, in *struct {
	DurationSeconds         *int32
	SerialNumber, TokenCode string
}) (*struct{ Credentials credentials }, error) {
	if err := refuseMFA(in.SerialNumber, in.TokenCode); err != nil {
		return nil, err
	}
	c, err := a.iam.SessionToken(ctx, duration(in.DurationSeconds))
	return &struct{ Credentials credentials }{shown(c)}, err
}

type federationInput struct {
	Name, Policy    string
	PolicyArns      []policyARN
	DurationSeconds *int32
	Tags            []tag
}

type federationOutput struct {
	Credentials   credentials
	FederatedUser struct {
		FederatedUserID string `xml:"FederatedUserId"`
		Arn             string
	}
	PackedPolicySize *int `xml:",omitempty"`
}

func (a api) getFederationToken(ctx context.Context, in *federationInput) (*federationOutput, error) {
	s, err := a.iam.FederationToken(ctx, iam.FederationInput{
		Name: in.Name, Duration: duration(in.DurationSeconds), Policy: in.Policy, PolicyARNs: arns(in.PolicyArns), Tags: tags(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	out := &federationOutput{Credentials: shown(s.Credentials), PackedPolicySize: packed(s.Packed)}
	out.FederatedUser.FederatedUserID, out.FederatedUser.Arn = s.ID, s.ARN
	return out, nil
}
