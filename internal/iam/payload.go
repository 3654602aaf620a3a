package iam

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"

	"github.com/heliograph/heliograph/internal/errs"
)

const (
	emptyHash         = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	unsignedPayload   = "UNSIGNED-PAYLOAD"
	streamingUnsigned = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	streamingSigned   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamingTrailer  = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
)

// payload is what the canonical request says of the body, and what is left to
// be checked once the signature is known to be right.
type payload struct {
	hash    string
	verify  bool // hash is the SHA-256 of the body, not yet compared with it
	read    bool // the body must be read and compared before it is handed on
	chunked bool // chunks carry signatures
	max     int64
}

func (s *Service) payload(r *http.Request, sig *signature) (payload, error) {
	hashes := r.Header["X-Amz-Content-Sha256"]
	if len(hashes) > 1 {
		return payload{}, badHash("The header x-amz-content-sha256 is given %d times.", len(hashes))
	}
	declared := ""
	if len(hashes) == 1 {
		declared = hashes[0]
	}
	if sig.service == "s3" {
		return s3Payload(r, sig, declared)
	}
	p := payload{hash: declared, verify: true, read: true, max: s.cfg.MaxBody}
	if declared == "" {
		body, err := readBody(r, p.max)
		if err != nil {
			return payload{}, err
		}
		sum := sha256.Sum256(body)
		p.hash, p.verify = hex.EncodeToString(sum[:]), false
	} else if !isHash(declared) {
		return payload{}, badHash("The header x-amz-content-sha256 must be the lower-case hexadecimal SHA-256 of the body for this service.")
	}
	return p, nil
}

func s3Payload(r *http.Request, sig *signature, declared string) (payload, error) {
	if declared == "" && sig.form == v4Query {
		declared = unsignedPayload
		if v, n := queryParam(r.URL.RawQuery, "X-Amz-Content-Sha256"); n == 1 {
			declared = v
		} else if n > 1 {
			return payload{}, badQuery("The parameter X-Amz-Content-Sha256 is given %d times.", n)
		}
	}
	p := payload{hash: declared}
	switch {
	case declared == "":
		return p, badHash("Missing required header for this request: x-amz-content-sha256")
	case declared == unsignedPayload || declared == streamingUnsigned:
	case declared == streamingSigned || declared == streamingTrailer:
		p.chunked = true
	case isHash(declared):
		p.verify = true
	default:
		return p, badHash("x-amz-content-sha256 must be %s, %s, %s, %s or a valid sha256 value.", unsignedPayload, streamingUnsigned, streamingSigned, streamingTrailer)
	}
	return p, nil
}

func badHash(format string, args ...any) error {
	return errs.New(errs.Invalid, CodeBodyHashMissing, format, args...)
}

func isHash(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}

// check compares the body with the hash that has been signed: at once where the
// body is small, else while it is read.
func (p payload) check(r *http.Request) error {
	if !p.verify {
		return nil
	}
	if p.read {
		body, err := readBody(r, p.max)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		return compareHash(sum[:], p.hash)
	}
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		empty := sha256.Sum256(nil)
		return compareHash(empty[:], p.hash)
	}
	r.Body = &verifiedBody{body: r.Body, hash: sha256.New(), want: p.hash, left: r.ContentLength}
	return nil
}

func compareHash(sum []byte, want string) error {
	var got [2 * sha256.Size]byte
	hex.Encode(got[:], sum)
	if subtle.ConstantTimeCompare(got[:], []byte(want)) == 1 {
		return nil
	}
	return errs.New(errs.Invalid, CodeBodyMismatch, "The provided 'x-amz-content-sha256' header does not match what was computed.")
}

// verifiedBody fails with the last byte, not after it: a reader that stops at
// the announced length must not take a changed body for the signed one. A reader
// that has better ways to compute the hash than while it reads calls Unchecked.
type verifiedBody struct {
	body io.ReadCloser
	hash hash.Hash
	want string
	left int64 // bytes to come, negative if unknown
	err  error // what every further Read returns
}

func (b *verifiedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.body.Read(p)
	b.hash.Write(p[:n])
	if b.left >= 0 {
		b.left -= int64(n)
	}
	if err == io.EOF || b.left == 0 {
		if mismatch := compareHash(b.hash.Sum(nil), b.want); mismatch != nil {
			b.err = mismatch
			return 0, mismatch
		}
		b.err = io.EOF
	} else if err != nil {
		b.err = err
	}
	return n, err
}

// Unchecked returns the body as it comes and the SHA-256 that was signed for it.
// Who calls it, before anything is read, has to compare the two in the body's place.
func (b *verifiedBody) Unchecked() (body io.Reader, sum []byte) {
	sum, _ = hex.DecodeString(b.want) // isHash has seen it
	return b.body, sum
}

func (b *verifiedBody) Close() error { return b.body.Close() }

// readBody reads the whole body and puts a Body in its place.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	text, err := readAll(r.Body, r.ContentLength, limit)
	if err != nil {
		if _, ok := errors.AsType[*errs.Error](err); ok {
			return nil, err
		}
		return nil, errs.Wrap(err, errs.Invalid, "IncompleteBody", "The request body ended after %d bytes, before it was complete.", len(text))
	}
	if int64(len(text)) > limit {
		return nil, errs.New(errs.TooLarge, CodeBodyTooLarge, "The request body is longer than the %d bytes whose signature this server checks.", limit)
	}
	if err := r.Body.Close(); err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "IncompleteBody", "The request body could not be read.")
	}
	body := &Body{text: text}
	body.Reset(text)
	r.Body, r.ContentLength = body, int64(len(text))
	return text, nil
}

// readAll reads up to one byte over limit. For a body of a known length there is
// room at once, but for a long one only as bytes arrive.
func readAll(body io.Reader, length, limit int64) ([]byte, error) {
	if length > limit || length < 0 || length > eagerBody {
		var buf bytes.Buffer
		if 0 < length && length <= limit {
			buf.Grow(eagerBody + bytes.MinRead)
		}
		_, err := buf.ReadFrom(io.LimitReader(body, limit+1))
		return buf.Bytes(), err
	}
	text := make([]byte, length)
	n, err := io.ReadFull(body, text)
	return text[:n], err
}

// eagerBody is how long a body may be that is made room for when it is announced.
const eagerBody = 64 << 10

// Body is a body that Verify has read already.
type Body struct {
	bytes.Reader
	text []byte
}

// Whole is all of the body, however much of it was read. It must not be changed.
func (b *Body) Whole() []byte { return b.text }

// Close does nothing.
func (*Body) Close() error { return nil }
