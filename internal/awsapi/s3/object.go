package s3

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"sync"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
)

// putObject is PutObject.
func (c *call) putObject() error {
	opt, err := putOptions(c.r.Header)
	if err != nil {
		return err
	}
	if err := writeConditions(c.r.Header, &opt); err != nil {
		return err
	}
	var body io.Reader
	if body, opt.Checks, err = c.body(maxPut); err != nil {
		return err
	}
	info, err := c.store.Put(c.ctx, c.bucket, c.key, body, opt)
	if err != nil {
		return err
	}
	c.w.Header().Set("Etag", quoted(info.ETag))
	c.describeChecksums(info.Checksums)
	return c.ok(http.StatusOK)
}

// overrides are the query parameters of GetObject that replace a header.
var overrides = map[string]string{
	"response-cache-control": "Cache-Control", "response-content-disposition": "Content-Disposition", "response-content-encoding": "Content-Encoding",
	"response-content-language": "Content-Language", "response-content-type": "Content-Type", "response-expires": "Expires",
}

// getObject is GetObject and HeadObject.
func (c *call) getObject() error {
	if err := checkOffered(c.r.Header); err != nil {
		return err
	}
	o, err := c.store.Open(c.ctx, c.bucket, c.key)
	if err != nil {
		return err
	}
	defer o.Close()
	info := o.Info()
	failed, unmodified := conditionsOf(c.r.Header, "").check(info)
	if failed != "" {
		return preconditionFailed(failed)
	}
	whole := byteRange{0, info.Size}
	part, partial, err := c.part(info)
	if err != nil {
		return err
	}
	c.describe(info)
	for name, header := range overrides {
		if v := c.query.Get(name); v != "" {
			c.w.Header().Set(header, v)
		}
	}
	if unmodified {
		c.w.Header().Del("Content-Type")
		return c.ok(http.StatusNotModified)
	}
	if c.r.Header.Get("X-Amz-Checksum-Mode") == "ENABLED" && part == whole {
		c.describeChecksums(info.Checksums)
	}
	c.w.Header().Set("Content-Length", strconv.FormatInt(part.length, 10))
	status := http.StatusOK
	if partial {
		c.w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", part.start, part.start+part.length-1, info.Size))
		status = http.StatusPartialContent
	}
	c.ok(status)
	if c.r.Method == http.MethodHead {
		return nil
	}
	return c.send(o, part)
}

// part tells which bytes are asked for, by range or by part number.
func (c *call) part(info blob.ObjectInfo) (part byteRange, partial bool, err error) {
	part = byteRange{0, info.Size}
	header, number := c.r.Header.Get("Range"), c.query.Get("partNumber")
	switch {
	case header != "" && number != "":
		return part, false, invalid("InvalidRequest", "Cannot specify both Range header and partNumber query parameter.")
	case number != "":
		return c.numbered(info, number)
	case header == "" || !rangeStillHolds(c.r.Header.Get("If-Range"), info):
		return part, false, nil
	}
	r, ok, err := parseRange(header, info.Size)
	if err != nil {
		c.w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", info.Size))
		return part, false, err
	}
	if !ok {
		return part, false, nil
	}
	return r, true, nil
}

// numbered returns the bytes of one of the parts that an object was uploaded in;
// an object of a single put is its own part 1.
func (c *call) numbered(info blob.ObjectInfo, number string) (part byteRange, partial bool, err error) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > blob.MaxParts {
		return part, false, invalidArgument("partNumber", number, "part numbers are 1 to 10000")
	}
	sizes := info.PartSizes
	if len(sizes) == 0 {
		sizes = []int64{info.Size}
	} else {
		c.w.Header().Set("X-Amz-Mp-Parts-Count", strconv.Itoa(len(sizes)))
	}
	if n > len(sizes) {
		return part, false, invalid("InvalidPartNumber", "The requested partnumber is not satisfiable: the object has %d.", len(sizes))
	}
	for _, size := range sizes[:n-1] {
		part.start += size
	}
	part.length = sizes[n-1]
	return part, part.length > 0, nil
}

const sendBuffer = 256 << 10

var buffers = sync.Pool{New: func() any { return new([sendBuffer]byte) }}

// send writes a part of an object. Only failures to read it are errors: a client
// may go when it has enough.
func (c *call) send(o blob.Object, part byteRange) error {
	if sender, ok := o.(blob.Sender); ok && part.length >= sendBuffer {
		err := sender.SendTo(c.w, part.start, part.length)
		if _, reading := errors.AsType[*fs.PathError](err); reading || errors.Is(err, io.ErrUnexpectedEOF) {
			return errs.Wrap(err, errs.Internal, "", "read %s/%s", c.bucket, c.key)
		}
		return nil
	}
	buf := buffers.Get().(*[sendBuffer]byte)
	defer buffers.Put(buf)
	for off, end := part.start, part.start+part.length; off < end; {
		n, err := o.ReadAt(buf[:min(int64(len(buf)), end-off)], off)
		if n > 0 {
			if _, err := c.w.Write(buf[:n]); err != nil {
				return nil
			}
			off += int64(n)
		} else if err != nil {
			return errs.Wrap(err, errs.Internal, "", "read %s/%s", c.bucket, c.key)
		}
	}
	return nil
}

// deleteObject is DeleteObject.
func (c *call) deleteObject() error {
	if c.r.Header.Get("If-Match") != "" {
		return notImplemented("Conditional deletes are not offered by this server.")
	}
	if err := checkOffered(c.r.Header); err != nil {
		return err
	}
	if err := c.store.Delete(c.ctx, c.bucket, c.key); err != nil {
		return err
	}
	return c.ok(http.StatusNoContent)
}

// getObjectTagging is GetObjectTagging: there are never tags, and clients that
// copy objects ask.
func (c *call) getObjectTagging() error {
	if _, err := c.store.Stat(c.ctx, c.bucket, c.key); err != nil {
		return err
	}
	return c.writeXML(http.StatusOK, struct {
		XMLName xml.Name `xml:"Tagging"`
		XMLNS   string   `xml:"xmlns,attr"`
		TagSet  struct{}
	}{XMLNS: namespace})
}
