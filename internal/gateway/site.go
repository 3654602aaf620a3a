package gateway

import (
	"fmt"
	"html"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
)

// rootSite answers from the site at the root, if there is one and the request is
// one for a site.
func (g *Gateway) rootSite(x *exchange, r *http.Request) bool {
	if g.RootSite == "" || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if _, err := g.Sites.Website(r.Context(), g.RootSite); errs.Is(err, errs.NotFound) {
		return false
	}
	g.site(x, r, g.RootSite, r.URL.Path)
	return true
}

// site answers a request for the path, "" or beginning with a slash, of the site
// in bucket.
func (g *Gateway) site(x *exchange, r *http.Request, bucket, urlPath string) {
	guard(x.Header())
	x.Header().Set("x-amz-request-id", x.request)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		x.Header().Set("Allow", "GET, HEAD")
		x.page(http.StatusMethodNotAllowed, "This is a site: pages can be fetched, nothing can be sent to them.")
		return
	}
	website, err := g.Sites.Website(r.Context(), bucket)
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) {
		x.page(http.StatusNotFound, fmt.Sprintf("There is no site named %.63s. A bucket becomes one with a website configuration.", bucket))
		return
	} else if err != nil {
		g.siteFailed(x, r, bucket, err)
		return
	}
	x.target = bucket
	if urlPath == "" {
		redirectToFolder(x, r)
		return
	}
	key := urlPath[1:]
	if strings.HasSuffix(urlPath, "/") {
		key += website.Index
	}
	object, err := g.open(r, bucket, key)
	switch {
	case err == nil:
		defer object.Close()
		serveObject(x, r, object)
	case errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) || errs.Is(err, errs.TooLarge):
		if !strings.HasSuffix(urlPath, "/") && g.exists(r, bucket, key+"/"+website.Index) {
			redirectToFolder(x, r)
			return
		}
		g.siteError(x, r, bucket, website, http.StatusNotFound, "There is no such page.")
	case errs.Is(err, errs.Denied) || errs.Is(err, errs.Unauthenticated):
		g.siteError(x, r, bucket, website, http.StatusForbidden, "This page may not be read without signing in.")
	default:
		g.siteFailed(x, r, bucket, err)
	}
}

// open opens an object that anybody may read.
func (g *Gateway) open(r *http.Request, bucket, key string) (blob.Object, error) {
	if !plainKey(key) {
		return nil, errs.New(errs.NotFound, "NoSuchKey", "The specified key does not exist.")
	}
	if err := g.Authorizer.Authorize(r.Context(), actionSite, "arn:aws:s3:::"+bucket+"/"+key); err != nil {
		return nil, err
	}
	return g.Sites.Open(r.Context(), bucket, key)
}

// plainKey rejects keys that no page has and that somebody may have hopes in.
func plainKey(key string) bool {
	if !utf8.ValidString(key) || strings.ContainsAny(key, "\x00\\") {
		return false
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

func (g *Gateway) exists(r *http.Request, bucket, key string) bool {
	object, err := g.open(r, bucket, key)
	if err != nil {
		return false
	}
	object.Close()
	return true
}

// redirectToFolder sends the client to the same path with a slash behind it.
// The location is relative to the request's own path, so it can't lead to
// another host whatever the path is.
func redirectToFolder(x *exchange, r *http.Request) {
	last := path.Base(r.URL.Path)
	location := "./" + url.PathEscape(last) + "/"
	if r.URL.RawQuery != "" {
		location += "?" + r.URL.RawQuery
	}
	x.Header().Set("Location", location)
	x.page(http.StatusFound, "The page is a folder: its address ends with a slash.")
}

// serveObject sends an object, or the part of it or the status that the
// request's conditions and ranges ask for.
func serveObject(x *exchange, r *http.Request, object blob.Object) {
	info := object.Info()
	describe(x.Header(), info)
	if info.ETag != "" {
		x.Header().Set("ETag", `"`+info.ETag+`"`)
	}
	http.ServeContent(x, r, "", info.Modified, object)
}

// describe sets the headers that an object was stored with.
func describe(h http.Header, info blob.ObjectInfo) {
	for name, value := range info.Headers {
		h.Set(name, value)
	}
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-cache") // asks again each time, which the ETag makes cheap
	}
	h.Set("Content-Type", contentType(info))
}

func contentType(info blob.ObjectInfo) string {
	switch info.ContentType {
	case "", "binary/octet-stream", "application/octet-stream":
		if byName := mime.TypeByExtension(path.Ext(info.Key)); byName != "" {
			return byName
		}
		return "application/octet-stream"
	}
	return info.ContentType
}

// siteError answers with the site's own page for errors, if it has one.
func (g *Gateway) siteError(x *exchange, r *http.Request, bucket string, website blob.Website, status int, message string) {
	if website.Error != "" {
		if object, err := g.open(r, bucket, website.Error); err == nil {
			defer object.Close()
			describe(x.Header(), object.Info())
			x.Header().Set("Content-Length", strconv.FormatInt(object.Info().Size, 10))
			x.WriteHeader(status)
			if r.Method != http.MethodHead {
				_, _ = io.Copy(x, object) // the client may be gone
			}
			return
		}
	}
	x.page(status, message)
}

func (g *Gateway) siteFailed(x *exchange, r *http.Request, bucket string, err error) {
	g.Logger.Error("gateway: site failed", "request_id", x.request, "bucket", bucket, "path", r.URL.Path, "error", err)
	x.page(http.StatusInternalServerError, "The page can't be read. The server's log has the cause under the request id "+x.request+".")
}

// guard sets what keeps a page from being misread or framed by another site.
func guard(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "object-src 'none'; base-uri 'self'; frame-ancestors 'self'")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
}

// page sends a plain page of the gateway's own.
func (x *exchange) page(status int, message string) {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	x.send(status, "text/html; charset=utf-8", fmt.Appendf(nil,
		"<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>%s</title></head>\n<body>\n<h1>%s</h1>\n<p>%s</p>\n</body>\n</html>\n",
		title, title, html.EscapeString(message)))
}
