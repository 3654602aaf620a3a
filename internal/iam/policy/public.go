package policy

import "strings"

// fixing are the condition keys that narrow a grant to everyone down to callers
// that can be told, if their values are fixed.
var fixing = map[string]bool{
	"aws:principalarn": true, "aws:principalaccount": true, "aws:principalorgid": true, "aws:userid": true,
	"aws:sourcearn": true, "aws:sourceaccount": true, "aws:sourceowner": true, "aws:sourcevpc": true, "aws:sourcevpce": true,
	"aws:sourceip": true, "aws:vpcsourceip": true,
}

// Public reports whether the document, a resource's, allows something to
// everyone, as S3 means it: to any caller, under no condition that holds the
// caller to fixed accounts, principals or addresses.
func (d *Document) Public() bool {
	for i := range d.Statements {
		if d.Statements[i].public() {
			return true
		}
	}
	return false
}

func (s *Statement) public() bool {
	if s.Effect != Allow || len(s.who) == 0 {
		return false
	}
	everybody := s.invertPrincipals
	for i := range s.who {
		everybody = everybody || s.who[i].kind == everyone
	}
	if !everybody {
		return false
	}
	for i := range s.conditions {
		if s.conditions[i].fixes() {
			return false
		}
	}
	return true
}

// fixes reports whether a condition holds the caller to fixed values.
func (c *condition) fixes() bool {
	if !fixing[c.key] || c.negated || c.ifExists || c.quantifier == forAll {
		return false
	}
	for i := range c.patterns {
		text := c.patterns[i].text
		account, _, _ := strings.Cut(text, ":") // of aws:userid, where the name of the session may be open
		if c.patterns[i].form != exact && !(c.key == "aws:userid" && len(account) < c.patterns[i].head) || len(c.patterns[i].vars) > 0 {
			return false
		}
	}
	for _, a := range c.addresses {
		if a.Addr().Is4() && a.Bits() < 8 || a.Addr().Is6() && a.Bits() < 32 {
			return false
		}
	}
	return true
}
