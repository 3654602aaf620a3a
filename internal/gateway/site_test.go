package gateway_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/gateway"
	"github.com/heliograph/heliograph/internal/route"
)

// site makes the bucket "pages" with a few of them, hosted as a site, and a
// bucket "private" that isn't.
func (s *server) site(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	for _, bucket := range []string{"pages", "private", "no.error"} {
		if err := s.blobs.CreateBucket(ctx, bucket, "us-east-1"); err != nil {
			t.Fatal(err)
		}
	}
	for key, text := range map[string]string{
		"index.html": "<h1>Home</h1>", "error.html": "<h1>Lost</h1>", "about/index.html": "<h1>About</h1>", "style.css": "a {}",
		"a b/ü?.txt": "odd", "data": "0123456789", "typed": "{}", "../up.txt": "up", "docs/a:b/index.html": "colon",
	} {
		opt := blob.PutOptions{}
		switch {
		case strings.HasSuffix(key, ".html"):
			opt.ContentType = "text/html; charset=utf-8"
		case key == "typed":
			opt.ContentType = "application/json"
			opt.Headers = map[string]string{"cache-control": "max-age=60", "content-language": "en"}
		case key == "style.css":
			opt.ContentType = "binary/octet-stream"
		}
		if _, err := s.blobs.Put(ctx, "pages", key, strings.NewReader(text), opt); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.blobs.Put(ctx, "private", "secret.txt", strings.NewReader("secret"), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := s.blobs.SetWebsite(ctx, "pages", blob.Website{Index: "index.html", Error: "error.html"}); err != nil {
		t.Fatal(err)
	}
	if err := s.blobs.SetWebsite(ctx, "no.error", blob.Website{Index: "index.html"}); err != nil {
		t.Fatal(err)
	}
}

func TestSites(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.site(t)
	const html = "text/html; charset=utf-8"
	host := func(bucket string) []string { return []string{"Host: " + bucket + ".s3-website.localhost:8080"} }
	for name, c := range map[string]struct {
		path        string
		headers     []string
		status      int
		contentType string
		body        string // a part of it
	}{
		"home":              {"/", host("pages"), 200, html, "<h1>Home</h1>"},
		"home by path":      {"/_site/pages/", nil, 200, html, "<h1>Home</h1>"},
		"folder":            {"/about/", host("pages"), 200, html, "<h1>About</h1>"},
		"folder by path":    {"/_site/pages/about/", nil, 200, html, "<h1>About</h1>"},
		"file":              {"/style.css", host("pages"), 200, "text/css; charset=utf-8", "a {}"},
		"file by path":      {"/_site/pages/style.css?v=1", nil, 200, "text/css; charset=utf-8", "a {}"},
		"no type":           {"/data", host("pages"), 200, "application/octet-stream", "0123456789"},
		"escaped":           {"/a%20b/%C3%BC%3F.txt", host("pages"), 200, "text/plain; charset=utf-8", "odd"},
		"missing":           {"/nope", host("pages"), 404, html, "<h1>Lost</h1>"},
		"missing in folder": {"/about/nope/", host("pages"), 404, html, "<h1>Lost</h1>"},
		"no error page":     {"/nope", host("no.error"), 404, html, "There is no such page."},
		"private":           {"/secret.txt", host("private"), 404, html, "There is no site named private."},
		"private by path":   {"/_site/private/secret.txt", nil, 404, html, "There is no site named private."},
		"no bucket":         {"/", host("nobody"), 404, html, "There is no site named nobody."},
		"no bucket's name":  {"/_site/N%3Cb%3E/", nil, 404, html, "There is no site named N&lt;b&gt;."},
		"nothing":           {"/_site", nil, 404, html, "There is no site named ."},
		"traversal":         {"/../private/secret.txt", host("pages"), 404, html, "<h1>Lost</h1>"},
		"escaped traversal": {"/%2e%2e/private/secret.txt", host("pages"), 404, html, "<h1>Lost</h1>"},
		"slash traversal":   {"/..%2fup.txt", host("pages"), 404, html, "<h1>Lost</h1>"},
		"bucket traversal":  {"/_site/..%2fprivate/secret.txt", nil, 404, html, "There is no site"},
		"backslash":         {"/..%5cprivate%5csecret.txt", host("pages"), 404, html, "<h1>Lost</h1>"},
		"null":              {"/index.html%00", host("pages"), 404, html, "<h1>Lost</h1>"},
		"no UTF-8":          {"/%ff", host("pages"), 404, html, "<h1>Lost</h1>"},
		"long":              {"/" + strings.Repeat("x", 3000), host("pages"), 404, html, "<h1>Lost</h1>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.do(t, "GET", c.path, "", c.headers...)
			if got.StatusCode != c.status || got.Header.Get("Content-Type") != c.contentType || !strings.Contains(got.body, c.body) {
				t.Errorf("got %d %s %q", got.StatusCode, got.Header.Get("Content-Type"), got.body)
			}
			if got.Header.Get("X-Content-Type-Options") != "nosniff" || got.Header.Get("Content-Security-Policy") != "object-src 'none'; base-uri 'self'; frame-ancestors 'self'" {
				t.Errorf("the headers are %v", got.Header)
			}
			if strings.Contains(got.body, "secret") {
				t.Error("a private object shows")
			}
		})
	}
}

func TestSiteRedirectsToFolders(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.site(t)
	for path, want := range map[string]string{
		"/_site/pages":           "./pages/",
		"/_site/pages/about":     "./about/",
		"/_site/pages/about?x=1": "./about/?x=1",
		"/_site/pages/docs/a:b":  "./a:b/",
	} {
		got := s.do(t, "GET", path, "")
		if got.StatusCode != 302 || got.Header.Get("Location") != want {
			t.Errorf("%s: %d %q, want %s", path, got.StatusCode, got.Header.Get("Location"), want)
		}
		at, err := got.Location()
		if err != nil || at.Host != strings.TrimPrefix(s.URL, "http://") {
			t.Errorf("%s leads to %v, %v", path, at, err)
		}
	}
	// A path that looks like another host stays on this one.
	if _, err := s.blobs.Put(t.Context(), "pages", "/example.org/about/index.html", strings.NewReader("x"), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	request.URL.Path, request.Host = "//example.org/about", "pages.s3-website.localhost"
	recorder := httptest.NewRecorder()
	s.Config.Handler.ServeHTTP(recorder, request)
	if recorder.Code != 302 || recorder.Header().Get("Location") != "./about/" {
		t.Errorf("got %d %q", recorder.Code, recorder.Header().Get("Location"))
	}
}

func TestSiteConditionsAndRanges(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.site(t)
	full := s.do(t, "GET", "/_site/pages/data", "")
	etag := full.Header.Get("ETag")
	if etag != `"781e5e245d69b566979b86e28d23f2c7"` || full.Header.Get("Cache-Control") != "no-cache" || full.Header.Get("Last-Modified") == "" {
		t.Fatalf("the headers are %v", full.Header)
	}
	for name, c := range map[string]struct {
		method, header string
		status         int
		body           string
	}{
		"head":           {"HEAD", "", 200, ""},
		"same":           {"GET", "If-None-Match: " + etag, 304, ""},
		"weak":           {"GET", "If-None-Match: W/" + etag, 304, ""},
		"other":          {"GET", `If-None-Match: "x"`, 200, "0123456789"},
		"not since":      {"GET", "If-Modified-Since: " + full.Header.Get("Last-Modified"), 304, ""},
		"range":          {"GET", "Range: bytes=2-4", 206, "234"},
		"suffix":         {"GET", "Range: bytes=-3", 206, "789"},
		"past the end":   {"GET", "Range: bytes=10-", 416, ""},
		"head of a part": {"HEAD", "Range: bytes=0-0", 206, ""},
	} {
		got := s.do(t, c.method, "/_site/pages/data", "", c.header)
		if got.StatusCode != c.status || c.status != 416 && got.body != c.body {
			t.Errorf("%s: got %d %q", name, got.StatusCode, got.body)
		}
	}
	typed := s.do(t, "GET", "/_site/pages/typed", "")
	if typed.Header.Get("Content-Type") != "application/json" || typed.Header.Get("Cache-Control") != "max-age=60" || typed.Header.Get("Content-Language") != "en" {
		t.Errorf("the headers are %v", typed.Header)
	}
	if lost := s.do(t, "HEAD", "/_site/pages/nope", ""); lost.StatusCode != 404 || lost.ContentLength != int64(len("<h1>Lost</h1>")) {
		t.Errorf("a missing page: %d, %d bytes", lost.StatusCode, lost.ContentLength)
	}
	if lost := s.do(t, "GET", "/_site/pages/nope", "", "Range: bytes=0-1", "If-None-Match: *"); lost.StatusCode != 404 {
		t.Errorf("a part of a missing page: %d", lost.StatusCode)
	}
}

func TestSitesTakeNothing(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.site(t)
	for _, method := range []string{"PUT", "POST", "DELETE", "OPTIONS", "PATCH"} {
		got := s.do(t, method, "/_site/pages/index.html", "x")
		if got.StatusCode != 405 || got.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, got.StatusCode)
		}
	}
	s.observedLast(t, " PATCH 405")
}

func TestSitesAskForPermission(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.site(t)
	s.auth.deny = "s3:GetObject arn:aws:s3:::pages/about/"
	if got := s.do(t, "GET", "/_site/pages/about/", ""); got.StatusCode != 403 || !strings.Contains(got.body, "Lost") {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	// Nor does a redirect tell that there is a page.
	if got := s.do(t, "GET", "/_site/pages/about", ""); got.StatusCode != 404 {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	s.auth.mu.Lock()
	s.auth.deny = "s3:GetObject"
	s.auth.mu.Unlock()
	if got := s.do(t, "GET", "/_site/pages/", ""); got.StatusCode != 403 || strings.Contains(got.body, "Lost") {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
}

func TestRootSite(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *gateway.Config) { c.RootSite = "pages" })
	s.usual(t)
	const missing = `{"message":"Missing Authentication Token"}`
	if got := s.do(t, "GET", "/", ""); got.StatusCode != 403 || got.body != missing {
		t.Errorf("before there is a site: %d %s", got.StatusCode, got.body)
	}
	s.site(t)
	s.put(t, route.Route{Path: "/about", Function: "triage", Methods: []string{"GET"}})
	for name, c := range map[string]struct {
		method, path string
		status       int
		body         string
	}{
		"home":         {"GET", "/", 200, "<h1>Home</h1>"},
		"file":         {"GET", "/style.css", 200, "a {}"},
		"missing":      {"GET", "/nope", 404, "<h1>Lost</h1>"},
		"route":        {"PUT", "/blazingtext", 400, "no text"},
		"route wins":   {"GET", "/about", 400, "no body"},
		"wrong method": {"GET", "/blazingtext", 403, missing},
		"post":         {"POST", "/nope", 403, missing},
		"api":          {"GET", "/_api/default/prod/", 403, missing},
	} {
		got := s.do(t, c.method, c.path, "")
		if got.StatusCode != c.status || !strings.Contains(got.body, c.body) {
			t.Errorf("%s: got %d %s", name, got.StatusCode, got.body)
		}
	}
	s.do(t, "GET", "/style.css", "")
	s.observedLast(t, "pages GET 200")
}

// failing is a store whose disk has gone.
type failing struct{ blob.Store }

func (failing) Open(context.Context, string, string) (blob.Object, error) {
	return nil, errors.New("read /var/lib/heliograph: input/output error")
}

// A store that fails says nothing of why, but to the log.
func TestSiteFault(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *gateway.Config) { c.Sites = failing{c.Sites.(blob.Store)} })
	s.site(t)
	got := s.do(t, "GET", "/_site/pages/", "")
	id := got.Header.Get("X-Amz-Request-Id")
	if got.StatusCode != 500 || strings.Contains(got.body, "/var/lib") || !strings.Contains(got.body, id) {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	if log := s.log.String(); !strings.Contains(log, id) || !strings.Contains(log, "input/output error") {
		t.Errorf("the log is %s", log)
	}
}
