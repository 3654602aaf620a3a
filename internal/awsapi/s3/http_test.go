package s3_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/awsapi/s3"
)

func TestRanges(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustBucket(t, "data")
	s.mustPut(t, "data", "k", "0123456789")
	s.mustPut(t, "data", "empty", "")
	for _, tt := range []struct {
		key, header, body, contentRange string // no contentRange: the whole
		status                          int
	}{
		{"k", "bytes=0-0", "0", "bytes 0-0/10", 206},
		{"k", "bytes=2-5", "2345", "bytes 2-5/10", 206},
		{"k", "bytes=7-", "789", "bytes 7-9/10", 206},
		{"k", "bytes=7-99", "789", "bytes 7-9/10", 206},
		{"k", "bytes=-3", "789", "bytes 7-9/10", 206},
		{"k", "bytes=-99", "0123456789", "bytes 0-9/10", 206},
		{"k", "bytes=9-99999999999999999999", "9", "bytes 9-9/10", 206},
		{"k", "bytes=0-9", "0123456789", "bytes 0-9/10", 206},
		{"k", "bytes=10-", "", "bytes */10", 416},
		{"k", "bytes=99999999999999999999-", "", "bytes */10", 416},
		{"k", "bytes=-0", "", "bytes */10", 416},
		{"empty", "bytes=0-", "", "bytes */0", 416},
		{"empty", "bytes=-1", "", "bytes */0", 416},
		{"k", "bytes=5-2", "0123456789", "", 200},
		{"k", "bytes=0-1,3-4", "0123456789", "", 200},
		{"k", "bytes=-", "0123456789", "", 200},
		{"k", "bytes=a-b", "0123456789", "", 200},
		{"k", "bytes=--1", "0123456789", "", 200},
		{"k", "bytes=+1-2", "0123456789", "", 200},
		{"k", "chars=0-1", "0123456789", "", 200},
		{"empty", "", "", "", 200},
	} {
		a := s.do(t, "GET", "/data/"+tt.key, "", "Range: "+tt.header)
		if a.status != tt.status || a.header.Get("Content-Range") != tt.contentRange || tt.status != 416 && a.body != tt.body {
			t.Errorf("%s of %s: %d %q %q, want %d %q %q", tt.header, tt.key, a.status, a.header.Get("Content-Range"), a.body, tt.status, tt.contentRange, tt.body)
		}
		head := s.do(t, "HEAD", "/data/"+tt.key, "", "Range: "+tt.header)
		if head.status != tt.status || head.header.Get("Content-Range") != tt.contentRange || tt.status != 416 && head.header.Get("Content-Length") != fmt.Sprint(len(tt.body)) {
			t.Errorf("HEAD with %s of %s: %+v", tt.header, tt.key, head)
		}
	}
}

func TestIfRange(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustBucket(t, "data")
	info := s.mustPut(t, "data", "k", "0123456789")
	for condition, status := range map[string]int{
		`"` + info.ETag + `"`:                 206,
		`"another"`:                           200,
		`W/"` + info.ETag + `"`:               200,
		info.Modified.Format(http.TimeFormat): 206,
		"Mon, 02 Jan 2006 15:04:05 GMT":       200,
	} {
		if a := s.do(t, "GET", "/data/k", "", "Range: bytes=5-", "If-Range: "+condition); a.status != status || a.body != "0123456789"[(status-200)/6*5:] {
			t.Errorf("If-Range: %s: %d %q", condition, a.status, a.body)
		}
	}
}

// TestAddresses asserts how host and path name bucket and key.
func TestAddresses(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(opt *s3.Options, _ *httptest.Server) { opt.Hosts = []string{"localhost", "Blobs.Example"} })
	for _, name := range []string{"data", "my.data", "s3"} {
		if name != "s3" {
			s.mustBucket(t, name)
			s.mustPut(t, name, "a/k", "of "+name)
		}
	}
	for _, tt := range []struct{ host, path, want string }{
		{"localhost:9000", "/data/a/k", "of data"},
		{"127.0.0.1:9000", "/my.data/a/k", "of my.data"},
		{"[::1]:9000", "/data/a/k", "of data"},
		{"other.example", "/data/a/k", "of data"},
		{"data.localhost:9000", "/a/k", "of data"},
		{"data.localhost", "/a%2Fk", "of data"},
		{"DATA.LOCALHOST.", "/a/k", "of data"},
		{"my.data.localhost:9000", "/a/k", "of my.data"},
		{"data.s3.localhost", "/a/k", "of data"},
		{"my.data.s3.localhost:1", "/a/k", "of my.data"},
		{"s3.localhost", "/data/a/k", "of data"},
		{"data.blobs.example", "/a/k", "of data"},
		{"data.s3.blobs.example:9000", "/a/k", "of data"},
		{"blobs.example", "/data/a/k", "of data"},
		{"notlocalhost", "/data/a/k", "of data"},
	} {
		if a := s.do(t, "GET", tt.path, "", "Host: "+tt.host); a.body != tt.want {
			t.Errorf("http://%s%s is %d %s, want %q", tt.host, tt.path, a.status, a.body, tt.want)
		}
	}
	if a := s.do(t, "GET", "/", "", "Host: data.localhost"); !strings.Contains(a.body, "<Name>data</Name>") {
		t.Errorf("the root of a bucket's host is %s", a.body)
	}
}

// raw writes bytes to a new connection and returns the answer's status.
func (s *server) raw(t *testing.T, request string, hangUp bool) (status int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if hangUp {
		conn.(*net.TCPConn).CloseWrite()
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

func TestBodyLengths(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustBucket(t, "data")
	s.mustPut(t, "data", "k", "old")
	for name, tt := range map[string]struct {
		request string
		hangUp  bool
		status  int
		code    string
	}{
		"no length":   {"PUT /data/k HTTP/1.1\r\nHost: localhost\r\n\r\n", false, 411, "MissingContentLength"},
		"chunked":     {"PUT /data/k HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", false, 411, "MissingContentLength"},
		"too long":    {fmt.Sprintf("PUT /data/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", 5<<30+1), false, 400, "EntityTooLarge"},
		"cut":         {"PUT /data/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc", true, 400, "IncompleteBody"},
		"cut part":    {"PUT /data/k?uploadId=0&partNumber=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc", true, 404, "NoSuchUpload"},
		"cut XML":     {"POST /data?delete HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n<Delete><Object><Key>k</Key></Object></Delete>", true, 400, "IncompleteBody"},
		"no decoded":  {"PUT /data/k HTTP/1.1\r\nHost: localhost\r\nX-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", false, 411, "MissingContentLength"},
		"decoded big": {"PUT /data/k HTTP/1.1\r\nHost: localhost\r\nX-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nX-Amz-Decoded-Content-Length: 99999999999\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", false, 400, "EntityTooLarge"},
	} {
		status, body := s.raw(t, tt.request, tt.hangUp)
		if tt.hangUp { // which is seen first, the end of the body or of the connection, is open
			body = strings.Replace(body, "RequestTimeout", tt.code, 1)
		}
		if status != tt.status || !strings.Contains(body, "<Code>"+tt.code+"</Code>") {
			t.Errorf("%s: %d %s, want %d %s", name, status, body, tt.status, tt.code)
		}
	}
	if status, _ := s.raw(t, "PUT /data/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", false); status != 200 || s.content(t, "data", "k") != "" {
		t.Errorf("an empty object: %d, holds %q", status, s.content(t, "data", "k"))
	}
}

func TestObjectsAreInert(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustBucket(t, "data")
	s.do(t, "PUT", "/data/page", "<script>alert(1)</script>", "Content-Type: text/html", "X-Amz-Meta-Mixed: 1").want(t, 200, "")
	a := s.do(t, "GET", "/data/page", "").want(t, 200, "")
	for name, want := range map[string]string{"Content-Type": "text/html", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox", "Accept-Ranges": "bytes"} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	s.do(t, "PUT", "/data/untyped", "x").want(t, 200, "")
	if got := s.do(t, "GET", "/data/untyped", "").header.Get("Content-Type"); got != "binary/octet-stream" {
		t.Errorf("the type of an object without one is %q", got)
	}
	if status, _ := s.raw(t, "GET /data/page HTTP/1.0\r\n\r\n", false); status != 200 {
		t.Errorf("HTTP/1.0 without a host: %d", status)
	}
	conn := s.do(t, "GET", "/data/page", "", "If-None-Match: "+a.header.Get("Etag"))
	if conn.status != 304 || conn.body != "" || conn.header.Get("Etag") != a.header.Get("Etag") {
		t.Errorf("unmodified: %+v", conn)
	}
}
