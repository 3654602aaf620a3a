package iam

import (
	"cmp"
	"slices"
)

// Declared is an operation as what routes to it declares it, with the permission
// that it needs. The list of all is made of these and kept nowhere.
type Declared struct {
	Service   string   `json:"service"`             // "sagemaker", "s3", …
	Scope     string   `json:"scope,omitempty"`     // service that its signature names; "" if it needs none
	Operation string   `json:"operation"`           // "CreateModel"
	Protocol  string   `json:"protocol"`            // "json", "query", "cbor", "rest-json", "rest-xml", "rest" for the native API, "http" for what is no API
	Listener  string   `json:"listener"`            // "control" or "public"
	Method    string   `json:"method"`              // of HTTP; "ANY" for all
	Path      string   `json:"path"`                // {name} stands for one segment, {name...} for the rest
	Query     string   `json:"query,omitempty"`     // query parameters that must be there
	Header    string   `json:"header,omitempty"`    // header that must be there
	Action    string   `json:"action,omitempty"`    // IAM action; "" if the operation needs no permission
	Also      []string `json:"also,omitempty"`      // actions asked for besides, if the request is about what they guard
	Each      bool     `json:"each,omitempty"`      // each item of the request is decided for itself, and answered so
	Anonymous bool     `json:"anonymous,omitempty"` // needs no signature
}

// Declarer is a handler that can say which operations it answers.
type Declarer interface{ Operations() []Declared }

// SortDeclared puts operations in order.
func SortDeclared(all []Declared) []Declared {
	slices.SortFunc(all, func(a, b Declared) int {
		return cmp.Or(cmp.Compare(a.Listener, b.Listener), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Operation, b.Operation),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Query, b.Query))
	})
	return all
}
