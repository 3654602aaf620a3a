package cases

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/heliograph/heliograph/internal/iam/policy"
)

var accountID = regexp.MustCompile(`^\d{12}$`)

// give is: given CLAUSE, CLAUSE … with the clauses nothing, identity NAME…,
// boundary NAME, session NAME…, resource NAME, trust NAME and owner ACCOUNT.
func (f *file) give(rest string) error {
	f.given, f.text, f.chosen, f.owner = policy.Policies{}, rest, true, ""
	for clause := range strings.SplitSeq(rest, ",") {
		words := strings.Fields(clause)
		if len(words) == 0 {
			return errors.New("given needs clauses with commas between: identity NAME…, boundary NAME, session NAME…, resource NAME, trust NAME, owner ACCOUNT, or nothing")
		}
		if err := f.clause(words[0], words[1:]); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) clause(what string, names []string) error {
	if what == "nothing" && len(names) == 0 {
		return nil
	}
	single := what == "boundary" || what == "resource" || what == "trust" || what == "owner"
	if len(names) == 0 || single && len(names) > 1 {
		return fmt.Errorf("given %s: how many names it has is wrong", what)
	}
	if what == "owner" {
		return setAccount(&f.owner, names[0])
	}
	kind, ok := map[string]policy.Kind{"identity": policy.Identity, "boundary": policy.Identity, "session": policy.Identity,
		"resource": policy.Resource, "trust": policy.Trust}[what]
	if !ok {
		return fmt.Errorf("given %s is not known; there are nothing, identity, boundary, session, resource, trust and owner", what)
	}
	list := make([]policy.Attached, 0, len(names))
	for _, name := range names {
		d := f.policies[name]
		switch {
		case d == nil:
			return fmt.Errorf("there is no policy %s above this line", name)
		case d.Kind != kind:
			return fmt.Errorf("policy %s has the form of every %s and can't be given as %s", name, d.Kind, what)
		}
		list = append(list, policy.Attached{Name: name, Document: d})
	}
	switch what {
	case "identity":
		f.given.Identity = append(f.given.Identity, list...)
	case "session":
		f.given.Session = append(f.given.Session, list...)
	case "boundary":
		f.given.Boundary = &list[0]
	default:
		f.given.Resource = &list[0]
	}
	return nil
}

// as is: as user NAME, role NAME [session NAME], federated NAME, root, anonymous
// or service HOST; each but the last two may be followed by: of ACCOUNT.
func (f *file) as(rest string) error {
	words := strings.Fields(rest)
	account := f.account
	if n := len(words); n > 2 && words[n-2] == "of" {
		if err := setAccount(&account, words[n-1]); err != nil {
			return err
		}
		words = words[:n-2]
	}
	who := policy.Principal{Account: account}
	switch {
	case len(words) == 2 && words[0] == "user":
		who.Type, who.Name = policy.User, words[1][strings.LastIndexByte(words[1], '/')+1:]
		who.ARN, who.UserID = "arn:aws:iam::"+account+":user/"+words[1], uniqueID("AIDA", who.Name)
	case len(words) == 2 && words[0] == "role", len(words) == 4 && words[0] == "role" && words[2] == "session":
		session := "session"
		if len(words) == 4 {
			session = words[3]
		}
		name := words[1][strings.LastIndexByte(words[1], '/')+1:]
		who.Type, who.RoleARN = policy.AssumedRole, "arn:aws:iam::"+account+":role/"+words[1]
		who.ARN = "arn:aws:sts::" + account + ":assumed-role/" + name + "/" + session
		who.UserID = uniqueID("AROA", name) + ":" + session
	case len(words) == 2 && words[0] == "federated":
		who.Type, who.ARN, who.UserID = policy.FederatedUser, "arn:aws:sts::"+account+":federated-user/"+words[1], account+":"+words[1]
	case len(words) == 1 && words[0] == "root":
		who.Type, who.ARN, who.UserID = policy.Root, "arn:aws:iam::"+account+":root", account
	case len(words) == 1 && words[0] == "anonymous":
		who = policy.Principal{Type: policy.Anonymous}
	case len(words) == 2 && words[0] == "service":
		who = policy.Principal{Type: policy.Service, Service: words[1]}
	default:
		return errors.New("as must be followed by user NAME, role NAME, role NAME session NAME, federated NAME, root, anonymous or service HOST, then perhaps by: of ACCOUNT")
	}
	f.who = who
	return nil
}

func setAccount(account *string, id string) error {
	if !accountID.MatchString(id) {
		return fmt.Errorf("an account has twelve digits, not %.40q", id)
	}
	*account = id
	return nil
}

// uniqueID is the id that a principal of that name has in all cases: the prefix,
// and its letters and digits in upper case, filled up with X.
func uniqueID(prefix, name string) string {
	var b strings.Builder
	b.WriteString(prefix)
	for _, c := range []byte(strings.ToUpper(name) + strings.Repeat("X", 17)) {
		if b.Len() < 21 && ('A' <= c && c <= 'Z' || '0' <= c && c <= '9') {
			b.WriteByte(c)
		}
	}
	return b.String()
}
