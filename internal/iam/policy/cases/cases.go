// Package cases is a small language in which people write down what their
// policies are to allow and to deny, so that it can be checked before the
// policies are applied. docs/policies.md has its grammar.
//
// It guarantees that a file either is understood whole or refused with the line
// that isn't, and that a case is decided by package policy exactly as the server
// decides a call.
package cases

import (
	"fmt"
	"strconv"

	"github.com/heliograph/heliograph/internal/iam/policy"
)

// DefaultAccount is the account of principals for which a file names none.
const DefaultAccount = "111122223333"

// Case is one line that says how a call is to be decided.
type Case struct {
	Line    int    // in the file, from 1
	Text    string // as written
	Given   string // the policies in force, as written
	Request policy.Request

	policies policy.Policies
	want     expectation
	refusal  *refusal
}

// expectation is what a case says of the decision; what is empty isn't asked for.
type expectation struct {
	text      string
	allowed   bool
	policy    string        // the deciding statement's
	statement string        // its Sid, or its place from 1
	lacks     policy.Source // the kind of policy that doesn't allow it
}

// refusal is a case about a document that isn't accepted.
type refusal struct {
	kind policy.Kind
	src  string
}

// Failure is a case that came out otherwise than it says.
type Failure struct {
	Case
	Want, Got string
}

// Run decides all cases and returns those that failed.
func Run(all []Case) (failed []Failure) {
	for i := range all {
		if want, got := all[i].check(); want != got {
			failed = append(failed, Failure{all[i], want, got})
		}
	}
	return failed
}

// String is the failure as a difference, ready to be printed under the file's name.
func (f *Failure) String() string {
	head := fmt.Sprintf("%d: %s\n", f.Line, f.Text)
	if f.Given != "" {
		head += fmt.Sprintf("    given %s\n", f.Given)
	}
	if f.Request.Principal.ARN != "" {
		head += fmt.Sprintf("    as %s\n", f.Request.Principal.ARN)
	}
	return head + fmt.Sprintf("  - %s\n  + %s\n", f.Want, f.Got)
}

// check returns what the case asks for and what it got; equal if it holds.
func (c *Case) check() (want, got string) {
	if c.refusal != nil {
		return c.checkRefusal()
	}
	d := c.policies.Decide(&c.Request)
	if c.want.holds(d) {
		return "", ""
	}
	return c.want.text, describe(d)
}

func (w *expectation) holds(d policy.Decision) bool {
	switch {
	case d.Allowed != w.allowed:
		return false
	case w.lacks != policy.NoSource:
		return d.Reason != policy.ExplicitDeny && d.Source == w.lacks
	case w.policy != "" && (d.Policy != w.policy || !d.Allowed && d.Reason != policy.ExplicitDeny):
		return false
	}
	return w.statement == "" || w.statement == d.Sid || w.statement == strconv.Itoa(d.Statement+1)
}

// describe words a decision as a case would.
func describe(d policy.Decision) string {
	verb := "is denied"
	if d.Allowed {
		verb = "is allowed"
	}
	switch {
	case d.Statement < 0 && d.Allowed:
		return verb
	case d.Statement < 0:
		return fmt.Sprintf("%s because no %s allows it", verb, d.Source)
	case d.Sid != "":
		return fmt.Sprintf("%s by %s#%s, %s", verb, d.Policy, d.Sid, d.Source)
	}
	return fmt.Sprintf("%s by %s#%d, %s", verb, d.Policy, d.Statement+1, d.Source)
}
