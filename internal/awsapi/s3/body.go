package s3

import (
	"encoding/base64"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
)

const (
	checksumPrefix = "x-amz-checksum-"
	maxPut         = 5 << 30 // bytes of one PutObject, UploadPart or copy
)

func tooLarge(limit int64) error {
	return errs.New(errs.TooLarge, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size of %d bytes.", limit)
}

// selfChecking is a body that is compared with the hash that was signed for it
// while it is read, unless its reader does so itself.
type selfChecking interface {
	Unchecked() (body io.Reader, sum []byte)
}

// body returns the request's body, decoded, with what it must be. It must be read
// to io.EOF, and Checks.Trailer asked for only then.
func (c *call) body(limit int64) (io.Reader, blob.Checks, error) {
	check, err := c.checks()
	if err != nil {
		return nil, check, err
	}
	h := c.r.Header
	if !isChunked(h) {
		if c.r.ContentLength < 0 || c.r.ContentLength == 0 && h.Get("Content-Length") == "" && c.r.Method != "POST" {
			return nil, check, missingLength("Content-Length")
		}
		if c.r.ContentLength > limit {
			return nil, check, tooLarge(limit)
		}
		if signed, ok := c.r.Body.(selfChecking); ok {
			body, sum := signed.Unchecked()
			check.SHA256 = sum
			return body, check, nil
		}
		return c.r.Body, check, nil
	}
	size, err := strconv.ParseInt(h.Get("X-Amz-Decoded-Content-Length"), 10, 64)
	if err != nil || size < 0 {
		return nil, check, missingLength("x-amz-decoded-content-length")
	}
	if size > limit {
		return nil, check, tooLarge(limit)
	}
	r, err := newChunkedReader(c.ctx, c.r.Body, h, size)
	if err != nil {
		return nil, check, err
	}
	for _, name := range r.trailers {
		algorithm := strings.TrimPrefix(name, checksumPrefix)
		if !slices.Contains(blob.ChecksumAlgorithms(), algorithm) {
			return nil, check, invalid("InvalidRequest", "The value specified in the x-amz-trailer header is not supported: %.60q.", name)
		}
		check.Algorithms = append(check.Algorithms, algorithm)
	}
	if len(r.trailers) > 0 {
		check.Trailer = r.checksumTrailers
	}
	if len(check.Checksums)+len(r.trailers) > 1 {
		return nil, check, twoChecksums()
	}
	return r, check, nil
}

func missingLength(header string) error {
	return invalid("MissingContentLength", "You must provide the %s HTTP header.", header)
}

func twoChecksums() error {
	return invalid("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
}

// checks reads the digests that came in front of the body.
func (c *call) checks() (blob.Checks, error) {
	var check blob.Checks
	h := c.r.Header
	if values, ok := h["Content-Md5"]; ok {
		sum, err := base64.StdEncoding.DecodeString(values[0])
		if err != nil || len(sum) != 16 {
			return check, invalid("InvalidDigest", "The Content-MD5 you specified was invalid: it must be 16 bytes in base64.")
		}
		check.MD5 = sum
	}
	for _, name := range blob.ChecksumAlgorithms() {
		value := h.Get(checksumPrefix + name)
		if value == "" {
			continue
		}
		if check.Checksums != nil {
			return check, twoChecksums()
		}
		if err := blob.CheckChecksum(name, value); err != nil {
			return check, err
		}
		check.Checksums = map[string]string{name: value}
	}
	return check, c.checkDeclared(check)
}

// checkDeclared holds x-amz-sdk-checksum-algorithm, by which SDKs say that they
// checksum, against the checksum that came.
func (c *call) checkDeclared(check blob.Checks) error {
	h := c.r.Header
	declared := strings.ToLower(h.Get("X-Amz-Sdk-Checksum-Algorithm"))
	if declared == "" {
		return nil
	}
	if !slices.Contains(blob.ChecksumAlgorithms(), declared) {
		return invalid("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid: %.40q.", declared)
	}
	if check.Checksums[declared] == "" && !strings.EqualFold(strings.TrimSpace(h.Get("X-Amz-Trailer")), checksumPrefix+declared) {
		return invalid("InvalidRequest", "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
	}
	return nil
}
