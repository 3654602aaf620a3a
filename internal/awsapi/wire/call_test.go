package wire_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/uuid"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
)

func TestSourceIP(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{"127.0.0.1:50000": "127.0.0.1", "[::1]:80": "::1", "[::ffff:10.0.0.7]:80": "10.0.0.7",
		"[fe80::1%eth0]:80": "fe80::1", "[0:0:0:0:0:0:0:1]:80": "::1", "@": "@", "": ""} {
		if got := wire.SourceIP(&http.Request{RemoteAddr: from}); got != want {
			t.Errorf("%q: got %q, want %q", from, got, want)
		}
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

func TestRequestIDsAreUUIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		id := wire.NewRequestID()
		parsed, err := uuid.Parse(id)
		if err != nil || parsed.String() != id || parsed.Version() != 4 || parsed.Variant() != uuid.RFC4122 || seen[id] {
			t.Fatalf("%q: %v", id, err)
		}
		seen[id] = true
	}
}
