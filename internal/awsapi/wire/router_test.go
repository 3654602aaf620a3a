package wire_test

import (
	"strings"
	"testing"
)

func TestRouting(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		service, method, target, body string
		header                        map[string]string
		status                        int
		want                          string // exact body
		counted                       string
	}{
		"json":             {"sagemaker", "POST", "/", `{"Name": "a&b", "Unknown": [1]}`, target("SageMaker.Greet"), 200, `{"Text":"Hello <a&b>"}`, "sagemaker Greet 200 true"},
		"json 1.0":         {"logs", "POST", "/", `{"Name": "x"}`, target("Logs_20140328.Greet"), 200, `{"Text":"Hello <x>"}`, "logs Greet 200 true"},
		"json, no body":    {"sagemaker", "POST", "/", ``, target("SageMaker.Greet"), 200, `{"Text":"Hello <>"}`, "sagemaker Greet 200 true"},
		"json, no answer":  {"sagemaker", "POST", "/", `{}`, target("SageMaker.Nothing"), 200, ``, "sagemaker Nothing 200 true"},
		"json, no type":    {"sagemaker", "POST", "/", `{}`, map[string]string{"X-Amz-Target": "SageMaker.Nothing"}, 200, ``, "sagemaker Nothing 200 true"},
		"query":            {"sts", "POST", "/", greetQuery, map[string]string{"Content-Type": form + "; charset=utf-8"}, 200, "", "sts Greet 200 true"},
		"query by get":     {"sts", "GET", "/?" + greetQuery, "", nil, 200, "", "sts Greet 200 true"},
		"query, us-east-1": {"sts", "GET", "/?" + greetQuery, "", map[string]string{"Region": "us-east-1"}, 200, "", "sts Greet 200 true"},
		"runtime":          {"sagemaker", "POST", "/endpoints/e/invocations", "text", nil, 200, "text", "sagemaker Invoke 200 true"},
		"bucket endpoints": {"s3", "PUT", "/endpoints/e/invocations", "text", nil, 200, "s3 for " + key.ID + " false", "s3 unknown 200 true"},
		"chunked":          {"s3", "PUT", "/b/k", "", map[string]string{"X-Amz-Content-Sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}, 200, "s3 for " + key.ID + " true", "s3 unknown 200 true"},
		"list buckets":     {"s3", "GET", "/", "", map[string]string{"Accept": "text/html"}, 200, "s3 for " + key.ID + " false", "s3 unknown 200 true"},
		"browser":          {"", "GET", "/", "", map[string]string{"Accept": "text/html,application/xhtml+xml;q=0.9"}, 302, "<a href=\"/console/\">Found</a>.\n\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			w := h.ask(t, key, c.service, c.method, c.target, c.body, c.header)
			if c.service == "sts" {
				c.want = `<GreetResponse xmlns="https://sts.example/"><GreetResult><Text>Hello &lt;a b&amp;c&gt;</Text></GreetResult><ResponseMetadata><RequestId>` +
					w.Header().Get("X-Amzn-Requestid") + `</RequestId></ResponseMetadata></GreetResponse>`
			}
			if w.Code != c.status || w.Body.String() != c.want {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Body, c.status, c.want)
			}
			if got := strings.Join(h.calls, "; "); got != c.counted {
				t.Errorf("counted %q, want %q", got, c.counted)
			}
		})
	}
}

// TestCrossService: a signature for one service never reaches another.
func TestCrossService(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		service, method, target string
		header                  map[string]string
		status                  int
		code                    string
	}{
		"target of another service": {"s3", "POST", "/", target("SageMaker.Greet"), 400, "InvalidSignatureException"},
		"logs with sagemaker":       {"sagemaker", "POST", "/", target("Logs_20140328.Greet"), 400, "InvalidSignatureException"},
		"rest scope":                {"heliograph", "GET", "/bucket/key", nil, 400, "UnknownOperationException"},
		"service not offered":       {"dynamodb", "POST", "/", target("DynamoDB_20120810.ListTables"), 400, "UnknownOperationException"},
		"form not offered":          {"sns", "POST", "/", map[string]string{"Content-Type": form}, 400, "UnknownOperationException"},
		"unsigned, not offered":     {"", "POST", "/", target("DynamoDB_20120810.ListTables"), 400, "MissingAuthenticationTokenException"},
		"target without a dot":      {"sagemaker", "POST", "/", target("SageMaker"), 400, "UnknownOperationException"},
		"unknown operation":         {"sagemaker", "POST", "/", target("SageMaker.CreateAlgorithm"), 400, "UnknownOperationException"},
		"unknown action":            {"sts", "GET", "/?Action=AssumeRole&Version=2011-06-15", nil, 400, "InvalidAction"},
		"other version":             {"sts", "GET", "/?Action=Greet&Version=2010-05-08", nil, 400, "InvalidAction"},
		"no action":                 {"sts", "GET", "/?Version=2011-06-15", nil, 400, "MissingAction"},
		"delete as query":           {"sts", "DELETE", "/?" + greetQuery, nil, 400, "InvalidAction"},
		"get as json":               {"sagemaker", "GET", "/", target("SageMaker.Greet"), 400, "UnknownOperationException"},
		"form as json":              {"sagemaker", "POST", "/", map[string]string{"X-Amz-Target": "SageMaker.Greet", "Content-Type": form}, 400, "SerializationException"},
		"json as form":              {"sts", "POST", "/", map[string]string{"Content-Type": amzJSON}, 400, "SerializationException"},
		"parameter twice":           {"sts", "GET", "/?" + greetQuery + "&Name=b", nil, 400, "MalformedQueryString"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			w := h.ask(t, key, c.service, c.method, c.target, "", c.header)
			if got := readRefusal(t, w); w.Code != c.status || got.code != c.code || got.message == "" {
				t.Errorf("got %d %+v, want %d %s", w.Code, got, c.status, c.code)
			}
		})
	}
}
