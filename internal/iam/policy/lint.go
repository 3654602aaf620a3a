package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Action is an action that can be asked for, as Lint knows it.
type Action struct {
	Name string // "s3:GetObject"
	// Resources are patterns of the ARNs that it is asked on, in which {} stands for
	// a name without a slash; "*" if it is asked on no resource in particular. None:
	// it may be asked on anything.
	Resources []string
}

// Severity says how much a finding matters.
type Severity uint8

const (
	Warning Severity = iota // it does what it says, which may be more than is good
	Mistake                 // it can't do what it seems to
)

func (s Severity) String() string {
	if s == Mistake {
		return "mistake"
	}
	return "warning"
}

// Finding is something about a statement that its author should look at.
type Finding struct {
	Severity Severity
	Code     string // stable, e.g. "unknown-action"
	Position        // of the statement
	Sid      string
	Message  string
}

func (f Finding) String() string {
	sid := ""
	if f.Sid != "" {
		sid = " " + f.Sid
	}
	return fmt.Sprintf("%d:%d: %s%s: %s (%s)", f.Line, f.Column, f.Severity, sid, f.Message, f.Code)
}

// Lint looks for what a document can't mean or shouldn't: actions that don't
// exist, statements that match nothing, grants that are wider than a person
// usually wants. actions are all that exist; none leaves out what needs them.
func Lint(d *Document, actions []Action) []Finding {
	l := &linter{doc: d, actions: make([]knownAction, 0, len(actions))}
	for _, a := range actions {
		k := knownAction{name: strings.ToLower(a.Name), written: a.Name}
		for _, r := range a.Resources {
			if p, err := compile(r, resourceARN, false); err == nil {
				k.resources = append(k.resources, strings.ReplaceAll(p.text, "{}", string([]byte{markName})))
			}
		}
		l.actions = append(l.actions, k)
	}
	for i := range d.Statements {
		l.s = &d.Statements[i]
		l.unknownActions()
		l.neverMatches()
		l.tooWide()
		l.misread()
	}
	slices.SortStableFunc(l.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(b.Severity, a.Severity))
	})
	return l.findings
}

// markName stands for {} in the resources of actions.
const markName = markVariable - 1

type linter struct {
	doc      *Document
	actions  []knownAction
	s        *Statement // the one being looked at
	findings []Finding
}

type knownAction struct {
	name, written string
	resources     []string // compiled patterns
}

func (l *linter) add(severity Severity, code, format string, args ...any) {
	l.findings = append(l.findings, Finding{severity, code, l.s.Start, l.s.Sid, fmt.Sprintf(format, args...)})
}

// unknownActions finds patterns of actions that no action matches.
func (l *linter) unknownActions() {
	if len(l.actions) == 0 {
		return
	}
	for i, written := range slices.Concat(l.s.Actions, l.s.NotActions) {
		p := &l.s.actions[i]
		if slices.ContainsFunc(l.actions, func(a knownAction) bool { return p.matchFold(a.name) }) {
			continue
		}
		vendor, _, _ := strings.Cut(p.text, ":")
		if !slices.ContainsFunc(l.actions, func(a knownAction) bool { return strings.HasPrefix(a.name, vendor+":") }) {
			l.add(Warning, "unknown-service", "%s is of a service that this server doesn't offer", written)
			continue
		}
		l.add(Mistake, "unknown-action", "there is no action %s here%s", written, l.nearest(p.text))
	}
}

// nearest suggests the action that was probably meant.
func (l *linter) nearest(text string) string {
	best, at := 4, "" // more changes than that are another word
	for _, a := range l.actions {
		if n := distance(text, a.name, best); n < best {
			best, at = n, a.written
		}
	}
	if at == "" {
		return ""
	}
	return "; perhaps " + at
}

// distance is how many characters must be changed, added or removed to make b of
// a, or most if that many or more.
func distance(a, b string, most int) int {
	if len(a)-len(b) >= most || len(b)-len(a) >= most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return min(row[len(b)], most)
}

// matched are the known actions that the statement is about.
func (l *linter) matched() (found []knownAction) {
	for _, a := range l.actions {
		if l.s.hasAction(a.name) {
			found = append(found, a)
		}
	}
	return found
}

// neverMatches finds statements that no request can meet.
func (l *linter) neverMatches() {
	if len(l.actions) > 0 && l.doc.Kind != Trust {
		if about := l.matched(); len(about) > 0 && !slices.ContainsFunc(about, l.possible) {
			l.add(Mistake, "impossible-resource", "%s: none of the actions is ever asked on these resources%s", list(l.s.Resources), hint(about))
		}
	}
	l.conditionsNeverMet()
	if l.s.Effect == Allow {
		for i := range l.doc.Statements {
			if deny := &l.doc.Statements[i]; deny.Effect == Deny && deny.covers(l.s) {
				l.add(Mistake, "always-denied", "what it allows is denied by the statement in line %d", deny.Start.Line)
				break
			}
		}
	}
}

// possible reports whether the action may be asked on one of the statement's
// resources.
func (l *linter) possible(a knownAction) bool {
	if l.s.invertTarget || len(a.resources) == 0 {
		return true
	}
	for i := range l.s.resources {
		if l.s.resources[i].form == prefix && l.s.resources[i].head == 0 {
			return true
		}
		for _, r := range a.resources {
			if overlapARN(l.s.resources[i].text, r) {
				return true
			}
		}
	}
	return false
}

// hint tells where the actions are asked.
func hint(about []knownAction) string {
	if len(about) == 0 || len(about[0].resources) == 0 {
		return ""
	}
	readable := strings.NewReplacer(string([]byte{markName}), "NAME", string([]byte{markStar}), "*", string([]byte{markStarInPart}), "*", string([]byte{markOne}), "?", string([]byte{markOneInPart}), "?")
	return fmt.Sprintf("; %s is asked on %s", about[0].written, readable.Replace(about[0].resources[0]))
}

func list(names []string) string {
	if len(names) > 3 {
		return strings.Join(names[:3], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// overlapARN reports whether some ARN is matched by both patterns, if a star does
// not go on over colons, which people don't mean. The pattern "*" of an action
// stands for no resource, which no named one matches.
func overlapARN(a, b string) bool {
	if len(b) == 1 {
		return false
	}
	ours, theirs := strings.SplitN(a, ":", arnPartsFixed+1), strings.SplitN(b, ":", arnPartsFixed+1)
	for i := range min(len(ours), len(theirs)) {
		if !overlap(ours[i], theirs[i]) {
			return false
		}
	}
	return true
}

// overlap reports whether some text is matched by both patterns. A variable may
// be anything.
func overlap(a, b string) bool {
	star := func(c byte) bool { return c == markStar || c == markStarInPart || c == markVariable }
	one := func(c byte) bool { return c == markOne || c == markOneInPart }
	reach := make([]bool, len(b)+1) // of b, for the part of a looked at
	for i := 0; i <= len(a); i++ {
		next := make([]bool, len(b)+1)
		for j := 0; j <= len(b); j++ {
			ok := i == 0 && j == 0
			if i > 0 && star(a[i-1]) { // it ends, or takes one more of b
				ok = ok || reach[j] || j > 0 && next[j-1]
			}
			if j > 0 && (star(b[j-1]) || b[j-1] == markName) {
				ok = ok || next[j-1] || i > 0 && reach[j] && (b[j-1] != markName || a[i-1] != '/')
			}
			if i > 0 && j > 0 && reach[j-1] {
				ok = ok || a[i-1] == b[j-1] || one(a[i-1]) || one(b[j-1])
			}
			next[j] = ok
		}
		reach = next
	}
	return reach[len(b)]
}

// covers reports whether s, an unconditional statement, surely matches whatever
// other matches.
func (s *Statement) covers(other *Statement) bool {
	if len(s.conditions) > 0 || s.invertActions || s.invertTarget || s.invertPrincipals || other.invertActions || other.invertTarget {
		return false
	}
	every := func(ours, theirs []pattern) bool {
		for i := range theirs {
			if !slices.ContainsFunc(ours, func(p pattern) bool {
				return len(p.vars) == 0 && strings.IndexByte(p.text, markOne) < 0 && strings.IndexByte(p.text, markOneInPart) < 0 &&
					matchBytes(p.text, theirs[i].text, false)
			}) {
				return false
			}
		}
		return true
	}
	if len(s.who) > 0 && !slices.ContainsFunc(s.who, func(r principalRef) bool { return r.kind == everyone }) {
		return false
	}
	return every(s.actions, other.actions) && every(s.resources, other.resources)
}
