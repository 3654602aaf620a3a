package policy

// Attached is a document with the name it is known under.
type Attached struct {
	Name     string // ARN of a managed policy, "inline:NAME" of an inline one
	Document *Document
}

// Policies are all that bear on a request.
type Policies struct {
	// Identity are the principal's own: a user's with those of its groups, or a
	// role's. What they allow together is allowed.
	Identity []Attached
	// Boundary is the principal's permissions boundary: what it doesn't allow, the
	// identity's policies don't either. nil: there is none.
	Boundary *Attached
	// Session are the policies that a session was made with, inline and managed:
	// what none of them allows, the session may not. Empty: there are none.
	Session []Attached
	// Resource is the policy of the resource itself, of kind Resource or Trust; nil:
	// it has none.
	Resource *Attached
}

// Reason says why a decision is as it is.
type Reason uint8

const (
	NoIdentityAllow Reason = iota // no identity-based policy allows it
	NoBoundaryAllow               // the permissions boundary doesn't
	NoSessionAllow                // no session policy does
	NoResourceAllow               // the resource's policy doesn't, and would have to
	ExplicitDeny                  // a statement denies it
	Allowed
)

// Source is which of the policies has the deciding statement.
type Source uint8

const (
	NoSource Source = iota
	FromIdentity
	FromBoundary
	FromSession
	FromResource
	FromTrust
)

// String is AWS's name for it, as it stands in the message of a refusal.
func (s Source) String() string {
	return [...]string{"policy", "identity-based policy", "permissions boundary", "session policy", "resource-based policy", "role trust policy"}[s]
}

// Decision is the answer to a request. Without a deciding statement, as in a
// refusal because nothing allows it, Policy and Sid are empty and Statement is -1.
type Decision struct {
	Allowed   bool
	Reason    Reason
	Source    Source // of the statement, or the kind of policy that lacks an allow
	Policy    string // the Name of what decided
	Sid       string
	Statement int // its place in the document, from 0
}

// Explain is the end of AWS's message for a refusal: "with an explicit deny in
// an identity-based policy", or "because no identity-based policy allows the
// s3:GetObject action".
func (d Decision) Explain(action string) string {
	if d.Reason == ExplicitDeny {
		article := "a "
		if d.Source == FromIdentity {
			article = "an "
		}
		return "with an explicit deny in " + article + d.Source.String()
	}
	return "because no " + d.Source.String() + " allows the " + action + " action"
}

// Decide decides r: an explicit deny anywhere ends it; then the identity's
// policies must allow it within boundary and session policy. A resource of the
// caller's own account may allow it by its policy instead: within boundary
// and session policy to those it names by their role, without them to those it
// names by themselves, and not at all to those it names by their account alone.
// A resource of another account must allow it as well. A trust policy must
// always. Anonymous callers and services have the resource's policy alone,
// besides what Identity grants them.
//
// Source: IAM User Guide, "Policy evaluation logic" and "How AWS enforcement
// code logic evaluates requests to allow or deny access".
func (ps *Policies) Decide(r *Request) Decision {
	var identity, boundary, session, resource verdict
	for i := range ps.Identity {
		if identity.add(&ps.Identity[i], r) {
			return identity.denied(FromIdentity)
		}
	}
	if ps.Resource != nil && resource.add(ps.Resource, r) {
		return resource.denied(ps.resourceSource())
	}
	if ps.Boundary != nil && boundary.add(ps.Boundary, r) {
		return boundary.denied(FromBoundary)
	}
	for i := range ps.Session {
		if session.add(&ps.Session[i], r) {
			return session.denied(FromSession)
		}
	}
	if source := ps.resourceSource(); source == FromTrust && resource.reach == unreached {
		return refused(NoResourceAllow, source)
	}
	crosses := r.crosses()
	switch r.Principal.Type {
	case Anonymous, Service: // they have no account to cross from
		crosses = false
	case Root: // may do everything that its account may
		if crosses && resource.reach == unreached {
			return refused(NoResourceAllow, FromResource)
		}
		return identity.allowedOr(&resource, ps.resourceSource())
	}
	if resource.reach == byIdentity && !crosses {
		return resource.allowed(ps.resourceSource())
	}
	switch {
	case identity.from == nil && (crosses || resource.reach != byRole):
		if r.Principal.Type == Anonymous || r.Principal.Type == Service {
			return refused(NoResourceAllow, FromResource)
		}
		return refused(NoIdentityAllow, FromIdentity)
	case ps.Boundary != nil && boundary.from == nil:
		return refused(NoBoundaryAllow, FromBoundary)
	case len(ps.Session) > 0 && session.from == nil:
		return refused(NoSessionAllow, FromSession)
	case crosses && resource.reach == unreached:
		return refused(NoResourceAllow, FromResource)
	}
	return identity.allowedOr(&resource, ps.resourceSource())
}

func (ps *Policies) resourceSource() Source {
	if ps.Resource != nil && ps.Resource.Document.Kind == Trust {
		return FromTrust
	}
	return FromResource
}

// verdict gathers what policies of one source say.
type verdict struct {
	from      *Attached // has the statement that allows, or denies
	statement int
	reach     reach // how directly a resource's policy allows
}

// add lets a policy have its say and returns whether it denies.
func (v *verdict) add(a *Attached, r *Request) bool {
	d := a.Document
	for i := range d.Statements {
		s := &d.Statements[i]
		if s.Effect == Allow && v.reach == byIdentity {
			continue // only a deny could change it
		}
		how := s.matches(d.Kind, r)
		if how == unreached {
			continue
		}
		if s.Effect != Allow {
			v.from, v.statement = a, i
			return true
		}
		if how > v.reach {
			v.from, v.statement, v.reach = a, i, how
		}
	}
	return false
}

// matches tells whether, and how directly, the statement is about r.
func (s *Statement) matches(kind Kind, r *Request) reach {
	if !s.hasAction(r.Action) || kind != Trust && !s.hasResource(r) {
		return unreached
	}
	how := byIdentity
	if kind != Identity {
		if how = s.reaches(&r.Principal); how == unreached {
			return unreached
		}
	}
	for i := range s.conditions {
		if !s.conditions[i].met(r) {
			return unreached
		}
	}
	return how
}

func (s *Statement) hasAction(action string) bool {
	for i := range s.actions {
		if s.actions[i].matchFold(action) {
			return !s.invertActions
		}
	}
	return s.invertActions
}

func (s *Statement) hasResource(r *Request) bool {
	for i := range s.resources {
		p := &s.resources[i]
		if p.match(r.Resource, r) {
			return !s.invertTarget
		}
		if s.invertTarget && s.Effect == Allow && len(p.vars) > 0 && !p.resolvable(r) {
			return false // what is excepted can't be told, so nothing is allowed
		}
	}
	return s.invertTarget
}

func (v *verdict) decision(reason Reason, source Source) Decision {
	return Decision{
		Allowed: reason == Allowed, Reason: reason, Source: source,
		Policy: v.from.Name, Sid: v.from.Document.Statements[v.statement].Sid, Statement: v.statement,
	}
}

func (v *verdict) denied(source Source) Decision  { return v.decision(ExplicitDeny, source) }
func (v *verdict) allowed(source Source) Decision { return v.decision(Allowed, source) }

// allowedOr is the decision for an allow that v has, or other, or an account's root without any.
func (v *verdict) allowedOr(other *verdict, source Source) Decision {
	switch {
	case v.from != nil:
		return v.allowed(FromIdentity)
	case other.from != nil:
		return other.allowed(source)
	}
	return Decision{Allowed: true, Reason: Allowed, Statement: -1}
}

func refused(reason Reason, lacks Source) Decision {
	return Decision{Reason: reason, Source: lacks, Statement: -1}
}
