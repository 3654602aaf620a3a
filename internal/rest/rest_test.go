package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/function"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/rest"
	"github.com/heliograph/heliograph/internal/rest/client"
	"github.com/heliograph/heliograph/internal/route"
	"github.com/heliograph/heliograph/internal/store"
)

var rootKey = iam.Key{ID: "AKIATESTTESTTESTTEST", Secret: "a-secret-of-the-test"}

type functions struct{ *function.Registry }

func (f functions) Check(name string, c route.Config) error {
	return f.Registry.Check(name, function.Config(c))
}

type server struct {
	*httptest.Server
	log *bytes.Buffer
}

// start is the API with real routes behind real signatures.
func start(t *testing.T, change func(*rest.Options)) *server {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	auth, err := iam.New(iam.Config{RootKey: rootKey, AccountID: "000000000000", Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	permissions, err := function.NewPolicies(t.Context(), db, "us-east-1", "000000000000")
	if err != nil {
		t.Fatal(err)
	}
	routes, err := route.New(t.Context(), route.Options{DB: db, Permissions: permissions, Authorizer: auth, Roles: auth.ForService("lambda.amazonaws.com", "function"), Role: auth.RoleARN(iam.FunctionRole), Region: "us-east-1", Account: "000000000000",
		Functions: functions{function.NewRegistry(nil, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{log: &bytes.Buffer{}}
	opt := rest.Options{
		Routes: routes, Authorizer: auth,
		Info: func() rest.Info {
			return rest.Info{Version: "1.2.3", Region: "us-east-1", Account: "000000000000", Listeners: rest.Listeners{Public: s.URL, Control: s.URL}}
		},
		RequestID: func(context.Context) string { return "the-request" },
		Logger:    slog.New(slog.NewTextHandler(s.log, nil)),
	}
	if change != nil {
		change(&opt)
	}
	s.Server = httptest.NewUnstartedServer(nil)
	api := rest.New(opt)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			result, err := auth.Verify(r)
			if err != nil {
				rest.WriteError(w, r, err)
				return
			}
			r = r.WithContext(iam.WithPrincipal(r.Context(), result.Principal))
		}
		api.ServeHTTP(w, r)
	})
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *server) client(t *testing.T, change func(*client.Config)) *client.Client {
	t.Helper()
	config := client.Config{URL: s.URL, Region: "us-east-1", AccessKeyID: rootKey.ID, SecretAccessKey: rootKey.Secret}
	if change != nil {
		change(&config)
	}
	c, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func classify(endpoint string) rest.RouteSpec {
	spec := rest.RouteSpec{Function: "classify", Methods: []string{"PUT"}}
	spec.Config.Endpoint, spec.Config.K = endpoint, 2
	return spec
}

func TestRoutesThroughTheClient(t *testing.T) {
	t.Parallel()
	c, ctx := start(t, nil).client(t, nil), t.Context()
	if list, err := c.ListRoutes(ctx); err != nil || len(list) != 0 {
		t.Fatalf("at first: %v, %v", list, err)
	}
	for _, path := range []string{"/blazingtext", "/v1/deep/er~x"} {
		put, err := c.PutRoute(ctx, path, classify("dbpedia"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.GetRoute(ctx, path)
		if err != nil || got.Path != path || got.Function != "classify" || got.Integration != "passthrough" || got.API != "default" ||
			got.Config.Endpoint != "dbpedia" || got.Config.K != 2 || got.Created.IsZero() || !got.Created.Equal(put.Created) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	if list, err := c.ListRoutes(ctx); err != nil || len(list) != 2 || list[0].Path != "/blazingtext" {
		t.Errorf("list: %v, %v", list, err)
	}
	if err := c.DeleteRoute(ctx, "/v1/deep/er~x"); err != nil {
		t.Error(err)
	}
	if _, err := c.GetRoute(ctx, "/v1/deep/er~x"); !errs.Is(err, errs.NotFound) || errs.CodeOf(err) != "NotFoundException" {
		t.Errorf("after Delete: %v", err)
	}
	if info, err := c.Info(ctx); err != nil || info.Version != "1.2.3" || info.Region != "us-east-1" || info.Listeners.Control == "" {
		t.Errorf("info: %+v, %v", info, err)
	}
}

func TestErrorsReachTheClient(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, c := range map[string]struct {
		call func(c *client.Client) error
		kind errs.Kind
		want string
	}{
		"missing":      {func(c *client.Client) error { return c.DeleteRoute(t.Context(), "/nope") }, errs.NotFound, "There is no route /nope."},
		"path":         {func(c *client.Client) error { _, err := c.PutRoute(t.Context(), "/_site/x", classify("e")); return err }, errs.Invalid, "reserved"},
		"path of dots": {func(c *client.Client) error { _, err := c.PutRoute(t.Context(), "/..", classify("e")); return err }, errs.Invalid, ""},
		"percent":      {func(c *client.Client) error { _, err := c.PutRoute(t.Context(), "/a%2fb", classify("e")); return err }, errs.Invalid, `"%"`},
		"function": {func(c *client.Client) error {
			_, err := c.PutRoute(t.Context(), "/a", rest.RouteSpec{Function: "sing"})
			return err
		}, errs.Invalid, `"sing"`},
		"integration": {func(c *client.Client) error {
			_, err := c.PutRoute(t.Context(), "/a", rest.RouteSpec{Function: "classify", Integration: "mock"})
			return err
		}, errs.Invalid, "body.integration"},
		"no function":    {func(c *client.Client) error { _, err := c.PutRoute(t.Context(), "/a", rest.RouteSpec{}); return err }, errs.Invalid, "body.function"},
		"wrong endpoint": {func(c *client.Client) error { _, err := c.PutRoute(t.Context(), "/a", classify("../e")); return err }, errs.Invalid, "not the name of an endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.call(s.client(t, nil))
			if errs.KindOf(err) != c.kind || !strings.Contains(errs.MessageOf(err), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestOnlySignedRequests(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	wrong := s.client(t, func(c *client.Config) { c.SecretAccessKey = "another-secret" })
	if _, err := wrong.ListRoutes(t.Context()); errs.KindOf(err) == errs.Internal || err == nil {
		t.Errorf("a wrong secret: %v", err)
	}
	for _, path := range []string{"/api/v1/routes", "/api/v1/routes/x", "/api/v1/info"} {
		status, body := s.get(t, path)
		if status != 401 {
			t.Errorf("unsigned %s: %d %s", path, status, body)
		}
	}
}

func (s *server) get(t *testing.T, path string) (int, string) {
	t.Helper()
	response, err := s.Client().Get(s.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// signedIn is the API for somebody who may do everything.
func signedIn(t *testing.T, change func(*rest.Options)) (http.Handler, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	auth, err := iam.New(iam.Config{RootKey: rootKey, AccountID: "000000000000", Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	opt := rest.Options{Authorizer: auth, Info: func() rest.Info { return rest.Info{} }, Logger: slog.New(slog.NewTextHandler(log, nil))}
	change(&opt)
	api := rest.New(opt)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.ServeHTTP(w, r.WithContext(iam.WithPrincipal(r.Context(), auth.RootPrincipal())))
	}), log
}

// failing is a service that fails with err, or panics without one.
type failing struct{ err error }

func (f failing) Put(context.Context, route.Route) (route.Route, error) {
	return route.Route{}, f.fail()
}
func (f failing) Get(context.Context, string) (route.Route, error)    { return route.Route{}, f.fail() }
func (f failing) List(context.Context) ([]route.Route, error)         { return nil, f.fail() }
func (f failing) Delete(context.Context, string) (route.Route, error) { return route.Route{}, f.fail() }

func (f failing) fail() error {
	if f.err == nil {
		panic("index out of range")
	}
	return f.err
}

// Each kind of error comes out of the client as it went into the server.
func TestEveryKindGoesThereAndBack(t *testing.T) {
	t.Parallel()
	for kind := errs.Internal; kind <= errs.Precondition; kind++ {
		handler, _ := signedIn(t, func(o *rest.Options) { o.Routes = failing{errs.New(kind, "SomeCode", "In words.")} })
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/routes", nil))
		if got := recorder.Header().Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%v: content type %s", kind, got)
		}
		err := rest.ErrorOf(recorder.Code, recorder.Body.Bytes())
		if errs.KindOf(err) != kind || errs.CodeOf(err) != "SomeCode" || errs.MessageOf(err) != "In words." {
			t.Errorf("%v came back as %v (%v, %s)", kind, err, errs.KindOf(err), errs.CodeOf(err))
		}
	}
	if err := rest.ErrorOf(502, []byte("<html>")); errs.KindOf(err) != errs.Internal || !strings.Contains(err.Error(), "502 Bad Gateway") {
		t.Errorf("an answer of something else: %v", err)
	}
}

func TestFaultsStayInTheLog(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"error": {io.ErrUnexpectedEOF, "unexpected EOF"},
		"panic": {nil, "index out of range"},
	} {
		handler, log := signedIn(t, func(o *rest.Options) {
			o.Routes = failing{c.err}
			o.RequestID = func(context.Context) string { return "the-request" }
		})
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/routes", nil))
		if recorder.Code != 500 || strings.Contains(recorder.Body.String(), c.want) {
			t.Errorf("%s: %d %s", name, recorder.Code, recorder.Body)
		}
		if text := log.String(); !strings.Contains(text, c.want) || !strings.Contains(text, "the-request") {
			t.Errorf("%s: the log is %s", name, text)
		}
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	handler, _ := signedIn(t, func(o *rest.Options) { o.Routes = failing{} }) // a call would panic
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"unknown member":  {"PUT", "/api/v1/routes/a", `{"function": "classify", "colour": "red"}`, 422, "unexpected property"},
		"unknown below":   {"PUT", "/api/v1/routes/a", `{"function": "classify", "config": {"colour": 1}}`, 422, "unexpected property"},
		"wrong type":      {"PUT", "/api/v1/routes/a", `{"function": 7}`, 422, "expected string"},
		"no JSON":         {"PUT", "/api/v1/routes/a", `{"function": `, 400, "JSON"},
		"nothing":         {"PUT", "/api/v1/routes/a", ``, 400, "body is required"},
		"null":            {"PUT", "/api/v1/routes/a", `null`, 422, "expected object"},
		"too long":        {"PUT", "/api/v1/routes/a", `{"function": "` + strings.Repeat("x", 70_000) + `"}`, 413, "too large"},
		"unknown query":   {"GET", "/api/v1/routes?x=1", ``, 422, "query"},
		"unknown path":    {"GET", "/api/v1/nope", ``, 404, "There is no operation GET /api/v1/nope."},
		"unknown method":  {"POST", "/api/v1/routes", ``, 404, "There is no operation POST /api/v1/routes."},
		"no path":         {"GET", "/api/v2", ``, 404, "There is no operation"},
		"long route path": {"GET", "/api/v1/routes/" + strings.Repeat("x", 300), ``, 422, "length"},
	} {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(t.Context(), c.method, c.path, strings.NewReader(c.body))
		request.Header.Set("Content-Type", "application/json")
		handler.ServeHTTP(recorder, request)
		if recorder.Code != c.status || !strings.Contains(recorder.Body.String(), c.want) || recorder.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: got %d %s, want %d with %q", name, recorder.Code, recorder.Body, c.status, c.want)
		}
	}
}

func TestDocumentation(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	status, spec := s.get(t, rest.OpenAPIPath)
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal([]byte(spec), &document); err != nil || status != 200 || !strings.HasPrefix(document.OpenAPI, "3.1") {
		t.Fatalf("%d %v: %s", status, err, spec)
	}
	status, page := s.get(t, rest.DocsPath)
	if status != 200 || regexp.MustCompile(`<script|src=|https?://[^1]`).MatchString(page) {
		t.Errorf("%d: the documentation has scripts or asks others", status)
	}
	operations := 0
	for path, methods := range document.Paths {
		for _, op := range methods {
			operations++
			if op.OperationID == "" || !strings.Contains(page, `id="`+op.OperationID+`"`) || !strings.Contains(page, path) {
				t.Errorf("%s (%s) is not in the documentation", op.OperationID, path)
			}
		}
	}
	if operations < 7 {
		t.Errorf("%d operations", operations)
	}
	for _, member := range []string{"config.endpoint", "routes[].path", "listeners.public"} {
		if !strings.Contains(page, member) {
			t.Errorf("the documentation lacks %s", member)
		}
	}
}

func TestClientConfigurations(t *testing.T) {
	t.Parallel()
	for _, config := range []client.Config{
		{URL: "127.0.0.1:9000", AccessKeyID: "a", SecretAccessKey: "b"},
		{URL: "ftp://x", AccessKeyID: "a", SecretAccessKey: "b"},
		{URL: "http://", AccessKeyID: "a", SecretAccessKey: "b"},
		{URL: "http://127.0.0.1:9000"},
	} {
		if _, err := client.New(config); !errs.Is(err, errs.Invalid) {
			t.Errorf("New(%+v) = %v", config, err)
		}
	}
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	c, err := client.New(client.Config{URL: s.URL, AccessKeyID: "a", SecretAccessKey: "b"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Info(t.Context()); !errs.Is(err, errs.Unavailable) || !strings.Contains(errs.MessageOf(err), "heliograph serve") {
		t.Errorf("without a server: %v", err)
	}
}
