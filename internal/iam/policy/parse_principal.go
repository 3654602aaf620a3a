package policy

import "slices"

// principalTypes are the names that an object under Principal may have.
var principalTypes = []string{"AWS", "Service", "Federated", "CanonicalUser"}

// principals reads Principal or NotPrincipal, which policies of resources must
// have and those of identities must not.
func (p *parser) principals(n node, found map[string]node, s *Statement) error {
	value, there, inverted, err := p.either(n, found, "Principal")
	if err != nil {
		return err
	}
	switch {
	case p.doc.Kind == Identity && there:
		return p.fail(value.start, "Policy document should not specify a principal.")
	case p.doc.Kind == Identity:
		return nil
	case !there:
		return p.fail(n.start, "Missing required field Principal: a statement must say who it is about.")
	case p.doc.Kind == Trust && inverted:
		return p.fail(value.start, "Has prohibited field NotPrincipal: a trust policy names who may assume its role.")
	}
	var refs []PrincipalRef
	if value.kind == stringNode {
		if value.text != "*" {
			return p.fail(value.start, "Invalid principal in policy: %q must be \"*\" or an object such as {\"AWS\": \"…\"}.", clip(value.text))
		}
		refs, s.who = []PrincipalRef{{"AWS", "*"}}, []principalRef{{kind: everyone}}
	} else if refs, err = p.principalRefs(value, s); err != nil {
		return err
	}
	if s.invertPrincipals = inverted; inverted {
		s.NotPrincipals = refs
	} else {
		s.Principals = refs
	}
	return nil
}

// principalRefs reads an object of lists by type.
func (p *parser) principalRefs(value node, s *Statement) (refs []PrincipalRef, err error) {
	if value.kind != objectNode {
		return nil, p.fail(value.start, "Invalid principal in policy: Principal must be \"*\" or an object and is %s.", value.kind)
	}
	for _, m := range value.members {
		if !slices.Contains(principalTypes, m.name) {
			return nil, p.unknown(m, principalTypes...)
		}
		names, at, err := p.strings(m.value, m.name)
		if err != nil {
			return nil, err
		}
		for i, name := range names {
			ref := PrincipalRef{m.name, name}
			compiled, ok := compilePrincipal(ref)
			if !ok {
				return nil, p.fail(at[i], "Invalid principal in policy: \"%s\":\"%s\".", m.name, clip(name))
			}
			refs, s.who = append(refs, ref), append(s.who, compiled)
		}
	}
	if len(refs) == 0 {
		return nil, p.fail(value.start, "Missing required field Principal cannot be empty!")
	}
	return refs, nil
}
