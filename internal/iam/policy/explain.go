package policy

import (
	"maps"
	"slices"
	"strings"
)

// Explanation is a decision with what led to it.
type Explanation struct {
	Decision
	Matched []Match  // all statements that are about the request, denying ones first
	Missing []string // condition keys that were asked for and have no value, as written, in order
}

// Match is a statement that is about a request.
type Match struct {
	Policy    string // Name of the policy
	Source    Source
	Statement int // its place in the document, from 0
	Sid       string
	Effect    Effect
	Start     Position // in the document's source
	End       Position
}

// Explain decides r as Decide does, and tells which statements are about it and
// which condition keys it lacks. It is for people, and allocates.
func (ps *Policies) Explain(r *Request) Explanation {
	e := Explanation{Decision: ps.Decide(r)}
	missing := map[string]bool{}
	asked := *r
	asked.Context = func(key string) (values []string, ok bool) {
		if r.Context != nil {
			values, ok = r.Context(key)
		}
		if !ok {
			missing[key] = true
		}
		return values, ok
	}
	written := map[string]string{}
	for source, list := range ps.bySource {
		for _, a := range list {
			for _, key := range a.Document.ContextKeys() {
				written[strings.ToLower(key)] = key
			}
			for i := range a.Document.Statements {
				if s := &a.Document.Statements[i]; s.matchesWhole(a.Document.Kind, &asked) {
					e.Matched = append(e.Matched, Match{a.Name, source, i, s.Sid, s.Effect, s.Start, s.End})
				}
			}
		}
	}
	slices.SortStableFunc(e.Matched, func(a, b Match) int { return int(a.Effect) - int(b.Effect) })
	for _, key := range slices.Sorted(maps.Keys(missing)) {
		if name, ok := written[key]; ok {
			e.Missing = append(e.Missing, name)
		}
	}
	return e
}

// bySource goes through the policies of each source.
func (ps *Policies) bySource(yield func(Source, []Attached) bool) {
	one := func(a *Attached) []Attached {
		if a == nil {
			return nil
		}
		return []Attached{*a}
	}
	_ = yield(FromIdentity, ps.Identity) && yield(FromBoundary, one(ps.Boundary)) && yield(FromSession, ps.Session) &&
		yield(ps.resourceSource(), one(ps.Resource))
}

// matchesWhole is matches without stopping at the first condition that isn't met,
// so that each has asked for its key.
func (s *Statement) matchesWhole(kind Kind, r *Request) bool {
	if !s.hasAction(r.Action) || kind != Trust && !s.hasResource(r) || kind != Identity && s.reaches(&r.Principal) == unreached {
		return false
	}
	met := true
	for i := range s.conditions {
		met = s.conditions[i].met(r) && met
	}
	return met
}

// ContextKeys are the condition keys that the document asks for in conditions and
// variables, each once, as written, in order.
func (d *Document) ContextKeys() []string {
	keys := map[string]string{}
	add := func(name string) {
		if _, ok := keys[strings.ToLower(name)]; !ok {
			keys[strings.ToLower(name)] = name
		}
	}
	for i := range d.Statements {
		s := &d.Statements[i]
		for _, c := range s.Conditions {
			add(c.Key)
		}
		for _, p := range s.resources {
			for _, v := range p.vars {
				add(v.name)
			}
		}
		for _, c := range s.conditions {
			for _, p := range c.patterns {
				for _, v := range p.vars {
					add(v.name)
				}
			}
		}
	}
	return slices.Sorted(maps.Values(keys))
}
