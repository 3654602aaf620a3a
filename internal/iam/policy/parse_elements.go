package policy

import (
	"regexp"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

// action is a vendor and a name with wildcards; * alone stands for all.
var action = regexp.MustCompile(`^([a-zA-Z0-9-]+:[a-zA-Z0-9*?_-]+|\*+)$`)

func (p *parser) actions(n node, found map[string]node, s *Statement) error {
	value, there, inverted, err := p.either(n, found, "Action")
	if err != nil {
		return err
	}
	names, at, err := p.strings(value, "Action")
	if err != nil {
		return err
	}
	if !there || len(names) == 0 {
		return p.fail(n.start, "Policy statement must contain actions.")
	}
	if s.invertActions = inverted; inverted {
		s.NotActions = names
	} else {
		s.Actions = names
	}
	for i, name := range names {
		vendor, _, prefixed := strings.Cut(name, ":")
		switch {
		case action.MatchString(name):
		case !prefixed:
			return p.fail(at[i], "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: %q is not.", clip(name))
		case strings.Count(name, ":") > 1:
			return p.fail(at[i], "Actions/Condition can contain only one colon: %q has more.", clip(name))
		case strings.Trim(vendor, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" || vendor == "":
			return p.fail(at[i], "Vendor %s is not valid: %q must begin with the name of a service.", clip(vendor), clip(name))
		default:
			return p.fail(at[i], "Syntax errors in policy: %q is not an action.", clip(name))
		}
		if p.doc.Kind == Trust && !strings.EqualFold(vendor, "sts") {
			return p.fail(at[i], "AssumeRole policy may only specify STS AssumeRole actions: %q is none.", clip(name))
		}
		compiled, err := compile(strings.ToLower(name), text, false)
		if err != nil {
			return err
		}
		s.actions = append(s.actions, compiled)
	}
	return nil
}

func (p *parser) resources(n node, found map[string]node, s *Statement) error {
	value, there, inverted, err := p.either(n, found, "Resource")
	if err != nil {
		return err
	}
	if p.doc.Kind == Trust {
		if there {
			return p.fail(value.start, "Has prohibited field Resource: a trust policy is about its role and names no other resource.")
		}
		return nil
	}
	names, at, err := p.strings(value, "Resource")
	if err != nil {
		return err
	}
	if !there || len(names) == 0 {
		if p.doc.Kind == Resource {
			return p.fail(n.start, "Missing required field Resource: a statement must say what it is about.")
		}
		return p.fail(n.start, "Policy statement must contain resources.")
	}
	if s.invertTarget = inverted; inverted {
		s.NotResources = names
	} else {
		s.Resources = names
	}
	for i, name := range names {
		compiled, err := compile(name, resourceARN, p.doc.Version == Version2012)
		if err != nil {
			return p.fail(at[i], "%s", errs.MessageOf(err))
		}
		if !isResource(compiled.text) {
			return p.fail(at[i], "Resource %s must be in ARN format or \"*\".", clip(name))
		}
		s.resources = append(s.resources, compiled)
	}
	return nil
}

// isResource reports whether a compiled pattern may match an ARN: it has the six
// parts of one, or fewer and a star at the end.
func isResource(compiled string) bool {
	stars := 0
	for stars < len(compiled) && compiled[stars] == markStar {
		stars++
	}
	if stars == len(compiled) {
		return stars > 0
	}
	return strings.HasPrefix(compiled, "arn:") && (strings.Count(compiled, ":") >= arnPartsFixed || compiled[len(compiled)-1] == markStar)
}

func (p *parser) conditions(c node, s *Statement) error {
	if c.kind != objectNode {
		return p.fail(c.start, "Syntax errors in policy: Condition must be an object and is %s.", c.kind)
	}
	for _, op := range c.members {
		if op.value.kind != objectNode {
			return p.fail(op.value.start, "Syntax errors in policy: under %s must be an object of condition keys and is %s.", clip(op.name), op.value.kind)
		}
		keys := map[string]bool{}
		for _, key := range op.value.members {
			folded := strings.ToLower(key.name)
			if keys[folded] {
				return p.fail(key.start, "The condition %s has the key %s twice; the case of its letters does not count.", clip(op.name), clip(key.name))
			}
			keys[folded] = true
			list, err := p.conditionValues(key)
			if err != nil {
				return err
			}
			written := Condition{Operator: op.name, Key: key.name, Values: list}
			compiled, err := compileCondition(written, s.Effect, p.doc.Version == Version2012)
			if err != nil {
				return p.fail(key.start, "%s", errs.MessageOf(err))
			}
			s.Conditions = append(s.Conditions, written)
			s.conditions = append(s.conditions, compiled)
		}
	}
	return nil
}

// conditionValues are strings, numbers and booleans, one or a list.
func (p *parser) conditionValues(key member) ([]string, error) {
	list := []node{key.value}
	if key.value.kind == listNode {
		list = key.value.list
	}
	texts := make([]string, 0, len(list))
	for _, v := range list {
		if v.kind > boolNode {
			return nil, p.fail(v.start, "Syntax errors in policy: a value of the condition key %s must be a string, number or boolean and is %s.", clip(key.name), v.kind)
		}
		texts = append(texts, v.text)
	}
	return texts, nil
}
