package iam

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam/policy"
	"github.com/heliograph/heliograph/internal/keyring"
)

// Credentials are an access key that works with its session token only, for a
// while. They format and log as the key's id alone.
type Credentials struct {
	Key     Key
	Token   string
	Expires time.Time
}

func (c Credentials) String() string       { return c.Key.ID }
func (c Credentials) GoString() string     { return "iam.Credentials{Key: " + c.Key.ID + "}" }
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.Key.ID) }

// sessionKind is what a session was made of.
type sessionKind string

const (
	roleSession      sessionKind = "role"      // AssumeRole
	userSession      sessionKind = "user"      // GetSessionToken of a user
	rootSession      sessionKind = "root"      // GetSessionToken of the root key
	federatedSession sessionKind = "federated" // GetFederationToken
)

// session is what a session token says. The token is this as JSON, sealed by the
// keyring: nothing about sessions is kept on the server, and no token can be made
// up or changed. What a session may do is looked up anew with each request, so
// that it ends with its role, its user, or the access key that asked for it.
type session struct {
	Kind            sessionKind
	KeyID           string
	Secret          string
	Issued, Expires int64 // seconds since 1970

	Role, RoleID string `json:",omitempty"` // of a role session
	Name         string `json:",omitempty"` // of the session, or of the federated user
	Parent       string `json:",omitempty"` // the access key that asked, but for role sessions
	UserID       string `json:",omitempty"` // of the parent's user

	Policy         string   `json:",omitempty"` // inline session policy
	PolicyARNs     []string `json:",omitempty"` // managed session policies
	SourceIdentity string   `json:",omitempty"`
	Tags           []Tag    `json:",omitempty"` // that the session was made with
	Transitive     []string `json:",omitempty"` // keys of those that sessions made with this one have too
}

// sessionPurpose is what the keyring seals session tokens for.
const sessionPurpose = "session token"

// maxToken bounds a token, in bytes. The longest that is made has 2,048
// characters of inline policy, 10 ARNs, and tags in what room these leave.
const maxToken = 24 << 10

// newCredentials makes the key and token of a session that lasts for d.
func (s *Service) newCredentials(in session, d time.Duration) (Credentials, error) {
	if s.cfg.Keyring == nil {
		return Credentials{}, errs.New(errs.Unsupported, "ServiceFailure", "This server has no keyring, so it can't make session tokens.")
	}
	now := s.cfg.Now().UTC().Truncate(time.Second)
	key := newKey()
	key.ID = "ASIA" + key.ID[4:]
	in.KeyID, in.Secret, in.Issued, in.Expires = key.ID, key.Secret, now.Unix(), now.Add(d).Unix()
	text, err := json.Marshal(in)
	if err != nil {
		return Credentials{}, err
	}
	sealed, err := s.cfg.Keyring.Seal(sessionPurpose, key.ID, text)
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{Key: key, Token: base64.StdEncoding.EncodeToString(sealed), Expires: now.Add(d)}, nil
}

// openSession is a session token that was read.
type openSession struct {
	session
	inline *policy.Attached // the compiled Policy; nil if there is none
}

// sessions remembers tokens that were read, which saves opening and parsing them
// with each request.
type sessions struct {
	mu   sync.RWMutex
	open map[string]*openSession // by token
}

// maxOpenSessions bounds what is remembered: at most 64 MiB of the longest tokens.
const maxOpenSessions = 2048

// read returns the session that a token is of, for the access key that it came
// with. What was not sealed here, or for another key, is an error with code
// CodeBadToken.
func (c *sessions) read(ring *keyring.Ring, keyID, token string) (*openSession, error) {
	c.mu.RLock()
	o := c.open[token]
	c.mu.RUnlock()
	if o != nil {
		if o.KeyID != keyID {
			return nil, badToken()
		}
		return o, nil
	}
	if ring == nil || len(token) > maxToken {
		return nil, badToken()
	}
	sealed, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return nil, badToken()
	}
	text, err := ring.Open(sessionPurpose, keyID, sealed)
	if err != nil {
		return nil, badToken()
	}
	o = &openSession{}
	if err := json.Unmarshal(text, &o.session); err != nil {
		return nil, fmt.Errorf("session token of %s: %w", keyID, err)
	}
	if o.Policy != "" {
		doc, err := parseIdentity(o.Policy)
		if err != nil {
			return nil, fmt.Errorf("session policy of %s: %w", keyID, err)
		}
		o.inline = &policy.Attached{Name: "inline:session", Document: doc}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil || len(c.open) >= maxOpenSessions {
		c.open = map[string]*openSession{}
	}
	c.open[strings.Clone(token)] = o
	return o, nil
}

// forget drops what is remembered.
func (c *sessions) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.open)
}

func badToken() error {
	return unauthenticated(CodeBadToken, "The security token included in the request is invalid.")
}

// sessionPrincipal is who a session acts as now. One that has expired is an error
// with code CodeExpiredToken, one whose role, user or parent key is gone or
// disabled is as bad as a token that was never issued.
func (s *Service) sessionPrincipal(ctx context.Context, o *openSession) (p Principal, err error) {
	if s.cfg.Now().Unix() >= o.Expires {
		return p, unauthenticated(CodeExpiredToken, "The security token included in the request is expired")
	}
	limits, err := s.sessionLimits(ctx, o)
	if err != nil {
		return p, err
	}
	if o.Kind == roleSession {
		p, err = s.rolePrincipal(ctx, o.Role, o.Name, limits)
		if errs.Is(err, errs.NotFound) || err == nil && p.UserID != o.RoleID+":"+o.Name {
			return p, badToken() // the role was deleted, or is another one of its name
		}
	} else {
		p, err = s.parentPrincipal(ctx, o, limits)
	}
	if err != nil {
		return Principal{}, err
	}
	p.AccessKeyID = o.KeyID
	p.rights.session = o
	return p, nil
}

// parentPrincipal is the principal of a session that another access key asked for.
func (s *Service) parentPrincipal(ctx context.Context, o *openSession, limits []policy.Attached) (Principal, error) {
	if o.Kind == rootSession {
		p := s.root.principal
		if o.Parent != s.root.key.ID {
			return p, badToken()
		}
		return p.within(limits), nil
	}
	parent, err := s.access.find(ctx, o.Parent)
	if errs.Is(err, errs.Unauthenticated) {
		return Principal{}, badToken()
	} else if err != nil {
		return Principal{}, err
	}
	p, err := s.userPrincipal(ctx, parent.user)
	if errs.Is(err, errs.NotFound) || err == nil && p.UserID != o.UserID {
		return p, badToken()
	} else if err != nil {
		return p, err
	}
	p = p.within(limits)
	if o.Kind == federatedSession {
		p.ARN, p.UserID = "arn:aws:sts::"+p.AccountID+":federated-user/"+o.Name, p.AccountID+":"+o.Name
		p.rights.who.Type, p.rights.who.ARN, p.rights.who.UserID, p.rights.who.Name = policy.FederatedUser, p.ARN, p.UserID, ""
		if o.inline == nil && len(o.PolicyARNs) == 0 {
			p.rights.policies.Identity = nil // without a session policy only resources' own policies allow anything
		}
	}
	return p, nil
}

// within is p with fewer rights: those that limits allow too. It has rights of its own to change.
func (p Principal) within(limits []policy.Attached) Principal {
	own := *p.rights
	own.policies.Session = append(append([]policy.Attached(nil), own.policies.Session...), limits...)
	p.rights = &own
	return p
}

// sessionLimits are the policies that a session has besides its principal's.
func (s *Service) sessionLimits(ctx context.Context, o *openSession) ([]policy.Attached, error) {
	var limits []policy.Attached
	if o.inline != nil {
		limits = append(limits, *o.inline)
	}
	for _, arn := range o.PolicyARNs {
		a, err := s.compiledPolicy(ctx, arn)
		if errs.Is(err, errs.NotFound) {
			continue // deleted since, so it allows nothing
		} else if err != nil {
			return nil, err
		}
		limits = append(limits, a)
	}
	if len(o.PolicyARNs) > 0 && len(limits) == 0 {
		limits = append(limits, allowsNothing)
	}
	switch o.Kind {
	case userSession, rootSession:
		limits = append(limits, tokenLimits)
	case federatedSession:
		limits = append(limits, federatedLimits)
	}
	return limits, nil
}

// The credentials of GetSessionToken and GetFederationToken can't make lasting
// ones: they reach neither IAM nor most of STS (IAM User Guide, "Compare AWS STS
// credentials"), whatever the user may do.
var (
	tokenLimits = builtinPolicies("session token", `{"Effect":"Allow","Action":"*","Resource":"*"},
		{"Sid":"NoIAM","Effect":"Deny","Action":"iam:*","Resource":"*"},
		{"Sid":"NoTokens","Effect":"Deny","Action":["sts:GetSessionToken","sts:GetFederationToken"],"Resource":"*"}`)
	federatedLimits = builtinPolicies("federation token", `{"Sid":"NoIAM","Effect":"Deny","Action":"iam:*","Resource":"*"},
		{"Sid":"NoTokens","Effect":"Deny","Action":["sts:AssumeRole","sts:GetSessionToken","sts:GetFederationToken"],"Resource":"*"}`)
	allowsNothing = builtinPolicies("deleted session policies", `{"Effect":"Deny","Action":"*","Resource":"*"}`)
)

func builtinPolicies(name, statements string) policy.Attached {
	doc, err := parseIdentity(`{"Version":"2012-10-17","Statement":[` + statements + `]}`)
	if err != nil {
		panic(err) // they are constants
	}
	return policy.Attached{Name: "builtin:" + name, Document: doc}
}

// key answers the condition keys that tell of a session; nil knows none.
func (o *openSession) key(name string) ([]string, bool) {
	switch {
	case o == nil:
	case name == "aws:tokenissuetime":
		return one(time.Unix(o.Issued, 0).UTC().Format(time.RFC3339))
	case name == "aws:sourceidentity" && o.SourceIdentity != "":
		return one(o.SourceIdentity)
	case len(o.Tags) > 0 && strings.HasPrefix(name, "aws:principaltag/"):
		return o.principalTag(name[len("aws:principaltag/"):])
	}
	return nil, false
}
