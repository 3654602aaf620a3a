package gateway_test

import (
	"regexp"
	"strings"
	"testing"
)

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
