package iam_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
)

// presignV2 signs toSign, in which EXPIRES stands for the time, and returns the
// query that goes with it.
func presignV2(toSign string, expires time.Time) string {
	e := strconv.FormatInt(expires.Unix(), 10)
	h := hmac.New(sha1.New, []byte(testKey.Secret))
	h.Write([]byte(strings.ReplaceAll(toSign, "EXPIRES", e)))
	return url.Values{"AWSAccessKeyId": {testKey.ID}, "Expires": {e}, "Signature": {base64.StdEncoding.EncodeToString(h.Sum(nil))}}.Encode()
}

func TestVersion2URLs(t *testing.T) {
	t.Parallel()
	soon := noon.Add(time.Hour)
	for name, c := range map[string]struct {
		toSign, method, target string
		header                 http.Header
		expires                time.Time
		query                  string // in place of the right one
		code                   string
		want                   http.Header // to be found afterwards
	}{
		"get":                    {toSign: "GET\n\n\nEXPIRES\n/bucket/key"},
		"last second":            {toSign: "GET\n\n\nEXPIRES\n/bucket/key", expires: noon},
		"expired":                {toSign: "GET\n\n\nEXPIRES\n/bucket/key", expires: noon.Add(-time.Second), code: iam.CodeExpired},
		"a year ahead":           {toSign: "GET\n\n\nEXPIRES\n/bucket/key", expires: noon.AddDate(1, 0, 0)},
		"other method":           {toSign: "GET\n\n\nEXPIRES\n/bucket/key", method: "DELETE", code: iam.CodeMismatch},
		"other key":              {toSign: "GET\n\n\nEXPIRES\n/bucket/key", target: "http://localhost:9000/bucket/other", code: iam.CodeMismatch},
		"host names the bucket":  {toSign: "GET\n\n\nEXPIRES\n/bucket/key", target: "http://bucket.localhost:9000/key"},
		"other bucket by host":   {toSign: "GET\n\n\nEXPIRES\n/bucket/key", target: "http://evil.localhost:9000/bucket/key", code: iam.CodeMismatch},
		"bucket with a slash":    {toSign: "GET\n\n\nEXPIRES\n/bucket/", target: "http://localhost:9000/bucket?prefix=a"},
		"bucket, slash, acl":     {toSign: "GET\n\n\nEXPIRES\n/bucket/?acl", target: "http://localhost:9000/bucket?acl"},
		"key with a slash":       {toSign: "GET\n\n\nEXPIRES\n/bucket/key/", code: iam.CodeMismatch},
		"root with a slash":      {toSign: "GET\n\n\nEXPIRES\n//", target: "http://localhost:9000/", code: iam.CodeMismatch},
		"sub-resource":           {toSign: "GET\n\n\nEXPIRES\n/bucket?uploads", target: "http://localhost:9000/bucket?uploads"},
		"sub-resources sorted":   {toSign: "GET\n\n\nEXPIRES\n/bucket/key?partNumber=1&uploadId=a=b c", target: "http://localhost:9000/bucket/key?uploadId=a%3Db%20c&partNumber=1"},
		"sub-resource added":     {toSign: "GET\n\n\nEXPIRES\n/bucket/key", target: "http://localhost:9000/bucket/key?acl", code: iam.CodeMismatch},
		"sub-resource escaped":   {toSign: "GET\n\n\nEXPIRES\n/bucket/key", target: "http://localhost:9000/bucket/key?ac%6c", code: iam.CodeMismatch},
		"other parameter added":  {toSign: "GET\n\n\nEXPIRES\n/bucket/key", target: "http://localhost:9000/bucket/key?cachebuster=1"},
		"response header":        {toSign: "GET\n\n\nEXPIRES\n/bucket/key?response-content-type=text/a b+c", target: "http://localhost:9000/bucket/key?response-content-type=text%2Fa%20b%2Bc"},
		"content type":           {toSign: "PUT\n\ntext/plain\nEXPIRES\n/bucket/key", method: "PUT", header: http.Header{"Content-Type": {"text/plain"}}},
		"content type in query":  {toSign: "PUT\n\ntext/plain\nEXPIRES\n/bucket/key", method: "PUT", target: "http://localhost:9000/bucket/key?content-type=text%2Fplain", want: http.Header{"Content-Type": {"text/plain"}}},
		"other content type":     {toSign: "PUT\n\ntext/plain\nEXPIRES\n/bucket/key", method: "PUT", header: http.Header{"Content-Type": {"text/html"}}, code: iam.CodeMismatch},
		"amz header in query":    {toSign: "PUT\n\n\nEXPIRES\nx-amz-acl:private\nx-amz-meta-a:b\n/bucket/key", method: "PUT", target: "http://localhost:9000/bucket/key?x-amz-meta-a=b&x-amz-acl=private", want: http.Header{"X-Amz-Meta-A": {"b"}, "X-Amz-Acl": {"private"}}},
		"amz header as header":   {toSign: "PUT\n\n\nEXPIRES\nx-amz-acl:private\n/bucket/key", method: "PUT", header: http.Header{"X-Amz-Acl": {"private"}}},
		"amz header changed":     {toSign: "PUT\n\n\nEXPIRES\nx-amz-acl:private\n/bucket/key", method: "PUT", header: http.Header{"X-Amz-Acl": {"public-read"}}, code: iam.CodeMismatch},
		"amz header added":       {toSign: "PUT\n\n\nEXPIRES\n/bucket/key", method: "PUT", header: http.Header{"X-Amz-Acl": {"public-read"}}, code: iam.CodeMismatch},
		"amz parameter added":    {toSign: "PUT\n\n\nEXPIRES\n/bucket/key", method: "PUT", target: "http://localhost:9000/bucket/key?X-Amz-Acl=public-read", code: iam.CodeMismatch},
		"both, different":        {toSign: "PUT\n\n\nEXPIRES\nx-amz-acl:private\n/bucket/key", method: "PUT", target: "http://localhost:9000/bucket/key?x-amz-acl=public-read", header: http.Header{"X-Amz-Acl": {"private"}}, code: iam.CodeBadQuery},
		"encoded key":            {toSign: "GET\n\n\nEXPIRES\n/bucket/a%20b%2Bc%252F", target: "http://localhost:9000/bucket/a%20b%2Bc%252F"},
		"no expiry":              {query: "AWSAccessKeyId=" + testKey.ID + "&Signature=a", code: iam.CodeBadQuery},
		"expiry twice":           {query: "AWSAccessKeyId=" + testKey.ID + "&Signature=a&Expires=9999999999&Expires=9999999999", code: iam.CodeBadQuery},
		"no signature":           {query: "AWSAccessKeyId=" + testKey.ID + "&Expires=9999999999", code: iam.CodeBadQuery},
		"expiry is not a number": {query: "AWSAccessKeyId=" + testKey.ID + "&Signature=a&Expires=never", code: iam.CodeBadQuery},
		"unknown key":            {query: "AWSAccessKeyId=AKIANOBODY&Signature=a&Expires=9999999999", code: iam.CodeUnknownKey},
		"session token":          {query: "AWSAccessKeyId=" + testKey.ID + "&Signature=a&Expires=9999999999&x-amz-security-token=t", code: iam.CodeBadToken},
		"bad escape":             {query: "AWSAccessKeyId=" + testKey.ID + "&Signature=a&Expires=9999999999&x=%zz", code: iam.CodeMalformedRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.method == "" {
				c.method = strings.SplitN(c.toSign+"GET\n", "\n", 2)[0]
			}
			if c.target == "" {
				c.target = "http://localhost:9000/bucket/key"
			}
			if c.expires.IsZero() {
				c.expires = soon
			}
			if c.query == "" {
				c.query = presignV2(c.toSign, c.expires)
			}
			if strings.Contains(c.target, "?") {
				c.target += "&" + c.query
			} else {
				c.target += "?" + c.query
			}
			r := httptest.NewRequest(c.method, c.target, nil)
			for name, v := range c.header {
				r.Header[name] = v
			}
			res, err := newService(t, at(noon)).Verify(r)
			if errs.CodeOf(err) != c.code {
				t.Fatalf("got %v (code %q), want code %q", err, errs.CodeOf(err), c.code)
			}
			if err == nil && (res.Service != "s3" || !res.Presigned || res.Principal.AccessKeyID != testKey.ID) {
				t.Errorf("got %+v", res)
			}
			for name, v := range c.want {
				if got := r.Header.Get(name); got != v[0] {
					t.Errorf("%s: got %q, want %q", name, got, v[0])
				}
			}
		})
	}
}

func TestVersion2WithoutTheRuleForHosts(t *testing.T) {
	t.Parallel()
	s := newService(t, at(noon), func(c *iam.Config) { c.BucketOfHost = nil })
	for host, code := range map[string]string{"localhost": "", "localhost:9000": "", "127.0.0.1": "", "127.0.0.1:9000": "", "[::1]:9000": "",
		"evil.localhost:9000": iam.CodeUnsupportedAlgo, "evil.127.0.0.1": iam.CodeUnsupportedAlgo, "localhost.": iam.CodeUnsupportedAlgo} {
		r := httptest.NewRequest("GET", "http://"+host+"/bucket/key?"+presignV2("GET\n\n\nEXPIRES\n/bucket/key", noon.Add(time.Hour)), nil)
		if _, err := s.Verify(r); errs.CodeOf(err) != code {
			t.Errorf("%s: got %v, want code %q", host, err, code)
		}
	}
}

func TestVersion2Headers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		date, amzDate, auth, code string
	}{
		"date":          {date: "Wed, 04 Mar 2026 12:00:00 GMT"},
		"amz date":      {amzDate: "Wed, 04 Mar 2026 12:00:00 GMT"},
		"20 min late":   {date: "Wed, 04 Mar 2026 11:40:00 GMT", code: iam.CodeSkew},
		"20 min early":  {date: "Wed, 04 Mar 2026 12:20:00 GMT", code: iam.CodeSkew},
		"no date":       {code: iam.CodeIncomplete},
		"unread date":   {date: "noon", code: iam.CodeIncomplete},
		"no colon":      {auth: "AWS " + testKey.ID, code: iam.CodeIncomplete},
		"no signature":  {auth: "AWS " + testKey.ID + ":", code: iam.CodeIncomplete},
		"no key":        {auth: "AWS :c2ln", code: iam.CodeIncomplete},
		"unknown key":   {auth: "AWS AKIANOBODY:c2ln", code: iam.CodeUnknownKey},
		"bad signature": {auth: "AWS " + testKey.ID + ":c2ln", date: "Wed, 04 Mar 2026 12:00:00 GMT", code: iam.CodeMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			toSign := "GET\n\n\n" + c.date + "\n"
			r := httptest.NewRequest("GET", "http://localhost:9000/bucket/key", nil)
			if c.date != "" {
				r.Header.Set("Date", c.date)
			}
			if c.amzDate != "" {
				r.Header.Set("X-Amz-Date", c.amzDate)
				toSign += "x-amz-date:" + c.amzDate + "\n"
			}
			if c.auth == "" {
				h := hmac.New(sha1.New, []byte(testKey.Secret))
				h.Write([]byte(toSign + "/bucket/key"))
				c.auth = "AWS " + testKey.ID + ":" + base64.StdEncoding.EncodeToString(h.Sum(nil))
			}
			r.Header.Set("Authorization", c.auth)
			if _, err := newService(t, at(noon)).Verify(r); errs.CodeOf(err) != c.code {
				t.Errorf("got %v (code %q), want code %q", err, errs.CodeOf(err), c.code)
			}
		})
	}
}
