package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
)

// hashVerifier takes a chunk's SHA-256 for its signature.
type hashVerifier struct{ chunks, trailers int }

func sign(data string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(data))) }

func (v *hashVerifier) VerifyChunk(signature string, chunk []byte) error {
	v.chunks++
	return v.verify(signature, chunk)
}

func (v *hashVerifier) VerifyTrailer(signature string, trailer []byte) error {
	v.trailers++
	return v.verify(signature, trailer)
}

func (v *hashVerifier) verify(signature string, data []byte) error {
	if signature != sign(string(data)) {
		return errs.New(errs.Unauthenticated, "SignatureDoesNotMatch", "The signature of a chunk does not match.")
	}
	return nil
}

const (
	unsigned      = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	signedPlain   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	signedTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
)

// signedBody writes content in signed chunks of the given sizes, and trailers.
func signedBody(content string, size int, trailers ...string) string {
	var b strings.Builder
	for len(content) > 0 {
		chunk := content[:min(size, len(content))]
		content = content[len(chunk):]
		fmt.Fprintf(&b, "%x;chunk-signature=%s\r\n%s\r\n", len(chunk), sign(chunk), chunk)
	}
	fmt.Fprintf(&b, "0;chunk-signature=%s\r\n", sign(""))
	for _, line := range trailers {
		b.WriteString(line + "\r\n")
	}
	return b.String() + "\r\n"
}

func TestChunkedBodies(t *testing.T) {
	t.Parallel()
	const crc = "x-amz-checksum-crc32:"
	const good = "NhCmhg==" // of "hello"
	for name, tt := range map[string]struct {
		form, trailer string // x-amz-content-sha256, x-amz-trailer
		body          string
		decoded       int
		code          string // of the error, or ""
	}{
		"unsigned":               {unsigned, "", "5\r\nhello\r\n0\r\n\r\n", 5, ""},
		"several chunks":         {unsigned, "", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 5, ""},
		"empty":                  {unsigned, "", "0\r\n\r\n", 0, ""},
		"no last empty line":     {unsigned, "", "5\r\nhello\r\n0\r\n", 5, ""},
		"leading zeros":          {unsigned, "", "0005\r\nhello\r\n000\r\n\r\n", 5, ""},
		"trailer":                {unsigned, "x-amz-checksum-crc32", "5\r\nhello\r\n0\r\n" + crc + good + "\r\n\r\n", 5, ""},
		"trailer in other case":  {unsigned, "X-Amz-Checksum-CRC32", "5\r\nhello\r\n0\r\nX-Amz-Checksum-Crc32: " + good + " \r\n\r\n", 5, ""},
		"trailer ends in LF":     {unsigned, "x-amz-checksum-crc32", "5\r\nhello\r\n0\r\n" + crc + good + "\n\r\n", 5, ""},
		"without a hash header":  {"", "x-amz-checksum-crc32", "5\r\nhello\r\n0\r\n" + crc + good + "\r\n\r\n", 5, ""},
		"signed":                 {signedPlain, "", signedBody("hello", 3), 5, ""},
		"signed, empty":          {signedPlain, "", signedBody("", 3), 0, ""},
		"signed trailer":         {signedTrailer, "x-amz-checksum-crc32", signedBody("hello", 5, crc+good, "x-amz-trailer-signature:"+sign(crc+good+"\n")), 5, ""},
		"bad checksum":           {unsigned, "x-amz-checksum-crc32", "5\r\nhello\r\n0\r\n" + crc + "AAAAAA==\r\n\r\n", 5, "BadDigest"},
		"malformed checksum":     {unsigned, "x-amz-checksum-crc32", "5\r\nhello\r\n0\r\n" + crc + "?\r\n\r\n", 5, "InvalidRequest"},
		"missing trailer":        {unsigned, "x-amz-checksum-crc32", "5\r\nhello\r\n0\r\n\r\n", 5, "MalformedTrailerError"},
		"unannounced trailer":    {unsigned, "", "5\r\nhello\r\n0\r\n" + crc + good + "\r\n\r\n", 5, "MalformedTrailerError"},
		"trailer twice":          {unsigned, "x-amz-checksum-crc32", "5\r\nhello\r\n0\r\n" + crc + good + "\r\n" + crc + good + "\r\n\r\n", 5, "MalformedTrailerError"},
		"no header line":         {unsigned, "x-amz-checksum-crc32", "5\r\nhello\r\n0\r\nnonsense\r\n\r\n", 5, "MalformedTrailerError"},
		"unknown trailer":        {unsigned, "x-amz-checksum-crc16", "0\r\n\r\n", 0, "InvalidRequest"},
		"a trailer of no kind":   {unsigned, "x-evil", "0\r\n\r\n", 0, "InvalidRequest"},
		"two checksums":          {unsigned, "x-amz-checksum-crc32, x-amz-checksum-sha1", "0\r\n\r\n", 0, "InvalidRequest"},
		"too long for length":    {unsigned, "", "5\r\nhello\r\n0\r\n\r\n", 4, "IncompleteBody"},
		"too short for length":   {unsigned, "", "5\r\nhello\r\n0\r\n\r\n", 6, "IncompleteBody"},
		"negative length":        {unsigned, "", "-5\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"},
		"length in words":        {unsigned, "", "five\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"},
		"huge length":            {unsigned, "", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"},
		"chunk too long":         {unsigned, "", "4\r\nhello\r\n0\r\n\r\n", 4, "IncompleteBody"},
		"cut in a chunk":         {unsigned, "", "5\r\nhel", 5, "IncompleteBody"},
		"cut after a chunk":      {unsigned, "", "5\r\nhello\r\n", 5, "IncompleteBody"},
		"cut in a head":          {unsigned, "", "5", 5, "IncompleteBody"},
		"cut in a trailer":       {unsigned, "x-amz-checksum-crc32", "5\r\nhello\r\n0\r\n" + crc, 5, "IncompleteBody"},
		"nothing":                {unsigned, "", "", 5, "IncompleteBody"},
		"more behind":            {unsigned, "", "5\r\nhello\r\n0\r\n\r\n5\r\nagain\r\n", 5, "IncompleteBody"},
		"endless head":           {unsigned, "", strings.Repeat("0", 1<<20), 5, "IncompleteBody"},
		"signature in unsigned":  {unsigned, "", signedBody("hello", 5), 5, "IncompleteBody"},
		"no signature":           {signedPlain, "", "5\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"},
		"bad signature":          {signedPlain, "", strings.Replace(signedBody("hello", 5), "hello", "hullo", 1), 5, "SignatureDoesNotMatch"},
		"bad last signature":     {signedPlain, "", strings.Replace(signedBody("hello", 5), sign(""), sign("x"), 1), 5, "SignatureDoesNotMatch"},
		"bad trailer signature":  {signedTrailer, "x-amz-checksum-crc32", signedBody("hello", 5, crc+good, "x-amz-trailer-signature:"+sign("")), 5, "SignatureDoesNotMatch"},
		"no trailer signature":   {signedTrailer, "x-amz-checksum-crc32", signedBody("hello", 5, crc+good), 5, "SignatureDoesNotMatch"},
		"behind the signature":   {signedTrailer, "x-amz-checksum-crc32", signedBody("hello", 5, "x-amz-trailer-signature:"+sign(""), crc+good), 5, "MalformedTrailerError"},
		"trailer to plain":       {signedPlain, "x-amz-checksum-crc32", signedBody("hello", 5, crc+good), 5, "InvalidRequest"},
		"signed chunk too long":  {signedPlain, "", "1000001;chunk-signature=" + sign("") + "\r\n", 1 << 25, "IncompleteBody"},
		"signed, cut in a chunk": {signedPlain, "", signedBody("hello", 5)[:90], 5, "IncompleteBody"},
		"unknown form":           {"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "", "0\r\n\r\n", 0, "NotImplemented"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := openStore(t)
			r := httptest.NewRequest("PUT", "/data/k", io.NopCloser(iotest.HalfReader(strings.NewReader(tt.body))))
			r.ContentLength = -1
			r.Header.Set("Content-Encoding", "gzip, aws-chunked")
			r.Header.Set("X-Amz-Decoded-Content-Length", strconv.Itoa(tt.decoded))
			if tt.form != "" {
				r.Header.Set("X-Amz-Content-Sha256", tt.form)
			}
			if tt.trailer != "" {
				r.Header.Set("X-Amz-Trailer", tt.trailer)
			}
			w := httptest.NewRecorder()
			New(store, allowAll()).ServeHTTP(w, r.WithContext(WithChunkVerifier(r.Context(), &hashVerifier{})))
			o, err := store.Open(t.Context(), "data", "k")
			if tt.code != "" {
				if !strings.Contains(w.Body.String(), "<Code>"+tt.code+"</Code>") || err == nil {
					t.Fatalf("%d %s, want %s; the object: %v", w.Code, w.Body, tt.code, err)
				}
				return
			}
			if w.Code != http.StatusOK || err != nil {
				t.Fatalf("%d %s; the object: %v", w.Code, w.Body, err)
			}
			defer o.Close()
			if b, _ := io.ReadAll(o); string(b) != "hello"[:tt.decoded] || o.Info().Headers["content-encoding"] != "gzip" {
				t.Errorf("the object is %q, %+v", b, o.Info())
			}
			if strings.HasPrefix(strings.ToLower(tt.trailer), "x-amz") && o.Info().Checksums["crc32"] != good {
				t.Errorf("the trailing checksum is not kept: %v", o.Info().Checksums)
			}
		})
	}
}

func openStore(t testing.TB) blob.Store {
	t.Helper()
	store, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if err := store.CreateBucket(t.Context(), "data", ""); err != nil {
		t.Fatal(err)
	}
	return store
}

func allowAll() Options {
	return Options{Authorize: func(context.Context, string, string) error { return nil }}
}

func TestSignedChunksNeedAVerifier(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("PUT", "/data/k", strings.NewReader(signedBody("hello", 5)))
	r.Header.Set("X-Amz-Content-Sha256", signedPlain)
	r.Header.Set("X-Amz-Decoded-Content-Length", "5")
	w := httptest.NewRecorder()
	New(openStore(t), allowAll()).ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "announces signed chunks") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// FuzzChunked asserts that whatever a body is, the decoder gives as many bytes
// as announced or an error, holds little memory, and does not depend on how the
// bytes arrive.
func FuzzChunked(f *testing.F) {
	for _, body := range []string{
		"5\r\nhello\r\n0\r\n\r\n", "0\r\n\r\n", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", "2\r\nhe\r\n3\r\nllo\r\n0\r\n", "ffffffff\r\n",
		signedBody("hello", 2), signedBody("", 2), signedBody("hello", 5, "x-amz-checksum-crc32:NhCmhg==", "x-amz-trailer-signature:"+sign("x-amz-checksum-crc32:NhCmhg==\n")),
	} {
		for form := range 3 {
			f.Add([]byte(body), uint8(form), int64(5))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, form uint8, size int64) {
		if size < 0 || size > maxPut {
			return
		}
		h := http.Header{"X-Amz-Content-Sha256": {[]string{unsigned, signedPlain, signedTrailer}[form%3]}}
		if form%3 != 1 && form&4 != 0 {
			h.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
		}
		ctx := WithChunkVerifier(context.Background(), &hashVerifier{})
		read := func(in io.Reader) (string, error) {
			r, err := newChunkedReader(ctx, in, h, size)
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(r)
			if n, again := r.Read(make([]byte, 1)); n != 0 || again == nil {
				t.Fatalf("after %v the reader gives %d bytes, %v", err, n, again)
			}
			return string(content), err
		}
		whole, err := read(bytes.NewReader(body))
		if err == nil && int64(len(whole)) != size {
			t.Fatalf("%d bytes decoded, %d announced", len(whole), size)
		}
		if len(whole) > len(body) {
			t.Fatalf("%d bytes decoded from %d", len(whole), len(body))
		}
		slow, slowErr := read(iotest.OneByteReader(bytes.NewReader(body)))
		if slow != whole && err == nil || (slowErr == nil) != (err == nil) || errs.CodeOf(slowErr) != errs.CodeOf(err) {
			t.Fatalf("at once: %q, %v; byte by byte: %q, %v", whole, err, slow, slowErr)
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && errs.KindOf(err) == errs.Internal {
			t.Fatalf("the error is internal: %v", err)
		}
	})
}

func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-1", "bytes=-5", "bytes=5-", "bytes=9-3", "bytes=99999999999999999999-", "bytes=-99999999999999999999", "bytes= 1 - 2 ", "bytes=1-2,3-4", "items=1-2"} {
		f.Add(s, int64(10))
		f.Add(s, int64(0))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		r, ok, err := parseRange(header, size)
		if ok && (err != nil || r.start < 0 || r.length < 1 || r.length > size || r.start > size-r.length) {
			t.Fatalf("%q of %d bytes is %+v, %v", header, size, r, err)
		}
		if !ok && r != (byteRange{}) || err != nil && errs.CodeOf(err) != "InvalidRange" {
			t.Fatalf("%q of %d bytes is ignored and %+v, %v", header, size, r, err)
		}
	})
}

// FuzzXML asserts of all request documents that they are read or refused with
// an error of the caller, and that lists are bounded.
func FuzzXML(f *testing.F) {
	for _, s := range []string{
		"<Delete><Quiet>true</Quiet><Object><Key>a</Key><VersionId>null</VersionId></Object></Delete>",
		"<CompleteMultipartUpload xmlns='" + namespace + "'><Part><PartNumber>1</PartNumber><ETag>\"x\"</ETag><ChecksumCRC32>AAAA</ChecksumCRC32></Part></CompleteMultipartUpload>",
		"<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument></WebsiteConfiguration>",
		"<Delete><!-- c --><?p i?><![CDATA[x]]></Delete>", "<!DOCTYPE x [<!ENTITY a \"b\">]><Delete><Object><Key>&a;</Key></Object></Delete>", "<Delete", "",
		strings.Repeat("<Delete>", 100), "<Delete><Object><Key>&#0;</Key></Object></Delete>",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		deletions, _, err := readDeletions(content)
		if len(deletions) > maxDeletes || err == nil && (len(deletions) == 0 || slices.ContainsFunc(deletions, func(d deletion) bool { return d.Key == "" })) {
			t.Fatalf("read %+v", deletions)
		}
		parts, err2 := decodeParts(content)
		if len(parts) > blob.MaxParts {
			t.Fatalf("read %d parts", len(parts))
		}
		_, err3 := decodeWebsite(content)
		for _, err := range []error{err, err2, err3} {
			if err != nil && errs.KindOf(err) == errs.Internal {
				t.Fatalf("the error is internal: %v", err)
			}
		}
	})
}

// TestKeepWarm asserts what a client sees of work that takes long.
func TestKeepWarm(t *testing.T) {
	t.Parallel()
	type answer struct {
		XMLName xml.Name `xml:"Answer"`
		N       int
	}
	for name, tt := range map[string]struct {
		takes time.Duration
		err   error
		want  string
	}{
		"at once":            {time.Second, nil, xml.Header + "<Answer><N>1</N></Answer>"},
		"after a while":      {25 * time.Second, nil, xml.Header + " <Answer><N>1</N></Answer>"},
		"fails at once":      {time.Second, noSuchVersion(), ""},
		"fails after a time": {35 * time.Second, noSuchVersion(), xml.Header + "  <Error><Code>NoSuchVersion</Code>"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequest("POST", "/data/k", nil)
			c := &call{handler: &handler{opt: allowAll()}, w: w, r: r, ctx: r.Context()}
			err := c.keepWarm(func() (any, error) {
				time.Sleep(tt.takes)
				return answer{N: 1}, tt.err
			})
			if (err != nil) != (tt.want == "") || !strings.HasPrefix(w.Body.String(), tt.want) || tt.want != "" && w.Code != 200 {
				t.Errorf("%s: %v, %d %q, want %q", name, err, w.Code, w.Body, tt.want)
			}
			if warm := tt.takes > warmInterval; warm != w.Flushed {
				t.Errorf("%s: flushed is %v", name, w.Flushed)
			}
		})
	}
	w := httptest.NewRecorder()
	c := &call{handler: &handler{opt: allowAll()}, w: w, ctx: t.Context()}
	if err := c.keepWarm(func() (any, error) { panic("no") }); err == nil || errs.KindOf(err) != errs.Internal {
		t.Errorf("a panic became %v", err)
	}
}
