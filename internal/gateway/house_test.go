package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/function"
	"github.com/heliograph/heliograph/internal/gateway"
	"github.com/heliograph/heliograph/internal/route"
	"github.com/heliograph/heliograph/internal/store"
)

// invoker answers for every endpoint, unless the text names a misbehaviour.
type invoker struct{}

func (invoker) InvokeEndpoint(ctx context.Context, endpoint, _ string, body []byte) ([]byte, error) {
	switch {
	case bytes.Contains(body, []byte("fault")):
		return nil, errors.New("the disk is on fire")
	case bytes.Contains(body, []byte("panic")):
		panic("index out of range")
	case bytes.Contains(body, []byte("slow")):
		<-ctx.Done()
		return nil, ctx.Err()
	case endpoint == "missing":
		return nil, errs.New(errs.Invalid, "ValidationError", "Endpoint not found.")
	}
	return []byte(`[{"label": ["__label__Artist", "__label__Film"], "prob": [0.966, 0.034]}]`), nil
}

type triager struct{}

func (triager) Triage(_ context.Context, text string) (any, error) {
	return map[string]any{"priority": len(text)}, nil
}

// functions adds functions of the test's own to the registry.
type functions struct {
	*function.Registry
	extra map[string]func(event []byte) ([]byte, error)
	auth  *auth
}

func (f functions) Invoke(ctx context.Context, name string, config function.Config, event []byte) ([]byte, error) {
	if err := f.auth.Authorize(ctx, "lambda:InvokeFunction", fmt.Sprint(name, " for ", ctx.Value(principal{}))); err != nil {
		return nil, &function.Refusal{Err: err}
	}
	if run, ok := f.extra[name]; ok {
		return run(event)
	}
	return f.Registry.Invoke(ctx, name, config, event)
}

func (f functions) Check(name string, config route.Config) error {
	if _, ok := f.extra[name]; ok {
		return nil
	}
	return f.Registry.Check(name, function.Config(config))
}

type principal struct{}

// auth lets anybody who is known to be anonymous do all but what deny names.
type auth struct {
	mu   sync.Mutex
	deny string
}

func (a *auth) Authorize(ctx context.Context, action, resource string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ctx.Value(principal{}) == nil {
		return errs.New(errs.Unauthenticated, "", "Missing Authentication Token")
	}
	if a.deny != "" && strings.Contains(action+" "+resource, a.deny) {
		return errs.New(errs.Denied, "AccessDeniedException", "User: anonymous is not authorized to perform: %s on resource: %s", action, resource)
	}
	return nil
}

// observed is what the metrics were told.
type observed struct {
	mu    sync.Mutex
	lines []string
}

func (o *observed) ObserveRequest(target, method string, status int, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, fmt.Sprintf("%s %s %d", target, method, status))
}

// server is a gateway on a real listener with a real store and real buckets.
type server struct {
	*httptest.Server
	routes  *route.Service
	blobs   blob.Store
	log     *lockedBuffer
	auth    *auth
	metrics *observed
	extra   map[string]func([]byte) ([]byte, error)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func start(t testing.TB, change func(*gateway.Config)) *server {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	blobs, err := blob.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	s := &server{blobs: blobs, log: &lockedBuffer{}, auth: &auth{}, metrics: &observed{}, extra: map[string]func([]byte) ([]byte, error){}}
	f := functions{function.NewRegistry(invoker{}, triager{}), s.extra, s.auth}
	permissions, err := function.NewPolicies(t.Context(), db, "us-east-1", "000000000000")
	if err != nil {
		t.Fatal(err)
	}
	s.routes, err = route.New(t.Context(), route.Options{DB: db, Authorizer: allowed{}, Functions: f, Permissions: permissions, Roles: allowed{}, Region: "us-east-1", Account: "000000000000"})
	if err != nil {
		t.Fatal(err)
	}
	config := gateway.Config{
		Routes: s.routes, Functions: f, Sites: blobs, Authorizer: s.auth,
		Anonymous: func(ctx context.Context) context.Context { return context.WithValue(ctx, principal{}, "anonymous") },
		Service: func(ctx context.Context, source string) context.Context {
			return context.WithValue(ctx, principal{}, source)
		},
		Metrics: s.metrics, Logger: slog.New(slog.NewTextHandler(s.log, nil)), Account: "000000000000",
	}
	if change != nil {
		change(&config)
	}
	s.Server = httptest.NewServer(gateway.New(config))
	t.Cleanup(s.Close)
	return s
}

type allowed struct{}

func (allowed) Authorize(context.Context, string, string) error { return nil }
func (allowed) Pass(context.Context, string, string) error      { return nil }

func (s *server) put(t testing.TB, r route.Route) {
	t.Helper()
	if _, err := s.routes.Put(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// usual are the routes of the demo.
func (s *server) usual(t testing.TB) {
	t.Helper()
	s.put(t, route.Route{Path: "/blazingtext", Function: "classify", Config: route.Config{Endpoint: "dbpedia"}})
	s.put(t, route.Route{Path: "/labels", Function: "classify-json", Config: route.Config{Endpoint: "dbpedia"}, Methods: []string{"POST"}})
	s.put(t, route.Route{Path: "/triage", Function: "triage", Methods: []string{"POST"}})
	s.put(t, route.Route{Path: "/broken", Function: "classify", Config: route.Config{Endpoint: "missing"}})
}

type answer struct {
	*http.Response
	body string
}

// do sends a request; headers are "Name: value", and "Host: …" goes where it belongs.
func (s *server) do(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.URL.Opaque = path // sent as it is
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		switch name {
		case "":
		case "Host":
			request.Host = value
		default:
			request.Header.Set(name, value)
		}
	}
	client := &http.Client{
		Transport:     s.Client().Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response, string(text)}
}

func (s *server) observedLast(t *testing.T, want string) {
	t.Helper()
	for range 200 { // the count comes after the answer
		s.metrics.mu.Lock()
		lines := s.metrics.lines
		s.metrics.mu.Unlock()
		if len(lines) > 0 && lines[len(lines)-1] == want {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("the metrics have %q, want %q last", s.metrics.lines, want)
}
