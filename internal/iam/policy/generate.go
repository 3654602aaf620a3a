package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Use is an action that was performed on a resource.
type Use struct{ Action, Resource string }

// namedResources is how many resources a statement names before folders stand for
// what is in them.
const namedResources = 8

// Generate writes the policy that allows what was done and little else: actions
// by name, on resources by name where they are few, else on the folders that
// hold them. It is the text of a document of kind Identity, within MaxManaged
// where that can be had by wider folders. Uses without an action or with a
// resource that is no ARN, nor "*", are an error, and so is none at all.
func Generate(uses []Use) ([]byte, error) {
	byAction := map[string]map[string]bool{}
	for _, u := range uses {
		if !action.MatchString(u.Action) || strings.ContainsAny(u.Action, "*?") {
			return nil, malformed("%q is not an action.", clip(u.Action))
		}
		if u.Resource != "*" && (!strings.HasPrefix(u.Resource, "arn:") || strings.Count(u.Resource, ":") < arnPartsFixed) {
			return nil, malformed("%s was done to %q, which is not an ARN.", u.Action, clip(u.Resource))
		}
		if byAction[u.Action] == nil {
			byAction[u.Action] = map[string]bool{}
		}
		byAction[u.Action][u.Resource] = true
	}
	if len(byAction) == 0 {
		return nil, malformed("Nothing was done, so there is nothing to allow.")
	}
	var text []byte
	for most := namedResources; most >= 1; most /= 2 {
		var err error
		if text, err = written(byAction, most); err != nil {
			return nil, err
		}
		if Size(text) <= MaxManaged {
			break
		}
	}
	if _, err := Parse(text, Identity); err != nil {
		return nil, fmt.Errorf("the generated policy: %w", err)
	}
	return text, nil
}

// generated is a statement on its way to JSON.
type generated struct {
	Sid      string   `json:"Sid"`
	Effect   string   `json:"Effect"`
	Action   []string `json:"Action"`
	Resource []string `json:"Resource"`
}

// written makes the text with at most that many resources for an action, where
// folders help.
func written(byAction map[string]map[string]bool, most int) ([]byte, error) {
	var statements []*generated
	same := map[string]*generated{} // by service and resources
	counts := map[string]int{}      // of statements, by service
	for _, name := range slices.Sorted(maps.Keys(byAction)) {
		resources := gather(byAction[name], most)
		service, _, _ := strings.Cut(name, ":")
		key := service + "\x00" + strings.Join(resources, "\x00")
		s := same[key]
		if s == nil {
			counts[service]++
			s = &generated{Sid: fmt.Sprintf("%sUse%d", title(service), counts[service]), Effect: "Allow", Resource: resources}
			same[key], statements = s, append(statements, s)
		}
		s.Action = append(s.Action, name)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(struct {
		Version   string
		Statement []*generated
	}{Version2012, statements})
	return b.Bytes(), err
}

// title makes a Sid of a service's name: letters and digits.
func title(service string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(service, "-") {
		for i, r := range part {
			if i == 0 {
				r = unicode.ToUpper(r)
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}

// gather returns patterns that match the resources, at most that many where
// folders help: of those that lie deepest, as long as there are too many, the
// folder stands for what is in it.
func gather(resources map[string]bool, most int) []string {
	if resources["*"] {
		return []string{"*"}
	}
	patterns := map[string]bool{}
	for r := range resources {
		patterns[escape(r)] = true
	}
	for len(patterns) > most {
		deepest := 0
		for p := range patterns {
			deepest = max(deepest, depth(p))
		}
		if deepest == 0 {
			break
		}
		for _, p := range slices.Collect(maps.Keys(patterns)) {
			if depth(p) == deepest {
				delete(patterns, p)
				folder := strings.TrimSuffix(p, "/*")
				patterns[folder[:strings.LastIndexByte(folder, '/')]+"/*"] = true
			}
		}
	}
	for p := range patterns { // drop what a folder stands for
		for i, c := range p {
			if c == '/' && p[i:] != "/*" && patterns[p[:i]+"/*"] {
				delete(patterns, p)
				break
			}
		}
	}
	return slices.Sorted(maps.Keys(patterns))
}

// depth is how many folders above p could stand for it.
func depth(p string) int { return strings.Count(strings.TrimSuffix(p, "/*"), "/") }

// escape keeps characters that mean something in a pattern from meaning it.
func escape(resource string) string {
	var b strings.Builder
	for i, c := range []byte(resource) {
		if c == '*' || c == '?' || c == '$' && strings.HasPrefix(resource[i:], "${") {
			b.WriteString("${" + string(c) + "}")
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
