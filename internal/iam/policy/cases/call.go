package cases

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/heliograph/heliograph/internal/iam/policy"
)

// call is: ACTION on RESOURCE [with KEY=VALUE…] is VERDICT.
func (f *file) call(line string) error {
	switch {
	case !f.chosen:
		return errors.New("before the first call must be said which policies are given: given identity NAME, or given nothing")
	case f.who.Type == "":
		return errors.New("before the first call must be said who calls: as user NAME")
	}
	c := Case{Line: f.at, Text: line, Given: f.text, policies: f.given}
	c.Request = policy.Request{Principal: f.who, ResourceAccount: f.owner}
	words, err := split(line)
	if err != nil {
		return err
	}
	if len(words) < 5 || words[1] != "on" {
		return errors.New("a call is written so: ACTION on RESOURCE is allowed, or is denied")
	}
	c.Request.Action, c.Request.Resource = words[0], words[2]
	words = words[3:]
	keys := map[string][]string{}
	if words[0] == "with" {
		words = words[1:]
		for len(words) > 0 && words[0] != "is" {
			key, value, ok := strings.Cut(words[0], "=")
			if !ok || key == "" {
				return fmt.Errorf("behind with must stand KEY=VALUE, not %q", words[0])
			}
			key = strings.ToLower(key)
			if value == "[]" {
				keys[key] = []string{}
			} else {
				keys[key] = append(keys[key], value)
			}
			words = words[1:]
		}
	}
	c.Request.Context = func(key string) ([]string, bool) {
		values, ok := keys[key]
		return values, ok
	}
	if c.want, err = f.verdict(words); err != nil {
		return err
	}
	f.cases = append(f.cases, c)
	return nil
}

// verdict is: is allowed [by NAME[#STATEMENT]], is denied [by NAME[#STATEMENT]],
// or is denied because no KIND allows it.
func (f *file) verdict(words []string) (w expectation, err error) {
	w.text = strings.Join(words, " ")
	bad := errors.New("a verdict is: is allowed, is allowed by NAME#SID, is denied, is denied by NAME#SID, " +
		"or: is denied because no identity-based policy (permissions boundary, session policy, resource-based policy, role trust policy) allows it")
	if len(words) < 2 || words[0] != "is" || words[1] != "allowed" && words[1] != "denied" {
		return w, bad
	}
	w.allowed = words[1] == "allowed"
	switch rest := words[2:]; {
	case len(rest) == 0:
		return w, nil
	case len(rest) == 2 && rest[0] == "by":
		w.policy, w.statement, _ = strings.Cut(rest[1], "#")
		if f.policies[w.policy] == nil {
			return w, fmt.Errorf("there is no policy %s above this line", w.policy)
		}
		return w, f.hasStatement(w.policy, w.statement)
	case !w.allowed && len(rest) > 4 && rest[0] == "because" && rest[1] == "no":
		kind := strings.Join(rest[2:], " ")
		for source := policy.FromIdentity; source <= policy.FromTrust; source++ {
			if kind == source.String()+" allows it" {
				w.lacks = source
				return w, nil
			}
		}
	}
	return w, bad
}

// hasStatement refuses a statement that the policy doesn't have, since a case
// about it could only fail.
func (f *file) hasStatement(name, statement string) error {
	d := f.policies[name]
	if n, err := strconv.Atoi(statement); statement == "" || err == nil && 1 <= n && n <= len(d.Statements) {
		return nil
	}
	for i := range d.Statements {
		if d.Statements[i].Sid == statement {
			return nil
		}
	}
	return fmt.Errorf("policy %s has no statement %s", name, statement)
}

// split cuts a line at spaces. Double quotes hold spaces together, within them \"
// and \\ stand for the character itself.
func split(line string) (words []string, err error) {
	for i := 0; i < len(line); {
		if line[i] == ' ' || line[i] == '\t' {
			i++
			continue
		}
		var word strings.Builder
		quoted := false
		for ; i < len(line) && (quoted || line[i] != ' ' && line[i] != '\t'); i++ {
			switch c := line[i]; {
			case c == '"':
				quoted = !quoted
			case quoted && c == '\\' && i+1 < len(line) && (line[i+1] == '"' || line[i+1] == '\\'):
				i++
				word.WriteByte(line[i])
			default:
				word.WriteByte(c)
			}
		}
		if quoted {
			return nil, errors.New("a quote is not closed")
		}
		words = append(words, word.String())
	}
	return words, nil
}
