package policy

import (
	"regexp"
	"strings"
)

// principalRef is an entry of a Principal element, ready to be compared.
type principalRef struct {
	kind refKind
	name string
}

type refKind uint8

const (
	everyone     refKind = iota
	wholeAccount         // name: twelve digits
	exactARN             // a user, or one session
	roleARN              // all sessions of a role
	uniqueID             // AIDA… of a user, AROA… of a role
	serviceName
	canonicalID
	foreign // identity providers: nobody that this server knows
)

// reach is how directly a Principal element names a caller, which decides what
// still limits what it allows.
type reach uint8

const (
	unreached  reach = iota
	byAccount        // its account: the account's own policies have to allow it too
	byRole           // its role: boundary and session policy limit it
	byIdentity       // itself, or everyone
)

var (
	accountARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}):root$`)
	userARN    = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:user/[\x21-\x7e]+$`)
	anyRoleARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\x21-\x7e]+$`)
	sessionARN = regexp.MustCompile(`^arn:aws[a-z-]*:sts::\d{12}:(assumed-role/[\w+=,.@-]+/[\w+=,.@-]+|federated-user/[\w+=,.@-]+)$`)
	accountID  = regexp.MustCompile(`^\d{12}$`)
	anyID      = regexp.MustCompile(`^A(IDA|ROA)[A-Z0-9]{12,124}$`)
	aService   = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)
)

// compilePrincipal says what an entry stands for; false if for nothing.
func compilePrincipal(ref PrincipalRef) (principalRef, bool) {
	name := ref.Name
	switch {
	case ref.Type == "Service":
		return principalRef{serviceName, name}, aService.MatchString(name)
	case ref.Type == "Federated":
		return principalRef{foreign, name}, name != "" && len(name) <= 2048
	case ref.Type == "CanonicalUser":
		return principalRef{canonicalID, name}, name != "" && len(name) <= 128
	case name == "*":
		return principalRef{everyone, ""}, true
	case accountID.MatchString(name):
		return principalRef{wholeAccount, name}, true
	case anyID.MatchString(name):
		return principalRef{uniqueID, name}, true
	case strings.ContainsAny(name, "*?"): // parts of names can't be left open
		return principalRef{}, false
	}
	if m := accountARN.FindStringSubmatch(name); m != nil {
		return principalRef{wholeAccount, m[1]}, true
	}
	if anyRoleARN.MatchString(name) {
		return principalRef{roleARN, name}, true
	}
	return principalRef{exactARN, name}, userARN.MatchString(name) || sessionARN.MatchString(name)
}

// names tells how directly the entry names p.
func (ref *principalRef) names(p *Principal) reach {
	hit, how := false, byIdentity
	switch ref.kind {
	case everyone:
		hit = true
	case wholeAccount:
		hit = p.Account == ref.name && p.Type != Service && p.Type != Anonymous
		if p.Type != Root {
			how = byAccount
		}
	case exactARN:
		hit = p.ARN == ref.name && p.Type != Anonymous
	case roleARN:
		hit, how = p.Type == AssumedRole && p.RoleARN == ref.name, byRole
	case uniqueID:
		id, _, session := strings.Cut(p.UserID, ":")
		if hit = id == ref.name; session {
			how = byRole
		}
	case serviceName:
		hit = p.Type == Service && p.Service == ref.name
	case canonicalID:
		hit, how = p.CanonicalID != "" && p.CanonicalID == ref.name, byAccount
	}
	if !hit {
		return unreached
	}
	return how
}

// reaches tells how directly the statement's Principal element names p.
func (s *Statement) reaches(p *Principal) reach {
	if s.invertPrincipals {
		return s.reachesNot(p)
	}
	best := unreached
	for i := range s.who {
		best = max(best, s.who[i].names(p))
	}
	return best
}

// reachesNot is reaches for NotPrincipal. AWS compares the list with all that the
// caller is: the session, its role and its account. So a Deny spares a caller
// only if each of them is listed, and an Allow reaches it only if none is.
func (s *Statement) reachesNot(p *Principal) reach {
	var account, role, self bool
	for i := range s.who {
		ref := &s.who[i]
		switch how := ref.names(p); {
		case how == unreached:
		case ref.kind == everyone:
			return unreached
		case ref.kind == wholeAccount || ref.kind == canonicalID:
			account = true
		case how == byRole:
			role = true
		default:
			self = true
		}
	}
	switch {
	case s.Effect == Allow && (account || role || self):
		return unreached
	case s.Effect == Allow:
		return byRole
	case p.Type == Anonymous:
		return byIdentity
	case p.Type == Service && self, p.Type == Root && account:
		return unreached
	case account && self && (role || p.Type != AssumedRole):
		return unreached
	}
	return byIdentity
}
