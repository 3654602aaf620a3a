package policy

import "strings"

// variable is a ${key} or ${key, 'default'} of a policy.
type variable struct {
	name     string // of the key, as written
	key      string // in lower case; "" for a character that stands for itself
	fallback string // if has, what to take for a missing key
	has      bool
}

// value returns what the variable stands for. A key with several values stands
// for nothing, as AWS has it.
func (v *variable) value(r *Request) (string, bool) {
	found := r.lookup(v.key)
	if found.len() == 1 {
		return found.at(0), true
	}
	return v.fallback, v.has && found.len() == 0
}

// parseVariable reads the variable that s begins with, and returns how long it is.
func parseVariable(s string) (variable, int, error) {
	rest := s[len("${"):]
	if len(rest) >= 2 && rest[1] == '}' && strings.IndexByte("*?$", rest[0]) >= 0 {
		return variable{fallback: rest[:1]}, len("${*}"), nil
	}
	end := strings.IndexAny(rest, ",}")
	if end < 0 {
		return variable{}, 0, malformed("The policy variable %q has no closing brace.", clip(s))
	}
	name := strings.TrimSpace(rest[:end])
	v := variable{name: name, key: strings.ToLower(name)}
	if !isKey(v.key) {
		return variable{}, 0, malformed("%q is not a policy variable: between the braces must be a condition key, such as aws:username, or one of *, ? and $.", clip(s))
	}
	if rest[end] == '}' {
		return v, len("${") + end + 1, nil
	}
	after := strings.TrimLeft(rest[end+1:], " ")
	if !strings.HasPrefix(after, "'") {
		return variable{}, 0, malformed("The default value of the policy variable %q must be in single quotes.", clip(s))
	}
	value, tail, closed := strings.Cut(after[1:], "'")
	trimmed := strings.TrimLeft(tail, " ")
	if !closed || !strings.HasPrefix(trimmed, "}") {
		return variable{}, 0, malformed("After the default value of the policy variable %q a quote and a closing brace must follow.", clip(s))
	}
	v.fallback, v.has = value, true
	return v, len(s) - len(trimmed) + 1, nil
}

// isKey reports whether s looks like a condition key: a prefix, a colon and a name.
func isKey(s string) bool {
	prefix, name, ok := strings.Cut(s, ":")
	return ok && prefix != "" && name != "" && len(s) <= 512 && !strings.ContainsAny(s, "${}'\"*?\x00\n") && !strings.Contains(prefix, " ")
}

func clip(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
