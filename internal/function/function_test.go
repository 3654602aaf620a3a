package function_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/function"
)

// endpoints answers like InvokeEndpoint, by the endpoint's name, and keeps the
// last request.
type endpoints struct {
	answers map[string]string
	err     error

	endpoint, contentType, body string
}

func (e *endpoints) InvokeEndpoint(_ context.Context, endpoint, contentType string, body []byte) ([]byte, error) {
	e.endpoint, e.contentType, e.body = endpoint, contentType, string(body)
	if e.err != nil {
		return nil, e.err
	}
	answer, ok := e.answers[endpoint]
	if !ok {
		return nil, errs.New(errs.Invalid, "ValidationError", "Endpoint %s of account 000000000000 not found.", endpoint)
	}
	return []byte(answer), nil
}

type triager func(text string) (any, error)

func (f triager) Triage(_ context.Context, text string) (any, error) { return f(text) }

const dbpedia = `[{"label": ["__label__Artist", "__label__Film", "__label__Album"], "prob": [0.9657, 0.0213, 0.0098]}]`

// invoke runs a function and fails the test if it errs.
func invoke(t *testing.T, e *endpoints, name string, config function.Config, event string) string {
	t.Helper()
	response, err := function.NewRegistry(e, nil).Invoke(t.Context(), name, config, []byte(event))
	if err != nil {
		t.Fatalf("Invoke(%s): %v", event, err)
	}
	return string(response)
}

// The answer of the original architecture, byte by byte.
func TestClassifyAnswersAsTheOriginal(t *testing.T) {
	t.Parallel()
	e := &endpoints{answers: map[string]string{"blazingtext": dbpedia}}
	got := invoke(t, e, function.Classify, function.Config{Endpoint: "blazingtext"},
		`{"body": "Michael Jackson was the greatest singer and dancer in the world"}`)
	const want = `{"statusCode": 200, "headers": {"Access-Control-Allow-Headers": "Content-Type", "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "OPTIONS,POST,GET"}, "body": "The predicted label is Artist with a probability of 96.6%"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if e.contentType != "application/json" ||
		e.body != `{"instances": ["michael jackson was the greatest singer and dancer in the world"], "configuration": {"k": 1}}` {
		t.Errorf("asked %s: %s", e.contentType, e.body)
	}
}

func TestEventsAndTheirAnswers(t *testing.T) {
	t.Parallel()
	proxy := func(body string, base64 bool, headers map[string]string) string {
		event, err := json.Marshal(events.APIGatewayProxyRequest{HTTPMethod: "POST", Path: "/x", Headers: headers, Body: body, IsBase64Encoded: base64})
		if err != nil {
			t.Fatal(err)
		}
		return string(event)
	}
	v2, err := json.Marshal(events.APIGatewayV2HTTPRequest{Version: "2.0", RouteKey: "POST /x", Body: `{"text": "Hello, world"}`})
	if err != nil {
		t.Fatal(err)
	}
	const sentence = "The predicted label is Artist with a probability of 96.6%"
	asJSON := map[string]string{"content-type": "application/json; charset=utf-8"}
	for name, c := range map[string]struct {
		event  string
		status int
		body   string // a part of it
		proxy  bool
	}{
		"body":                    {`{"body": "Hello, world"}`, 200, sentence, false},
		"text":                    {`{"text": "Hello, world"}`, 200, sentence, false},
		"other members":           {`{"body": "Hello, world", "source": 7, "httpMethod": 3}`, 200, sentence, false},
		"proxy with JSON":         {proxy(`{"body": "Hello, world"}`, false, asJSON), 200, sentence, true},
		"proxy with text":         {proxy("Hello, world", false, nil), 200, sentence, true},
		"proxy in base64":         {proxy(base64.StdEncoding.EncodeToString([]byte(`{"body": "Hello, world"}`)), true, asJSON), 200, sentence, true},
		"proxy of version 2":      {string(v2), 200, sentence, true},
		"nothing":                 {``, 400, "no body", false},
		"not JSON":                {`Hello, world`, 400, "not valid JSON", false},
		"half JSON":               {`{"body": "Hel`, 400, "not valid JSON", false},
		"a string":                {`"{\"body\": \"Hello\"}"`, 400, "not an object", false},
		"null":                    {`null`, 400, "not an object", false},
		"a list":                  {`[{"body": "Hello"}]`, 400, "not an object", false},
		"no text":                 {`{}`, 400, "has no text", false},
		"null text":               {`{"body": null}`, 400, "has no text", false},
		"a number":                {`{"body": 7}`, 400, `"body" is not a string`, false},
		"an object":               {`{"text": {"body": "x"}}`, 400, `"text" is not a string`, false},
		"both":                    {`{"text": "x", "body": "x"}`, 400, "both", false},
		"empty":                   {`{"body": ""}`, 400, "empty", false},
		"white":                   {`{"body": " \n\t\u00a0<br>\u200b"}`, 400, "empty", false},
		"too long":                {`{"body": "` + strings.Repeat("x", function.MaxText+1) + `"}`, 413, "1048577 bytes", false},
		"proxy without body":      {`{"requestContext": {}, "body": null}`, 400, "no body", true},
		"proxy with half JSON":    {proxy(`{"body": "Hel`, false, asJSON), 400, "not valid JSON", true},
		"proxy with a list":       {proxy(`["Hello"]`, false, asJSON), 400, "not an object", true},
		"proxy with bad base64":   {proxy(`%%%`, true, nil), 400, "base64", true},
		"proxy with other bytes":  {proxy(base64.StdEncoding.EncodeToString([]byte{0xff, 0xfe}), true, nil), 400, "UTF-8", true},
		"proxy of the wrong type": {`{"requestContext": {}, "body": 7}`, 400, "wrong type", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &endpoints{answers: map[string]string{"e": dbpedia}}
			response := invoke(t, e, function.Classify, function.Config{Endpoint: "e"}, c.event)
			var got events.APIGatewayProxyResponse
			if err := json.Unmarshal([]byte(response), &got); err != nil {
				t.Fatalf("the response %s: %v", response, err)
			}
			if got.StatusCode != c.status || !strings.Contains(got.Body, c.body) {
				t.Errorf("answered %d %q, want %d with %q", got.StatusCode, got.Body, c.status, c.body)
			}
			if _, typed := got.Headers["Content-Type"]; typed != c.proxy {
				t.Errorf("the headers are %v", got.Headers)
			}
			if c.status == 200 && !strings.Contains(e.body, `"hello , world"`) {
				t.Errorf("asked %s", e.body)
			}
			if c.status != 200 && e.endpoint != "" {
				t.Error("the endpoint was asked")
			}
			if c.status != 200 && c.proxy && !json.Valid([]byte(got.Body)) {
				t.Errorf("the body %q is not JSON", got.Body)
			}
		})
	}
}

func TestClassifyWords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config function.Config
		answer string
		want   string
	}{
		"three":    {function.Config{K: 3}, dbpedia, "The predicted label is Artist with a probability of 96.6%, followed by Film with 2.1% and Album with 1.0%"},
		"wording":  {function.Config{K: 3, Answer: "{label}: {probability} ({label})"}, dbpedia, "Artist: 96.6% (Artist), followed by Film with 2.1% and Album with 1.0%"},
		"over one": {function.Config{}, `[{"prob": [1.00001], "label": ["__label__x"]}]`, "The predicted label is x with a probability of 100.0%"},
		"quoted":   {function.Config{}, `[{"prob": [0.5], "label": ["__label__<a&\"b\">"]}]`, `The predicted label is <a&"b"> with a probability of 50.0%`},
		"none":     {function.Config{}, `[{"prob": [], "label": []}]`, "No label can be predicted: the model knows none of the text's words"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.config.Endpoint = "e"
			response := invoke(t, &endpoints{answers: map[string]string{"e": c.answer}}, function.Classify, c.config, `{"body": "x"}`)
			var got events.APIGatewayProxyResponse
			if err := json.Unmarshal([]byte(response), &got); err != nil || got.Body != c.want {
				t.Errorf("got %q (%v), want %q", got.Body, err, c.want)
			}
		})
	}
}

func TestClassifyJSON(t *testing.T) {
	t.Parallel()
	e := &endpoints{answers: map[string]string{"e": dbpedia}}
	response := invoke(t, e, function.ClassifyJSON, function.Config{Endpoint: "e"}, `{"requestContext": {}, "body": "x"}`)
	var got events.APIGatewayProxyResponse
	if err := json.Unmarshal([]byte(response), &got); err != nil {
		t.Fatal(err)
	}
	const want = `{"label":"Artist","probability":0.9657,"probabilities":[{"label":"Artist","probability":0.9657},{"label":"Film","probability":0.0213},{"label":"Album","probability":0.0098}]}`
	if got.StatusCode != 200 || got.Body != want || got.Headers["Content-Type"] != "application/json" {
		t.Errorf("got %+v", got)
	}
	if !strings.Contains(e.body, `"k": 1000000`) {
		t.Errorf("asked %s, want all labels", e.body)
	}
}

func TestTriageGivesWhatTheTriagerSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		status int
		body   string
	}{
		"answer":      {nil, 200, `{"heard":"My bill"}`},
		"unavailable": {errs.New(errs.Unavailable, "", "No endpoint."), 503, `{"message": "No endpoint."}`},
		"invalid":     {errs.Invalidf("No words."), 400, `{"message": "No words."}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := function.NewRegistry(&endpoints{}, triager(func(text string) (any, error) {
				return map[string]string{"heard": text}, c.err
			}))
			response, err := r.Invoke(t.Context(), function.Triage, function.Config{}, []byte(`{"requestContext": {}, "body": "{\"text\": \"My bill\"}"}`))
			if err != nil {
				t.Fatal(err)
			}
			var got events.APIGatewayProxyResponse
			if err := json.Unmarshal(response, &got); err != nil || got.StatusCode != c.status || got.Body != c.body {
				t.Errorf("got %+v (%v)", got, err)
			}
		})
	}
}

func TestEndpointsThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	cause := errors.New("the disk is on fire")
	for name, c := range map[string]struct {
		answer string
		err    error
		status int // 0: an error for the log
		body   string
	}{
		"missing":     {"", nil, 503, `"e" does not exist or is not in service`},
		"not ready":   {"", errs.New(errs.Unavailable, "ModelNotReadyException", "Loading."), 503, "Try again"},
		"throttled":   {"", errs.New(errs.Throttled, "ThrottlingException", "Rate exceeded."), 503, "Try again"},
		"model error": {"", errs.New(errs.Invalid, "ModelError", "secret"), 503, "log of the endpoint"},
		"vectors":     {`[{"vector": [0.1], "word": "x"}]`, nil, 503, "not a text classifier"},
		"lengths":     {`[{"label": ["__label__a"], "prob": []}]`, nil, 503, "not a text classifier"},
		"no number":   {`[{"label": ["__label__a"], "prob": [null]}]`, nil, 503, "not a number"},
		"two answers": {`[{"label": [], "prob": []}, {"label": [], "prob": []}]`, nil, 503, "not a text classifier"},
		"not JSON":    {`oops`, nil, 503, "not a text classifier"},
		"denied":      {"", errs.New(errs.Denied, "AccessDeniedException", "No."), 0, ""},
		"fault":       {"", cause, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &endpoints{err: c.err}
			if c.answer != "" {
				e.answers = map[string]string{"e": c.answer}
			}
			response, err := function.NewRegistry(e, nil).Invoke(t.Context(), function.Classify, function.Config{Endpoint: "e"}, []byte(`{"body": "x"}`))
			if c.status == 0 {
				if !errors.Is(err, c.err) {
					t.Errorf("got %s, %v, want the cause", response, err)
				}
				return
			}
			var got events.APIGatewayProxyResponse
			if err != nil || json.Unmarshal(response, &got) != nil || got.StatusCode != c.status || !strings.Contains(got.Body, c.body) {
				t.Errorf("got %s (%v), want %d with %q", response, err, c.status, c.body)
			}
			if strings.Contains(got.Body, "secret") || strings.Contains(got.Body, "000000000000") {
				t.Errorf("%q shows internals", got.Body)
			}
		})
	}
}

func TestConfigurationsThatCannotRun(t *testing.T) {
	t.Parallel()
	r := function.NewRegistry(&endpoints{}, triager(func(string) (any, error) { return nil, nil }))
	for name, c := range map[string]struct {
		function string
		config   function.Config
		want     string
	}{
		"unknown":       {"sing", function.Config{}, "classify, classify-json, triage"},
		"no endpoint":   {function.Classify, function.Config{}, "needs the name of an endpoint"},
		"bad endpoint":  {function.Classify, function.Config{Endpoint: "../x"}, "not the name of an endpoint"},
		"long endpoint": {function.ClassifyJSON, function.Config{Endpoint: strings.Repeat("e", 64)}, "63"},
		"negative k":    {function.Classify, function.Config{Endpoint: "e", K: -1}, "from 1 to 1000"},
		"high k":        {function.ClassifyJSON, function.Config{Endpoint: "e", K: 1001}, "from 1 to 1000"},
		"placeholder":   {function.Classify, function.Config{Endpoint: "e", Answer: "{label} {score}"}, "{score}"},
		"no label":      {function.Classify, function.Config{Endpoint: "e", Answer: "Hello"}, "{label}"},
		"wording":       {function.ClassifyJSON, function.Config{Endpoint: "e", Answer: "{label}"}, "does not word"},
		"triage":        {function.Triage, function.Config{Endpoint: "e"}, "takes no endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := r.Check(c.function, c.config); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	for _, ok := range []function.Config{{Endpoint: "e"}, {Endpoint: "a-1", K: 1000, Answer: "It is {label}"}} {
		if err := r.Check(function.Classify, ok); err != nil {
			t.Errorf("Check(%+v) = %v", ok, err)
		}
	}
	if r.Proxied(function.Classify) || !r.Proxied(function.Triage) || !r.Proxied(function.ClassifyJSON) {
		t.Error("classify alone is for passthrough")
	}
}

// Whatever the event, the response is one: valid JSON with a status and a body.
func FuzzEvent(f *testing.F) {
	for _, seed := range []string{
		`{"body": "Hello"}`, `{"text": "Hello"}`, `{"body": null}`, `"x"`, `{"requestContext": {}, "body": "{\"text\": \"x\"}"}`,
		`{"requestContext": {}, "body": "eA==", "isBase64Encoded": true}`, `{"requestContext": {"x": 1}, "headers": {"Content-Type": "application/json"}, "body": "["}`,
		"{\"body\": \"\\ud800\"}", "\xff", `{"body": "</script> "}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		e := &endpoints{answers: map[string]string{"e": dbpedia}}
		response, err := function.NewRegistry(e, nil).Invoke(t.Context(), function.Classify, function.Config{Endpoint: "e"}, event)
		if err != nil {
			t.Fatalf("Invoke(%q): %v", event, err)
		}
		var got events.APIGatewayProxyResponse
		if err := json.Unmarshal(response, &got); err != nil {
			t.Fatalf("the response %q: %v", response, err)
		}
		switch got.StatusCode {
		case 200:
			if !json.Valid([]byte(e.body)) {
				t.Fatalf("asked %q", e.body)
			}
		case 400, 413:
			if e.endpoint != "" || got.Body == "" {
				t.Fatalf("answered %+v after asking %q", got, e.endpoint)
			}
		default:
			t.Fatalf("status %d", got.StatusCode)
		}
	})
}
