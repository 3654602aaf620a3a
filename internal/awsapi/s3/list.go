package s3

import (
	"encoding/base64"
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/heliograph/heliograph/internal/blob"
)

// objectXML is an object in a listing.
type objectXML struct {
	Key               string
	VersionID         string `xml:"VersionId,omitempty"`
	IsLatest          string `xml:",omitempty"`
	LastModified      string
	ETag              string
	ChecksumAlgorithm []string `xml:",omitempty"`
	ChecksumType      string   `xml:",omitempty"`
	Size              int64
	StorageClass      string
	Owner             *owner `xml:",omitempty"`
}

type prefixXML struct{ Prefix string }

// listing is what the three ways to list objects share.
type listing struct {
	opt    blob.ListOptions
	max    int // as asked for, at most 1000; 0 lists nothing
	encode func(string) string
	page   blob.ListPage
}

// listPage reads the parameters that all lists have, and the page; after names
// the parameter that a page begins behind.
func (c *call) listPage(after string) (*listing, error) {
	l := &listing{max: 1000}
	l.opt = blob.ListOptions{Prefix: c.query.Get("prefix"), Delimiter: c.query.Get("delimiter"), After: after}
	var err error
	if l.max, err = c.maximum("max-keys"); err != nil {
		return nil, err
	}
	if l.encode, err = c.encoding(); err != nil {
		return nil, err
	}
	if l.max == 0 {
		_, err = c.store.Bucket(c.ctx, c.bucket)
		return l, err
	}
	l.opt.Max = l.max
	l.page, err = c.store.List(c.ctx, c.bucket, l.opt)
	return l, err
}

// maximum reads how many entries a page may have.
func (c *call) maximum(name string) (int, error) {
	v := c.query.Get(name)
	if v == "" {
		return 1000, nil
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < 0 {
		return 0, invalidArgument(name, v, "it must be an integer between 0 and 2147483647")
	}
	return int(min(n, 1000)), nil
}

// encoding returns how keys are to be written: as they are, or percent-encoded,
// since XML can't hold every key.
func (c *call) encoding() (func(string) string, error) {
	switch v := c.query.Get("encoding-type"); v {
	case "":
		return func(s string) string { return s }, nil
	case "url":
		return encodeKey, nil
	default:
		return nil, invalidArgument("encoding-type", v, "the only encoding is url")
	}
}

// encodeKey percent-encodes all but unreserved characters and "/". A space is
// "%20" and not "+", which every decoder reads alike.
func encodeKey(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(s), "+", "%20"), "%2F", "/")
}

func (l *listing) objects(o *owner) []objectXML {
	entries := make([]objectXML, len(l.page.Objects))
	for i, info := range l.page.Objects {
		entries[i] = objectXML{
			Key: l.encode(info.Key), LastModified: stamp(info.Modified), ETag: quoted(info.ETag), Size: info.Size, StorageClass: "STANDARD", Owner: o,
		}
		for _, name := range slices.Sorted(maps.Keys(info.Checksums)) {
			entries[i].ChecksumAlgorithm = append(entries[i].ChecksumAlgorithm, strings.ToUpper(name))
			entries[i].ChecksumType = checksumType(info.Checksums[name])
		}
	}
	return entries
}

func encodeAll(prefixes []string, encode func(string) string) []prefixXML {
	entries := make([]prefixXML, len(prefixes))
	for i, p := range prefixes {
		entries[i].Prefix = encode(p)
	}
	return entries
}

// listObjects is ListObjects and, with list-type=2, ListObjectsV2.
func (c *call) listObjects() error {
	switch v := c.query.Get("list-type"); v {
	case "2":
		return c.listObjectsV2()
	case "":
		return c.listObjectsV1()
	default:
		return invalidArgument("list-type", v, "the only value is 2")
	}
}

func (c *call) listObjectsV1() error {
	marker := c.query.Get("marker")
	l, err := c.listPage(marker)
	if err != nil {
		return err
	}
	next := ""
	if l.page.Truncated && l.opt.Delimiter != "" { // without, the last key is the next marker
		next = l.page.Next
	}
	o := c.owner()
	return c.writeXML(http.StatusOK, struct {
		XMLName        xml.Name `xml:"ListBucketResult"`
		XMLNS          string   `xml:"xmlns,attr"`
		Name           string
		Prefix         string
		Marker         string
		NextMarker     string `xml:",omitempty"`
		MaxKeys        int
		Delimiter      string `xml:",omitempty"`
		EncodingType   string `xml:",omitempty"`
		IsTruncated    bool
		Contents       []objectXML
		CommonPrefixes []prefixXML
	}{
		XMLNS: namespace, Name: c.bucket, Prefix: l.encode(l.opt.Prefix), Marker: l.encode(marker), NextMarker: l.encode(next), MaxKeys: l.max,
		Delimiter: l.encode(l.opt.Delimiter), EncodingType: c.query.Get("encoding-type"), IsTruncated: l.page.Truncated,
		Contents: l.objects(&o), CommonPrefixes: encodeAll(l.page.CommonPrefixes, l.encode),
	})
}

func (c *call) listObjectsV2() error {
	token, start := c.query.Get("continuation-token"), c.query.Get("start-after")
	after := start
	if c.query.Has("continuation-token") {
		var err error
		if after, err = decodeToken(token); err != nil {
			return err
		}
	}
	l, err := c.listPage(after)
	if err != nil {
		return err
	}
	next := ""
	if l.page.Truncated {
		next = encodeToken(l.page.Next)
	}
	var o *owner
	if c.query.Get("fetch-owner") == "true" {
		whose := c.owner()
		o = &whose
	}
	return c.writeXML(http.StatusOK, struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		XMLNS                 string   `xml:"xmlns,attr"`
		Name                  string
		Prefix                string
		StartAfter            string `xml:",omitempty"`
		ContinuationToken     string `xml:",omitempty"`
		NextContinuationToken string `xml:",omitempty"`
		KeyCount              int
		MaxKeys               int
		Delimiter             string `xml:",omitempty"`
		EncodingType          string `xml:",omitempty"`
		IsTruncated           bool
		Contents              []objectXML
		CommonPrefixes        []prefixXML
	}{
		XMLNS: namespace, Name: c.bucket, Prefix: l.encode(l.opt.Prefix), StartAfter: l.encode(start), ContinuationToken: token,
		NextContinuationToken: next, KeyCount: len(l.page.Objects) + len(l.page.CommonPrefixes), MaxKeys: l.max,
		Delimiter: l.encode(l.opt.Delimiter), EncodingType: c.query.Get("encoding-type"), IsTruncated: l.page.Truncated,
		Contents: l.objects(o), CommonPrefixes: encodeAll(l.page.CommonPrefixes, l.encode),
	})
}

// listVersions is ListObjectVersions: each object is its one version, "null".
func (c *call) listVersions() error {
	marker := c.query.Get("key-marker")
	l, err := c.listPage(marker)
	if err != nil {
		return err
	}
	o := c.owner()
	versions := l.objects(&o)
	for i := range versions {
		versions[i].VersionID, versions[i].IsLatest = "null", "true"
	}
	next, nextVersion := "", ""
	if l.page.Truncated {
		next, nextVersion = l.page.Next, "null"
	}
	return c.writeXML(http.StatusOK, struct {
		XMLName             xml.Name `xml:"ListVersionsResult"`
		XMLNS               string   `xml:"xmlns,attr"`
		Name                string
		Prefix              string
		KeyMarker           string
		VersionIDMarker     string `xml:"VersionIdMarker"`
		NextKeyMarker       string `xml:",omitempty"`
		NextVersionIDMarker string `xml:"NextVersionIdMarker,omitempty"`
		MaxKeys             int
		Delimiter           string `xml:",omitempty"`
		EncodingType        string `xml:",omitempty"`
		IsTruncated         bool
		Version             []objectXML
		CommonPrefixes      []prefixXML
	}{
		XMLNS: namespace, Name: c.bucket, Prefix: l.encode(l.opt.Prefix), KeyMarker: l.encode(marker), VersionIDMarker: c.query.Get("version-id-marker"),
		NextKeyMarker: l.encode(next), NextVersionIDMarker: nextVersion, MaxKeys: l.max, Delimiter: l.encode(l.opt.Delimiter),
		EncodingType: c.query.Get("encoding-type"), IsTruncated: l.page.Truncated, Version: versions,
		CommonPrefixes: encodeAll(l.page.CommonPrefixes, l.encode),
	})
}

// encodeToken makes a continuation token, which callers must not read, of where a
// page ended.
func encodeToken(next string) string { return base64.RawURLEncoding.EncodeToString([]byte("1" + next)) }

func decodeToken(token string) (string, error) {
	if token == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) == 0 || b[0] != '1' {
		return "", invalid("InvalidArgument", "The continuation token provided is incorrect")
	}
	return string(b[1:]), nil
}
