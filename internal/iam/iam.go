// Package iam says who is calling and what they may do.
//
// Verify proves a request's identity from its AWS signature (Signature Version
// 4 in headers or query, and Version 2 for S3); Authorize decides whether the
// principal of a context may perform an action on a resource: an explicit deny
// wins, without an allow the answer is no. Secrets never appear in errors, logs
// or formatted values. The package does not speak to the network and does not
// word errors for a protocol: it returns errs values with the codes named here,
// which package wire translates.
package iam

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam/policy"
	"github.com/heliograph/heliograph/internal/keyring"
	"github.com/heliograph/heliograph/internal/store"
)

// DefaultMaxSkew is how far a signature's time may be from the server's clock.
const DefaultMaxSkew = 15 * time.Minute

// DefaultMaxBody bounds the bytes of a body that has to be read whole to check
// its signature, when nothing in front of Verify sets a lower bound.
const DefaultMaxBody = 32 << 20

// Config is what a Service is made from. RootKey, AccountID and Region are required.
type Config struct {
	RootKey   Key
	AccountID string           // twelve digits
	Region    string           // the region that signatures must be scoped to
	Now       func() time.Time // nil: time.Now
	MaxSkew   time.Duration    // zero: DefaultMaxSkew
	MaxBody   int64            // bytes; zero: DefaultMaxBody
	Recorder  Recorder         // keeps the audit trail; nil: there is none
	Log       *slog.Logger     // nil: slog.Default()

	// DB keeps users, groups, roles, policies and access keys, whose secrets Keyring seals;
	// Keyring also seals session tokens. nil: there are none of these, only the root
	// key and the built-in roles.
	DB      *store.DB
	Keyring *keyring.Ring

	// BucketOfHost returns the bucket that a Host header names, "" if none. It
	// must be the S3 handler's own rule, since Version 2 signatures cover the
	// bucket and not the host. nil: Version 2 is accepted only on hosts that can't
	// name a bucket, which are IP addresses and names without a dot.
	BucketOfHost func(host string) string

	// ResourcePolicy returns the policy that a resource has itself, such as a
	// bucket's; nil if it has none. What it says counts wherever the resource is
	// used. nil: no resource has one.
	ResourcePolicy func(ctx context.Context, resource string) (*policy.Attached, error)
}

// Service knows the principals of one account. It is safe for concurrent use.
type Service struct {
	cfg  Config
	root credential

	anonymous Principal

	dir      *directory // nil without a database
	compiled compiled   // of dir, and of the built-in roles
	keys     signingKeys
	sessions sessions
	access   *accessKeys // nil without a database
	rotation sync.Mutex  // held while the keyring gets a new data key
}

// credential is an access key with the principal it stands for.
type credential struct {
	key       Key
	principal Principal
	lasting   bool // of a user: its use is noted
}

// New returns the service for the account of cfg.
func New(cfg Config) (*Service, error) {
	if err := cfg.RootKey.validate(); err != nil {
		return nil, err
	}
	if !isAccountID(cfg.AccountID) {
		return nil, errs.Invalidf("the account id %q must be twelve digits", cfg.AccountID)
	}
	if cfg.Region == "" {
		return nil, errs.Invalidf("the region is missing; use an AWS region name such as us-east-1")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.MaxSkew == 0 {
		cfg.MaxSkew = DefaultMaxSkew
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	if (cfg.DB == nil) != (cfg.Keyring == nil) {
		return nil, errs.Invalidf("DB and Keyring go together; one of them is missing")
	}
	s := &Service{cfg: cfg}
	if cfg.DB != nil {
		s.access = newAccessKeys(cfg.DB, cfg.Keyring, cfg.Now)
		s.dir = newDirectory(cfg.DB)
		if err := s.ensureBuiltins(context.Background()); err != nil {
			return nil, err
		}
	}
	s.builtins()
	return s, nil
}

// AccountID is the account whose principals this service knows.
func (s *Service) AccountID() string { return s.cfg.AccountID }

// Region is the region that signatures must be scoped to.
func (s *Service) Region() string { return s.cfg.Region }

func isAccountID(id string) bool {
	if len(id) != 12 {
		return false
	}
	for _, c := range []byte(id) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
