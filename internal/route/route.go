// Package route keeps the routes of the public listener: which path and methods
// run which function, set up how.
//
// A change is on disk and in the table that the gateway reads when the call that
// made it returns; reading the table takes no lock and no database. Every method
// of [Service] asks the Authorizer first, with API Gateway's actions. There is one
// API so far, named "default" and deployed as the stage "prod".
package route

import (
	"time"
)

// The API that routes belong to unless they say otherwise, and its stage.
const (
	DefaultAPI = "default"
	Stage      = "prod"
)

// Integration is how a function gets the request and what its response becomes.
type Integration string

const (
	// Passthrough hands the function the request's JSON body as its event and
	// the caller the function's whole response: API Gateway's type AWS.
	Passthrough Integration = "passthrough"
	// Proxy describes the HTTP request in the event and makes the response's
	// statusCode, headers and body the answer: API Gateway's type AWS_PROXY.
	Proxy Integration = "proxy"
)

// Route is what one path of an API does.
type Route struct {
	API         string      `json:"api"`
	Path        string      `json:"path"`    // "/blazingtext"
	Methods     []string    `json:"methods"` // upper case, sorted, at least one
	Function    string      `json:"function"`
	Integration Integration `json:"integration"`
	Config      Config      `json:"config"`
	Permission  string      `json:"permission,omitempty"` // id of the statement that lets it run the function; "": it never had one
	Created     time.Time   `json:"created"`
	Updated     time.Time   `json:"updated"`
}

// Config is how the function is set up for a route.
type Config struct {
	Endpoint string `json:"endpoint,omitempty"`
	K        int    `json:"k,omitempty"`
	Answer   string `json:"answer,omitempty"`
}

// Table is all routes at one moment. It doesn't change.
type Table struct {
	routes map[[2]string]*Route // by API and path
}

// Lookup returns the route of that API and path, nil if there is none. The route
// is shared: don't change it.
func (t *Table) Lookup(api, path string) *Route { return t.routes[[2]string{api, path}] }

// Has reports whether the API of that name exists.
func (t *Table) Has(api string) bool { return api == DefaultAPI }

// Allows reports whether the route answers the method.
func (r *Route) Allows(method string) bool {
	for _, m := range r.Methods {
		if m == method {
			return true
		}
	}
	return false
}
