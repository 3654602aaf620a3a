package s3_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/heliograph/heliograph/internal/awsapi/s3"
	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
)

// server is an S3 server on a real store. Signatures are not verified: that is
// the work of what stands in front of the handler.
type server struct {
	*httptest.Server
	dir   string
	store *blob.Dir
	log   *syncBuffer

	mu      sync.Mutex
	asked   []string        // "action resource" in the order of asking
	refused map[string]bool // of the same form
	payload map[string]bool // values of x-amz-content-sha256 that are not a hash
}

type option func(*s3.Options, *httptest.Server)

func withTLS(_ *s3.Options, s *httptest.Server) { s.StartTLS() }

func newServer(t *testing.T, opts ...option) *server {
	t.Helper()
	dir := t.TempDir()
	store, err := blob.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{dir: dir, store: store, log: &syncBuffer{}, refused: map[string]bool{}, payload: map[string]bool{}}
	s.Server = httptest.NewUnstartedServer(nil)
	opt := s3.Options{Authorize: s.authorize, Logger: slog.New(slog.NewTextHandler(s.log, nil)), Region: "us-west-2", AccountID: "111122223333"}
	for _, o := range opts {
		o(&opt, s.Server)
	}
	handler := s3.New(store, opt)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if form := r.Header.Get("X-Amz-Content-Sha256"); len(form) != 64 {
			s.mu.Lock()
			s.payload[form] = true
			s.mu.Unlock()
		}
		handler.ServeHTTP(w, r)
	})
	if s.URL == "" {
		s.Start()
	}
	t.Cleanup(func() { s.Close(); store.Close() })
	return s
}

func (s *server) authorize(_ context.Context, action, resource string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, action+" "+resource)
	if s.refused[action+" "+resource] {
		return errs.New(errs.Denied, "AccessDeniedException", "User: me is not authorized to perform: %s on resource: %s", action, resource)
	}
	return nil
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}
func (b *syncBuffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

// client returns an SDK client: path style, or virtual-host style with all names
// resolved to the server.
func (s *server) client(t *testing.T, virtualHost bool) *sdk.Client {
	t.Helper()
	transport := s.Client().Transport.(*http.Transport).Clone()
	address := s.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
	if transport.TLSClientConfig != nil {
		transport.TLSClientConfig.ServerName = "example.com" // what httptest's certificate is for
	}
	t.Cleanup(transport.CloseIdleConnections)
	scheme, _, _ := strings.Cut(s.URL, ":")
	return sdk.New(sdk.Options{
		BaseEndpoint: aws.String(scheme + "://localhost:" + port), UsePathStyle: !virtualHost, Region: "us-west-2",
		HTTPClient: &http.Client{Transport: transport}, RetryMaxAttempts: 1,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported, ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
}

func (s *server) mustBucket(t *testing.T, name string) {
	t.Helper()
	if err := s.store.CreateBucket(t.Context(), name, "us-west-2"); err != nil {
		t.Fatal(err)
	}
}

func (s *server) mustPut(t *testing.T, bucket, key, content string) blob.ObjectInfo {
	t.Helper()
	info, err := s.store.Put(t.Context(), bucket, key, strings.NewReader(content), blob.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// content returns what the store holds, past the handler.
func (s *server) content(t *testing.T, bucket, key string) string {
	t.Helper()
	o, err := s.store.Open(t.Context(), bucket, key)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	b, err := io.ReadAll(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// answer is an HTTP answer, with its body read.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a raw request. headers are "Name: value".
func (s *server) do(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	return s.send(t, method, path, strings.NewReader(body), headers...)
}

func (s *server) send(t *testing.T, method, path string, body io.Reader, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header[name] = append(r.Header[name], value)
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// want asserts the status and, unless it is "", the code of an error.
func (a answer) want(t *testing.T, status int, code string) answer {
	t.Helper()
	if a.status != status {
		t.Errorf("status is %d, want %d: %s", a.status, status, a.body)
	}
	if code == "" {
		return a
	}
	var e struct {
		XMLName                                    xml.Name `xml:"Error"`
		Code, Message, Resource, RequestId, HostId string
	}
	if err := xml.Unmarshal([]byte(a.body), &e); err != nil || e.Code != code || e.Message == "" || e.Resource == "" || e.RequestId != a.header.Get("X-Amz-Request-Id") || e.HostId == "" {
		t.Errorf("error is %v %+v, want code %s: %s", err, e, code, a.body)
	}
	return a
}

// wantCode asserts the code of an SDK's error.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("error is %v, want code %s", err, code)
	}
}

func random(n int, seed uint64) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	b := make([]byte, n)
	r.Read(b)
	return b
}
