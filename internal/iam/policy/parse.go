package policy

import (
	"regexp"
	"slices"
	"strings"
)

// Parse reads a policy document of the given kind and compiles it. The error is
// Invalid with CodeMalformed; it says in AWS's words what is wrong, and where.
//
// Source: IAM User Guide, "Grammar of the IAM JSON policy language".
func Parse(src []byte, kind Kind) (*Document, error) {
	r, top, err := readJSON(src)
	if err != nil {
		return nil, err
	}
	p := &parser{reader: r, doc: &Document{Version: Version2008, Kind: kind}}
	if err := p.document(top); err != nil {
		return nil, err
	}
	return p.doc, nil
}

// GuessKind tells by its elements what a document is to be attached to. What
// can't be read is taken for Identity; Parse says what is wrong with it.
func GuessKind(src []byte) Kind {
	_, top, err := readJSON(src)
	if err != nil {
		return Identity
	}
	principal, resource := false, false
	for _, m := range top.members {
		for _, s := range append([]node{m.value}, m.value.list...) {
			for _, element := range s.members {
				name := strings.TrimPrefix(element.name, "Not")
				principal, resource = principal || name == "Principal", resource || name == "Resource"
			}
		}
	}
	switch {
	case principal && resource:
		return Resource
	case principal:
		return Trust
	}
	return Identity
}

type parser struct {
	*reader
	doc *Document
}

func (p *parser) document(top node) error {
	statements := node{kind: nullNode}
	for _, m := range top.members {
		var err error
		switch m.name {
		case "Version":
			p.doc.Version, err = p.text(m)
			if err == nil && p.doc.Version != Version2008 && p.doc.Version != Version2012 {
				err = p.fail(m.value.start, "The policy must contain a valid version string: %q is neither %s nor %s.", clip(p.doc.Version), Version2012, Version2008)
			}
		case "Id":
			p.doc.ID, err = p.text(m)
		case "Statement":
			statements = m.value
		default:
			err = p.unknown(m, "Version", "Id", "Statement")
		}
		if err != nil {
			return err
		}
	}
	list := []node{statements}
	switch {
	case statements.kind == listNode && len(statements.list) > 0:
		list = statements.list
	case statements.kind != objectNode:
		return p.fail(top.start, "Missing required field Statement: the policy has no statements.")
	}
	p.doc.Statements = make([]Statement, len(list))
	sids := map[string]bool{}
	for i, n := range list {
		s := &p.doc.Statements[i]
		if err := p.statement(n, s); err != nil {
			return err
		}
		if s.Sid != "" && sids[s.Sid] {
			return p.fail(n.start, "Statement IDs (SID) in a single policy must be unique: %q is there twice.", clip(s.Sid))
		}
		sids[s.Sid] = true
	}
	return nil
}

// statementKeys are the names that a statement may have.
var statementKeys = []string{"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}

var identitySid = regexp.MustCompile(`^[0-9A-Za-z]*$`)

func (p *parser) statement(n node, s *Statement) error {
	if n.kind != objectNode {
		return p.fail(n.start, "Syntax errors in policy: a statement must be an object and is %s.", n.kind)
	}
	s.Start, s.End = p.position(n.start), p.position(n.end)
	found := map[string]node{}
	for _, m := range n.members {
		if !slices.Contains(statementKeys, m.name) {
			return p.unknown(m, statementKeys...)
		}
		found[m.name] = m.value
	}
	effect, ok := found["Effect"]
	switch {
	case !ok:
		return p.fail(n.start, "Missing required field Effect: a statement must allow or deny.")
	case effect.kind == stringNode && effect.text == "Allow":
		s.Effect = Allow
	case effect.kind != stringNode || effect.text != "Deny":
		return p.fail(effect.start, "Invalid effect: %q must be Allow or Deny, spelled so.", clip(effect.text))
	}
	if sid, ok := found["Sid"]; ok {
		if sid.kind != stringNode {
			return p.fail(sid.start, "Syntax errors in policy: Sid must be a string and is %s.", sid.kind)
		}
		if s.Sid = sid.text; p.doc.Kind == Identity && !identitySid.MatchString(s.Sid) {
			return p.fail(sid.start, "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*: %q doesn't.", clip(s.Sid))
		}
	}
	for _, read := range []func(node, map[string]node, *Statement) error{p.principals, p.actions, p.resources} {
		if err := read(n, found, s); err != nil {
			return err
		}
	}
	if c, ok := found["Condition"]; ok {
		return p.conditions(c, s)
	}
	return nil
}

// either returns the one of two elements that is there, and whether it is the
// second, which says what is excepted.
func (p *parser) either(n node, found map[string]node, name string) (value node, there, inverted bool, err error) {
	value, there = found[name]
	other, inverted := found["Not"+name]
	if there && inverted {
		return value, true, true, p.fail(other.start, "Syntax errors in policy: a statement has %s or Not%s, not both.", name, name)
	}
	if inverted {
		value = other
	}
	return value, there || inverted, inverted, nil
}

// text is a member that must be a string.
func (p *parser) text(m member) (string, error) {
	if m.value.kind != stringNode {
		return "", p.fail(m.value.start, "Syntax errors in policy: %s must be a string and is %s.", clip(m.name), m.value.kind)
	}
	return m.value.text, nil
}

// strings are those of a string or a list of strings, with their places; none
// for the zero node.
func (p *parser) strings(n node, name string) (texts []string, at []int, err error) {
	list := []node{n}
	if n.kind == listNode {
		list = n.list
	} else if n.end == 0 {
		return nil, nil, nil
	}
	for _, v := range list {
		if v.kind != stringNode {
			return nil, nil, p.fail(v.start, "Syntax errors in policy: %s must be a string or a list of strings and has %s.", clip(name), v.kind)
		}
		texts, at = append(texts, v.text), append(at, v.start)
	}
	return texts, at, nil
}

// unknown is the error for a key that is not in the grammar; if only the case of
// its letters is wrong, it says so.
func (p *parser) unknown(m member, known ...string) error {
	for _, name := range known {
		if strings.EqualFold(name, m.name) {
			return p.fail(m.start, "Syntax errors in policy: the element %q must be spelled %q.", clip(m.name), name)
		}
	}
	return p.fail(m.start, "Syntax errors in policy: there is no element %q here; there are %s.", clip(m.name), strings.Join(known, ", "))
}
