package policy

import "strings"

// PrincipalType is what kind of caller a request has. The values are those of
// the condition key aws:PrincipalType, but for Service.
type PrincipalType string

const (
	User          PrincipalType = "User"
	AssumedRole   PrincipalType = "AssumedRole"
	FederatedUser PrincipalType = "FederatedUser"
	Root          PrincipalType = "Account" // the account itself
	Service       PrincipalType = "Service"
	Anonymous     PrincipalType = "Anonymous"
)

// Principal is who makes a request.
type Principal struct {
	Type    PrincipalType
	ARN     string // of the user, or of the session: arn:aws:sts::…:assumed-role/ROLE/SESSION
	RoleARN string // of an AssumedRole: its role in IAM, with the path
	Account string // twelve digits
	UserID  string // AIDA…, or AROA…:SESSION
	Service string // of a Service: "sagemaker.amazonaws.com"
	Name    string // of a User: the name without the path
	// CanonicalID is the id that S3 has for the account; "" if it has none.
	CanonicalID string
}

// Request is what is to be decided.
type Request struct {
	Principal Principal
	Action    string // "s3:GetObject"
	Resource  string // an ARN, or "*" for actions without a resource
	// ResourceAccount owns the resource; "" takes the account in the ARN, and the
	// principal's own if there is none, as in the ARNs of buckets.
	ResourceAccount string
	// Context returns the values of a condition key, and whether the request has
	// the key at all. The key arrives in lower case whatever its case in the
	// policy ("aws:sourceip", "aws:requesttag/team"). It is not asked for
	// what Principal and ResourceAccount tell: aws:PrincipalArn, aws:PrincipalType,
	// aws:PrincipalAccount, aws:PrincipalIsAWSService, aws:PrincipalServiceName,
	// aws:userid, aws:username, aws:ResourceAccount. nil knows no keys.
	Context func(key string) (values []string, ok bool)
}

// values are those of one condition key, without an allocation for a single one.
type values struct {
	ok   bool
	many []string
	one  string // counts if many is nil
}

func single(s string) values { return values{ok: true, one: s} }

func (v *values) len() int {
	switch {
	case !v.ok:
		return 0
	case v.many != nil:
		return len(v.many)
	}
	return 1
}

func (v *values) at(i int) string {
	if v.many != nil {
		return v.many[i]
	}
	return v.one
}

// lookup returns the values of a key, given in lower case. What the principal is
// known to be can't be overridden by the context.
func (r *Request) lookup(key string) values {
	if strings.HasPrefix(key, "aws:") {
		if s := r.known(key[len("aws:"):]); s != "" {
			return single(s)
		}
	}
	if r.Context == nil {
		return values{}
	}
	many, ok := r.Context(key)
	if ok && many == nil {
		many = empty
	}
	return values{ok: ok, many: many}
}

var empty = make([]string, 0)

// known returns what the request itself tells about a key in "aws:", "" for nothing.
func (r *Request) known(key string) string {
	p := &r.Principal
	switch key {
	case "principalarn":
		switch p.Type {
		case AssumedRole:
			return p.RoleARN
		case Anonymous, Service:
			return ""
		}
		return p.ARN
	case "principaltype":
		if p.Type != Service {
			return string(p.Type)
		}
	case "principalaccount":
		if p.Type == Anonymous {
			return "anonymous"
		}
		return p.Account
	case "principalisawsservice":
		if p.Type == Service {
			return "true"
		}
		if p.Type != "" {
			return "false"
		}
	case "principalservicename":
		return p.Service
	case "userid":
		if p.Type == Anonymous {
			return "anonymous"
		}
		return p.UserID
	case "username":
		if p.Type == User {
			return p.Name
		}
	case "resourceaccount":
		return r.owner()
	}
	return ""
}

// owner is the account that has the resource. What comes with the product, under
// arn:aws:iam::aws:, is everyone's own.
func (r *Request) owner() string {
	if r.ResourceAccount != "" {
		return r.ResourceAccount
	}
	rest := r.Resource
	for i := range 5 {
		field, after, ok := strings.Cut(rest, ":")
		if !ok {
			break
		}
		if i == 4 && len(field) == 12 {
			return field
		}
		rest = after
	}
	return r.Principal.Account
}

// crosses reports whether the caller belongs to another account than the resource.
func (r *Request) crosses() bool {
	return r.Principal.Account != r.owner()
}
