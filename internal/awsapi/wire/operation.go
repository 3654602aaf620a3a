package wire

import (
	"cmp"
	"strings"

	"github.com/heliograph/heliograph/internal/iam"
)

// permission is what a caller needs for an operation.
type permission struct {
	action string // "": service:Operation
	also   []string
	open   bool
}

// Needs declares the action that the operation is authorised as, "" for
// service:Operation, and those that it asks for besides.
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
func (p permission) of(service, name string) iam.Declared {
	d := iam.Declared{Service: service, Operation: name, Method: "POST", Path: "/", Also: p.also}
	if !p.open {
		d.Action = cmp.Or(p.action, service+":"+name)
	}
	return d
}

// Operations lists what the service offers.
func (h *jsonHandler) Operations() (all []iam.Declared) {
	service, _, _ := strings.Cut(strings.ToLower(h.target), "_")
	if h.opt.Service != h.target {
		service = h.opt.Service
	}
	for name, op := range h.ops {
		d := op.of(service, name)
		d.Protocol, d.Header = "json", "X-Amz-Target: "+h.target+"."+name
		all = append(all, d)
	}
	return iam.SortDeclared(all)
}

// Needs is Operation's.
func (o CBOROperation) Needs(action string, also ...string) CBOROperation {
	o.action, o.also = action, also
	return o
}

// Operations lists what the service offers.
func (h *cborHandler) Operations() (all []iam.Declared) {
	for name, op := range h.ops {
		d := op.of(h.opt.Service, name)
		d.Protocol, d.Path, d.Header = "cbor", "/service/"+h.name+"/operation/"+name, "Smithy-Protocol: "+cborProtocol
		all = append(all, d)
	}
	return iam.SortDeclared(all)
}

// Operations lists what the service offers.
func (h *queryHandler) Operations() (all []iam.Declared) {
	for name, op := range h.ops {
		d := op.of(h.opt.Service, name)
		d.Protocol, d.Query = "query", "Action="+name+"&Version="+h.version
		all = append(all, d)
	}
	return iam.SortDeclared(all)
}

// Operations lists what all services behind the router offer.
func (rt *router) Operations() (all []iam.Declared) {
	add := func(key string, h any) {
		scope, _, _ := strings.Cut(key, "/")
		if d, ok := h.(iam.Declarer); ok {
			for _, op := range d.Operations() {
				op.Scope = scope
				all = append(all, op)
			}
		}
	}
	for key, h := range rt.opt.JSON {
		add(key, h)
	}
	for key, h := range rt.opt.Query {
		add(key, h)
	}
	for key, h := range rt.opt.CBOR {
		add(key, h)
	}
	for service, r := range rt.opt.REST {
		add(service, r.Handler)
	}
	add("s3", rt.opt.S3)
	return iam.SortDeclared(all)
}
