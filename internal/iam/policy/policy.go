// Package policy is AWS's access policy language: it reads policy documents and
// decides requests by them.
//
// It guarantees: a document is accepted only if every part of it is understood,
// and the error says which part, in which line and column, is not; what was
// accepted is compiled once, is constant afterwards and may be used by any
// number of goroutines; a decision allocates nothing; a decision depends on the
// policies and the request alone. Where AWS leaves open what a part means that
// can't be evaluated, such as a policy variable without a value, the answer is
// the one that allows less.
//
// The package does no input or output and knows nothing of how principals and
// policies are kept; package iam does.
package policy

import "github.com/heliograph/heliograph/internal/errs"

// CodeMalformed is the code of the errors of Parse.
const CodeMalformed = "MalformedPolicyDocument"

// Kind is what a document is attached to, which decides its grammar.
type Kind uint8

const (
	Identity Kind = iota // users, groups, roles, boundaries and sessions: no Principal
	Resource             // buckets and functions: with Principal
	Trust                // who may assume a role: with Principal, without Resource
)

func (k Kind) String() string {
	return [...]string{"identity-based policy", "resource-based policy", "role trust policy"}[k]
}

// Versions of the language. Policy variables are known since Version2012.
const (
	Version2008 = "2008-10-17" // also what a document without Version has
	Version2012 = "2012-10-17"
)

// Limits on documents, in characters; white space outside strings does not count
// (see Size), but for MaxBytes, MaxBucket and MaxFunction.
const (
	MaxBytes       = 128 << 10 // of any document, white space included
	MaxManaged     = 6144      // a managed policy
	MaxUserInline  = 2048      // all inline policies of a user
	MaxGroupInline = 5120      // all inline policies of a group
	MaxRoleInline  = 10240     // all inline policies of a role
	MaxTrust       = 2048      // a role's trust policy
	MaxSession     = 2048      // a session policy
	MaxBucket      = 20 << 10  // bytes of a bucket policy
	MaxFunction    = 20 << 10  // bytes of a function policy
)

// Document is a policy as Parse returned it. Its members are for reading.
type Document struct {
	Version    string // Version2008 or Version2012
	ID         string
	Kind       Kind
	Statements []Statement
}

// Effect is what a statement does to the requests it matches.
type Effect uint8

const (
	Deny Effect = iota // the zero value, so that a forgotten effect never allows
	Allow
)

func (e Effect) String() string {
	if e == Allow {
		return "Allow"
	}
	return "Deny"
}

// Statement is one rule of a document, as it was written. Of each pair with and
// without Not one is empty.
type Statement struct {
	Sid                         string
	Effect                      Effect
	Principals, NotPrincipals   []PrincipalRef
	Actions, NotActions         []string // "s3:GetObject", "s3:*", "*"
	Resources, NotResources     []string // ARNs with wildcards and variables
	Conditions                  []Condition
	Start, End                  Position // of the statement in its source
	actions, resources          []pattern
	invertActions, invertTarget bool
	invertPrincipals            bool
	who                         []principalRef
	conditions                  []condition
}

// PrincipalRef is one entry of a Principal element.
type PrincipalRef struct {
	Type string // AWS, Service, Federated, CanonicalUser; "AWS" for a bare "*"
	Name string
}

// Condition is one key of a Condition element.
type Condition struct {
	Operator string // as written, e.g. "ForAnyValue:StringLikeIfExists"
	Key      string
	Values   []string
}

// Position is a place in a document's source, counted from 1.
type Position struct{ Line, Column int }

// Size is how many characters count against a policy's quota: all but the white
// space outside of strings.
func Size(src []byte) int {
	n, inString, escaped := 0, false, false
	for _, r := range string(src) {
		switch {
		case escaped:
			escaped = false
		case inString && r == '\\':
			escaped = true
		case r == '"':
			inString = !inString
		case !inString && (r == ' ' || r == '\t' || r == '\r' || r == '\n'):
			continue
		}
		n++
	}
	return n
}

func malformed(format string, args ...any) error {
	return errs.New(errs.Invalid, CodeMalformed, format, args...)
}
