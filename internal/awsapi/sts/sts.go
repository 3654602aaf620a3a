// Package sts speaks AWS STS in the Query protocol, as far as clients need it
// to learn who they are: GetCallerIdentity.
//
// Who calls is proven by the signature check in front of it.
package sts

import (
	"context"
	"net/http"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
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
		"GetCallerIdentity": wire.QueryOp(a.getCallerIdentity).Open(),
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
