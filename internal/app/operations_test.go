package app

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/rest"
)

// example makes a request of an operation's declaration.
func (h *house) example(t *testing.T, d iam.Declared, bodies map[string]string) (r *http.Request, body string) {
	t.Helper()
	path := regexp.MustCompile(`\{[a-z]+(\.\.\.)?\}`).ReplaceAllString(d.Path, "example")
	header, query := http.Header{}, d.Query
	switch d.Protocol {
	case "json":
		body = "{}"
		header.Set("Content-Type", "application/x-amz-json-1.1")
	case "query":
		body, query = d.Query, ""
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	case "cbor":
		body = "\xa0"
		header.Set("Content-Type", "application/cbor")
	case "rest-json":
		body = "{}"
	case "rest":
		if body = bodies[d.Operation]; body != "" {
			header.Set("Content-Type", "application/json")
		}
	case "rest-xml":
		if d.Each {
			body = "<Delete><Object><Key>example</Key></Object></Delete>"
		}
	}
	url := h.ControlURL() + path
	if query != "" {
		url += "?" + query
	}
	r = mustRequest(t, d.Method, url, body)
	for name, values := range header {
		r.Header[name] = values
	}
	if name, value, ok := strings.Cut(d.Header, ": "); ok {
		r.Header.Set(name, value)
	} else if d.Header != "" {
		r.Header.Set(d.Header, "/example/example")
	}
	return r, body
}

// smallest is the smallest JSON that a schema of the OpenAPI document takes.
func smallest(spec map[string]any, schema map[string]any) any {
	if ref, ok := schema["$ref"].(string); ok {
		var at any = spec
		for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			at = at.(map[string]any)[part]
		}
		return smallest(spec, at.(map[string]any))
	}
	switch schema["type"] {
	case "object":
		out := map[string]any{}
		required, _ := schema["required"].([]any)
		for _, name := range required {
			out[name.(string)] = smallest(spec, schema["properties"].(map[string]any)[name.(string)].(map[string]any))
		}
		return out
	case "array":
		return []any{}
	case "integer", "number":
		return 1
	case "boolean":
		return false
	}
	return "example"
}

// bodies are request bodies of the REST API's operations.
func (h *house) bodies(t *testing.T) map[string]string {
	t.Helper()
	_, text := send(t, http.DefaultClient, mustRequest(t, "GET", h.ControlURL()+rest.OpenAPIPath, ""))
	var spec map[string]any
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, methods := range spec["paths"].(map[string]any) {
		for _, op := range methods.(map[string]any) {
			op := op.(map[string]any)
			request, ok := op["requestBody"].(map[string]any)
			if !ok {
				continue
			}
			schema := request["content"].(map[string]any)["application/json"].(map[string]any)["schema"].(map[string]any)
			body, err := json.Marshal(smallest(spec, schema))
			if err != nil {
				t.Fatal(err)
			}
			out[op["operationId"].(string)] = string(body)
		}
	}
	return out
}

// refusal is a status and what has to be in the body.
type refusal struct {
	status int
	code   string
}

// refusals are how each protocol words what keeps a caller out.
var refusals = map[string]map[string]refusal{
	"json": {"unsigned": {400, "MissingAuthenticationTokenException"}, "wrong": {400, "InvalidSignatureException"},
		"expired": {400, "InvalidSignatureException"}, "denied": {400, "AccessDeniedException"}},
	"cbor": {"unsigned": {400, "MissingAuthenticationToken"}, "wrong": {400, "InvalidSignature"},
		"expired": {400, "InvalidSignature"}, "denied": {400, "AccessDenied"}},
	"query": {"unsigned": {403, "<Code>MissingAuthenticationToken</Code>"}, "wrong": {403, "<Code>SignatureDoesNotMatch</Code>"},
		"expired": {403, "Signature expired"}, "denied": {403, "<Code>AccessDenied</Code>"}},
	"rest-json": {"unsigned": {403, "Authentication Token"}, "wrong": {403, "signature"},
		"expired": {403, "Signature expired"}, "denied": {403, "is not authorized to perform"}},
	"rest-xml": {"unsigned": {403, "<Code>AccessDenied</Code>"}, "wrong": {403, "<Code>SignatureDoesNotMatch</Code>"},
		"expired": {403, "<Code>RequestTimeTooSkewed</Code>"}, "denied": {403, "<Code>AccessDenied</Code>"}},
	"rest": {"unsigned": {401, "MissingAuthenticationToken"}, "wrong": {401, "SignatureDoesNotMatch"},
		"expired": {401, "RequestTimeTooSkewed"}, "denied": {403, "AccessDeniedException"}},
}

// TestEveryOperationKeepsStrangersOut calls each operation that the program
// lists without a signature, with a wrong one, with one of yesterday, and as
// somebody who has no rights.
func TestEveryOperationKeepsStrangersOut(t *testing.T) {
	t.Parallel()
	h := mustServe(t, nil, func(a *App) { a.attempts = nil }) // it fails more often than a good client
	stranger := h.mustUser(t, "stranger", "")
	bodies := h.bodies(t)
	all := Operations()
	if len(all) < 150 {
		t.Fatalf("the program lists %d operations", len(all))
	}
	for _, d := range all {
		if d.Listener != "control" || d.Protocol == "http" {
			continue
		}
		t.Run(d.Service+"/"+d.Operation+"/"+d.Protocol, func(t *testing.T) {
			t.Parallel()
			want := refusals[d.Protocol]
			for kind, do := range map[string]func(r *http.Request, body string){
				"unsigned": func(*http.Request, string) {},
				"wrong": func(r *http.Request, body string) {
					sign(t, r, body, iam.Key{ID: stranger.ID, Secret: stranger.Secret + "x"}, d.Scope, time.Now())
				},
				"expired": func(r *http.Request, body string) {
					sign(t, r, body, stranger, d.Scope, time.Now().Add(-24*time.Hour))
				},
				"denied": func(r *http.Request, body string) { sign(t, r, body, stranger, d.Scope, time.Now()) },
			} {
				r, body := h.example(t, d, bodies)
				do(r, body)
				response, text := send(t, http.DefaultClient, r)
				status, code := want[kind].status, want[kind].code
				if d.Method == http.MethodHead {
					code = "" // such an answer has no body
				}
				if kind == "unsigned" && d.Each {
					status = 200
				}
				if kind == "denied" {
					if d.Action == "" {
						if strings.Contains(text, "AccessDenied") {
							t.Errorf("needs no permission, says the list; the answer is %d %.300s", response.StatusCode, text)
						}
						continue
					}
					if d.Each {
						status = 200
					}
					if d.Method != http.MethodHead && !strings.Contains(text, d.Action) {
						t.Errorf("denied: the answer does not name %s: %d %.300s", d.Action, response.StatusCode, text)
					}
				}
				if response.StatusCode != status || !strings.Contains(text, code) {
					t.Errorf("%s: %d %.300s, want %d and %s", kind, response.StatusCode, text, status, code)
				}
			}
		})
	}
}

// TestOpenRoutesAreFewAndListed holds what needs no signature against the list.
func TestOpenRoutesAreFewAndListed(t *testing.T) {
	t.Parallel()
	h := mustServe(t, nil)
	open := 0
	for _, d := range Operations() {
		if d.Listener != "control" || !d.Anonymous {
			continue
		}
		open++
		response, _ := send(t, http.DefaultClient, mustRequest(t, d.Method, h.ControlURL()+d.Path, ""))
		if response.StatusCode != 200 {
			t.Errorf("%s %s: %d", d.Method, d.Path, response.StatusCode)
		}
	}
	if open != 5 {
		t.Errorf("%d routes need no signature", open)
	}
	for _, path := range []string{"/api/v1/routes", "/api/v1/audit", "/api/v1/nothing", "/bucket/key", "/", "/metrics/"} {
		response, body := send(t, http.DefaultClient, mustRequest(t, "GET", h.ControlURL()+path, ""))
		if response.StatusCode != 401 && response.StatusCode != 403 {
			t.Errorf("GET %s: %d %.200s", path, response.StatusCode, body)
		}
	}
}
