package wire_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
)

var key = iam.Key{ID: "AKIATESTTESTTESTTEST", Secret: "secret/secret+secret/secret+secret/12345"}

// house is a router with small services behind it, its log, and what it counted.
type house struct {
	http.Handler
	iam *iam.Service

	mu    sync.Mutex
	log   bytes.Buffer
	calls []string
}

func (h *house) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(p)
}

func (h *house) logged() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.String()
}

type greeting struct{ Name string }

type greeted struct{ Text string }

func newHouse(t testing.TB) *house {
	t.Helper()
	access, err := iam.New(iam.Config{RootKey: key, AccountID: "000000000000", Region: "us-west-2", BucketOfHost: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{iam: access}
	opt := wire.Options{Logger: slog.New(slog.NewTextHandler(h, nil)), MaxBody: 1000}
	ops := map[string]wire.Operation{
		"Greet": wire.Op(func(ctx context.Context, in *greeting) (*greeted, error) {
			if _, ok := iam.PrincipalOf(ctx); !ok {
				return nil, errors.New("nobody is calling")
			}
			return &greeted{"Hello <" + in.Name + ">"}, nil
		}),
		"Nothing": wire.Op(func(context.Context, *struct{}) (*struct{}, error) { return nil, nil }),
		"Panic":   wire.Op(func(context.Context, *struct{}) (*struct{}, error) { panic("at the disco") }),
		"Fail": wire.Op(func(_ context.Context, in *greeting) (*struct{}, error) {
			switch in.Name {
			case "invalid":
				return nil, errs.Invalidf("the name is wrong")
			case "conflict":
				return nil, errs.New(errs.Conflict, "", "taken")
			case "coded":
				return nil, errs.New(errs.NotFound, "ValidationException", "Could not find it.")
			case "wrapped":
				return nil, fmt.Errorf("while greeting: %w", errs.New(errs.Throttled, "", "Rate exceeded"))
			}
			return nil, errors.New("the disk is on fire")
		}),
	}
	query := map[string]wire.QueryOperation{
		"Greet": wire.QueryOp(func(_ context.Context, in *greeting) (*greeted, error) {
			return &greeted{"Hello <" + in.Name + ">"}, nil
		}),
		"Panic": wire.QueryOp(func(context.Context, *struct{}) (*struct{}, error) { panic("at the disco") }),
		"Fail": wire.QueryOp(func(context.Context, *struct{}) (*struct{}, error) {
			return nil, errs.New(errs.NotFound, "NoSuchEntity", "nobody")
		}),
	}
	rest := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/endpoints/half/invocations" {
			w.Write([]byte("half"))
			panic("in the middle")
		}
		wire.SetOperation(r.Context(), "Invoke")
		w.Header().Set("Content-Type", "text/plain")
		io.Copy(w, r.Body)
	})
	s3 := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bucket/panic" {
			panic("in a bucket")
		}
		p, _ := iam.PrincipalOf(r.Context())
		fmt.Fprint(w, "s3 for ", p.AccessKeyID, " ", r.Context().Value(chunked{}))
	})
	h.Handler = wire.NewRouter(wire.RouterOptions{
		Options: wire.Options{Logger: opt.Logger, MaxBody: 1000, Observe: func(service, operation string, status int, d time.Duration) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.calls = append(h.calls, fmt.Sprint(service, " ", operation, " ", status, " ", d >= 0))
		}},
		Verifier: access,
		JSON:     map[string]http.Handler{"sagemaker/SageMaker": wire.NewJSON("SageMaker", "1.1", ops, opt), "logs/Logs_20140328": wire.NewJSON("Logs_20140328", "1.0", ops, opt)},
		Query:    map[string]http.Handler{"sts/2011-06-15": wire.NewQuery("2011-06-15", "https://sts.example/", query, opt)},
		REST:     map[string]wire.REST{"sagemaker": {Handler: rest, Path: "/endpoints/", MaxBody: 2000}},
		S3:       s3,
		Home:     http.RedirectHandler("/console/", http.StatusFound),
		Enrich: func(ctx context.Context, res iam.Result) context.Context {
			return context.WithValue(ctx, chunked{}, res.Chunks != nil)
		},
	})
	return h
}

type chunked struct{}

// ask sends a request, signed for service unless that is "", as key k.
func (h *house) ask(t testing.TB, k iam.Key, service, method, target, body string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for name, v := range header {
		r.Header.Set(name, v)
	}
	if service != "" {
		sum := sha256.Sum256([]byte(body))
		hash := hex.EncodeToString(sum[:])
		if service == "s3" {
			if given := r.Header.Get("X-Amz-Content-Sha256"); given != "" {
				hash = given
			}
			r.Header.Set("X-Amz-Content-Sha256", hash)
		}
		region := "us-west-2"
		if v := header["Region"]; v != "" {
			region = v
		}
		r.Header.Del("Region")
		signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
		if err := signer.SignHTTP(t.Context(), aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}, r, hash, service, region, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if id := w.Header().Get("X-Amzn-Requestid"); (id == "" || id != w.Header().Get("X-Amz-Request-Id")) && w.Code != http.StatusFound {
		t.Errorf("%s %s: request ids %q", method, target, w.Header())
	}
	return w
}

const (
	form       = "application/x-www-form-urlencoded"
	amzJSON    = "application/x-amz-json-1.1"
	greetQuery = "Action=Greet&Version=2011-06-15&Name=a%20b%26c"
)

func target(op string) map[string]string {
	return map[string]string{"X-Amz-Target": op, "Content-Type": amzJSON}
}

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

// refusal is an error in any of the protocols.
type refusal struct{ code, message string }

func readRefusal(t *testing.T, w *httptest.ResponseRecorder) refusal {
	t.Helper()
	switch kind := w.Header().Get("Content-Type"); {
	case strings.Contains(kind, "json"):
		var e struct {
			Type    string `json:"__type"`
			Code    string
			Message string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
		if kind == "application/json" {
			return refusal{w.Header().Get("X-Amzn-Errortype"), e.Message}
		}
		return refusal{e.Type, e.Message}
	case kind == "text/xml":
		var q struct {
			XMLName       xml.Name
			Code, Message string
			Error         struct{ Type, Code, Message string }
			RequestID     string `xml:"RequestId"`
		}
		if err := xml.Unmarshal(w.Body.Bytes(), &q); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
		if q.RequestID != w.Header().Get("X-Amz-Request-Id") {
			t.Errorf("request id %q in the body, %q in the header", q.RequestID, w.Header().Get("X-Amz-Request-Id"))
		}
		if q.XMLName.Local == "ErrorResponse" {
			return refusal{q.Error.Code, q.Error.Message}
		}
		return refusal{q.Code, q.Message}
	}
	t.Fatalf("an answer of type %q: %s", w.Header().Get("Content-Type"), w.Body)
	return refusal{}
}

// TestRefusals has each protocol's own words for each fault of a signature.
func TestRefusals(t *testing.T) {
	t.Parallel()
	type want struct {
		status        int
		code, message string // message: a part of it
	}
	wrong := iam.Key{ID: key.ID, Secret: "another secret key"}
	nobody := iam.Key{ID: "AKIANOBODYNOBODY0000", Secret: key.Secret}
	kinds := map[string]struct {
		service, method, target string
		header                  map[string]string
		body                    string
	}{
		"json":  {"sagemaker", "POST", "/", target("SageMaker.Greet"), `{}`},
		"query": {"sts", "POST", "/", map[string]string{"Content-Type": form}, greetQuery},
		"rest":  {"sagemaker", "POST", "/endpoints/e/invocations", nil, "text"},
		"s3":    {"s3", "PUT", "/bucket/key", nil, "text"},
	}
	for name, c := range map[string]struct {
		key    iam.Key
		sign   bool
		header map[string]string
		want   map[string]want
	}{
		"unsigned": {key, false, nil, map[string]want{
			"json":  {400, "MissingAuthenticationTokenException", "Request is missing Authentication Token"},
			"query": {403, "MissingAuthenticationToken", "Request is missing Authentication Token"},
			"rest":  {403, "MissingAuthenticationTokenException", "Request is missing Authentication Token"},
			"s3":    {403, "AccessDenied", "Access Denied"},
		}},
		"wrong secret": {wrong, true, nil, map[string]want{
			"json":  {400, "InvalidSignatureException", "The request signature we calculated does not match"},
			"query": {403, "SignatureDoesNotMatch", "The request signature we calculated does not match"},
			"rest":  {403, "InvalidSignatureException", "The request signature we calculated does not match"},
			"s3":    {403, "SignatureDoesNotMatch", "Check your key and signing method."},
		}},
		"unknown key": {nobody, true, nil, map[string]want{
			"json":  {400, "UnrecognizedClientException", "The security token included in the request is invalid."},
			"query": {403, "InvalidClientTokenId", "The security token included in the request is invalid."},
			"rest":  {403, "UnrecognizedClientException", "The security token included in the request is invalid."},
			"s3":    {403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."},
		}},
		"other region": {key, true, map[string]string{"Region": "eu-west-1"}, map[string]want{
			"json":  {400, "InvalidSignatureException", "Credential should be scoped to a valid region"},
			"query": {403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region"},
			"rest":  {403, "InvalidSignatureException", "Credential should be scoped to a valid region"},
			"s3":    {400, "AuthorizationHeaderMalformed", "the region 'eu-west-1' is wrong; expecting 'us-west-2'"},
		}},
		"not a signature": {key, false, map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=a"}, map[string]want{
			"json":  {400, "IncompleteSignatureException", "Authorization header requires 'Signature' parameter"},
			"query": {400, "IncompleteSignature", "Authorization header requires 'Signature' parameter"},
			"rest":  {400, "IncompleteSignatureException", "Authorization header requires 'Signature' parameter"},
			"s3":    {400, "AuthorizationHeaderMalformed", "The authorization header is malformed; "},
		}},
		"20 minutes off": {key, false, map[string]string{"X-Amz-Date": "20200101T000000Z", "Authorization": "AWS4-HMAC-SHA256 Credential=" + key.ID +
			"/20200101/us-west-2/SERVICE/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"}, map[string]want{
			"json":  {400, "InvalidSignatureException", "Signature expired: 20200101T000000Z is now earlier than "},
			"query": {403, "SignatureDoesNotMatch", "Signature expired: 20200101T000000Z is now earlier than "},
			"rest":  {403, "InvalidSignatureException", "Signature expired: 20200101T000000Z is now earlier than "},
			"s3":    {403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."},
		}},
	} {
		for kind, want := range c.want {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				h, k := newHouse(t), kinds[kind]
				header := map[string]string{}
				for n, v := range k.header {
					header[n] = v
				}
				for n, v := range c.header {
					header[n] = strings.ReplaceAll(v, "SERVICE", k.service)
				}
				service := k.service
				if !c.sign {
					service = ""
				}
				w := h.ask(t, c.key, service, k.method, k.target, k.body, header)
				got := readRefusal(t, w)
				if w.Code != want.status || got.code != want.code || !strings.Contains(got.message, want.message) {
					t.Errorf("got %d %+v\nwant %+v", w.Code, got, want)
				}
				if strings.Contains(w.Body.String()+h.logged(), key.Secret) {
					t.Errorf("the secret shows: %s\n%s", w.Body, h.logged())
				}
				if !strings.Contains(h.logged(), w.Header().Get("X-Amzn-Requestid")) {
					t.Errorf("the refusal is not in the log: %s", h.logged())
				}
			})
		}
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

func TestErrorsOfOperations(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		op, body string
		status   int
		code     string
		message  string
		logged   string // in the log, not in the answer
	}{
		"invalid":  {"Fail", `{"Name":"invalid"}`, 400, "ValidationException", "the name is wrong", ""},
		"conflict": {"Fail", `{"Name":"conflict"}`, 400, "ResourceInUse", "taken", ""},
		"coded":    {"Fail", `{"Name":"coded"}`, 400, "ValidationException", "Could not find it.", ""},
		"wrapped":  {"Fail", `{"Name":"wrapped"}`, 400, "ThrottlingException", "Rate exceeded", ""},
		"foreign":  {"Fail", `{"Name":"x"}`, 500, "InternalFailure", "internal error", "the disk is on fire"},
		"panic":    {"Panic", `{}`, 500, "InternalFailure", "internal error", "at the disco"},
		"too long": {"Greet", `{"Name":"` + strings.Repeat("x", 1000) + `"}`, 413, "RequestTooLargeException", "1000 bytes", ""},
		"string":   {"Greet", `"{}"`, 400, "SerializationException", "must be a JSON object", ""},
		"list":     {"Greet", `[]`, 400, "SerializationException", "must be a JSON object", ""},
		"number":   {"Greet", `{"Name": 1}`, 400, "SerializationException", "Name", ""},
		"broken":   {"Greet", `{"Name": "a`, 400, "SerializationException", "not valid JSON", ""},
		"trailing": {"Greet", `{} {}`, 400, "SerializationException", "not valid JSON", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			w := h.ask(t, key, "sagemaker", "POST", "/", c.body, target("SageMaker."+c.op))
			if got := readRefusal(t, w); w.Code != c.status || got.code != c.code || !strings.Contains(got.message, c.message) {
				t.Errorf("got %d %+v, want %d %s %q", w.Code, got, c.status, c.code, c.message)
			}
			if c.logged != "" && (strings.Contains(w.Body.String(), c.logged) || strings.Count(h.logged(), c.logged) != 1 ||
				!strings.Contains(h.logged(), w.Header().Get("X-Amzn-Requestid"))) {
				t.Errorf("answer %s\nlog %s", w.Body, h.logged())
			}
			if c.logged == "" && h.logged() != "" && c.status != 413 {
				t.Errorf("the caller's fault is in the log: %s", h.logged())
			}
		})
	}
}

func TestPanics(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.ask(t, key, "sts", "GET", "/?Action=Panic", "", nil)
	if got := readRefusal(t, w); w.Code != 500 || got.code != "InternalFailure" {
		t.Errorf("query: got %d %+v", w.Code, got)
	}
	w = h.ask(t, key, "s3", "GET", "/bucket/panic", "", nil)
	if got := readRefusal(t, w); w.Code != 500 || got.code != "InternalError" {
		t.Errorf("s3: got %d %+v", w.Code, got)
	}
	w = h.ask(t, key, "s3", "HEAD", "/bucket/panic", "", nil)
	if w.Code != 500 || w.Body.Len() != 0 {
		t.Errorf("head: got %d %s", w.Code, w.Body)
	}
	func() {
		defer func() {
			if p := recover(); p != http.ErrAbortHandler {
				t.Errorf("half an answer: got panic %v", p)
			}
		}()
		h.ask(t, key, "sagemaker", "POST", "/endpoints/half/invocations", "", nil)
		t.Error("half an answer passed for a whole one")
	}()
	if !strings.Contains(h.logged(), "in the middle") {
		t.Errorf("log: %s", h.logged())
	}
}

func TestQueryModeNamesTheError(t *testing.T) {
	t.Parallel()
	header := target("SageMaker.Fail")
	header["X-Amzn-Query-Mode"] = "true"
	w := newHouse(t).ask(t, key, "sagemaker", "POST", "/", `{"Name":"coded"}`, header)
	if got := w.Header().Get("X-Amzn-Query-Error"); got != "ValidationException;Sender" {
		t.Errorf("got %q", got)
	}
}

func TestS3RefusalHelps(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.ask(t, iam.Key{ID: key.ID, Secret: "another secret key"}, "s3", "GET", "/bucket/key?a=b", "", nil)
	for _, part := range []string{"<StringToSign>AWS4-HMAC-SHA256", "<CanonicalRequest>GET", "<AWSAccessKeyId>" + key.ID, "<Resource>/bucket/key</Resource>"} {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("%s is missing in %s", part, w.Body)
		}
	}
	w = h.ask(t, key, "s3", "GET", "/bucket/key", "", map[string]string{"Region": "eu-west-1"})
	if !strings.Contains(w.Body.String(), "<Region>us-west-2</Region>") || w.Header().Get("X-Amz-Bucket-Region") != "us-west-2" {
		t.Errorf("the region is missing: %s", w.Body)
	}
	w = h.ask(t, key, "", "HEAD", "/bucket/key", "", nil)
	if w.Code != 403 || w.Body.Len() != 0 {
		t.Errorf("unsigned head: %d %s", w.Code, w.Body)
	}
}

func TestBodyLimitsByService(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for n, status := range map[int]int{2000: 200, 2001: 413} {
		for _, announced := range []bool{true, false} {
			body := strings.Repeat("x", n)
			r := httptest.NewRequest("POST", "/endpoints/e/invocations", nil)
			sum := sha256.Sum256([]byte(body))
			if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, r,
				hex.EncodeToString(sum[:]), "sagemaker", "us-west-2", time.Now()); err != nil {
				t.Fatal(err)
			}
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(n)
			if !announced {
				r.ContentLength = -1
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != status {
				t.Errorf("%d bytes, announced %v: got %d %s, want %d", n, announced, w.Code, clipped(w.Body.String()), status)
			}
		}
	}
}

func clipped(s string) string { return s[:min(len(s), 200)] }

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	access := newHouse(t).iam
	h := &house{iam: access}
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := iam.PrincipalOf(r.Context())
		fmt.Fprint(w, p.ARN)
	})
	h.Handler = wire.Authenticate(access, next, wire.AuthOptions{Service: "heliograph", Options: wire.Options{Logger: slog.New(slog.NewTextHandler(h, nil))},
		Otherwise: func(r *http.Request) (iam.Principal, bool) {
			return access.AnonymousPrincipal(), r.Header.Get("Cookie") == "session=good"
		},
		WriteError: func(w http.ResponseWriter, r *http.Request, err error) {
			if wire.RequestID(r.Context()) == "" || errs.MessageOf(err) == "" {
				t.Errorf("refusal %v without a message or request id", err)
			}
			http.Error(w, errs.CodeOf(err), http.StatusUnauthorized)
		}})
	for name, c := range map[string]struct {
		service string
		key     iam.Key
		cookie  string
		status  int
		want    string
	}{
		"signed":              {"heliograph", key, "", 200, access.RootPrincipal().ARN},
		"session":             {"", key, "session=good", 200, "anonymous"},
		"bad session":         {"", key, "session=bad", 401, iam.CodeMissingToken},
		"unsigned":            {"", key, "", 401, iam.CodeMissingToken},
		"for s3":              {"s3", key, "", 401, iam.CodeScope},
		"wrong key":           {"heliograph", iam.Key{ID: key.ID, Secret: "another secret"}, "", 401, iam.CodeMismatch},
		"wrong key + session": {"heliograph", iam.Key{ID: key.ID, Secret: "another secret"}, "session=good", 401, iam.CodeMismatch},
	} {
		header := map[string]string{}
		if c.cookie != "" {
			header["Cookie"] = c.cookie
		}
		w := h.ask(t, c.key, c.service, "PUT", "/api/v1/routes/a%20b", `{"a": 1}`, header)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
}
