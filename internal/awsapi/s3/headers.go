package s3

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
)

const metadataPrefix = "X-Amz-Meta-"

// keptHeaders are the headers that are stored with an object and come back with it.
var keptHeaders = []string{"Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires"}

// refused are headers that ask for something which storing the object without
// would only pretend; each with the value that asks for nothing, if there is one.
var refused = map[string]string{
	"X-Amz-Server-Side-Encryption":                                "",
	"X-Amz-Server-Side-Encryption-Customer-Algorithm":             "",
	"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id":                 "",
	"X-Amz-Copy-Source-Server-Side-Encryption-Customer-Algorithm": "",
	"X-Amz-Tagging":                     "",
	"X-Amz-Website-Redirect-Location":   "",
	"X-Amz-Object-Lock-Mode":            "",
	"X-Amz-Object-Lock-Legal-Hold":      "OFF",
	"X-Amz-Storage-Class":               "STANDARD",
	"X-Amz-Write-Offset-Bytes":          "",
	"X-Amz-Bypass-Governance-Retention": "false",
	"X-Amz-If-Match-Size":               "",
	"X-Amz-If-Match-Last-Modified-Time": "",
}

// checkOffered refuses requests for what this server does not do.
func checkOffered(h http.Header) error {
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		if v := h.Get(name); v != "" && v != refused[name] {
			return notImplemented("This server does not offer %s: %.60q; leave the header out.", strings.ToLower(name), v)
		}
	}
	if acl := h.Get("X-Amz-Acl"); acl != "" && acl != "private" && acl != "bucket-owner-full-control" {
		return invalid("AccessControlListNotSupported", "The bucket does not allow ACLs: %.40q; access is decided by policies alone.", acl)
	}
	for name := range h {
		if strings.HasPrefix(name, "X-Amz-Grant-") {
			return invalid("AccessControlListNotSupported", "The bucket does not allow ACLs: %.40s; access is decided by policies alone.", strings.ToLower(name))
		}
	}
	return nil
}

// putOptions reads what is to be kept with an object, and checkOffered.
func putOptions(h http.Header) (blob.PutOptions, error) {
	opt := blob.PutOptions{ContentType: h.Get("Content-Type"), Headers: map[string]string{}, Metadata: map[string]string{}}
	for _, name := range keptHeaders {
		if v := h.Get(name); v != "" {
			opt.Headers[strings.ToLower(name)] = v
		}
	}
	delete(opt.Headers, "content-encoding")
	own := slices.DeleteFunc(encodings(h), func(token string) bool { return token == "aws-chunked" })
	if len(own) > 0 {
		opt.Headers["content-encoding"] = strings.Join(own, ", ")
	}
	for name, values := range h {
		if strings.HasPrefix(name, metadataPrefix) && len(name) > len(metadataPrefix) {
			opt.Metadata[strings.ToLower(name[len(metadataPrefix):])] = strings.Join(values, ",")
		}
	}
	return opt, checkOffered(h)
}

// writeConditions reads the conditions of a write.
func writeConditions(h http.Header, opt *blob.PutOptions) error {
	opt.IfMatch = h.Get("If-Match")
	switch v := h.Get("If-None-Match"); v {
	case "":
	case "*":
		opt.IfNoneMatch = true
	default:
		return notImplemented("If-None-Match on writes must be \"*\".")
	}
	if opt.IfMatch != "" && opt.IfNoneMatch {
		return notImplemented("If-Match and If-None-Match exclude each other.")
	}
	return nil
}

// describe writes what is kept with an object as headers.
func (c *call) describe(info blob.ObjectInfo) {
	h := c.w.Header()
	h.Set("Accept-Ranges", "bytes")
	h.Set("Last-Modified", info.Modified.Format(http.TimeFormat))
	h.Set("Etag", quoted(info.ETag))
	// An object is a stranger's file on the address of the console and the API: a
	// browser must neither guess its type nor let it act there.
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox")
	h.Set("Content-Type", "binary/octet-stream")
	if info.ContentType != "" {
		h.Set("Content-Type", info.ContentType)
	}
	for name, v := range info.Headers {
		h.Set(name, v)
	}
	for name, v := range info.Metadata {
		h[strings.ToLower(metadataPrefix)+name] = []string{v} // not canonical: boto3 shows the name as it is sent
	}
}

// describeChecksums writes checksums as headers.
func (c *call) describeChecksums(sums map[string]string) {
	for name, v := range sums {
		c.w.Header().Set(checksumPrefix+name, v)
		c.w.Header().Set("X-Amz-Checksum-Type", checksumType(v))
	}
}

func checksumType(value string) string {
	if strings.Contains(value, "-") {
		return "COMPOSITE"
	}
	return "FULL_OBJECT"
}

// conditions are those of a read.
type conditions struct {
	ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince string
}

func conditionsOf(h http.Header, prefix string) conditions {
	return conditions{
		h.Get(prefix + "If-Match"), h.Get(prefix + "If-None-Match"), h.Get(prefix + "If-Modified-Since"), h.Get(prefix + "If-Unmodified-Since"),
	}
}

// check reports what holds (RFC 9110, section 13.2.2): failed names the condition
// that asks for the version and does not hold; unmodified means the caller has it.
func (c conditions) check(info blob.ObjectInfo) (failed string, unmodified bool) {
	modified := info.Modified.Truncate(time.Second)
	if c.ifMatch != "" {
		if !matchesETag(c.ifMatch, info.ETag) {
			return "If-Match", false
		}
	} else if t, err := http.ParseTime(c.ifUnmodifiedSince); err == nil && modified.After(t) {
		return "If-Unmodified-Since", false
	}
	if c.ifNoneMatch != "" {
		return "", matchesETag(c.ifNoneMatch, info.ETag)
	}
	t, err := http.ParseTime(c.ifModifiedSince)
	return "", err == nil && !modified.After(t)
}

// rangeStillHolds reports whether the version that a client continues to load,
// by If-Range, is still the one that is there (RFC 9110, section 13.1.5).
func rangeStillHolds(ifRange string, info blob.ObjectInfo) bool {
	if t, err := http.ParseTime(ifRange); err == nil {
		return t.Equal(info.Modified.Truncate(time.Second))
	}
	return ifRange == "" || ifRange == quoted(info.ETag)
}

func matchesETag(list, etag string) bool {
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || strings.Trim(tag, `"`) == etag {
			return true
		}
	}
	return false
}

// byteRange is a part of an object: length bytes from start.
type byteRange struct{ start, length int64 }

// parseRange reads a Range header for an object of size bytes. ok is false for
// one to be ignored: of another unit, of several ranges, or malformed (RFC 9110,
// section 14.2). It fails with InvalidRange where no byte is in range.
func parseRange(header string, size int64) (r byteRange, ok bool, err error) {
	spec, found := strings.CutPrefix(header, "bytes=")
	if !found {
		return r, false, nil
	}
	first, last, found := strings.Cut(strings.TrimSpace(spec), "-")
	first, last = strings.TrimSpace(first), strings.TrimSpace(last)
	if !found || first == "" && last == "" || !digits(first) || !digits(last) {
		return r, false, nil
	}
	if first == "" {
		n := min(number(last), size)
		if n == 0 {
			return r, false, invalidRange()
		}
		return byteRange{size - n, n}, true, nil
	}
	r.start = number(first)
	end := size - 1
	if last != "" {
		if number(last) < r.start {
			return byteRange{}, false, nil
		}
		end = min(end, number(last))
	}
	if r.start >= size {
		return byteRange{}, false, invalidRange()
	}
	r.length = end - r.start + 1
	return r, true, nil
}

func invalidRange() error {
	return invalid("InvalidRange", "The requested range is not satisfiable")
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// number reads digits; what is too large for an object's offset is the largest.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 1<<63 - 1
	}
	return n
}
