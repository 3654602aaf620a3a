package iam

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/heliograph/heliograph/internal/errs"
)

// signV2 is S3's older signature as its user guide describes it, over a GET of
// /bucket/key, in a header or in the query.
func signV2(c Credentials, at time.Time, inQuery bool) *http.Request {
	r := httptest.NewRequest("GET", "http://localhost:9000/bucket/key", nil)
	date := at.UTC().Format(http.TimeFormat)
	if inQuery {
		date = fmt.Sprint(at.Add(time.Hour).Unix())
	}
	h := hmac.New(sha1.New, []byte(c.Key.Secret))
	fmt.Fprintf(h, "GET\n\n\n%s\n", date)
	if c.Token != "" {
		fmt.Fprintf(h, "x-amz-security-token:%s\n", c.Token)
	}
	fmt.Fprint(h, "/bucket/key")
	signature := base64.StdEncoding.EncodeToString(h.Sum(nil))
	if inQuery {
		q := url.Values{"AWSAccessKeyId": {c.Key.ID}, "Signature": {signature}, "Expires": {date}}
		if c.Token != "" {
			q.Set("x-amz-security-token", c.Token)
		}
		r.URL.RawQuery = q.Encode()
		return r
	}
	r.Header.Set("Date", date)
	r.Header.Set("Authorization", "AWS "+c.Key.ID+":"+signature)
	if c.Token != "" {
		r.Header.Set("X-Amz-Security-Token", c.Token)
	}
	return r
}

// presigned is a presigned URL of AWS's own signer.
func presigned(t *testing.T, c Credentials, at time.Time, service string) *http.Request {
	t.Helper()
	r := httptest.NewRequest("GET", "http://localhost:9000/bucket/key?X-Amz-Expires=604800", nil)
	hash := unsignedPayload
	if service != "s3" {
		hash = emptyHash
	}
	signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: c.Key.ID, SecretAccessKey: c.Key.Secret, SessionToken: c.Token}, r, hash, service, "us-east-1", at)
	if err != nil {
		t.Fatal(err)
	}
	return httptest.NewRequest("GET", signed, nil)
}

// TestTokensInEveryForm sends a session's token in each form of a signature,
// leaves it out, takes another's, and waits for its end.
func TestTokensInEveryForm(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	role := h.mustRole(t, "r", trustAccount, "")
	root := WithPrincipal(t.Context(), h.RootPrincipal())
	mine, other := h.mustAssume(t, root, AssumeRoleInput{RoleARN: role, SessionName: "mine"}), h.mustAssume(t, root, AssumeRoleInput{RoleARN: role, SessionName: "other"})
	user := h.mustUser(t, "ada", "")
	at := time.Now()
	for form, sign := range map[string]func(Credentials) *http.Request{
		"header":               func(c Credentials) *http.Request { return signed(t, c, at) },
		"presigned":            func(c Credentials) *http.Request { return presigned(t, c, at, "s3") },
		"presigned, not S3":    func(c Credentials) *http.Request { return presigned(t, c, at, "sts") },
		"version 2":            func(c Credentials) *http.Request { return signV2(c, at, false) },
		"version 2, presigned": func(c Credentials) *http.Request { return signV2(c, at, true) },
	} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			later := func(d time.Duration) *house { // over the same records
				o := newHouse(t, h.dir)
				o.cfg.Now = func() time.Time { return at.Add(d) }
				return o
			}
			replaced := func(r *http.Request, token string) *http.Request {
				if r.Header.Get("X-Amz-Security-Token") != "" {
					r.Header.Set("X-Amz-Security-Token", token)
				}
				r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, url.QueryEscape(mine.Token), url.QueryEscape(token))
				return r
			}
			for name, c := range map[string]struct {
				h    *house
				r    *http.Request
				code string
			}{
				"right":                 {h, sign(mine.Credentials), ""},
				"a user's":              {h, sign(user), ""},
				"no token":              {h, sign(Credentials{Key: mine.Key}), CodeUnknownKey},
				"a user's with a token": {h, sign(Credentials{Key: user.Key, Token: mine.Token}), CodeBadToken},
				"another's token":       {h, sign(Credentials{Key: mine.Key, Token: other.Token}), CodeBadToken},
				"token replaced":        {h, replaced(sign(mine.Credentials), other.Token), CodeBadToken},
				"another secret":        {h, sign(Credentials{Key: Key{ID: mine.Key.ID, Secret: other.Key.Secret}, Token: mine.Token}), CodeMismatch},
				"after its end":         {later(2 * time.Hour), sign(mine.Credentials), CodeExpiredToken},
			} {
				res, err := c.h.Verify(c.r)
				if errs.CodeOf(err) != c.code {
					t.Errorf("%s: got %v, want %q", name, err, c.code)
				}
				if name == "right" && (res.Principal.ARN != mine.ARN || res.Principal.AccessKeyID != mine.Key.ID) {
					t.Errorf("%s: it stands for %+v", name, res.Principal)
				}
			}
		})
	}
}

func BenchmarkVerifySession(b *testing.B) {
	h := newHouse(b, b.TempDir())
	role := h.mustRole(b, "r", trustAccount, allowing(`"s3:GetObject"`, `"*"`))
	s := h.mustAssume(b, WithPrincipal(b.Context(), h.RootPrincipal()), AssumeRoleInput{RoleARN: role, SessionName: "work"})
	r := signed(b, s.Credentials, time.Now())
	b.ReportAllocs()
	for b.Loop() {
		res, err := h.Verify(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := h.Authorize(WithPrincipal(b.Context(), res.Principal), "s3:GetObject", "arn:aws:s3:::b/k"); err != nil {
			b.Fatal(err)
		}
	}
}
