package s3

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
)

const (
	namespace  = "http://s3.amazonaws.com/doc/2006-03-01/"
	timeFormat = "2006-01-02T15:04:05.000Z"

	maxConfiguration = 1 << 20 // bytes of a configuration document
	maxManifest      = 8 << 20 // bytes of a list of parts or keys: 10,000 parts with SHA-256, or 1,000 keys of 1,024 escaped bytes
	maxDeletes       = 1000
)

func stamp(t time.Time) string { return t.UTC().Format(timeFormat) }

func quoted(etag string) string { return `"` + etag + `"` }

// writeXML answers with a document. v is one of this package's types.
func (c *call) writeXML(status int, v any) error {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	if err := xml.NewEncoder(&b).Encode(v); err != nil {
		return errs.Wrap(err, errs.Internal, "", "encode a %T", v)
	}
	c.w.Header().Set("Content-Type", "application/xml")
	c.began = true
	c.w.WriteHeader(status)
	c.w.Write(b.Bytes())
	return nil
}

// readBody reads and checks a whole body of at most limit bytes.
func (c *call) readBody(limit int64) ([]byte, error) {
	body, check, err := c.body(limit)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, readError(err)
	}
	if int64(len(content)) > limit {
		return nil, tooLarge(limit)
	}
	return content, blob.Verify(content, check)
}

func readError(err error) error {
	if _, ok := errors.AsType[*errs.Error](err); ok {
		return err
	}
	return errs.Wrap(err, errs.Invalid, "IncompleteBody", "The request body ended before the number of bytes its length header announced.")
}

// decodeXML decodes a document whose root is called name. each is told of every
// child of the root and must decode or skip it, so that long lists are bounded
// while they are read.
func decodeXML(content []byte, name string, each func(d *xml.Decoder, child xml.StartElement) error) error {
	d := xml.NewDecoder(bytes.NewReader(content))
	root, err := startElement(d)
	if err != nil || root.Name.Local != name {
		return malformedXML("the root element must be " + name)
	}
	for {
		token, err := d.Token()
		if err != nil {
			return malformedXML("it ends early or is malformed")
		}
		switch token := token.(type) {
		case xml.StartElement:
			if err := each(d, token); err != nil {
				if _, ok := errors.AsType[*errs.Error](err); ok {
					return err
				}
				return malformedXML("the element " + token.Name.Local + " is malformed")
			}
		case xml.EndElement:
			return nil
		}
	}
}

func startElement(d *xml.Decoder) (xml.StartElement, error) {
	for {
		token, err := d.Token()
		if err != nil {
			return xml.StartElement{}, err
		}
		if start, ok := token.(xml.StartElement); ok {
			return start, nil
		}
	}
}

// owner is the account that owns everything.
type owner struct {
	ID          string
	DisplayName string
}

func (c *call) owner() owner { return owner{ID: c.opt.AccountID, DisplayName: "heliograph"} }

// checksums are the elements and values of an object's checksums in a document.
type checksums struct {
	CRC32     string `xml:"ChecksumCRC32,omitempty"`
	CRC32C    string `xml:"ChecksumCRC32C,omitempty"`
	CRC64NVME string `xml:"ChecksumCRC64NVME,omitempty"`
	SHA1      string `xml:"ChecksumSHA1,omitempty"`
	SHA256    string `xml:"ChecksumSHA256,omitempty"`
}

func checksumsOf(m map[string]string) checksums {
	return checksums{CRC32: m["crc32"], CRC32C: m["crc32c"], CRC64NVME: m["crc64nvme"], SHA1: m["sha1"], SHA256: m["sha256"]}
}

func (s checksums) byName() map[string]string {
	m := map[string]string{}
	for name, value := range map[string]string{"crc32": s.CRC32, "crc32c": s.CRC32C, "crc64nvme": s.CRC64NVME, "sha1": s.SHA1, "sha256": s.SHA256} {
		if value != "" {
			m[name] = value
		}
	}
	return m
}

// keepWarm runs work that may take longer than clients wait for a first byte. If
// it does, the answer begins with white space, and an error that comes later is
// the document of an answer with status 200: S3 does the same, and SDKs know it.
func (c *call) keepWarm(work func() (any, error)) error {
	type result struct {
		v   any
		err error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil { // nobody else would, in a goroutine of its own
				r = result{err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
			}
			done <- r
		}()
		r.v, r.err = work()
	}()
	tick := time.NewTicker(warmInterval)
	defer tick.Stop()
	for {
		select {
		case r := <-done:
			switch {
			case r.err != nil && c.began:
				return c.finishWarm(c.errorBody(r.err), r.err)
			case r.err != nil:
				return r.err
			case c.began:
				return c.finishWarm(r.v, nil)
			}
			return c.writeXML(http.StatusOK, r.v)
		case <-tick.C:
			space := " "
			if !c.began {
				c.began = true
				c.w.Header().Set("Content-Type", "application/xml")
				space = xml.Header
			}
			io.WriteString(c.w, space)
			http.NewResponseController(c.w).Flush()
		}
	}
}

const warmInterval = 10 * time.Second

// finishWarm ends an answer that keepWarm began.
func (c *call) finishWarm(v any, err error) error {
	if err != nil {
		c.log(err)
	}
	document, err := xml.Marshal(v)
	if err != nil {
		return errs.Wrap(err, errs.Internal, "", "encode a %T", v)
	}
	c.w.Write(document)
	return nil
}
