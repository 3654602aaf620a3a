package s3

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"

	"github.com/heliograph/heliograph/internal/blob"
)

// createUpload is CreateMultipartUpload.
func (c *call) createUpload() error {
	opt, err := putOptions(c.r.Header)
	if err != nil {
		return err
	}
	if opt.Algorithms, opt.FullObject, err = algorithmsAsked(c.r.Header); err != nil {
		return err
	}
	up, err := c.store.CreateUpload(c.ctx, c.bucket, c.key, opt)
	if err != nil {
		return err
	}
	if algorithm, kind := checksumOf(up.Options); algorithm != "" {
		c.w.Header().Set("X-Amz-Checksum-Algorithm", algorithm)
		c.w.Header().Set("X-Amz-Checksum-Type", kind)
	}
	return c.writeXML(http.StatusOK, struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		XMLNS    string   `xml:"xmlns,attr"`
		Bucket   string
		Key      string
		UploadID string `xml:"UploadId"`
	}{XMLNS: namespace, Bucket: c.bucket, Key: c.key, UploadID: up.ID})
}

// checksumOf names an upload's checksum in S3's words.
func checksumOf(opt blob.PutOptions) (algorithm, kind string) {
	if len(opt.Algorithms) == 0 {
		return "", ""
	}
	kind = "COMPOSITE"
	if opt.FullObject {
		kind = "FULL_OBJECT"
	}
	return strings.ToUpper(opt.Algorithms[0]), kind
}

// uploadPart is UploadPart.
func (c *call) uploadPart() error {
	up, number, err := c.partRef()
	if err != nil {
		return err
	}
	if err := checkOffered(c.r.Header); err != nil {
		return err
	}
	body, check, err := c.body(maxPut)
	if err != nil {
		return err
	}
	part, err := c.store.PutPart(c.ctx, up, number, body, check)
	if err != nil {
		return err
	}
	c.w.Header().Set("Etag", quoted(part.ETag))
	for name, v := range part.Checksums {
		c.w.Header().Set(checksumPrefix+name, v)
	}
	return c.ok(http.StatusOK)
}

// completeUpload is CompleteMultipartUpload.
func (c *call) completeUpload() error {
	h := c.r.Header
	var opt blob.PutOptions
	if err := writeConditions(h, &opt); err != nil {
		return err
	}
	parts, err := c.readParts()
	if err != nil {
		return err
	}
	expected := map[string]string{}
	for _, name := range blob.ChecksumAlgorithms() {
		if v := h.Get(checksumPrefix + name); v != "" {
			expected[name] = v
		}
	}
	opt.Checksums = expected
	return c.keepWarm(func() (any, error) {
		info, err := c.store.CompleteUpload(c.ctx, c.uploadRef(), parts, opt)
		if err != nil {
			return nil, err
		}
		answer := struct {
			XMLName  xml.Name `xml:"CompleteMultipartUploadResult"`
			XMLNS    string   `xml:"xmlns,attr"`
			Location string
			Bucket   string
			Key      string
			ETag     string
			checksums
			ChecksumType string `xml:",omitempty"`
		}{
			XMLNS: namespace, Location: c.location(), Bucket: c.bucket, Key: c.key, ETag: quoted(info.ETag), checksums: checksumsOf(info.Checksums),
		}
		for _, v := range info.Checksums {
			answer.ChecksumType = checksumType(v)
		}
		return answer, nil
	})
}

// readParts reads the list of parts to complete an upload with. The checksums in
// front of it are the object's, not the body's.
func (c *call) readParts() (parts []blob.Part, err error) {
	front := c.r.Header
	c.r.Header = front.Clone()
	for _, name := range blob.ChecksumAlgorithms() {
		c.r.Header.Del(checksumPrefix + name)
	}
	content, err := c.readBody(maxManifest)
	c.r.Header = front
	if err != nil {
		return nil, err
	}
	return decodeParts(content)
}

func decodeParts(content []byte) (parts []blob.Part, err error) {
	err = decodeXML(content, "CompleteMultipartUpload", func(d *xml.Decoder, child xml.StartElement) error {
		if child.Name.Local != "Part" {
			return d.Skip()
		}
		if len(parts) == blob.MaxParts {
			return malformedXML("it names more than 10000 parts")
		}
		var part struct {
			PartNumber int
			ETag       string
			checksums
		}
		if err := d.DecodeElement(&part, &child); err != nil {
			return err
		}
		if part.ETag == "" {
			return malformedXML("a Part has no ETag")
		}
		parts = append(parts, blob.Part{Number: part.PartNumber, ETag: part.ETag, Checksums: part.byName()})
		return nil
	})
	return parts, err
}

// location is the URL of the object, as the client addressed it.
func (c *call) location() string {
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + c.r.Host + c.r.URL.EscapedPath()
}

// abortUpload is AbortMultipartUpload.
func (c *call) abortUpload() error {
	if err := c.store.AbortUpload(c.ctx, c.uploadRef()); err != nil {
		return err
	}
	return c.ok(http.StatusNoContent)
}

// listParts is ListParts.
func (c *call) listParts() error {
	limit, err := c.maximum("max-parts")
	if err != nil {
		return err
	}
	after := 0
	if v := c.query.Get("part-number-marker"); v != "" {
		if after, err = strconv.Atoi(v); err != nil || after < 0 {
			return invalidArgument("part-number-marker", v, "it must be an integer between 0 and 2147483647")
		}
	}
	page, err := c.store.ListParts(c.ctx, c.uploadRef(), after, limit)
	if err != nil {
		return err
	}
	if limit == 0 {
		page.Parts, page.Truncated, page.Next = nil, false, 0
	}
	type partXML struct {
		PartNumber   int
		LastModified string
		ETag         string
		Size         int64
		checksums
	}
	var parts []partXML
	for _, p := range page.Parts {
		parts = append(parts, partXML{p.Number, stamp(p.Modified), quoted(p.ETag), p.Size, checksumsOf(p.Checksums)})
	}
	algorithm, kind := checksumOf(page.Upload.Options)
	return c.writeXML(http.StatusOK, struct {
		XMLName              xml.Name `xml:"ListPartsResult"`
		XMLNS                string   `xml:"xmlns,attr"`
		Bucket               string
		Key                  string
		UploadID             string `xml:"UploadId"`
		Initiator            owner
		Owner                owner
		StorageClass         string
		PartNumberMarker     int
		NextPartNumberMarker int
		MaxParts             int
		IsTruncated          bool
		ChecksumAlgorithm    string `xml:",omitempty"`
		ChecksumType         string `xml:",omitempty"`
		Part                 []partXML
	}{
		XMLNS: namespace, Bucket: c.bucket, Key: c.key, UploadID: page.Upload.ID, Initiator: c.owner(), Owner: c.owner(), StorageClass: "STANDARD",
		PartNumberMarker: after, NextPartNumberMarker: page.Next, MaxParts: limit, IsTruncated: page.Truncated,
		ChecksumAlgorithm: algorithm, ChecksumType: kind, Part: parts,
	})
}

// listUploads is ListMultipartUploads.
func (c *call) listUploads() error {
	limit, err := c.maximum("max-uploads")
	if err != nil {
		return err
	}
	encode, err := c.encoding()
	if err != nil {
		return err
	}
	opt := blob.ListUploadsOptions{
		Prefix: c.query.Get("prefix"), Delimiter: c.query.Get("delimiter"),
		AfterKey: c.query.Get("key-marker"), AfterUpload: c.query.Get("upload-id-marker"), Max: limit,
	}
	page, err := c.store.ListUploads(c.ctx, c.bucket, opt)
	if err != nil {
		return err
	}
	if limit == 0 {
		page = blob.UploadPage{}
	}
	type uploadXML struct {
		Key               string
		UploadID          string `xml:"UploadId"`
		Initiator         owner
		Owner             owner
		StorageClass      string
		Initiated         string
		ChecksumAlgorithm string `xml:",omitempty"`
		ChecksumType      string `xml:",omitempty"`
	}
	var uploads []uploadXML
	for _, up := range page.Uploads {
		algorithm, kind := checksumOf(up.Options)
		uploads = append(uploads, uploadXML{encode(up.Key), up.ID, c.owner(), c.owner(), "STANDARD", stamp(up.Initiated), algorithm, kind})
	}
	if !page.Truncated {
		page.NextKey, page.NextUpload = "", ""
	}
	return c.writeXML(http.StatusOK, struct {
		XMLName            xml.Name `xml:"ListMultipartUploadsResult"`
		XMLNS              string   `xml:"xmlns,attr"`
		Bucket             string
		KeyMarker          string
		UploadIDMarker     string `xml:"UploadIdMarker"`
		NextKeyMarker      string `xml:",omitempty"`
		NextUploadIDMarker string `xml:"NextUploadIdMarker,omitempty"`
		Prefix             string `xml:",omitempty"`
		Delimiter          string `xml:",omitempty"`
		EncodingType       string `xml:",omitempty"`
		MaxUploads         int
		IsTruncated        bool
		Upload             []uploadXML
		CommonPrefixes     []prefixXML
	}{
		XMLNS: namespace, Bucket: c.bucket, KeyMarker: encode(opt.AfterKey), UploadIDMarker: opt.AfterUpload, NextKeyMarker: encode(page.NextKey),
		NextUploadIDMarker: page.NextUpload, Prefix: encode(opt.Prefix), Delimiter: encode(opt.Delimiter), EncodingType: c.query.Get("encoding-type"),
		MaxUploads: limit, IsTruncated: page.Truncated, Upload: uploads, CommonPrefixes: encodeAll(page.CommonPrefixes, encode),
	})
}
