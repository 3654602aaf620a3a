// Package function runs functions: an event in, a response out, both JSON, as
// AWS Lambda's contract has it.
//
// Three functions are built in: `classify` words the answer of one endpoint,
// `classify-json` gives every label with its probability, `triage` answers
// category, urgency, tone and priority. They take a passthrough event, which is
// the caller's own JSON (`{"body": "text"}` or `{"text": "text"}`), and a proxy
// event of API Gateway (payload 1.0 or 2.0), and answer with statusCode, headers
// and body whatever happened: bad input and a missing endpoint are answers that
// say what to do. An error is returned only for a fault that the caller can't
// mend; it is for the log.
//
// The package doesn't authorise: the Invoker does, for the function's own role.
package function

import (
	"context"
	"sort"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

// Function takes an event and returns a response, both JSON documents.
type Function interface {
	Invoke(ctx context.Context, event []byte) ([]byte, error)
}

// Invoker asks an endpoint, as InvokeEndpoint of SageMaker Runtime does.
type Invoker interface {
	InvokeEndpoint(ctx context.Context, endpoint, contentType string, body []byte) ([]byte, error)
}

// Triager answers the triage of a text with a value that encodes to JSON.
type Triager interface {
	Triage(ctx context.Context, text string) (any, error)
}

// Config is how one use of a function, such as a route, is set up.
type Config struct {
	Endpoint string // that classify and classify-json ask
	K        int    // how many labels are answered, 0: classify 1, classify-json all
	Answer   string // wording of classify, with {label} and {probability}; "": DefaultAnswer
}

// The names of the built-in functions.
const (
	Classify     = "classify"
	ClassifyJSON = "classify-json"
	Triage       = "triage"
)

// builder makes a function for one configuration, or says what is wrong with it.
type builder func(Config) (Function, error)

// Registry knows functions by name. It is safe for concurrent use.
type Registry struct {
	builders map[string]builder
}

// NewRegistry returns a registry of the built-in functions, which ask endpoints
// through invoker. Without a triager there is no `triage`.
func NewRegistry(invoker Invoker, triager Triager) *Registry {
	classifier := NewClassifier(invoker)
	r := &Registry{builders: map[string]builder{
		Classify: func(c Config) (Function, error) {
			return newClassify(classifier, c)
		},
		ClassifyJSON: func(c Config) (Function, error) {
			return newClassifyJSON(classifier, c)
		},
	}}
	if triager != nil {
		r.builders[Triage] = func(c Config) (Function, error) {
			return newTriage(triager, c)
		}
	}
	return r
}

// Names returns the names of all functions in alphabetical order.
func (r *Registry) Names() []string {
	names := make([]string, 0, len(r.builders))
	for name := range r.builders {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// New returns the function of that name for one configuration. An unknown name
// or a configuration that the function can't run with is an Invalid error.
func (r *Registry) New(name string, config Config) (Function, error) {
	build, ok := r.builders[name]
	if !ok {
		return nil, errs.Invalidf("There is no function named %q. The functions are %s.", name, strings.Join(r.Names(), ", "))
	}
	return build(config)
}

// Check reports what is wrong with the configuration of the named function.
func (r *Registry) Check(name string, config Config) error {
	_, err := r.New(name, config)
	return err
}

// Invoke runs the named function on event.
func (r *Registry) Invoke(ctx context.Context, name string, config Config, event []byte) ([]byte, error) {
	f, err := r.New(name, config)
	if err != nil {
		return nil, err
	}
	return f.Invoke(ctx, event)
}

// Proxied reports whether the named function wants proxy events and answers an
// HTTP response in them, rather than JSON of its own on success and failure.
func (r *Registry) Proxied(name string) bool {
	return name != Classify
}
