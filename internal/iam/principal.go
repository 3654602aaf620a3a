package iam

import (
	"context"
	"crypto/sha256"
	"encoding/base32"

	"github.com/heliograph/heliograph/internal/iam/policy"
)

// The roles that exist without anyone having created them.
const (
	ExecutionRole = "SageMakerRole"          // what notebooks and training jobs run as
	FunctionRole  = "HeliographFunctionRole" // what built-in functions run as
)

// Principal is who performs an action. The zero Principal may do nothing.
type Principal struct {
	ARN         string // as GetCallerIdentity and messages name it
	AccountID   string // twelve digits
	UserID      string // the unique id, e.g. AROA…:session
	AccessKeyID string // the key that signed, "" for principals of the server itself

	rights *rights // only this package can hand them out
	role   string  // of a service's session, whose rights are looked up anew each time
}

type principalKey struct{}

// principalContext is a context with its principal, in one piece.
type principalContext struct {
	context.Context
	principal Principal // constant
}

func (c *principalContext) Value(key any) any {
	if key == (principalKey{}) {
		return &c.principal
	}
	return c.Context.Value(key)
}

// WithPrincipal returns a context whose actions are performed by p. The first
// one in the context of a request is who sent it.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	if r := requestOf(ctx); r != nil && r.caller == "" {
		r.caller, r.key = p.ARN, p.AccessKeyID
	}
	return &principalContext{ctx, p}
}

// PrincipalOf returns the principal that acts in ctx, and whether there is one.
func PrincipalOf(ctx context.Context) (Principal, bool) {
	if p := principalOf(ctx); p != nil {
		return *p, true
	}
	return Principal{}, false
}

// principalOf is PrincipalOf without a copy, nil if there is none.
func principalOf(ctx context.Context) *Principal {
	p, _ := ctx.Value(principalKey{}).(*Principal)
	return p
}

// AnonymousPrincipal is who calls the public listener: they may invoke its
// routes and read website buckets. The gateway asks for s3:GetObject only on
// buckets that have a website configuration.
func (s *Service) AnonymousPrincipal() Principal { return s.anonymous }

// UnsignedPrincipal is who sends unsigned requests for objects: they may do what
// the policies of buckets allow everyone.
func (s *Service) UnsignedPrincipal() Principal {
	return Principal{ARN: "anonymous", AccountID: "anonymous", UserID: "anonymous", rights: &rights{who: s.anonymous.rights.who}}
}

// ServicePrincipal is a service, such as "apigateway.amazonaws.com", that acts for
// the resource of the ARN source, as conditions see in aws:SourceArn and
// aws:SourceAccount. It may do what the policies of resources allow it.
func (s *Service) ServicePrincipal(service, source string) Principal {
	return Principal{ARN: service, rights: &rights{who: policy.Principal{Type: policy.Service, ARN: service, Service: service}, source: source}}
}

// RootPrincipal is what the root key signs as: it may do everything. It is a
// session of the execution role, since the SageMaker Python SDK reads its role
// from GetCallerIdentity and refuses users.
func (s *Service) RootPrincipal() Principal { return s.root.principal }

// builtins makes the principals that are there without records.
func (s *Service) builtins() {
	s.root = credential{key: s.cfg.RootKey, principal: s.session(ExecutionRole, "local", "root key", `"Action":"*","Resource":"*"`)}
	s.root.principal.AccessKeyID = s.cfg.RootKey.ID
	s.anonymous = Principal{ARN: "anonymous", AccountID: "anonymous", UserID: "anonymous", rights: &rights{
		who:      policy.Principal{Type: policy.Anonymous, ARN: "anonymous", Account: "anonymous", UserID: "anonymous"},
		policies: builtinPolicy("public listener", `"Action":["execute-api:Invoke","s3:GetObject"],"Resource":"*"`),
	}}
}

// session is a principal that has assumed a role, with one statement of its own.
func (s *Service) session(role, name, of, statement string) Principal {
	p := Principal{
		ARN:       "arn:aws:sts::" + s.cfg.AccountID + ":assumed-role/" + role + "/" + name,
		AccountID: s.cfg.AccountID,
		UserID:    s.RoleID(role) + ":" + name,
	}
	p.rights = &rights{policies: builtinPolicy(of, statement), who: policy.Principal{
		Type: policy.AssumedRole, ARN: p.ARN, RoleARN: s.arnOf(RoleEntity, "/", role), Account: p.AccountID, UserID: p.UserID,
	}}
	return p
}

func builtinPolicy(name, statement string) policy.Policies {
	doc, err := parseIdentity(`{"Version":"2012-10-17","Statement":{"Effect":"Allow",` + statement + `}}`)
	if err != nil {
		panic(err) // the statements are those of builtins
	}
	return policy.Policies{Identity: []policy.Attached{{Name: "builtin:" + name, Document: doc}}}
}

// RoleID is the unique id of a role, the same at every start: AROA and 17
// characters derived from account and name.
func (s *Service) RoleID(role string) string {
	sum := sha256.Sum256([]byte(s.cfg.AccountID + "/" + role))
	return "AROA" + base32.StdEncoding.EncodeToString(sum[:])[:17]
}
