// Package iamapi speaks AWS IAM in the Query protocol: users, groups, roles,
// managed and inline policies, permissions boundaries, tags, and what policies
// would decide.
//
// Its types are the answers' own: the command line reads with them what is
// written with them here.
package iamapi

import (
	"net/http"
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
	ops := map[string]wire.QueryOperation{}
	for _, declare := range []func(map[string]wire.QueryOperation){
		a.users, a.keys, a.groups, a.roles, a.policies, a.inlinePolicies, a.attachments, a.tags, a.simulation, a.account,
	} {
		declare(ops)
	}
	return wire.NewQuery(Version, "https://iam.amazonaws.com/doc/"+Version+"/", ops, opt)
}

type api struct{ iam *iam.Service }

// Paging is the part of a list's request that says which page is wanted.
type Paging struct {
	Marker   string
	MaxItems *int
}

func (p Paging) page() iam.Page { return iam.Page(p) }

// Truncation is the part of a list's answer that says whether there is more.
type Truncation struct {
	IsTruncated bool
	Marker      string `xml:",omitempty" json:",omitempty"`
}

func truncation(next string) Truncation { return Truncation{next != "", next} }

// timestamp is a time as the Query protocol writes it.
func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// nothing is the answer of operations that return none.
type nothing struct{}
