package lambda_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/heliograph/heliograph/internal/awsapi/lambda"
	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/function"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/store"
)

var key = iam.Key{ID: "AKIDEXAMPLEEXAMPLE", Secret: "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"}

const account = "111122223333"

// endpoints are what functions ask, by name.
type endpoints []string

func (e endpoints) InService(_ context.Context, most int) ([]string, error) {
	return e[:min(most, len(e))], nil
}

func (e endpoints) InvokeEndpoint(_ context.Context, endpoint, _ string, body []byte) ([]byte, error) {
	switch {
	case strings.Contains(string(body), "fault"):
		return nil, errors.New("the disk is on fire")
	case strings.Contains(string(body), "denied"):
		return nil, errs.New(errs.Denied, iam.CodeAccessDenied, "User: role is not authorized to perform: sagemaker:InvokeEndpoint")
	case !slices.Contains(e, endpoint):
		return nil, errs.New(errs.Invalid, "ValidationError", "Endpoint not found.")
	}
	return []byte(`[{"label": ["__label__Artist"], "prob": [0.966]}]`), nil
}

// server is Lambda's API behind the real signature check and the real decisions.
type server struct {
	*httptest.Server
	policies *function.Policies
}

func newServer(t *testing.T, e endpoints) *server {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	policies, err := function.NewPolicies(t.Context(), db, "us-east-1", account)
	if err != nil {
		t.Fatal(err)
	}
	auth, err := iam.New(iam.Config{RootKey: key, AccountID: account, Region: "us-east-1", ResourcePolicy: policies.Of})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	service, err := function.NewService(t.Context(), function.Options{
		Registry: function.NewRegistry(e, nil), Policies: policies, Authorizer: auth, Endpoints: e, Role: "arn:aws:iam::" + account + ":role/F", Logger: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{policies: policies}
	s.Server = httptest.NewServer(wire.NewRouter(wire.RouterOptions{
		Options: wire.Options{Logger: log}, Verifier: auth, S3: http.NotFoundHandler(),
		REST: map[string]wire.REST{"lambda": {Handler: lambda.New(service, wire.Options{Logger: log}), Path: lambda.Prefix, MaxBody: lambda.MaxBody, TooLarge: lambda.ErrTooLarge()}},
	}))
	t.Cleanup(s.Close)
	return s
}

// answer is what came of a call.
type answer struct {
	status int
	header http.Header
	body   string
}

// call sends a signed request; headers are "Name: value".
func (s *server) call(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, r, hex.EncodeToString(sum[:]), "lambda", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	s := newServer(t, endpoints{"one"})
	several := newServer(t, endpoints{"a", "b", "c", "d", "e"})
	none := newServer(t, nil)
	const functions = "/2015-03-31/functions"
	const sentence = `"body": "The predicted label is Artist with a probability of 96.6%"`
	for name, c := range map[string]struct {
		on     *server
		method string
		path   string
		body   string
		header string
		status int
		code   string
		want   string
	}{
		"list":                    {s, "GET", "/", "", "", 200, "", `"FunctionName":"classify-json","FunctionArn":"arn:aws:lambda:us-east-1:111122223333:function:classify-json"`},
		"list, a page":            {s, "GET", "/?MaxItems=1", "", "", 200, "", `"NextMarker":"classify"}`},
		"list, the next page":     {s, "GET", "/?Marker=classify&FunctionVersion=ALL", "", "", 200, "", `{"Functions":[{"FunctionName":"classify-json"`},
		"list, no number":         {s, "GET", "/?MaxItems=0", "", "", 400, "InvalidParameterValueException", "MaxItems"},
		"get":                     {s, "GET", "/classify", "", "", 200, "", `"Code":{"RepositoryType":"built-in"}`},
		"get, partial ARN":        {s, "GET", "/111122223333%3Afunction%3Aclassify", "", "", 200, "", `"Role":"arn:aws:iam::111122223333:role/F"`},
		"get, ARN":                {s, "GET", "/arn%3Aaws%3Alambda%3Aus-east-1%3A111122223333%3Afunction%3Aclassify%3A$LATEST", "", "", 200, "", `"State":"Active"`},
		"get, another account":    {s, "GET", "/222233334444:classify", "", "", 404, "ResourceNotFoundException", "function:classify"},
		"get, another region":     {s, "GET", "/arn:aws:lambda:eu-west-1:111122223333:function:classify", "", "", 404, "ResourceNotFoundException", "eu-west-1"},
		"get, unknown":            {s, "GET", "/sing", "", "", 404, "ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:111122223333:function:sing"},
		"get, a version":          {s, "GET", "/classify?Qualifier=7", "", "", 404, "ResourceNotFoundException", "function:classify:7"},
		"get, two qualifiers":     {s, "GET", "/classify:8?Qualifier=7", "", "", 400, "InvalidParameterValueException", "qualifier"},
		"get, no name":            {s, "GET", "/a+b", "", "", 400, "ValidationException", "'functionName' failed to satisfy constraint"},
		"get, too long":           {s, "GET", "/" + strings.Repeat("a", 171), "", "", 400, "ValidationException", "less than or equal to 170"},
		"configuration":           {s, "GET", "/classify/configuration", "", "", 200, "", `{"FunctionName":"classify",`},
		"invoke":                  {s, "POST", "/classify/invocations", `{"body": "a song"}`, "", 200, "", sentence},
		"invoke, endpoint":        {several, "POST", "/classify/invocations", `{"body": "a song", "endpoint": "b"}`, "", 200, "", sentence},
		"invoke, wording":         {s, "POST", "/classify/invocations", `{"body": "a song", "answer": "It's {label}"}`, "X-Amz-Invocation-Type: RequestResponse", 200, "", `"body": "It's Artist"`},
		"invoke, proxy event":     {s, "POST", "/classify/invocations", `{"requestContext": {}, "body": "a song"}`, "", 200, "", sentence},
		"invoke, which endpoint":  {several, "POST", "/classify/invocations", `{"body": "a song"}`, "", 200, "", `"statusCode": 400, `},
		"invoke, names some":      {several, "POST", "/classify/invocations", `{"body": "a song"}`, "", 200, "", `(a, b, c, …)`},
		"invoke, no endpoint":     {none, "POST", "/classify/invocations", `{"body": "a song"}`, "", 200, "", `"statusCode": 503, `},
		"invoke, a wrong member":  {s, "POST", "/classify/invocations", `{"body": "a song", "k": "two"}`, "", 200, "", `\"k\" is a whole number`},
		"invoke, no event":        {s, "POST", "/classify/invocations", "", "", 200, "", `"statusCode": 400, `},
		"invoke, no JSON":         {s, "POST", "/classify/invocations", "{", "", 400, "InvalidRequestContentException", "Could not parse request body into json"},
		"invoke, unknown":         {s, "POST", "/sing/invocations", "{}", "", 404, "ResourceNotFoundException", ""},
		"invoke, dry":             {s, "POST", "/classify/invocations", "{}", "X-Amz-Invocation-Type: DryRun", 204, "", ""},
		"invoke, dry, unknown":    {s, "POST", "/sing/invocations", "{}", "X-Amz-Invocation-Type: DryRun", 404, "ResourceNotFoundException", ""},
		"invoke, what type":       {s, "POST", "/classify/invocations", "{}", "X-Amz-Invocation-Type: Later", 400, "ValidationException", "'invocationType'"},
		"invoke, what log":        {s, "POST", "/classify/invocations", "{}", "X-Amz-Log-Type: Head", 400, "ValidationException", "'logType'"},
		"invoke, at the limit":    {s, "POST", "/classify/invocations", `{"body": "` + strings.Repeat(" ", lambda.MaxBody-12) + `"}`, "", 200, "", `"statusCode": 413`},
		"invoke, over the limit":  {s, "POST", "/classify/invocations", `{"body": "` + strings.Repeat(" ", lambda.MaxBody-11) + `"}`, "", 413, "RequestTooLargeException", "6291456"},
		"a fault":                 {s, "POST", "/classify/invocations", `{"body": "fault"}`, "", 200, "", `{"errorMessage":"We encountered an internal error. `},
		"a role without rights":   {s, "POST", "/classify/invocations", `{"body": "denied"}`, "", 200, "", `"errorType":"AccessDeniedException"`},
		"invoke, later":           {s, "POST", "/classify/invocations", `{"body": "a song"}`, "X-Amz-Invocation-Type: Event", 202, "", ""},
		"invoke, later, unknown":  {s, "POST", "/sing/invocations", `{"body": "a song"}`, "X-Amz-Invocation-Type: Event", 404, "ResourceNotFoundException", ""},
		"invoke, later, too long": {s, "POST", "/classify/invocations", `{"body": "` + strings.Repeat(" ", 1<<20-11) + `"}`, "X-Amz-Invocation-Type: Event", 413, "RequestTooLargeException", "limit 1048576 bytes"},
		"create":                  {s, "POST", "", "{}", "", 404, "UnknownOperationException", "built in and can't be created, changed or deleted: classify, classify-json."},
		"delete":                  {s, "DELETE", "/classify", "", "", 404, "UnknownOperationException", "There are ListFunctions,"},
		"too deep":                {s, "DELETE", "/classify/policy/a/b", "", "", 404, "UnknownOperationException", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var headers []string
			if c.header != "" {
				headers = append(headers, c.header)
			}
			got := c.on.call(t, c.method, functions+c.path, c.body, headers...)
			if got.status != c.status || got.header.Get("X-Amzn-Errortype") != c.code || !strings.Contains(got.body, c.want) {
				t.Errorf("%d %s %.500s, want %d %s and %s", got.status, got.header.Get("X-Amzn-Errortype"), got.body, c.status, c.code, c.want)
			}
		})
	}
}

// TestWhatARunSays looks at the headers of an invocation.
func TestWhatARunSays(t *testing.T) {
	t.Parallel()
	s := newServer(t, endpoints{"one"})
	for text, failed := range map[string]string{"a song": "", "fault": "Unhandled"} {
		got := s.call(t, "POST", "/2015-03-31/functions/classify/invocations", `{"body": "`+text+`"}`, "X-Amz-Log-Type: Tail")
		log, err := base64.StdEncoding.DecodeString(got.header.Get("X-Amz-Log-Result"))
		id := got.header.Get("X-Amzn-Requestid")
		if err != nil || !strings.HasPrefix(string(log), "START RequestId: "+id+" ") || !strings.Contains(string(log), "\nREPORT RequestId: "+id+"\tDuration: ") {
			t.Errorf("%s: the log is %q (%v)", text, log, err)
		}
		if strings.Contains(string(log), "[ERROR]") != (failed != "") || strings.Contains(string(log)+got.body, "on fire") {
			t.Errorf("%s: the log is %q, the answer %s", text, log, got.body)
		}
		if got.header.Get("X-Amz-Function-Error") != failed || got.header.Get("X-Amz-Executed-Version") != "$LATEST" {
			t.Errorf("%s: %v", text, got.header)
		}
	}
	if got := s.call(t, "POST", "/2015-03-31/functions/classify/invocations", "{}"); got.header.Get("X-Amz-Log-Result") != "" {
		t.Error("there is a log that nobody asked for")
	}
}

// TestPermissions adds, shows and removes statements.
func TestPermissions(t *testing.T) {
	t.Parallel()
	s := newServer(t, endpoints{"one"})
	const path = "/2015-03-31/functions/classify/policy"
	arn := "arn:aws:lambda:us-east-1:111122223333:function:classify"
	fail := func(got answer, status int, code, text string) {
		t.Helper()
		if got.status != status || got.header.Get("X-Amzn-Errortype") != code || !strings.Contains(got.body, text) {
			t.Errorf("%d %s %s, want %d %s and %s", got.status, got.header.Get("X-Amzn-Errortype"), got.body, status, code, text)
		}
	}
	get := func() (document, revision string) {
		t.Helper()
		var out struct{ Policy, RevisionId string }
		got := s.call(t, "GET", path, "")
		if err := json.Unmarshal([]byte(got.body), &out); err != nil || got.status != 200 {
			t.Fatalf("%d %s (%v)", got.status, got.body, err)
		}
		return out.Policy, out.RevisionId
	}
	fail(s.call(t, "GET", path, ""), 404, "ResourceNotFoundException", "The resource you requested does not exist")
	fail(s.call(t, "DELETE", path+"/a", ""), 404, "ResourceNotFoundException", "No policy is associated with the given resource.")
	for _, c := range []struct{ id, rest, statement string }{
		{"account", `"Principal": "222233334444"`, `"Principal":{"AWS":"arn:aws:iam::222233334444:root"},"Action":"lambda:InvokeFunction","Resource":"` + arn + `"}`},
		{"role", `"Principal": "arn:aws:iam::111122223333:role/R"`, `"Principal":{"AWS":"arn:aws:iam::111122223333:role/R"}`},
		{"all", `"Principal": "*", "SourceAccount": "111122223333"`, `"Principal":"*","Action":"lambda:InvokeFunction","Resource":"` + arn + `","Condition":{"StringEquals":{"AWS:SourceAccount":"111122223333"}}}`},
		{"service", `"Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::b*"`, `"Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"` + arn + `","Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b*"}}}`},
	} {
		got := s.call(t, "POST", path, `{"StatementId": "`+c.id+`", "Action": "lambda:InvokeFunction", `+c.rest+`}`)
		var out struct{ Statement string }
		if err := json.Unmarshal([]byte(got.body), &out); err != nil || got.status != 201 || !strings.HasPrefix(out.Statement, `{"Sid":"`+c.id+`","Effect":"Allow",`) || !strings.Contains(out.Statement, c.statement) {
			t.Fatalf("%s: %d %s (%v)", c.id, got.status, got.body, err)
		}
		if document, _ := get(); !strings.Contains(document, out.Statement) {
			t.Errorf("the policy is %s", document)
		}
	}
	document, revision := get()
	if !strings.HasPrefix(document, `{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"account",`) || revision == "" {
		t.Errorf("revision %s: %s", revision, document)
	}
	add := `{"StatementId": "x", "Action": "lambda:InvokeFunction", "Principal": "*"`
	for body, want := range map[string][2]string{
		`{"StatementId": "all", "Action": "lambda:InvokeFunction", "Principal": "*"}`: {"ResourceConflictException", "The statement id (all) provided already exists."},
		`{"StatementId": "x", "Action": "lambda:InvokeFunction", "Principal": "ann"}`: {"InvalidParameterValueException", "The provided principal was invalid."},
		`{"StatementId": "x", "Action": "lambda:InvokeFunction", "Principal": "a b"}`: {"ValidationException", "'principal'"},
		`{"StatementId": "x y", "Action": "s3:GetObject", "Principal": "*"}`:          {"ValidationException", "2 validation errors detected"},
		`{}`:                            {"ValidationException", "3 validation errors detected"},
		add + `, "SourceArn": "b"}`:     {"ValidationException", "'sourceArn'"},
		add + `, "SourceAccount": "b"}`: {"ValidationException", "'sourceAccount'"},
		add + `, "PrincipalOrgID": "o-abcdefghij"}`:    {"InvalidParameterValueException", "no organizations"},
		add + `, "EventSourceToken": "t"}`:             {"InvalidParameterValueException", "Alexa"},
		add + `, "FunctionUrlAuthType": "NONE"}`:       {"InvalidParameterValueException", "Function URLs"},
		add + `, "InvokedViaFunctionUrl": false}`:      {"InvalidParameterValueException", "Function URLs"},
		add + `, "RevisionId": "of yesterday"}`:        {"PreconditionFailedException", "Call the GetPolicy API"},
		`["x"]`:                                        {"InvalidRequestContentException", "must be an object"},
		`{"StatementId": 7}`:                           {"InvalidRequestContentException", "object of strings"},
		strings.Replace(add, `"*"`, `"${a}"`, 1) + `}`: {"InvalidParameterValueException", ""},
	} {
		got := s.call(t, "POST", path, body)
		if got.status < 400 || got.status >= 500 || got.header.Get("X-Amzn-Errortype") != want[0] || !strings.Contains(got.body, want[1]) {
			t.Errorf("%s: %d %s %s, want %s", body, got.status, got.header.Get("X-Amzn-Errortype"), got.body, want)
		}
	}
	if now, same := get(); now != document || same != revision {
		t.Errorf("refused calls changed the policy to %s %s", same, now)
	}
	fail(s.call(t, "DELETE", path+"/absent", ""), 404, "ResourceNotFoundException", "Statement absent is not found in resource policy.")
	fail(s.call(t, "DELETE", path+"/all?RevisionId=x", ""), 412, "PreconditionFailedException", "")
	if got := s.call(t, "DELETE", path+"/all?RevisionId="+revision, ""); got.status != 204 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if now, other := get(); strings.Contains(now, `"all"`) || other == revision {
		t.Errorf("after the removal: %s %s", other, now)
	}
	if got := s.call(t, "POST", path, add+`, "RevisionId": "`+revision+`"}`); got.status != 412 {
		t.Errorf("with an old revision: %d %s", got.status, got.body)
	}
}

// TestPolicyLength fills a policy up. What routes have doesn't count.
func TestPolicyLength(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	for i := range 100 {
		if err := s.policies.Grant(t.Context(), "classify", "route-"+strings.Repeat("x", i), []string{"default/*/PUT/" + strings.Repeat("x", i+1)}); err != nil {
			t.Fatal(err)
		}
	}
	source := "arn:aws:s3:::" + strings.Repeat("b", 1800)
	for i := range 20 {
		got := s.call(t, "POST", "/2015-03-31/functions/classify/policy", `{"StatementId": "`+strings.Repeat("s", i+1)+`", "Action": "lambda:InvokeFunction", "Principal": "*", "SourceArn": "`+source+`"}`)
		if got.status == 201 {
			continue
		}
		if got.status != 400 || got.header.Get("X-Amzn-Errortype") != "PolicyLengthExceededException" || !strings.Contains(got.body, "bigger than the limit (20480)") || i != 10 {
			t.Errorf("the %dth: %d %s", i, got.status, got.body)
		}
		return
	}
	t.Error("there is no end to a policy")
}

func TestOperationsAreRouted(t *testing.T) {
	t.Parallel()
	s := newServer(t, endpoints{"one"})
	declared := lambda.New(nil, wire.Options{}).(iam.Declarer).Operations()
	if len(declared) != 7 {
		t.Errorf("%d operations", len(declared))
	}
	for _, d := range declared {
		path := strings.NewReplacer("{name}", "classify", "{id}", "x").Replace(d.Path)
		if got := s.call(t, d.Method, path, "{}"); strings.Contains(got.body, "UnknownOperation") {
			t.Errorf("%s: %s", d.Operation, got.body)
		}
	}
}
