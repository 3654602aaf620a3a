package gateway_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/gateway"
	"github.com/heliograph/heliograph/internal/route"
)

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
