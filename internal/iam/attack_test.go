package iam_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
)

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func at(now time.Time) func(*iam.Config) {
	return func(c *iam.Config) { c.Now = func() time.Time { return now } }
}

// judge verifies and reads the body, since a changed body shows only then.
func judge(s *iam.Service, r *http.Request) error {
	if _, err := s.Verify(r); err != nil {
		return err
	}
	_, err := io.ReadAll(r.Body)
	return err
}

func TestAttacksOnSignedRequests(t *testing.T) {
	t.Parallel()
	const body = `{"EndpointName": "e"}`
	for name, c := range map[string]struct {
		change     func(r *http.Request)
		code, json string // expected for s3 and for sagemaker; json "" means the same, "none" success
		key        iam.Key
		service    string // to sign for
		region     string
		shift      time.Duration
	}{
		"nothing":                      {},
		"other method":                 {change: func(r *http.Request) { r.Method = "PUT" }, code: iam.CodeMismatch},
		"other path":                   {change: func(r *http.Request) { r.URL.Path = "/bucket/other" }, code: iam.CodeMismatch},
		"longer path":                  {change: func(r *http.Request) { r.URL.Path += "/x" }, code: iam.CodeMismatch},
		"other query value":            {change: func(r *http.Request) { r.URL.RawQuery = "a=1&b=3" }, code: iam.CodeMismatch},
		"added parameter":              {change: func(r *http.Request) { r.URL.RawQuery += "&acl" }, code: iam.CodeMismatch},
		"removed parameter":            {change: func(r *http.Request) { r.URL.RawQuery = "a=1" }, code: iam.CodeMismatch},
		"repeated parameter":           {change: func(r *http.Request) { r.URL.RawQuery += "&a=1" }, code: iam.CodeMismatch},
		"parameters in another order":  {change: func(r *http.Request) { r.URL.RawQuery = "b=2&a=1" }},
		"parameter spelled otherwise":  {change: func(r *http.Request) { r.URL.RawQuery = "%61=1&b=2" }},
		"bad escape in the query":      {change: func(r *http.Request) { r.URL.RawQuery = "a=1&b=2%" }, code: iam.CodeMalformedRequest},
		"other signed header":          {change: func(r *http.Request) { r.Header.Set("X-Amz-Meta-A", "2") }, code: iam.CodeMismatch},
		"signed header twice":          {change: func(r *http.Request) { r.Header.Add("X-Amz-Meta-A", "1") }, code: iam.CodeMismatch},
		"signed header gone":           {change: func(r *http.Request) { r.Header.Del("X-Amz-Meta-A") }, code: iam.CodeMismatch},
		"other content type":           {change: func(r *http.Request) { r.Header.Set("Content-Type", "text/html") }, code: iam.CodeMismatch},
		"added x-amz- header":          {change: func(r *http.Request) { r.Header.Set("X-Amz-Acl", "public-read") }, code: iam.CodeUnsignedHeaders},
		"added target":                 {change: func(r *http.Request) { r.Header.Set("X-Amz-Target", "SageMaker.DeleteModel") }, code: iam.CodeUnsignedHeaders},
		"added harmless header":        {change: func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.1") }},
		"other host":                   {change: func(r *http.Request) { r.Host = "other.localhost" }, code: iam.CodeMismatch},
		"host not signed":              {change: edit("host;", ""), code: iam.CodeUnsignedHeaders},
		"header taken out of the list": {change: edit(";x-amz-meta-a", ""), code: iam.CodeUnsignedHeaders},
		"header names in upper case":   {change: edit("host;", "Host;"), code: iam.CodeIncomplete},
		"header named twice":           {change: edit("host;", "host;host;"), code: iam.CodeIncomplete},
		"empty header name":            {change: edit("host;", "host;;"), code: iam.CodeIncomplete},
		"other body":                   {change: func(r *http.Request) { setBody(r, strings.Replace(body, "e\"}", "f\"}", 1)) }, code: iam.CodeBodyMismatch, json: iam.CodeMismatch},
		"shorter body":                 {change: func(r *http.Request) { setBody(r, body[1:]) }, code: iam.CodeMismatch},
		"no body":                      {change: func(r *http.Request) { setBody(r, "") }, code: iam.CodeMismatch},
		"body of unknown length":       {change: func(r *http.Request) { r.ContentLength = -1 }, code: iam.CodeMismatch, json: "none"},
		"other body hash":              {change: func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", sha256Hex("x")) }, code: iam.CodeMismatch, json: iam.CodeUnsignedHeaders},
		"body hash unsigned payload":   {change: func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }, code: iam.CodeMismatch, json: iam.CodeUnsignedHeaders},
		"other secret":                 {key: iam.Key{ID: testKey.ID, Secret: testKey.Secret + "x"}, code: iam.CodeMismatch},
		"unknown key":                  {key: iam.Key{ID: "AKIAOTHEROTHEROTHER0", Secret: testKey.Secret}, code: iam.CodeUnknownKey},
		"prefix of the key":            {key: iam.Key{ID: testKey.ID[:19], Secret: testKey.Secret}, code: iam.CodeUnknownKey},
		"other region":                 {region: "eu-west-1", code: iam.CodeScope},
		"region of global services":    {change: edit("/us-west-2/", "/us-east-1/"), code: iam.CodeScope},
		"empty service":                {change: edit("/SERVICE/", "//"), code: iam.CodeScope},
		"service changed":              {change: edit("/SERVICE/", "/sts/"), code: iam.CodeMismatch},
		"other terminator":             {change: edit("aws4_request", "aws5_request"), code: iam.CodeScope},
		"other scope date":             {change: edit("/20260304/", "/20260303/"), code: iam.CodeScope},
		"20 minutes late":              {shift: -20 * time.Minute, code: iam.CodeSkew},
		"20 minutes early":             {shift: 20 * time.Minute, code: iam.CodeSkew},
		"14 minutes late":              {shift: -14 * time.Minute},
		"14 minutes early":             {shift: 14 * time.Minute},
		"time changed":                 {change: func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260304T120001Z") }, code: iam.CodeMismatch},
		"time in another form":         {change: func(r *http.Request) { r.Header.Set("X-Amz-Date", "2026-03-04T12:00:00Z") }, code: iam.CodeIncomplete},
		"time twice":                   {change: func(r *http.Request) { r.Header.Add("X-Amz-Date", "20260304T120000Z") }, code: iam.CodeIncomplete},
		"no time":                      {change: func(r *http.Request) { r.Header.Del("X-Amz-Date") }, code: iam.CodeIncomplete},
		"no signature":                 {change: func(r *http.Request) { r.Header.Del("Authorization") }, code: iam.CodeMissingToken},
		"empty authorization":          {change: func(r *http.Request) { r.Header.Set("Authorization", "") }, code: iam.CodeUnsupportedAlgo},
		"bearer":                       {change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, code: iam.CodeUnsupportedAlgo},
		"other algorithm":              {change: edit("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), code: iam.CodeUnsupportedAlgo},
		"algorithm none":               {change: edit("AWS4-HMAC-SHA256", "AWS4-HMAC-NONE"), code: iam.CodeUnsupportedAlgo},
		"two authorizations":           {change: func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, code: iam.CodeBadQuery},
		"giant authorization":          {change: edit("Signature=", "Signature="+strings.Repeat("0", 1<<20)), code: iam.CodeIncomplete},
		"empty signature":              {change: cut("Signature="), code: iam.CodeIncomplete},
		"truncated signature":          {change: func(r *http.Request) { a := r.Header["Authorization"]; a[0] = a[0][:len(a[0])-1] }, code: iam.CodeMismatch},
		"signature twice":              {change: edit("Signature=", "Signature=0, Signature="), code: iam.CodeIncomplete},
		"signature in upper case":      {change: upperSignature, code: iam.CodeMismatch},
		"no credential":                {change: edit("Credential=", "Credentials="), code: iam.CodeIncomplete},
		"credential with a slash more": {change: edit("Credential=", "Credential=a/"), code: iam.CodeIncomplete},
		"secret for the key's id":      {key: iam.Key{ID: testKey.Secret, Secret: testKey.ID}, code: iam.CodeIncomplete},
		"session token":                {change: func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "t") }, code: iam.CodeBadToken},
		"signature in the query too":   {change: func(r *http.Request) { r.URL.RawQuery += "&X-Amz-Signature=0" }, code: iam.CodeBadQuery},
		"version 2 in the query too":   {change: func(r *http.Request) { r.URL.RawQuery += "&AWSAccessKeyId=a" }, code: iam.CodeBadQuery},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, service := range []string{"s3", "sagemaker"} {
				key, region := c.key, c.region
				if key.ID == "" {
					key = testKey
				}
				if region == "" {
					region = "us-west-2"
				}
				r := httptest.NewRequest("POST", "http://localhost:9000/bucket/key?a=1&b=2", nil)
				setBody(r, body)
				r.Header.Set("X-Amz-Meta-A", "1")
				r.Header.Set("Content-Type", "application/json")
				sign(t, key, service, region, noon.Add(c.shift), r, body)
				if c.change != nil {
					h := r.Header
					h["Service"] = []string{service}
					c.change(r)
					delete(h, "Service")
				}
				want := c.code
				if service != "s3" && c.json != "" {
					want = strings.TrimPrefix(c.json, "none")
				}
				svc := newService(t, at(noon), func(c *iam.Config) { c.Region = "us-west-2" })
				if err := judge(svc, r); errs.CodeOf(err) != want {
					t.Errorf("%s: got %v (code %q), want code %q", service, err, errs.CodeOf(err), want)
				} else if err != nil && strings.Contains(err.Error(), testKey.Secret) {
					t.Errorf("%s: the error shows the secret: %v", service, err)
				}
			}
		})
	}
}

func setBody(r *http.Request, body string) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	if r.Header.Get("Content-Length") != "" {
		r.Header.Set("Content-Length", "")
	}
}

// edit replaces the first old in the Authorization header; SERVICE stands for the
// service that the request was signed for.
func edit(old, new string) func(r *http.Request) {
	return func(r *http.Request) {
		old := strings.ReplaceAll(old, "SERVICE", r.Header.Get("Service"))
		a := r.Header.Get("Authorization")
		if !strings.Contains(a, old) {
			panic("nothing to replace: " + old + " in " + a)
		}
		r.Header.Set("Authorization", strings.Replace(a, old, new, 1))
	}
}

func cut(from string) func(r *http.Request) {
	return func(r *http.Request) {
		a := r.Header.Get("Authorization")
		r.Header.Set("Authorization", a[:strings.Index(a, from)+len(from)])
	}
}

func upperSignature(r *http.Request) {
	a := r.Header.Get("Authorization")
	i := strings.Index(a, "Signature=") + len("Signature=")
	r.Header.Set("Authorization", a[:i]+strings.ToUpper(a[i:]))
}

func TestAttacksOnPresignedURLs(t *testing.T) {
	t.Parallel()
	const target = "http://localhost:9000/bucket/key"
	for name, c := range map[string]struct {
		expires string
		later   time.Duration
		change  func(u *url.URL, h http.Header)
		code    string
	}{
		"nothing":                 {},
		"last second":             {expires: "60", later: time.Minute},
		"expired":                 {expires: "60", later: time.Minute + time.Second, code: iam.CodeExpired},
		"from the future":         {later: -20 * time.Minute, code: iam.CodeExpired},
		"longest":                 {expires: "604800", later: 7 * 24 * time.Hour},
		"too long":                {expires: "604801", code: iam.CodeBadQuery},
		"zero":                    {expires: "0", code: iam.CodeBadQuery},
		"negative":                {expires: "-1", code: iam.CodeBadQuery},
		"no number":               {expires: "1h", code: iam.CodeBadQuery},
		"huge":                    {expires: "99999999999999999999", code: iam.CodeBadQuery},
		"expiry changed":          {change: set("X-Amz-Expires", "7200"), code: iam.CodeMismatch},
		"expiry removed":          {change: drop("X-Amz-Expires"), code: iam.CodeBadQuery},
		"date removed":            {change: drop("X-Amz-Date"), code: iam.CodeBadQuery},
		"signature removed":       {change: drop("X-Amz-Signature"), code: iam.CodeBadQuery},
		"algorithm removed":       {change: drop("X-Amz-Algorithm"), code: iam.CodeBadQuery},
		"algorithm changed":       {change: set("X-Amz-Algorithm", "none"), code: iam.CodeBadQuery},
		"signature twice":         {change: add("&X-Amz-Signature=0"), code: iam.CodeBadQuery},
		"credential twice":        {change: add("&X-Amz-Credential=0"), code: iam.CodeBadQuery},
		"expires twice":           {change: add("&X-Amz-Expires=604800"), code: iam.CodeBadQuery},
		"parameter added":         {change: add("&versionId=1"), code: iam.CodeMismatch},
		"parameter in other case": {change: add("&x-amz-signature=1"), code: iam.CodeMismatch},
		"host not signed":         {change: set("X-Amz-SignedHeaders", "x"), code: iam.CodeUnsignedHeaders},
		"header added":            {change: func(_ *url.URL, h http.Header) { h.Set("X-Amz-Acl", "public-read") }, code: iam.CodeUnsignedHeaders},
		"other object":            {change: func(u *url.URL, _ http.Header) { u.Path = "/bucket/key2" }, code: iam.CodeMismatch},
		"token added":             {change: add("&X-Amz-Security-Token=t"), code: iam.CodeBadToken},
		"authorization as well":   {change: func(_ *url.URL, h http.Header) { h.Set("Authorization", "AWS a:b") }, code: iam.CodeBadQuery},
		"giant":                   {change: add("&x=" + strings.Repeat("y", 20<<10)), code: iam.CodeBadQuery},
		"secret for the key's id": {change: set("X-Amz-Credential", testKey.Secret+"/20260304/us-east-1/s3/aws4_request"), code: iam.CodeBadQuery},
		"body hash demanded":      {change: add("&X-Amz-Content-Sha256=" + sha256Hex("")), code: iam.CodeMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expires := c.expires
			if expires == "" {
				expires = "3600"
			}
			u, err := url.Parse(presignURL(t, testKey, "s3", "us-east-1", noon, "GET", target, expires))
			if err != nil {
				t.Fatal(err)
			}
			header := http.Header{}
			if c.change != nil {
				c.change(u, header)
			}
			r := httptest.NewRequest("GET", u.String(), nil)
			r.Header = header
			if err := judge(newService(t, at(noon.Add(c.later))), r); errs.CodeOf(err) != c.code {
				t.Errorf("got %v (code %q), want code %q", err, errs.CodeOf(err), c.code)
			} else if err != nil && strings.Contains(err.Error(), testKey.Secret) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func set(name, value string) func(*url.URL, http.Header) {
	return func(u *url.URL, _ http.Header) {
		q := u.Query()
		q.Set(name, value)
		u.RawQuery = q.Encode()
	}
}

func drop(name string) func(*url.URL, http.Header) {
	return func(u *url.URL, _ http.Header) {
		q := u.Query()
		q.Del(name)
		u.RawQuery = q.Encode()
	}
}

func add(text string) func(*url.URL, http.Header) {
	return func(u *url.URL, _ http.Header) { u.RawQuery += text }
}
