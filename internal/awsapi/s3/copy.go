package s3

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/heliograph/heliograph/internal/blob"
)

// openSource opens what x-amz-copy-source names, if the caller may read it and
// the conditions on it hold.
func (c *call) openSource() (blob.Object, error) {
	header := c.r.Header.Get("X-Amz-Copy-Source")
	path, query, _ := strings.Cut(header, "?")
	path, err := url.PathUnescape(strings.TrimPrefix(path, "/"))
	bucket, key, ok := strings.Cut(path, "/")
	if err != nil || !ok || key == "" {
		return nil, invalidArgument("x-amz-copy-source", header, "it must be bucket/key, percent-encoded")
	}
	if version, ok := strings.CutPrefix(query, "versionId="); query != "" && (!ok || version != "null") {
		return nil, noSuchVersion()
	}
	if err := c.authorize("s3:GetObject", arn(bucket, key)); err != nil {
		return nil, err
	}
	if err := c.checkOwner("X-Amz-Source-Expected-Bucket-Owner"); err != nil {
		return nil, err
	}
	src, err := c.store.Open(c.ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	failed, unmodified := conditionsOf(c.r.Header, "X-Amz-Copy-Source-").check(src.Info())
	if unmodified {
		failed = "If-None-Match or If-Modified-Since"
	}
	if failed != "" {
		src.Close()
		return nil, preconditionFailed("x-amz-copy-source-" + strings.ToLower(failed))
	}
	return src, nil
}

// copyOptions tells what the copy is to be: the source's metadata, or the
// request's.
func (c *call) copyOptions(src blob.ObjectInfo) (blob.PutOptions, error) {
	h := c.r.Header
	given, err := putOptions(h)
	if err != nil {
		return given, err
	}
	opt := src.PutOptions()
	switch directive := h.Get("X-Amz-Metadata-Directive"); directive {
	case "", "COPY":
		if src.Bucket == c.bucket && src.Key == c.key {
			return opt, invalid("InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
		}
	case "REPLACE":
		given.Checks = opt.Checks
		opt = given
	default:
		return opt, invalidArgument("x-amz-metadata-directive", directive, "it must be COPY or REPLACE")
	}
	if name := strings.ToLower(h.Get("X-Amz-Checksum-Algorithm")); name != "" {
		opt.Algorithms = []string{name}
	}
	return opt, writeConditions(h, &opt)
}

// copyXML is the answer to a copy.
type copyXML struct {
	XMLName      xml.Name
	XMLNS        string `xml:"xmlns,attr"`
	LastModified string
	ETag         string
	ChecksumType string `xml:",omitempty"`
	checksums
}

// copyObject is CopyObject.
func (c *call) copyObject() error {
	src, err := c.openSource()
	if err != nil {
		return err
	}
	defer src.Close()
	opt, err := c.copyOptions(src.Info())
	if err != nil {
		return err
	}
	if src.Info().Size > maxPut {
		return invalid("InvalidRequest", "The specified copy source is larger than the maximum allowable size for a copy source: %d; copy it in parts.", int64(maxPut))
	}
	return c.keepWarm(func() (any, error) {
		info, err := c.store.Copy(c.ctx, src, c.bucket, c.key, opt)
		if err != nil {
			return nil, err
		}
		answer := copyXML{XMLName: xml.Name{Local: "CopyObjectResult"}, XMLNS: namespace, LastModified: stamp(info.Modified), ETag: quoted(info.ETag), checksums: checksumsOf(info.Checksums)}
		for _, v := range info.Checksums {
			answer.ChecksumType = checksumType(v)
		}
		return answer, nil
	})
}

// uploadPartCopy is UploadPartCopy.
func (c *call) uploadPartCopy() error {
	up, number, err := c.partRef()
	if err != nil {
		return err
	}
	if err := checkOffered(c.r.Header); err != nil {
		return err
	}
	src, err := c.openSource()
	if err != nil {
		return err
	}
	defer src.Close()
	part, err := c.copyRange(src.Info().Size)
	if err != nil {
		return err
	}
	if part.length > maxPut {
		return invalid("InvalidRequest", "The specified copy source range is larger than the maximum allowable size: %d.", int64(maxPut))
	}
	return c.keepWarm(func() (any, error) {
		info, err := c.store.PutPart(c.ctx, up, number, io.NewSectionReader(src, part.start, part.length), blob.Checks{})
		if err != nil {
			return nil, err
		}
		return copyXML{XMLName: xml.Name{Local: "CopyPartResult"}, XMLNS: namespace, LastModified: stamp(info.Modified), ETag: quoted(info.ETag), checksums: checksumsOf(info.Checksums)}, nil
	})
}

// copyRange reads x-amz-copy-source-range, which unlike Range must have both ends
// and lie within the source.
func (c *call) copyRange(size int64) (byteRange, error) {
	header := c.r.Header.Get("X-Amz-Copy-Source-Range")
	if header == "" {
		return byteRange{0, size}, nil
	}
	spec, ok := strings.CutPrefix(header, "bytes=")
	first, last, both := strings.Cut(spec, "-")
	start, err := strconv.ParseInt(first, 10, 63)
	end, err2 := strconv.ParseInt(last, 10, 63)
	if !ok || !both || err != nil || err2 != nil || !digits(first) || !digits(last) || end < start {
		return byteRange{}, invalidArgument("x-amz-copy-source-range", header, "it must be of the form bytes=first-last, where first and last are the zero-based offsets of the first and last bytes to copy")
	}
	if end >= size {
		return byteRange{}, invalidArgument("x-amz-copy-source-range", header, "the source has only "+strconv.FormatInt(size, 10)+" bytes")
	}
	return byteRange{start, end - start + 1}, nil
}

// partRef reads the upload and the part number that a request names.
func (c *call) partRef() (up blob.UploadRef, number int, err error) {
	v := c.query.Get("partNumber")
	number, err = strconv.Atoi(v)
	if err != nil || !digits(v) {
		return up, 0, invalidArgument("partNumber", v, "part number must be an integer between 1 and 10000, inclusive")
	}
	return c.uploadRef(), number, nil
}

func (c *call) uploadRef() blob.UploadRef {
	return blob.UploadRef{Bucket: c.bucket, Key: c.key, ID: c.query.Get("uploadId")}
}

// algorithmsAsked reads the checksums that an upload is to have.
func algorithmsAsked(h http.Header) (names []string, full bool, err error) {
	if name := strings.ToLower(h.Get("X-Amz-Checksum-Algorithm")); name != "" {
		if !slices.Contains(blob.ChecksumAlgorithms(), name) {
			return nil, false, invalid("InvalidRequest", "Checksum algorithm provided is unsupported: %.40q. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]", name)
		}
		names = append(names, name)
	}
	switch kind := h.Get("X-Amz-Checksum-Type"); {
	case kind == "":
		full = slices.Contains(names, "crc64nvme")
	case kind == "FULL_OBJECT":
		full = true
	case kind != "COMPOSITE":
		return nil, false, invalid("InvalidRequest", "Value for x-amz-checksum-type header is invalid: %.40q.", kind)
	case slices.Contains(names, "crc64nvme"):
		return nil, false, invalid("InvalidRequest", "The COMPOSITE checksum type cannot be used with the crc64nvme checksum algorithm.")
	}
	if full && len(names) == 0 {
		return nil, false, invalid("InvalidRequest", "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
	}
	return names, full, nil
}
