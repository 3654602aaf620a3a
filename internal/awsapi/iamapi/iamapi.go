// Package iamapi speaks AWS IAM in the Query protocol, as far as clients need
// it to look up a role: GetRole, and GetUser's answer for accounts without users.
package iamapi

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
)

// Version is the API version that requests name.
const Version = "2010-05-08"

// New returns the handler; it belongs behind wire.NewRouter as "iam/" + Version.
func New(s *iam.Service, opt wire.Options) http.Handler {
	if opt.Service == "" {
		opt.Service = "iam"
	}
	a := api{s}
	return wire.NewQuery(Version, "https://iam.amazonaws.com/doc/"+Version+"/", map[string]wire.QueryOperation{
		"GetRole": wire.QueryOp(a.getRole),
		"GetUser": wire.QueryOp(a.getUser),
	}, opt)
}

type api struct{ iam *iam.Service }

type getRoleInput struct{ RoleName string }

type getRoleOutput struct{ Role role }

type role struct {
	Path                     string
	RoleName                 string
	RoleID                   string `xml:"RoleId"`
	Arn                      string
	CreateDate               string
	AssumeRolePolicyDocument string // percent-encoded JSON
	Description              string `xml:",omitempty"`
	MaxSessionDuration       int    // seconds
}

func (a api) getRole(ctx context.Context, in *getRoleInput) (*getRoleOutput, error) {
	r, err := a.iam.GetRole(ctx, in.RoleName)
	if err != nil {
		return nil, err
	}
	return &getRoleOutput{role{
		Path: r.Path, RoleName: r.Name, RoleID: r.ID, Arn: r.ARN, CreateDate: r.Created.UTC().Format(time.RFC3339),
		AssumeRolePolicyDocument: strings.ReplaceAll(url.QueryEscape(r.TrustPolicy), "+", "%20"),
		Description:              r.Description, MaxSessionDuration: int(r.MaxSession / time.Second),
	}}, nil
}

type getUserInput struct{ UserName string }

func (a api) getUser(ctx context.Context, in *getUserInput) (*struct{}, error) {
	return nil, a.iam.GetUser(ctx, in.UserName)
}
