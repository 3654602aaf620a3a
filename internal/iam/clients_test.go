package iam_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/heliograph/heliograph/internal/iam"
)

var testKey = iam.Key{ID: "AKIATESTTESTTESTTEST", Secret: "secret/secret+secret/secret+secret/12345"}

func newService(t testing.TB, change ...func(*iam.Config)) *iam.Service {
	t.Helper()
	cfg := iam.Config{RootKey: testKey, AccountID: "000000000000", Region: "us-east-1", BucketOfHost: bucketOfHost}
	for _, f := range change {
		f(&cfg)
	}
	s, err := iam.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func bucketOfHost(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	bucket, _ := strings.CutSuffix(host, ".localhost")
	if bucket == host {
		return ""
	}
	return bucket
}

// door is a server that verifies what comes in and remembers how it went.
type door struct {
	*httptest.Server
	iam *iam.Service

	mu   sync.Mutex
	last seen
}

type seen struct {
	res     iam.Result
	err     error
	body    []byte
	bodyErr error
	path    string
	header  http.Header
}

func newDoor(t testing.TB, change ...func(*iam.Config)) *door {
	t.Helper()
	d := &door{iam: newService(t, change...)}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var s seen
	s.path, s.header = r.URL.Path, r.Header
	if s.res, s.err = d.iam.Verify(r); s.err == nil {
		s.body, s.bodyErr = io.ReadAll(r.Body)
	}
	d.mu.Lock()
	d.last = s
	d.mu.Unlock()
	if s.err != nil || s.bodyErr != nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	switch r.Method {
	case http.MethodGet:
		io.WriteString(w, "<Any/>")
	case http.MethodPost:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		io.WriteString(w, "{}")
	}
}

func (d *door) saw() seen {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

func (d *door) config() aws.Config {
	return aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(testKey.ID, testKey.Secret, ""),
		BaseEndpoint: aws.String(d.URL), HTTPClient: localhostClient(), RetryMaxAttempts: 1}
}

// localhostClient finds every *.localhost here, as browsers do and resolvers may.
func localhostClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(host, ".localhost") {
			addr = net.JoinHostPort("127.0.0.1", port)
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}}
}

// oddKeys are object keys that clients and servers encode in different ways.
var oddKeys = []string{
	"plain.txt", "a/b/c", "with space", "plus+plus", "percent%2Fslash", "100%", "double//slash", "/leading", "trailing/", "..", "a/../b", "./a", ".",
	"tilde~", "star*", `quotes"'`, "amp&and=eq?question#hash", "ünïcødé/日本語/🙂", "semi;colon,comma:at@dollar$", "(paren)[bracket]{brace}", "pipe|caret^back`tick\\",
	"!bang", "new\nline", "tab\there", strings.Repeat("k", 1024),
}

func TestGoS3ClientsAreVerified(t *testing.T) {
	t.Parallel()
	for _, pathStyle := range []bool{true, false} {
		d := newDoor(t)
		cfg := d.config()
		cfg.BaseEndpoint = aws.String(strings.Replace(d.URL, "127.0.0.1", "localhost", 1))
		client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = pathStyle })
		presign := s3.NewPresignClient(client)
		for _, key := range oddKeys {
			where := fmt.Sprintf("path style %v, key %q", pathStyle, key)
			want := "/" + key
			if pathStyle {
				want = "/my-bucket/" + key
			}
			check := func(what, body string) {
				t.Helper()
				s := d.saw()
				if s.err != nil || s.bodyErr != nil {
					t.Errorf("%s, %s: %v, body: %v", where, what, s.err, s.bodyErr)
				} else if s.path != want || string(s.body) != body || s.res.Service != "s3" || s.res.Principal.AccessKeyID != testKey.ID {
					t.Errorf("%s, %s: saw path %q, body %q, %+v", where, what, s.path, s.body, s.res)
				}
			}
			_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("my-bucket"), Key: &key, Body: strings.NewReader("body of it"),
				ContentType: aws.String("text/plain;  charset=utf-8"), Metadata: map[string]string{"who": "two  spaces"}})
			if err != nil {
				t.Errorf("%s: %v", where, err)
			}
			check("put", "body of it")
			if _, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("my-bucket"), Key: &key, Range: aws.String("bytes=1-2"),
				ResponseContentDisposition: aws.String(`attachment; filename="a b+c.txt"`)}); err != nil {
				t.Errorf("%s: %v", where, err)
			}
			check("get", "")

			get, err := presign.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("my-bucket"), Key: &key,
				ResponseContentType: aws.String("text/html; x=\"+ %2F\"")})
			if err != nil {
				t.Fatal(err)
			}
			send(t, get.Method, get.URL, get.SignedHeader, "")
			check("presigned get", "")
			put, err := presign.PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("my-bucket"), Key: &key,
				Metadata: map[string]string{"a": "b"}, ContentLength: aws.Int64(5)})
			if err != nil {
				t.Fatal(err)
			}
			send(t, put.Method, put.URL, put.SignedHeader, "hello")
			check("presigned put", "hello")
			if got := d.saw().header.Get("X-Amz-Meta-A"); got != "b" {
				t.Errorf("%s: the metadata of the presigned URL came as %q", where, got)
			}
		}
	}
}

func send(t testing.TB, method, target string, header http.Header, body string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range header {
		if strings.EqualFold(name, "host") {
			r.Host = v[0]
			continue
		}
		r.Header[name] = v
	}
	if body == "" {
		r.Body = http.NoBody
	}
	resp, err := localhostClient().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func TestGoStreamingUploadIsVerified(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	client := s3.NewFromConfig(d.config(), func(o *s3.Options) {
		o.UsePathStyle = true
		// What the client does by itself over TLS: an unsigned body with a trailing checksum.
		o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
	})
	_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("k"), Body: bytes.NewReader(make([]byte, 1<<20))})
	if s := d.saw(); err != nil || s.err != nil || s.bodyErr != nil || len(s.body) < 1<<20 {
		t.Errorf("got %v, %v, %v and %d bytes", err, s.err, s.bodyErr, len(s.body))
	}
}

func TestGoServiceClientsAreVerified(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	cfg := d.config()
	for name, call := range map[string]func(ctx context.Context) error{
		"sagemaker": func(ctx context.Context) error {
			_, err := sagemaker.NewFromConfig(cfg).DescribeTrainingJob(ctx, &sagemaker.DescribeTrainingJobInput{TrainingJobName: aws.String("a-job")})
			return err
		},
		"runtime": func(ctx context.Context) error {
			_, err := sagemakerruntime.NewFromConfig(cfg).InvokeEndpoint(ctx, &sagemakerruntime.InvokeEndpointInput{EndpointName: aws.String("an endpoint/2"),
				Body: []byte(`{"instances": ["a"]}`), ContentType: aws.String("application/json"), TargetVariant: aws.String("v1")})
			return err
		},
	} {
		err := call(t.Context())
		if s := d.saw(); err != nil || s.err != nil || s.bodyErr != nil || s.res.Service != "sagemaker" {
			t.Errorf("%s: %v; %v; %v; %+v", name, err, s.err, s.bodyErr, s.res)
		}
	}
	// STS answers XML, which this door doesn't; what counts is that it was let in.
	_, _ = sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if s := d.saw(); s.err != nil || s.res.Service != "sts" {
		t.Errorf("sts: %v; %+v", s.err, s.res)
	}
	get, err := sts.NewPresignClient(sts.NewFromConfig(cfg)).PresignGetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	send(t, get.Method, get.URL, get.SignedHeader, "")
	if s := d.saw(); s.err != nil || s.res.Service != "sts" || !s.res.Presigned {
		t.Errorf("presigned sts: %v; %+v", s.err, s.res)
	}
}

// sign makes a header-signed request with the SDK's signer.
func sign(t testing.TB, key iam.Key, service, region string, at time.Time, r *http.Request, body string) *http.Request {
	t.Helper()
	hash := sha256Hex(body)
	if service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	signHash(t, key, service, region, at, r, hash)
	return r
}

func signWithHash(t testing.TB, service string, r *http.Request, hash string) {
	t.Helper()
	signHash(t, testKey, service, "us-east-1", noon, r, hash)
}

func signHash(t testing.TB, key iam.Key, service, region string, at time.Time, r *http.Request, hash string) {
	t.Helper()
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
	err := signer.SignHTTP(t.Context(), aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, r, hash, service, region, at)
	if err != nil {
		t.Fatal(err)
	}
}

// presignURL makes a presigned URL with the SDK's signer.
func presignURL(t testing.TB, key iam.Key, service, region string, at time.Time, method, target, expires string) string {
	t.Helper()
	r, err := http.NewRequest(method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	q := r.URL.Query()
	q.Set("X-Amz-Expires", expires)
	r.URL.RawQuery = q.Encode()
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
	hash := sha256Hex("")
	if service == "s3" {
		hash = "UNSIGNED-PAYLOAD"
	}
	signed, _, err := signer.PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, r, hash, service, region, at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := url.Parse(signed); err != nil {
		t.Fatal(errors.Join(errors.New("signed URL"), err))
	}
	return signed
}
