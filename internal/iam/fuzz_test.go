package iam_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
)

// FuzzAuthorization: no header lets a request in but the one that was signed,
// and each refusal has one of the known codes.
func FuzzAuthorization(f *testing.F) {
	good := sign(f, testKey, "s3", "us-east-1", noon, httptest.NewRequest("GET", "http://localhost/b/k", nil), "")
	auth, date := good.Header.Get("Authorization"), good.Header.Get("X-Amz-Date")
	for _, seed := range []string{auth, "", "AWS a:b", "AWS ", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=////,SignedHeaders=;,Signature=",
		"AWS4-HMAC-SHA256 Credential=AKIATESTTESTTESTTEST/20260304/us-east-1/s3/aws4_request,SignedHeaders=host,Signature=0",
		auth[:len(auth)/2], strings.Repeat(",", 100), strings.ToUpper(auth)} {
		f.Add(seed, date, "host")
	}
	s := newService(f, at(noon))
	f.Fuzz(func(t *testing.T, authorization, stamp, extra string) {
		r := httptest.NewRequest("GET", "http://localhost/b/k", nil)
		r.Header.Set("Authorization", authorization)
		r.Header.Set("X-Amz-Date", stamp)
		r.Header.Set("X-Amz-Content-Sha256", sha256Hex(""))
		r.Header.Set("X-Extra", extra)
		_ = iam.ScopeService(r)
		_, err := s.Verify(r)
		signature, _, _ := strings.Cut(auth[strings.Index(auth, "Signature=")+10:], ",")
		if err == nil && !strings.Contains(authorization, signature) {
			t.Errorf("let in with %q", authorization)
		}
		if err != nil && (errs.CodeOf(err) == "" || strings.Contains(err.Error(), testKey.Secret)) {
			t.Errorf("bad refusal of %q: %v", authorization, err)
		}
	})
}

// FuzzQuery does the same for both forms of signed URLs.
func FuzzQuery(f *testing.F) {
	u, err := url.Parse(presignURL(f, testKey, "s3", "us-east-1", noon, "GET", "http://localhost/b/k", "60"))
	if err != nil {
		f.Fatal(err)
	}
	v4, v2 := u.RawQuery, presignV2("GET\n\n\nEXPIRES\n/b/k", noon)
	for _, seed := range []string{v4, v2, "", "&", "=", "%", "a=%zz", "X-Amz-Signature", "Signature=&AWSAccessKeyId=", v4 + "&" + v2, v4 + ";x=1", v2 + "&acl&x-amz-a=b",
		v4[:len(v4)/2], "+=+&" + v4, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%2F%2F%2F%2F&X-Amz-Date=&X-Amz-SignedHeaders=&X-Amz-Expires=1&X-Amz-Signature=1"} {
		f.Add(seed, "/b/k")
	}
	signatures := []string{u.Query().Get("X-Amz-Signature"), mustQuery(v2).Get("Signature")}
	s := newService(f, at(noon))
	f.Fuzz(func(t *testing.T, query, path string) {
		r := &http.Request{Method: "GET", Host: "localhost", URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{}, Body: http.NoBody}
		_ = iam.ScopeService(r)
		_, err := s.Verify(r)
		if err == nil {
			q := mustQuery(query)
			got := q.Get("X-Amz-Signature") + q.Get("Signature")
			if path != "/b/k" || got != signatures[0] && got != signatures[1] {
				t.Errorf("let in with %q, %q", path, query)
			}
		} else if errs.CodeOf(err) == "" {
			t.Errorf("bad refusal of %q: %v", query, err)
		}
	})
}

func mustQuery(q string) url.Values {
	v, _ := url.ParseQuery(q)
	return v
}

// FuzzRequest: whatever the SDK's signer signs, as it comes over the wire, is
// accepted; and one changed byte of the path is not.
func FuzzRequest(f *testing.F) {
	for _, key := range oddKeys {
		f.Add("/"+key, "a=b c", "value", "body")
	}
	f.Add("/", "a=1&a=2&%41=+&b", "  two  spaces  ", "")
	s := newService(f, at(noon))
	f.Fuzz(func(t *testing.T, path, query, header, body string) {
		if !strings.HasPrefix(path, "/") || strings.ContainsFunc(header, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Skip()
		}
		values, err := url.ParseQuery(query)
		if err != nil || strings.Contains(strings.ToLower(query), "x-amz-") || hasAny(values, "AWSAccessKeyId", "Signature") {
			t.Skip()
		}
		target := &url.URL{Scheme: "http", Host: "localhost:9000", Path: path, RawPath: escapeKey(path), RawQuery: values.Encode()}
		r := httptest.NewRequest("PUT", target.String(), strings.NewReader(body))
		r.Header.Set("X-Amz-Meta-A", header)
		sign(t, testKey, "s3", "us-east-1", noon, r, body)
		if err := judge(s, r); err != nil {
			t.Errorf("refused %q: %v", target, err)
		}
		r.Body = io.NopCloser(strings.NewReader(body))
		r.URL.Path, r.URL.RawPath = r.URL.Path+"x", ""
		if err := judge(s, r); errs.CodeOf(err) != iam.CodeMismatch {
			t.Errorf("another path: got %v", err)
		}
	})
}

func hasAny(v url.Values, names ...string) bool {
	for _, name := range names {
		if _, ok := v[name]; ok {
			return true
		}
	}
	return false
}

// escapeKey encodes a path as S3 clients do.
func escapeKey(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(url.QueryEscape(p), "+", "%20")
	}
	return strings.Join(parts, "/")
}
