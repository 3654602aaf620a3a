package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
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
}

func (f functions) Invoke(ctx context.Context, name string, config function.Config, event []byte) ([]byte, error) {
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
	f := functions{function.NewRegistry(invoker{}, triager{}), s.extra}
	s.routes, err = route.New(t.Context(), route.Options{DB: db, Authorizer: allowed{}, Functions: f, Region: "us-east-1", Account: "000000000000"})
	if err != nil {
		t.Fatal(err)
	}
	config := gateway.Config{
		Routes: s.routes, Functions: f, Sites: blobs, Authorizer: s.auth,
		Anonymous: func(ctx context.Context) context.Context { return context.WithValue(ctx, principal{}, "anonymous") },
		Metrics:   s.metrics, Logger: slog.New(slog.NewTextHandler(s.log, nil)), Account: "000000000000",
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

func TestTheOriginalCall(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.usual(t)
	const body = `{"body": "Michael Jackson was the greatest singer and dancer in the world"}`
	const want = `{"statusCode": 200, "headers": {"Access-Control-Allow-Headers": "Content-Type", "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "OPTIONS,POST,GET"}, "body": "The predicted label is Artist with a probability of 96.6%"}`
	for name, c := range map[string]struct {
		path    string
		headers []string
	}{
		"own path":   {"/blazingtext", []string{"Content-Type: application/json"}},
		"curl -d":    {"/blazingtext", []string{"Content-Type: application/x-www-form-urlencoded"}},
		"fetch":      {"/blazingtext", []string{"Content-Type: text/plain;charset=UTF-8"}},
		"no type":    {"/blazingtext", nil},
		"api path":   {"/_api/default/prod/blazingtext", nil},
		"api host":   {"/prod/blazingtext", []string{"Host: default.execute-api.localhost:8080"}},
		"upper case": {"/prod/blazingtext", []string{"Host: Default.Execute-API.LOCALHOST"}},
		"query":      {"/blazingtext?x=1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.do(t, "PUT", c.path, body, c.headers...)
			if got.StatusCode != 200 || got.body != want || got.Header.Get("Content-Type") != "application/json" {
				t.Errorf("got %d %s", got.StatusCode, got.body)
			}
			for header, pattern := range map[string]string{
				"X-Amzn-Trace-Id":             `^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$`,
				"X-Amzn-Requestid":            `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
				"X-Amz-Apigw-Id":              `^[A-Za-z0-9+/]{15}=$`,
				"Access-Control-Allow-Origin": `^\*$`,
			} {
				if value := got.Header.Get(header); !regexp.MustCompile(pattern).MatchString(value) {
					t.Errorf("%s: %q", header, value)
				}
			}
		})
	}
}

func TestProxiedAnswers(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.usual(t)
	got := s.do(t, "POST", "/triage", `{"text": "12345"}`, "Content-Type: application/json")
	if got.StatusCode != 200 || got.body != `{"priority":5}` || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("triage: %d %s", got.StatusCode, got.body)
	}
	got = s.do(t, "POST", "/labels", "just text", "Content-Type: text/plain")
	if got.StatusCode != 200 || !strings.HasPrefix(got.body, `{"label":"Artist","probability":0.966,`) {
		t.Errorf("labels: %d %s", got.StatusCode, got.body)
	}
	s.observedLast(t, "/labels POST 200")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.usual(t)
	for name, c := range map[string]struct {
		method, path, body, contentType string
		status                          int
		want                            string
	}{
		"unknown":        {"PUT", "/nope", `{}`, "", 403, `{"message":"Missing Authentication Token"}`},
		"root":           {"GET", "/", ``, "", 403, `{"message":"Missing Authentication Token"}`},
		"wrong method":   {"GET", "/blazingtext", ``, "", 403, `{"message":"Missing Authentication Token"}`},
		"made-up method": {"BREW", "/blazingtext", ``, "", 403, `{"message":"Missing Authentication Token"}`},
		"slash behind":   {"PUT", "/blazingtext/", `{}`, "", 403, `{"message":"Missing Authentication Token"}`},
		"unknown api":    {"PUT", "/_api/nope/prod/blazingtext", `{}`, "", 403, `{"message":"Forbidden"}`},
		"unknown stage":  {"PUT", "/_api/default/dev/blazingtext", `{}`, "", 403, `{"message":"Forbidden"}`},
		"bare api":       {"PUT", "/_api", `{}`, "", 403, `{"message":"Forbidden"}`},
		"image":          {"PUT", "/blazingtext", `{"body": "x"}`, "image/png", 415, `{"message":"Unsupported Media Type"}`},
		"form":           {"PUT", "/blazingtext", `body=x`, "application/x-www-form-urlencoded", 415, `{"message":"Unsupported Media Type"}`},
		"no media type":  {"PUT", "/blazingtext", `{"body": "x"}`, ";;", 415, `{"message":"Unsupported Media Type"}`},
		"half JSON":      {"PUT", "/blazingtext", `{"body": `, "application/json", 400, `{"message":"Could not parse request body into json: Unexpected end of input"}`},
		"no JSON":        {"PUT", "/blazingtext", `hello`, "application/json", 400, `{"message":"Could not parse request body into json: Unexpected character at byte 1"}`},
		"empty":          {"PUT", "/blazingtext", ``, "application/json", 400, "has no text"},
		"string":         {"PUT", "/blazingtext", `"text"`, "application/json", 400, "not an object"},
		"no text":        {"POST", "/triage", `{}`, "application/json", 400, `{"message": "The request has no text.`},
		"no endpoint":    {"PUT", "/broken", `{"body": "x"}`, "application/json", 503, "does not exist or is not in service"},
		"fault":          {"PUT", "/blazingtext", `{"body": "fault"}`, "application/json", 502, `{"message": "Internal server error"}`},
		"panic":          {"PUT", "/blazingtext", `{"body": "panic"}`, "application/json", 502, `{"message": "Internal server error"}`},
		"declared long":  {"PUT", "/blazingtext", `{"body": "` + strings.Repeat("x", gateway.MaxBody) + `"}`, "application/json", 413, `{"message":"Request Too Long"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			headers := []string{}
			if c.contentType != "" {
				headers = append(headers, "Content-Type: "+c.contentType)
			}
			got := s.do(t, c.method, c.path, c.body, headers...)
			if got.StatusCode != c.status || !strings.Contains(got.body, c.want) {
				t.Errorf("got %d %s, want %d %s", got.StatusCode, got.body, c.status, c.want)
			}
			if got.Header.Get("X-Amzn-Requestid") == "" || got.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("the headers are %v", got.Header)
			}
			if strings.Contains(got.body, "fire") || strings.Contains(got.body, "range") {
				t.Errorf("%s shows internals", got.body)
			}
			if c.status == 502 && !strings.Contains(s.log.String(), got.Header.Get("X-Amzn-Requestid")) {
				t.Error("the log doesn't have the cause under the request's id")
			}
		})
	}
}

func TestLongBodyWithoutLength(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.usual(t)
	request, err := http.NewRequestWithContext(t.Context(), "PUT", s.URL+"/blazingtext", io.LimitReader(endless{}, gateway.MaxBody+1))
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); response.StatusCode != 413 {
		t.Errorf("got %d %s", response.StatusCode, body)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// A body that stops halfway is answered when its time is up, and a connection
// on which one came in time is good for the next request long after.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *gateway.Config) { c.BodyTimeout = 300 * time.Millisecond })
	s.usual(t)
	talk := func(conn net.Conn, text string) *http.Response {
		t.Helper()
		if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		return response
	}
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	if got := talk(dial(), "PUT /blazingtext HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{"); got.StatusCode != 408 || !got.Close {
		t.Errorf("half a body: %d, close %v", got.StatusCode, got.Close)
	}
	for _, path := range []string{"/nope", "/_site/x/"} {
		if got := talk(dial(), "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{"); got.StatusCode != 403 && got.StatusCode != 405 {
			t.Errorf("half a body for %s: %d", path, got.StatusCode)
		}
	}
	conn := dial()
	for range 2 {
		if got := talk(conn, "PUT /blazingtext HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{\"body\": \"x\"}"); got.StatusCode != 200 {
			t.Errorf("a whole body: %d", got.StatusCode)
		}
		time.Sleep(500 * time.Millisecond)
	}
}

func TestCompressedBodiesAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.usual(t)
	if got := s.do(t, "PUT", "/blazingtext", "x", "Content-Encoding: gzip"); got.StatusCode != 415 {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.usual(t)
	got := s.do(t, "OPTIONS", "/blazingtext", "", "Origin: http://example.org", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: content-type")
	if got.StatusCode != 200 || got.body != "" || got.Header.Get("Access-Control-Allow-Origin") != "*" ||
		got.Header.Get("Access-Control-Allow-Methods") != "OPTIONS,POST,PUT" || !strings.Contains(got.Header.Get("Access-Control-Allow-Headers"), "Content-Type") {
		t.Errorf("got %d %v", got.StatusCode, got.Header)
	}
	if got := s.do(t, "OPTIONS", "/nope", ""); got.StatusCode != 403 {
		t.Errorf("unknown: %d", got.StatusCode)
	}
}

func TestTheTraceGoesOn(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.usual(t)
	for given, want := range map[string]string{
		"Root=1-67891233-abcdef012345678912345678":                           "Root=1-67891233-abcdef012345678912345678",
		"Self=1-x;Root=1-67891233-abcdef012345678912345678;Parent=1;Lineage": "Root=1-67891233-abcdef012345678912345678",
	} {
		if got := s.do(t, "OPTIONS", "/triage", "", "X-Amzn-Trace-Id: "+given); got.Header.Get("X-Amzn-Trace-Id") != want {
			t.Errorf("%s became %s", given, got.Header.Get("X-Amzn-Trace-Id"))
		}
	}
	if got := s.do(t, "OPTIONS", "/triage", "", "X-Amzn-Trace-Id: Root=1-x"); !strings.HasPrefix(got.Header.Get("X-Amzn-Trace-Id"), "Root=1-") || len(got.Header.Get("X-Amzn-Trace-Id")) != 40 {
		t.Errorf("a broken trace became %s", got.Header.Get("X-Amzn-Trace-Id"))
	}
}

func TestFunctionsOutOfTimeOrPlace(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *gateway.Config) { c.Timeout, c.Concurrency = 300*time.Millisecond, 1 })
	s.usual(t)
	release := make(chan struct{})
	s.extra["stubborn"] = func([]byte) ([]byte, error) { <-release; return []byte(`{}`), nil }
	s.put(t, route.Route{Path: "/stubborn", Function: "stubborn", Integration: route.Passthrough})

	got := s.do(t, "PUT", "/blazingtext", `{"body": "slow"}`)
	if got.StatusCode != 504 || got.body != `{"message": "Endpoint request timed out"}` {
		t.Errorf("slow: %d %s", got.StatusCode, got.body)
	}
	got = s.do(t, "PUT", "/stubborn", `{}`)
	if got.StatusCode != 504 {
		t.Errorf("stubborn: %d %s", got.StatusCode, got.body)
	}
	// The function that doesn't stop still has the only place.
	got = s.do(t, "PUT", "/blazingtext", `{"body": "x"}`)
	if got.StatusCode != 429 || got.body != `{"message":"Too Many Requests"}` {
		t.Errorf("busy: %d %s", got.StatusCode, got.body)
	}
	close(release)
	for range 200 {
		if got = s.do(t, "PUT", "/blazingtext", `{"body": "x"}`); got.StatusCode == 200 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("afterwards: %d %s", got.StatusCode, got.body)
}

func TestProxyIntegrations(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const broken = `{"message": "Internal server error"}`
	for name, c := range map[string]struct {
		response    string
		status      int
		contentType string
		body        string
		header      string // a line that the answer has
	}{
		"plain":           {`{"statusCode": 201, "headers": {"X-Of": "a"}, "body": "made"}`, 201, "application/json", "made", "X-Of: a"},
		"typed":           {`{"statusCode": 200, "headers": {"content-type": "text/html"}, "body": "<p>"}`, 200, "text/html", "<p>", ""},
		"base64":          {`{"statusCode": 200, "body": "AP8=", "isBase64Encoded": true}`, 200, "application/json", "\x00\xff", ""},
		"several":         {`{"statusCode": 200, "headers": {"X-Of": "lost"}, "multiValueHeaders": {"X-Of": ["a", "b"]}, "body": ""}`, 200, "application/json", "", "X-Of: a b"},
		"connection":      {`{"statusCode": 200, "headers": {"Transfer-Encoding": "chunked", "Content-Length": "900"}, "body": "x"}`, 200, "application/json", "x", "Content-Length: 1"},
		"split-header":    {`{"statusCode": 200, "headers": {"X-Of": "a\r\nSet-Cookie: b=c", "X Of": "d"}, "body": "x"}`, 200, "application/json", "x", "Set-Cookie: "},
		"no-content":      {`{"statusCode": 204, "body": ""}`, 204, "application/json", "", ""},
		"origin":          {`{"statusCode": 200, "headers": {"access-control-allow-origin": "https://example.org"}, "body": "x"}`, 200, "application/json", "x", "Access-Control-Allow-Origin: https://example.org"},
		"no-status":       {`{"body": "x"}`, 502, "application/json", broken, ""},
		"status-100":      {`{"statusCode": 100, "body": "x"}`, 502, "application/json", broken, ""},
		"status-1000":     {`{"statusCode": 1000, "body": "x"}`, 502, "application/json", broken, ""},
		"body-not-string": {`{"statusCode": 200, "body": {"a": 1}}`, 502, "application/json", broken, ""},
		"not-json":        {`oops`, 502, "application/json", broken, ""},
		"list":            {`[]`, 502, "application/json", broken, ""},
		"bad-base64":      {`{"statusCode": 200, "body": "%", "isBase64Encoded": true}`, 502, "application/json", broken, ""},
		"too-long":        {`{"statusCode": 200, "body": "` + strings.Repeat("x", gateway.MaxBody+1) + `"}`, 502, "application/json", broken, ""},
	} {
		s.extra[name] = func([]byte) ([]byte, error) { return []byte(c.response), nil }
		s.put(t, route.Route{Path: "/" + name, Function: name, Integration: route.Proxy, Methods: []string{"GET"}})
		got := s.do(t, "GET", "/"+name, "")
		if got.StatusCode != c.status || got.Header.Get("Content-Type") != c.contentType || got.body != c.body {
			t.Errorf("%s: got %d %s %.100q", name, got.StatusCode, got.Header.Get("Content-Type"), got.body)
		}
		if header, value, ok := strings.Cut(c.header, ": "); ok && strings.Join(got.Header[header], " ") != value {
			t.Errorf("%s: the headers are %v, want %s", name, got.Header, c.header)
		}
	}
	s.extra["forger"] = func([]byte) ([]byte, error) {
		return []byte(`{"statusCode": 200, "headers": {"x-amzn-requestid": "forged"}, "body": "x"}`), nil
	}
	s.put(t, route.Route{Path: "/forger", Function: "forger", Integration: route.Proxy})
	if got := s.do(t, "PUT", "/forger", ""); got.Header.Get("X-Amzn-Requestid") == "forged" {
		t.Error("a function may choose the request's id")
	}
}

func TestPassthroughGivesTheWholeResponse(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, c := range map[string]struct {
		response string
		status   int
	}{
		"list":     {`[1, 2]`, 200},
		"string":   {`"text"`, 200},
		"created":  {`{"statusCode": 201}`, 200},
		"failed":   {`{"statusCode": 422, "body": "no"}`, 422},
		"odd":      {`{"statusCode": "422"}`, 200},
		"past":     {`{"statusCode": 600}`, 200},
		"not-json": {`oops`, 502},
	} {
		s.extra[name] = func([]byte) ([]byte, error) { return []byte(c.response), nil }
		s.put(t, route.Route{Path: "/" + name, Function: name, Integration: route.Passthrough})
		got := s.do(t, "POST", "/"+name, `{}`)
		if got.StatusCode != c.status || c.status != 502 && got.body != c.response {
			t.Errorf("%s: got %d %s", name, got.StatusCode, got.body)
		}
	}
}

// The event is the one that API Gateway sends.
func TestProxyEvent(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.extra["echo"] = func(event []byte) ([]byte, error) {
		return json.Marshal(map[string]any{"statusCode": 200, "body": string(event)})
	}
	s.put(t, route.Route{Path: "/v1/echo", Function: "echo", Integration: route.Proxy})
	got := s.do(t, "POST", "/_api/default/prod/v1/echo?a=1&a=2&b=%20", "\xff\x00", "Content-Type: application/octet-stream", "X-Forwarded-For: 6.6.6.6")
	var event struct {
		Resource, Path, HTTPMethod, Body string
		Headers                          map[string]string
		IsBase64Encoded                  bool
		QueryStringParameters            map[string]string
		MultiValueQueryStringParameters  map[string][]string
		RequestContext                   struct {
			AccountID, APIID, Stage, RequestID, HTTPMethod, Path, ResourcePath, RequestTime string
			RequestTimeEpoch                                                                int64
			Identity                                                                        struct{ SourceIP string }
		}
	}
	if err := json.Unmarshal([]byte(got.body), &event); err != nil {
		t.Fatalf("%s: %v", got.body, err)
	}
	c := event.RequestContext
	if event.Path != "/v1/echo" || event.HTTPMethod != "POST" || event.Body != "/wA=" || !event.IsBase64Encoded ||
		event.QueryStringParameters["a"] != "2" || len(event.MultiValueQueryStringParameters["a"]) != 2 || event.QueryStringParameters["b"] != " " ||
		event.Headers["Content-Type"] != "application/octet-stream" || event.Headers["X-Forwarded-For"] != "127.0.0.1" {
		t.Errorf("the event is %+v", event)
	}
	if c.AccountID != "000000000000" || c.APIID != "default" || c.Stage != "prod" || c.RequestID != got.Header.Get("X-Amzn-Requestid") ||
		c.Identity.SourceIP != "127.0.0.1" || c.Path != "/_api/default/prod/v1/echo" || time.Since(time.UnixMilli(c.RequestTimeEpoch)) > time.Minute {
		t.Errorf("the context is %+v", c)
	}
}

func TestNothingRunsWithoutPermission(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ran := false
	s.extra["f"] = func([]byte) ([]byte, error) { ran = true; return []byte(`{}`), nil }
	s.put(t, route.Route{Path: "/f", Function: "f", Integration: route.Passthrough})
	s.auth.deny = "execute-api:Invoke arn:aws:execute-api:us-east-1:000000000000:default/prod/PUT/f"
	got := s.do(t, "PUT", "/f", `{}`)
	if got.StatusCode != 403 || !strings.HasPrefix(got.body, `{"Message":"User: anonymous is not authorized`) || ran {
		t.Errorf("got %d %s, ran %v", got.StatusCode, got.body, ran)
	}
	if got := s.do(t, "POST", "/f", `{}`); got.StatusCode != 200 || !ran {
		t.Errorf("the other method: %d %s", got.StatusCode, got.body)
	}
}

// A gateway whose principal is missing refuses everything.
func TestWithoutPrincipal(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *gateway.Config) { c.Anonymous = func(ctx context.Context) context.Context { return ctx } })
	s.usual(t)
	if got := s.do(t, "PUT", "/blazingtext", `{"body": "x"}`); got.StatusCode != 403 {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
}

func FuzzBody(f *testing.F) {
	for _, seed := range []struct{ contentType, body string }{
		{"application/json", `{"body": "x"}`}, {"", ``}, {"text/plain", "x"}, {"application/vnd.x+json", `[`}, {"\x00", `{}`}, {"a/b; c", `"`}, {"application/json", "\xff"},
	} {
		f.Add(seed.contentType, []byte(seed.body), "/blazingtext")
	}
	f.Add("", []byte(`{"text": "x"}`), "/triage")
	f.Add("", []byte(``), "/_api/default/prod/blazingtext")
	f.Add("", []byte(``), "/_site/../x")
	s := start(f, func(c *gateway.Config) { c.Timeout = time.Second })
	s.usual(f)
	handler := s.Config.Handler
	f.Fuzz(func(t *testing.T, contentType string, body []byte, path string) {
		request := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		request.URL.Path = path
		request.Header.Set("Content-Type", contentType)
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		response := recorder.Result()
		switch response.StatusCode {
		case 200, 400, 403, 404, 405, 413, 415, 502, 503, 504:
		default:
			t.Fatalf("%s %q: status %d", path, body, response.StatusCode)
		}
		if strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") && !json.Valid(recorder.Body.Bytes()) {
			t.Fatalf("%s %q: answer %q", path, body, recorder.Body)
		}
	})
}
