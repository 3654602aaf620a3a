package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/gateway"
	"github.com/heliograph/heliograph/internal/route"
)

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

// TestRoutesRunFunctionsAsThemselves takes away the permission of one route.
func TestRoutesRunFunctionsAsThemselves(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.usual(t)
	s.auth.deny = "lambda:InvokeFunction classify for arn:aws:execute-api:us-east-1:000000000000:default/prod/PUT/blazingtext"
	for method, want := range map[string]int{"PUT": 500, "POST": 200} {
		got := s.do(t, method, "/blazingtext", `{"body": "a song"}`)
		if got.StatusCode != want || want == 500 && (got.body != `{"message": "Internal server error"}` || got.Header.Get("X-Amzn-Errortype") != "InternalServerErrorException") {
			t.Errorf("%s: %d %s, want %d", method, got.StatusCode, got.body, want)
		}
	}
	if log := s.log.String(); !strings.Contains(log, "not authorized to perform: lambda:InvokeFunction") {
		t.Errorf("the log is %s", log)
	}
}
