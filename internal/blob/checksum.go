package blob

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"maps"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

// algorithm is one of the checksums that S3 knows.
type algorithm struct {
	new  func() hash.Hash
	size int    // bytes of a checksum
	poly uint64 // a CRC's polynomial, bits reversed; 0 if it is no CRC
}

// nvme is the CRC-64 of NVM Express, "CRC-64/NVME" in the CRC catalogues.
var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

var algorithms = map[string]algorithm{
	"crc32":     {new: func() hash.Hash { return crc32.NewIEEE() }, size: 4, poly: crc32.IEEE},
	"crc32c":    {new: func() hash.Hash { return crc32.New(castagnoli) }, size: 4, poly: crc32.Castagnoli},
	"crc64nvme": {new: func() hash.Hash { return crc64.New(nvme) }, size: 8, poly: 0x9a6c9329ac4bc9b5},
	"sha1":      {new: sha1.New, size: sha1.Size},
	"sha256":    {new: sha256.New, size: sha256.Size},
}

// ChecksumAlgorithms returns the names of the checksums a store can keep.
func ChecksumAlgorithms() []string { return []string{"crc32", "crc32c", "crc64nvme", "sha1", "sha256"} }

// CheckChecksum reports with InvalidRequest whether value cannot be the base64
// of a checksum by the named algorithm.
func CheckChecksum(name, value string) error {
	a, ok := algorithms[name]
	if !ok {
		return errs.New(errs.Invalid, CodeInvalidRequest, "The checksum algorithm %q is not known; use one of %s.",
			name, strings.Join(ChecksumAlgorithms(), ", "))
	}
	if b, err := base64.StdEncoding.DecodeString(value); err != nil || len(b) != a.size {
		return errs.New(errs.Invalid, CodeInvalidRequest, "Value for x-amz-checksum-%s header is invalid: it must be %d bytes in base64.", name, a.size)
	}
	return nil
}

// digester computes everything that is wanted of one body in one pass.
type digester struct {
	check  Checks
	md5    hash.Hash
	sha256 hash.Hash // nil unless check.SHA256 is set
	sums   map[string]hash.Hash
}

func newDigester(check Checks) (*digester, error) {
	d := &digester{check: check, md5: md5.New(), sums: map[string]hash.Hash{}}
	if check.SHA256 != nil {
		d.sha256 = sha256.New()
	}
	for name, value := range check.Checksums {
		if err := CheckChecksum(name, value); err != nil {
			return nil, err
		}
		d.sums[name] = algorithms[name].new()
	}
	for _, name := range check.Algorithms {
		a, ok := algorithms[name]
		if !ok {
			return nil, CheckChecksum(name, "")
		}
		if d.sums[name] == nil {
			d.sums[name] = a.new()
		}
	}
	return d, nil
}

// all returns what has to see the body, each on its own.
func (d *digester) all() []hash.Hash {
	all := []hash.Hash{d.md5}
	if d.sha256 != nil {
		all = append(all, d.sha256)
	}
	return slices.AppendSeq(all, maps.Values(d.sums))
}

// finish returns the ETag and the checksums to keep, or BadDigest or
// XAmzContentSHA256Mismatch.
func (d *digester) finish() (etag string, sums map[string]string, err error) {
	if d.sha256 != nil && !bytes.Equal(d.check.SHA256, d.sha256.Sum(nil)) {
		return "", nil, errs.New(errs.Invalid, CodeSHA256Mismatch, "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	md5sum := d.md5.Sum(nil)
	if d.check.MD5 != nil && !bytes.Equal(d.check.MD5, md5sum) {
		return "", nil, badDigest("Content-MD5", base64.StdEncoding.EncodeToString(d.check.MD5), base64.StdEncoding.EncodeToString(md5sum))
	}
	sums = make(map[string]string, len(d.sums))
	for name, h := range d.sums {
		sums[name] = base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	expected := []map[string]string{d.check.Checksums}
	if d.check.Trailer != nil {
		expected = append(expected, d.check.Trailer())
	}
	for _, want := range expected {
		for name, value := range want {
			if err := CheckChecksum(name, value); err != nil {
				return "", nil, err
			}
			if sums[name] != value {
				return "", nil, badDigest(strings.ToUpper(name), value, sums[name])
			}
		}
	}
	return hex.EncodeToString(md5sum), sums, nil
}

func badDigest(what, want, got string) error {
	return errs.New(errs.Invalid, CodeBadDigest,
		"The %s you specified did not match the calculated checksum: expected %s, calculated %s. Nothing was stored; send the body again.", what, want, got)
}

// multipartETag returns the ETag of an object made of parts with these ETags.
func multipartETag(parts []Part) (string, error) {
	h := md5.New()
	for _, p := range parts {
		sum, err := hex.DecodeString(p.ETag)
		if err != nil {
			return "", fmt.Errorf("part %d has the ETag %q", p.Number, p.ETag)
		}
		h.Write(sum)
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), len(parts)), nil
}

// multipartChecksum returns the checksum of an object from those of its parts:
// for full, which only CRCs allow, the content's own, else the checksum of the
// checksums with "-" and the number of parts.
func multipartChecksum(name string, parts []Part, full bool) (string, error) {
	a := algorithms[name]
	h := a.new()
	var crc uint64
	for _, p := range parts {
		sum, err := base64.StdEncoding.DecodeString(p.Checksums[name])
		if err != nil || len(sum) != a.size {
			return "", fmt.Errorf("part %d has the %s checksum %q", p.Number, name, p.Checksums[name])
		}
		if full {
			crc = combineCRC(a.poly, a.size*8, crc, bigEndian(sum), p.Size)
		}
		h.Write(sum)
	}
	if full {
		sum := make([]byte, 8)
		for i := range sum {
			sum[7-i] = byte(crc >> (8 * i))
		}
		return base64.StdEncoding.EncodeToString(sum[8-a.size:]), nil
	}
	return fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(h.Sum(nil)), len(parts)), nil
}

func bigEndian(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// combineCRC returns the CRC of a text from the CRCs a of its first part and b of
// its second, which is n bytes long. Appending n zero bytes is a linear map of
// the CRC's bits over GF(2); its matrix is found by squaring the one of a single
// zero bit, as zlib's crc32_combine does. Both CRCs start from and end with all
// bits inverted, which cancels out.
func combineCRC(poly uint64, bits int, a, b uint64, n int64) uint64 {
	matrix := make([]uint64, bits) // column i: the image of bit i
	matrix[0] = poly               // reflected: the lowest bit is the oldest
	for i := 1; i < bits; i++ {
		matrix[i] = 1 << (i - 1)
	}
	times := func(v uint64) (r uint64) {
		for i := 0; v != 0; i, v = i+1, v>>1 {
			if v&1 != 0 {
				r ^= matrix[i]
			}
		}
		return r
	}
	square := func() {
		next := make([]uint64, bits)
		for i, column := range matrix {
			next[i] = times(column)
		}
		matrix = next
	}
	for range 3 { // one zero bit to one zero byte
		square()
	}
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			a = times(a)
		}
		square()
	}
	return a ^ b
}

// allowsFullObject reports whether the named checksum of a whole can be told
// from those of its parts.
func allowsFullObject(name string) bool { return algorithms[name].poly != 0 }

// normalETag strips the quotes a client may have left around an ETag.
func normalETag(etag string) string { return strings.Trim(strings.TrimPrefix(etag, "W/"), `"`) }

func sortedUnique(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// Verify reports with BadDigest or XAmzContentSHA256Mismatch, or InvalidRequest for
// a digest that can't be one, whether content is not what check expects.
func Verify(content []byte, check Checks) error {
	d, err := newDigester(check)
	if err != nil {
		return err
	}
	for _, h := range d.all() {
		h.Write(content)
	}
	_, _, err = d.finish()
	return err
}
