package wire

import (
	"cmp"
	"slices"
	"strings"
)

// Declared is an operation as the handler that routes to it declares it, with
// the permission that it needs.
type Declared struct {
	Service   string   `json:"service"`             // "sagemaker", "s3", …
	Operation string   `json:"operation"`           // "CreateModel"
	Protocol  string   `json:"protocol"`            // "json", "query", "cbor", "rest-json", "rest-xml" or "http"
	Method    string   `json:"method"`              // of HTTP
	Path      string   `json:"path"`                // {name} stands for one segment, {name...} for the rest
	Query     string   `json:"query,omitempty"`     // query parameter that must be there
	Header    string   `json:"header,omitempty"`    // header that must be there; of AWS JSON with its value
	Action    string   `json:"action,omitempty"`    // IAM action; "" if the operation needs no permission
	Also      []string `json:"also,omitempty"`      // actions asked for besides, if the request is about what they guard
	Each      bool     `json:"each,omitempty"`      // each item of the request is decided for itself, and answered so
	Anonymous bool     `json:"anonymous,omitempty"` // needs no signature
}

// Declarer is a handler that can say which operations it answers.
type Declarer interface{ Operations() []Declared }

// permission is what a caller needs for an operation.
type permission struct {
	action string // "": service:Operation
	also   []string
	open   bool
}

// Needs declares the action that the operation is authorised as, where it is
// not service:Operation, and those that it asks for besides.
func (o Operation) Needs(action string, also ...string) Operation {
	o.action, o.also = action, also
	return o
}

// Open declares that the operation needs no permission: whoever has signed may
// call it. That it was called is in the audit trail before it runs.
func (o Operation) Open() Operation {
	o.open = true
	return o
}

// Needs is Operation's.
func (o QueryOperation) Needs(action string, also ...string) QueryOperation {
	o.action, o.also = action, also
	return o
}

// Open is Operation's.
func (o QueryOperation) Open() QueryOperation {
	o.open = true
	return o
}

// of is the declaration of an operation of a service.
func (p permission) of(service, name string) Declared {
	d := Declared{Service: service, Operation: name, Method: "POST", Path: "/", Also: p.also}
	if !p.open {
		d.Action = cmp.Or(p.action, service+":"+name)
	}
	return d
}

// Operations lists what the service offers.
func (h *jsonHandler) Operations() (all []Declared) {
	service, _, _ := strings.Cut(strings.ToLower(h.target), "_")
	if h.opt.Service != h.target {
		service = h.opt.Service
	}
	for name, op := range h.ops {
		d := op.of(service, name)
		d.Protocol, d.Header = "json", "X-Amz-Target: "+h.target+"."+name
		all = append(all, d)
	}
	return sorted(all)
}

// Needs is Operation's.
func (o CBOROperation) Needs(action string, also ...string) CBOROperation {
	o.action, o.also = action, also
	return o
}

// Operations lists what the service offers.
func (h *cborHandler) Operations() (all []Declared) {
	for name, op := range h.ops {
		d := op.of(h.opt.Service, name)
		d.Protocol, d.Path, d.Header = "cbor", "/service/"+h.name+"/operation/"+name, "Smithy-Protocol: "+cborProtocol
		all = append(all, d)
	}
	return sorted(all)
}

// Operations lists what the service offers.
func (h *queryHandler) Operations() (all []Declared) {
	for name, op := range h.ops {
		d := op.of(h.opt.Service, name)
		d.Protocol, d.Query = "query", "Action="+name+"&Version="+h.version
		all = append(all, d)
	}
	return sorted(all)
}

// Operations lists what all services behind the router offer.
func (rt *router) Operations() (all []Declared) {
	add := func(h any) {
		if d, ok := h.(Declarer); ok {
			all = append(all, d.Operations()...)
		}
	}
	for _, h := range rt.opt.JSON {
		add(h)
	}
	for _, h := range rt.opt.Query {
		add(h)
	}
	for _, h := range rt.opt.CBOR {
		add(h)
	}
	for _, r := range rt.opt.REST {
		add(r.Handler)
	}
	add(rt.opt.S3)
	return sorted(all)
}

func sorted(all []Declared) []Declared {
	slices.SortFunc(all, func(a, b Declared) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return slices.CompactFunc(all, func(a, b Declared) bool {
		return a.Service == b.Service && a.Operation == b.Operation && a.Path == b.Path && a.Method == b.Method
	})
}
