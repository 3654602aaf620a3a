package iam

import (
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/heliograph/heliograph/internal/errs"
)

// buffer is the scratch of one check.
type buffer struct{ canonical, toSign []byte }

var buffers = sync.Pool{New: func() any { return &buffer{make([]byte, 0, 1024), make([]byte, 0, 256)} }}

func getBuffer() *buffer { return buffers.Get().(*buffer) }

func putBuffer(b *buffer) {
	if cap(b.canonical) <= 64<<10 {
		buffers.Put(b)
	}
}

// appendCanonical appends the canonical request: method, path, query, the signed
// headers with their values, their names, and the payload's hash.
func appendCanonical(b []byte, r *http.Request, sig *signature, path, payloadHash string) ([]byte, error) {
	b = append(b, r.Method...)
	b = append(b, '\n')
	b = append(b, path...)
	b = append(b, '\n')
	b, err := appendQuery(b, r.URL.RawQuery, sig.form == v4Query)
	if err != nil {
		return b, err
	}
	b = append(b, '\n')
	for _, name := range sig.headers {
		b = append(b, name...)
		b = append(b, ':')
		b = appendHeader(b, r, name)
		b = append(b, '\n')
	}
	b = append(b, '\n')
	for i, name := range sig.headers {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}
	b = append(b, '\n')
	return append(b, payloadHash...), nil
}

// canonicalPath returns the path to sign. S3's is the decoded path, encoded
// once; other services encode the path of the request line a second time. Some
// clients sign S3's request line as it is (more says to try that): it names the
// same object, so accepting it gives nothing away.
func canonicalPath(r *http.Request, service string, attempt int) (path string, more bool) {
	raw := r.URL.EscapedPath()
	if raw == "" {
		raw = "/"
	}
	if service != "s3" {
		return escape(raw, true), false
	}
	if attempt > 0 {
		return raw, false
	}
	decoded := r.URL.Path
	if decoded == "" {
		decoded = "/"
	}
	path = escape(decoded, true)
	return path, path != raw
}

const upperhex = "0123456789ABCDEF"

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// escape percent-encodes everything but unreserved characters (RFC 3986, 2.3)
// and, if slash is set, '/'.
func escape(s string, slash bool) string {
	for i := range len(s) {
		if c := s[i]; !isUnreserved(c) && !(slash && c == '/') {
			return string(appendEscaped(make([]byte, 0, len(s)+16), s, slash))
		}
	}
	return s
}

func appendEscaped(b []byte, s string, slash bool) []byte {
	for i := range len(s) {
		if c := s[i]; isUnreserved(c) || slash && c == '/' {
			b = append(b, c)
		} else {
			b = append(b, '%', upperhex[c>>4], upperhex[c&15])
		}
	}
	return b
}

// appendQuery appends the parameters decoded, encoded again and sorted by name,
// then value. Presigned URLs leave out their signature.
func appendQuery(b []byte, raw string, presigned bool) ([]byte, error) {
	if raw == "" {
		return b, nil
	}
	type param struct{ name, value string }
	params := make([]param, 0, 8)
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if presigned && name == "X-Amz-Signature" {
			continue
		}
		name, ok := unescapeQuery(name)
		value, ok2 := unescapeQuery(value)
		if !ok || !ok2 {
			return b, errs.New(errs.Invalid, CodeMalformedRequest, "The query string has an invalid percent-encoding in %q.", clip(pair))
		}
		params = append(params, param{escape(name, false), escape(value, false)})
	}
	slices.SortFunc(params, func(x, y param) int {
		if c := strings.Compare(x.name, y.name); c != 0 {
			return c
		}
		return strings.Compare(x.value, y.value)
	})
	for i, p := range params {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p.name...)
		b = append(b, '=')
		b = append(b, p.value...)
	}
	return b, nil
}

// unescapeQuery decodes %XX and '+', as the handlers behind will.
func unescapeQuery(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			b = append(b, ' ')
		case '%':
			if i+2 >= len(s) {
				return "", false
			}
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi < 0 || lo < 0 {
				return "", false
			}
			b = append(b, byte(hi<<4|lo))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return string(b), true
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// appendHeader appends a header's values, trimmed, runs of spaces folded into
// one, joined by commas. net/http keeps some headers elsewhere.
func appendHeader(b []byte, r *http.Request, name string) []byte {
	switch name {
	case "host":
		return appendValue(b, r.Host)
	case "content-length":
		if r.Header.Get("Content-Length") == "" && r.ContentLength >= 0 {
			return strconv.AppendInt(b, r.ContentLength, 10)
		}
	case "transfer-encoding":
		if len(r.TransferEncoding) > 0 {
			return append(b, strings.Join(r.TransferEncoding, ",")...)
		}
	}
	for i, v := range r.Header[headerKey(name)] {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, v)
	}
	return b
}

// headerKey is textproto.CanonicalMIMEHeaderKey for the lower-case name of a
// header, without an allocation for those that clients sign.
func headerKey(name string) string {
	switch name {
	case "accept":
		return "Accept"
	case "content-type":
		return "Content-Type"
	case "amz-sdk-invocation-id":
		return "Amz-Sdk-Invocation-Id"
	case "amz-sdk-request":
		return "Amz-Sdk-Request"
	case "x-amz-content-sha256":
		return "X-Amz-Content-Sha256"
	case "x-amz-date":
		return "X-Amz-Date"
	case "x-amz-security-token":
		return "X-Amz-Security-Token"
	case "x-amz-target":
		return "X-Amz-Target"
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

func appendValue(b []byte, v string) []byte {
	v = strings.Trim(v, " \t")
	if !strings.Contains(v, "  ") {
		return append(b, v...)
	}
	space := false
	for i := range len(v) {
		if v[i] == ' ' && space {
			continue
		}
		space = v[i] == ' '
		b = append(b, v[i])
	}
	return b
}
