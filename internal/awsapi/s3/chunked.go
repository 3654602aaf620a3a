package s3

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

// ChunkVerifier checks the signatures inside an aws-chunked body, in order.
// Errors pass to the caller of the operation.
type ChunkVerifier interface {
	// VerifyChunk checks the next chunk's signature, 64 hexadecimal digits; the
	// last chunk is empty.
	VerifyChunk(signature string, chunk []byte) error
	// VerifyTrailer checks the signature of the trailing headers, given as
	// "name:value\n" each.
	VerifyTrailer(signature string, trailer []byte) error
}

type chunkVerifierKey struct{}

// WithChunkVerifier returns a context whose requests may have bodies with signed
// chunks. Without it such bodies are refused.
func WithChunkVerifier(ctx context.Context, v ChunkVerifier) context.Context {
	return context.WithValue(ctx, chunkVerifierKey{}, v)
}

const (
	maxSignedChunk = 16 << 20 // bytes; a signed chunk is held in memory until its signature is checked
	maxChunkLine   = 4 << 10  // bytes of a chunk's head or a trailing header
	maxTrailers    = 16
)

// chunkedReader decodes an aws-chunked body: chunks with a hexadecimal length in
// front, the last one empty, then trailing headers ("Signature Version 4 payload
// options" of the S3 API reference). It returns io.EOF only when all of it,
// signatures, length and trailers, was as announced.
type chunkedReader struct {
	br       *bufio.Reader
	verifier ChunkVerifier // nil: chunks carry no signatures
	trailers []string      // names announced, lower case
	signed   bool          // trailers are followed by a signature
	left     int64         // bytes of the body to come
	chunk    int64         // bytes of the current chunk to come, if unsigned
	pending  []byte        // bytes of the current chunk whose signature was checked
	values   map[string]string
	err      error
}

func malformedChunk(why string) error {
	return errs.New(errs.Invalid, "IncompleteBody", "The aws-chunked request body is malformed: %s. Nothing was stored.", why)
}

func malformedTrailer(why string) error {
	return errs.New(errs.Invalid, "MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema: %s.", why)
}

func (r *chunkedReader) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	for n == 0 && r.err == nil {
		switch {
		case len(r.pending) > 0:
			n = copy(p, r.pending)
			r.pending = r.pending[n:]
		case r.chunk > 0:
			n, r.err = r.br.Read(p[:min(int64(len(p)), r.chunk)])
			if r.chunk -= int64(n); r.chunk == 0 {
				r.err = r.endOfChunk()
			}
		default:
			r.err = r.nextChunk()
		}
	}
	if n > 0 {
		return n, nil // an error shows on the next call
	}
	if errors.Is(r.err, errEnd) {
		return 0, io.EOF
	}
	if errors.Is(r.err, io.EOF) {
		r.err = io.ErrUnexpectedEOF
	}
	return 0, r.err
}

// errEnd is the regular end of the body, unlike io.EOF of what it comes from.
var errEnd = errors.New("end of body")

// nextChunk reads a chunk's head and, if chunks are signed, the chunk.
func (r *chunkedReader) nextChunk() error {
	line, err := r.line()
	if err != nil {
		return err
	}
	size, signature, err := r.parseHead(line)
	if err != nil {
		return err
	}
	if size > r.left {
		return malformedChunk("its chunks are longer than x-amz-decoded-content-length says")
	}
	r.left -= size
	if r.verifier == nil {
		r.chunk = size
	} else if err := r.readSigned(size, signature); err != nil {
		return err
	}
	if size == 0 {
		return r.end()
	}
	return nil
}

func (r *chunkedReader) parseHead(line string) (size int64, signature string, err error) {
	digits, extension, extended := strings.Cut(line, ";")
	n, err := strconv.ParseUint(digits, 16, 63)
	if err != nil || strings.ContainsAny(digits, "+-_xX") {
		return 0, "", malformedChunk("a chunk's length is not a hexadecimal number")
	}
	if r.verifier == nil {
		if extended {
			return 0, "", malformedChunk("a chunk has a signature, which x-amz-content-sha256 does not announce")
		}
		return int64(n), "", nil
	}
	signature, ok := strings.CutPrefix(extension, "chunk-signature=")
	if !ok {
		return 0, "", malformedChunk("a chunk has no signature, which x-amz-content-sha256 announces")
	}
	if n > maxSignedChunk {
		return 0, "", malformedChunk("a signed chunk is longer than " + strconv.Itoa(maxSignedChunk) + " bytes")
	}
	return int64(n), signature, nil
}

// readSigned reads a chunk into memory, growing as bytes arrive, and checks it.
func (r *chunkedReader) readSigned(size int64, signature string) error {
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r.br, size); err != nil {
		return err
	}
	if size > 0 {
		if err := r.endOfChunk(); err != nil {
			return err
		}
	}
	r.pending = b.Bytes()
	return r.verifier.VerifyChunk(signature, r.pending)
}

func (r *chunkedReader) endOfChunk() error {
	line, err := r.line()
	if err == nil && line != "" {
		return malformedChunk("a chunk is longer than its head says")
	}
	return err
}

// end reads what follows the last chunk.
func (r *chunkedReader) end() error {
	if r.left > 0 {
		return malformedChunk("its chunks are shorter than x-amz-decoded-content-length says")
	}
	r.values = map[string]string{}
	var canonical []byte
	signature := ""
	for n := 0; ; n++ {
		line, err := r.line()
		if errors.Is(err, io.EOF) || err == nil && line == "" {
			break // some clients leave the empty line at the end out
		}
		if err != nil {
			return err
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		switch {
		case !ok || n == maxTrailers:
			return malformedTrailer("after the last chunk, name:value lines must follow")
		case signature != "":
			return malformedTrailer("something follows the trailer's signature")
		case name == "x-amz-trailer-signature" && r.signed:
			signature = value
		case !slices.Contains(r.trailers, name) || r.values[name] != "":
			return malformedTrailer("x-amz-trailer does not announce what arrived")
		default:
			r.values[name] = value
			canonical = append(canonical, name+":"+value+"\n"...)
		}
	}
	if len(r.values) != len(r.trailers) {
		return malformedTrailer("what x-amz-trailer announces did not arrive")
	}
	if r.signed {
		if err := r.verifier.VerifyTrailer(signature, canonical); err != nil {
			return err
		}
	}
	if _, err := r.br.ReadByte(); err == nil {
		return malformedChunk("something follows its end")
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return errEnd
}

// line reads a line without its end, "\r\n" or, as some clients send after
// trailers, "\n". It returns io.EOF only where nothing is left.
func (r *chunkedReader) line() (string, error) {
	line, err := r.br.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF) && len(line) > 0:
		return "", io.ErrUnexpectedEOF
	case errors.Is(err, bufio.ErrBufferFull) || err == nil && len(line) > maxChunkLine:
		return "", malformedChunk("a chunk's head or a trailing header is too long")
	case err != nil:
		return "", err
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
}

// checksumTrailers returns the trailing checksums by algorithm, once Read has
// returned io.EOF.
func (r *chunkedReader) checksumTrailers() map[string]string {
	m := map[string]string{}
	for name, value := range r.values {
		m[strings.TrimPrefix(name, checksumPrefix)] = value
	}
	return m
}

// isChunked reports whether a body is aws-chunked.
func isChunked(h http.Header) bool {
	sha := h.Get("X-Amz-Content-Sha256")
	return strings.HasPrefix(sha, "STREAMING-") || sha == "" && slices.Contains(encodings(h), "aws-chunked")
}

// encodings returns the tokens of Content-Encoding.
func encodings(h http.Header) (tokens []string) {
	for _, line := range h.Values("Content-Encoding") {
		for token := range strings.SplitSeq(line, ",") {
			if token = strings.TrimSpace(token); token != "" {
				tokens = append(tokens, token)
			}
		}
	}
	return tokens
}

// newChunkedReader returns the decoder of an aws-chunked body of size decoded
// bytes, in the form its headers announce.
func newChunkedReader(ctx context.Context, body io.Reader, h http.Header, size int64) (*chunkedReader, error) {
	r := &chunkedReader{br: bufio.NewReaderSize(body, 32<<10), left: size}
	form := h.Get("X-Amz-Content-Sha256")
	switch form {
	case "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "":
	case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
		r.verifier, _ = ctx.Value(chunkVerifierKey{}).(ChunkVerifier)
		if r.verifier == nil {
			return nil, invalid("InvalidRequest", "The body announces signed chunks (%s), and the request's own signature is not of the kind they build on; sign it in the Authorization header with AWS4-HMAC-SHA256.", form)
		}
	default:
		return nil, notImplemented("The payload form %.60q is not offered by this server.", form)
	}
	r.signed = strings.HasPrefix(form, "STREAMING-AWS4") && strings.HasSuffix(form, "-TRAILER")
	for _, line := range h.Values("X-Amz-Trailer") {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if !strings.HasPrefix(name, checksumPrefix) || slices.Contains(r.trailers, name) {
				return nil, invalid("InvalidRequest", "The value specified in the x-amz-trailer header is not supported: %.60q.", name)
			}
			r.trailers = append(r.trailers, name)
		}
	}
	if len(r.trailers) > 0 && form == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" {
		return nil, invalid("InvalidRequest", "x-amz-trailer announces trailers, and x-amz-content-sha256 announces none; use %s-TRAILER.", form)
	}
	return r, nil
}
