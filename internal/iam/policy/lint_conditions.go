package policy

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// conditionsNeverMet finds conditions that no request meets: by themselves, since
// they name no value, or together with others on the same key.
func (l *linter) conditionsNeverMet() {
	byKey := map[string][]*condition{}
	for i := range l.s.conditions {
		c, written := &l.s.conditions[i], &l.s.Conditions[i]
		if len(written.Values) == 0 && !c.negated && !c.ifExists && c.quantifier != forAll {
			l.add(Mistake, "empty-condition", "the condition %s on %s names no value, so nothing meets it", written.Operator, written.Key)
			return
		}
		if c.quantifier == plainQuantifier {
			byKey[c.key] = append(byKey[c.key], c)
		}
	}
	for i := range l.s.Conditions { // in the order of the source
		key := strings.ToLower(l.s.Conditions[i].Key)
		if all := byKey[key]; len(all) > 1 && !satisfiable(all) {
			l.add(Mistake, "contradiction", "the conditions on %s exclude each other", l.s.Conditions[i].Key)
			delete(byKey, key)
		}
	}
}

// satisfiable tries the values that lie on and beside the borders of what the
// conditions on one key ask for, and a missing key. Where that can't settle it,
// the answer is yes.
func satisfiable(all []*condition) bool {
	open := 0
	candidates := []string{"\x00 another value"}
	for _, c := range all {
		for i := range c.patterns {
			p := &c.patterns[i]
			if p.form != exact {
				open++
			}
			if len(p.vars) > 0 {
				return true
			}
			candidates = append(candidates, strings.Map(func(r rune) rune {
				if r == '\ufffd' {
					return 'x'
				}
				return r
			}, p.text))
		}
		for _, n := range c.numbers {
			for _, beside := range []float64{n - 1, n - 1e-6, n, n + 1e-6, n + 1} {
				candidates = append(candidates, strconv.FormatFloat(beside, 'f', -1, 64))
			}
		}
		for _, t := range c.dates {
			for _, beside := range []time.Duration{-time.Second, 0, time.Second} {
				candidates = append(candidates, t.Add(beside).Format(time.RFC3339Nano))
			}
		}
		for _, a := range c.addresses {
			last := a.Addr().AsSlice()
			for bit := a.Bits(); bit < len(last)*8; bit++ {
				last[bit/8] |= 0x80 >> (bit % 8)
			}
			behind, _ := netip.AddrFromSlice(last)
			candidates = append(candidates, a.Addr().String(), behind.String(), behind.Next().String(), a.Addr().Prev().String())
		}
		candidates = append(candidates, c.binaries...)
		if c.family == boolFamily {
			candidates = append(candidates, "true", "false")
		}
	}
	if open > 1 { // patterns may meet where no candidate is
		return true
	}
	var value []string
	r := &Request{Context: func(string) ([]string, bool) { return value, value != nil }}
	meets := func() bool {
		return !slices.ContainsFunc(all, func(c *condition) bool { return !c.met(r) })
	}
	if meets() {
		return true
	}
	for _, v := range candidates {
		value = []string{v}
		if meets() {
			return true
		}
	}
	return false
}

// takeover are the actions with which a principal can give itself any right.
var takeover = []string{
	"iam:addusertogroup", "iam:attachgrouppolicy", "iam:attachrolepolicy", "iam:attachuserpolicy", "iam:createaccesskey", "iam:createpolicyversion",
	"iam:deleterolepermissionsboundary", "iam:deleteuserpermissionsboundary", "iam:putgrouppolicy", "iam:putrolepolicy", "iam:putuserpolicy",
	"iam:setdefaultpolicyversion", "iam:updateassumerolepolicy",
}

// tooWide finds grants that are wider than people mean as a rule.
func (l *linter) tooWide() {
	s := l.s
	if s.Effect != Allow {
		return
	}
	if l.doc.Kind != Identity && (s.public() || s.invertPrincipals) {
		switch {
		case s.invertPrincipals:
			l.add(Warning, "not-principal", "NotPrincipal with Allow grants to everyone who isn't listed, callers without a signature too; name those it is meant for")
		case l.doc.Kind == Trust:
			l.add(Warning, "public", "everyone may assume the role; name the accounts, roles or services, or add a condition such as aws:PrincipalArn")
		default:
			l.add(Warning, "public", "everyone has this, also without a signature; name principals or add a condition such as aws:SourceIp or aws:PrincipalArn")
		}
	}
	if s.invertActions {
		l.add(Warning, "not-action", "NotAction with Allow grants every action but those listed, also those that are yet to come; list what is needed in Action")
	}
	if s.invertTarget {
		l.add(Warning, "not-resource", "NotResource with Allow grants on everything but what is listed; list what is needed in Resource")
	}
	anything := slices.ContainsFunc(s.resources, func(p pattern) bool { return p.form == prefix && p.head == 0 }) && !s.invertTarget
	if s.invertActions || l.doc.Kind != Identity {
		return
	}
	if anything && slices.ContainsFunc(s.actions, func(p pattern) bool { return p.form == prefix && p.head == 0 }) {
		l.add(Warning, "everything", "this allows every action on everything")
		return
	}
	roles := anything || slices.ContainsFunc(s.resources, func(p pattern) bool {
		return matchBytes(p.text, "arn:aws:iam::000000000000:role/any-role-at-all", false)
	})
	if roles && s.hasAction("iam:passrole") && !slices.ContainsFunc(s.conditions, func(c condition) bool { return c.key == "iam:passedtoservice" }) {
		l.add(Warning, "pass-role", "this allows to hand any role to any service, and with it what that role may do; name the roles, or add the condition iam:PassedToService")
	}
	if !s.reachesAnyone(anything) {
		return
	}
	for _, name := range takeover {
		if s.hasAction(name) && len(s.conditions) == 0 {
			l.add(Warning, "takeover", "whoever has %s on any user or role can give themselves every right; name the users, or require a boundary by iam:PermissionsBoundary", name)
			return
		}
	}
}

// reachesAnyone reports whether the resources of s include every user, role,
// group or policy of an account.
func (s *Statement) reachesAnyone(anything bool) bool {
	for _, arn := range []string{"user/any-user-at-all", "role/any-role-at-all", "group/any-group-at-all", "policy/any-policy-at-all"} {
		for i := range s.resources {
			anything = anything || matchBytes(s.resources[i].text, "arn:aws:iam::000000000000:"+arn, false)
		}
	}
	return anything && !s.invertTarget
}

// misread finds what is easily read as meaning something else.
func (l *linter) misread() {
	s := l.s
	if l.doc.Version == Version2008 {
		texts := slices.Concat(s.Resources, s.NotResources)
		for _, c := range s.Conditions {
			texts = append(texts, c.Values...)
		}
		if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, "${") }) {
			l.add(Mistake, "old-version", "policy variables mean nothing without \"Version\": \"%s\"; ${…} is taken as it is written", Version2012)
		}
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		guarded := slices.ContainsFunc(s.conditions, func(o condition) bool {
			return o.key == c.key && o.family == nullFamily && slices.Equal(o.booleans, []bool{false})
		})
		if c.quantifier == forAll && s.Effect == Allow && !guarded {
			l.add(Warning, "for-all-values", "ForAllValues is met by requests that have no %s at all; add \"Null\": {\"%s\": \"false\"} if it must be there",
				s.Conditions[i].Key, s.Conditions[i].Key)
		}
		if !c.like && (c.family == stringFamily || c.family == foldFamily) {
			for _, v := range s.Conditions[i].Values {
				if strings.Contains(strings.NewReplacer("${*}", "", "${?}", "").Replace(v), "*") {
					l.add(Warning, "literal-star", "%s takes the * in %q as it is written; wildcards need StringLike", s.Conditions[i].Operator, v)
				}
			}
		}
	}
}
