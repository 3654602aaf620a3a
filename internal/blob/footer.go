package blob

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A sealed file is content followed by a footer; the formats of objects, parts
// and uploads differ only in the footer's fields. All numbers are little-endian.
//
//	content   contentLen bytes
//	fields    { u16 len(name), name, u32 len(value), value }, names strictly ascending
//	trailer   u64 contentLen, u32 len(fields), u32 crc, "HGBLOB1\n"
//
// crc is CRC-32C of the fields and the trailer's first twelve bytes. The file is
// exactly as long as its parts say, so a cut or grown file does not open.
const (
	trailerMagic = "HGBLOB1\n"
	trailerLen   = 8 + 4 + 4 + len(trailerMagic)
	maxFields    = 512 << 10 // bytes; the largest footer is an object of 10,000 parts
	firstRead    = 4 << 10   // bytes read from a file's end at first; most footers fit
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// fields is a footer's content.
type fields map[string]string

// appendFooter appends the footer of a file with contentLen bytes of content.
func appendFooter(dst []byte, f fields, contentLen int64) []byte {
	start := len(dst)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(name)))
		dst = append(dst, name...)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(f[name])))
		dst = append(dst, f[name]...)
	}
	n := len(dst) - start
	dst = binary.LittleEndian.AppendUint64(dst, uint64(contentLen))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return append(dst, trailerMagic...)
}

// readFooter reads the footer of a sealed file of size bytes.
func readFooter(r io.ReaderAt, size int64) (f fields, contentLen int64, err error) {
	if size < int64(trailerLen) {
		return nil, 0, fmt.Errorf("%d bytes are too few for a footer", size)
	}
	tail := make([]byte, min(size, firstRead))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	trailer := tail[len(tail)-trailerLen:]
	if string(trailer[16:]) != trailerMagic {
		return nil, 0, errors.New("the footer's mark is missing: the file is cut off or foreign")
	}
	contentLen = int64(binary.LittleEndian.Uint64(trailer))
	n := int64(binary.LittleEndian.Uint32(trailer[8:]))
	if contentLen < 0 || n > maxFields || contentLen > size || size-contentLen != n+int64(trailerLen) {
		return nil, 0, fmt.Errorf("the footer speaks of %d+%d bytes in a file of %d", contentLen, n, size)
	}
	if whole := n + int64(trailerLen); whole > int64(len(tail)) {
		tail = make([]byte, whole)
		if _, err := r.ReadAt(tail, contentLen); err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, err
		}
	} else {
		tail = tail[int64(len(tail))-whole:]
	}
	if got, want := crc32.Checksum(tail[:n+12], castagnoli), binary.LittleEndian.Uint32(tail[n+12:]); got != want {
		return nil, 0, fmt.Errorf("the footer's checksum is %08x, not %08x", got, want)
	}
	f, err = parseFields(tail[:n])
	return f, contentLen, err
}

func parseFields(b []byte) (fields, error) {
	f := fields{}
	last := ""
	for len(b) > 0 {
		name, rest, ok := cutString(b, 2)
		if !ok {
			return nil, errors.New("a field's name is longer than the footer")
		}
		value, rest, ok := cutString(rest, 4)
		if !ok {
			return nil, fmt.Errorf("the value of field %q is longer than the footer", name)
		}
		if name <= last {
			return nil, fmt.Errorf("field %q follows %q", name, last)
		}
		f[name], last, b = value, name, rest
	}
	return f, nil
}

// cutString takes a string off b that follows its length, a number of width bytes.
func cutString(b []byte, width int) (s string, rest []byte, ok bool) {
	if len(b) < width {
		return "", nil, false
	}
	n := int64(binary.LittleEndian.Uint16(b))
	if width == 4 {
		n = int64(binary.LittleEndian.Uint32(b))
	}
	if n > int64(len(b)-width) {
		return "", nil, false
	}
	end := width + int(n)
	return string(b[width:end]), b[end:], true
}

// Field names. Maps are flattened under their prefix.
const (
	fieldKey         = "key"
	fieldETag        = "etag"
	fieldModified    = "modified" // Unix time in nanoseconds
	fieldContentType = "content-type"
	fieldPartSizes   = "part-sizes" // separated by spaces
	fieldUpload      = "upload"     // id of the upload that made the object
	fieldFullObject  = "full-object"
	fieldAlgorithms  = "algorithms" // separated by spaces
	prefixHeader     = "h:"
	prefixMetadata   = "m:"
	prefixChecksum   = "c:"
)

func (f fields) setMap(prefix string, m map[string]string) {
	for k, v := range m {
		f[prefix+k] = v
	}
}

func (f fields) getMap(prefix string) map[string]string {
	var m map[string]string
	for k, v := range f {
		if name, ok := strings.CutPrefix(k, prefix); ok {
			if m == nil {
				m = map[string]string{}
			}
			m[name] = v
		}
	}
	return m
}

func (f fields) setTime(t time.Time) { f[fieldModified] = strconv.FormatInt(t.UnixNano(), 10) }

func (f fields) time() (time.Time, error) {
	ns, err := strconv.ParseInt(f[fieldModified], 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("field %q is no time: %q", fieldModified, f[fieldModified])
	}
	return time.Unix(0, ns).UTC(), nil
}

// objectFields returns the footer of an object that the upload with the given id
// made, or "".
func objectFields(o ObjectInfo, uploadID string) fields {
	f := fields{fieldKey: o.Key, fieldETag: o.ETag}
	f.setTime(o.Modified)
	if o.ContentType != "" {
		f[fieldContentType] = o.ContentType
	}
	f.setMap(prefixHeader, o.Headers)
	f.setMap(prefixMetadata, o.Metadata)
	f.setMap(prefixChecksum, o.Checksums)
	if len(o.PartSizes) > 0 {
		sizes := make([]string, len(o.PartSizes))
		for i, n := range o.PartSizes {
			sizes[i] = strconv.FormatInt(n, 10)
		}
		f[fieldPartSizes] = strings.Join(sizes, " ")
	}
	if uploadID != "" {
		f[fieldUpload] = uploadID
	}
	return f
}

func objectFromFields(bucket, key string, f fields, size int64) (ObjectInfo, error) {
	if f[fieldKey] != key {
		return ObjectInfo{}, fmt.Errorf("the footer names the key %q", f[fieldKey])
	}
	modified, err := f.time()
	if err != nil {
		return ObjectInfo{}, err
	}
	o := ObjectInfo{
		Bucket: bucket, Key: key, Size: size, ETag: f[fieldETag], Modified: modified, ContentType: f[fieldContentType],
		Headers: f.getMap(prefixHeader), Metadata: f.getMap(prefixMetadata), Checksums: f.getMap(prefixChecksum),
	}
	left := size
	for s := range strings.FieldsSeq(f[fieldPartSizes]) {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 0 || n > left {
			return ObjectInfo{}, fmt.Errorf("part size %q does not fit the object's %d bytes", s, size)
		}
		left -= n
		o.PartSizes = append(o.PartSizes, n)
	}
	o.Parts = len(o.PartSizes)
	if o.Parts > 0 && left != 0 {
		return ObjectInfo{}, fmt.Errorf("the part sizes leave %d bytes of %d over", left, size)
	}
	return o, nil
}
