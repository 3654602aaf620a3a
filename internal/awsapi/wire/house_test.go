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

func clipped(s string) string { return s[:min(len(s), 200)] }
