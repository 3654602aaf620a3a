package s3

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"

	"github.com/heliograph/heliograph/internal/blob"
)

// region is where a bucket of unknown region is.
func (c *call) region(info blob.BucketInfo) string {
	for _, r := range []string{info.Region, c.opt.Region} {
		if r != "" {
			return r
		}
	}
	return "us-east-1"
}

// listBuckets is ListBuckets.
func (c *call) listBuckets() error {
	infos, err := c.store.Buckets(c.ctx)
	if err != nil {
		return err
	}
	limit := 10000
	if v := c.query.Get("max-buckets"); v != "" {
		if limit, err = strconv.Atoi(v); err != nil || limit < 1 || limit > 10000 {
			return invalidArgument("max-buckets", v, "it must be 1 to 10000")
		}
	}
	after, err := decodeToken(c.query.Get("continuation-token"))
	if err != nil {
		return err
	}
	type bucketXML struct {
		Name         string
		CreationDate string
		BucketRegion string
	}
	answer := struct {
		XMLName           xml.Name    `xml:"ListAllMyBucketsResult"`
		XMLNS             string      `xml:"xmlns,attr"`
		Owner             owner       `xml:"Owner"`
		Buckets           []bucketXML `xml:"Buckets>Bucket"`
		ContinuationToken string      `xml:",omitempty"`
		Prefix            string      `xml:",omitempty"`
	}{XMLNS: namespace, Owner: c.owner(), Prefix: c.query.Get("prefix")}
	for _, info := range infos {
		if !strings.HasPrefix(info.Name, answer.Prefix) || info.Name <= after {
			continue
		}
		if len(answer.Buckets) == limit {
			answer.ContinuationToken = encodeToken(answer.Buckets[limit-1].Name)
			break
		}
		answer.Buckets = append(answer.Buckets, bucketXML{info.Name, stamp(info.Created), c.region(info)})
	}
	return c.writeXML(http.StatusOK, answer)
}

// createBucket is CreateBucket.
func (c *call) createBucket() error {
	if err := checkOffered(c.r.Header); err != nil {
		return err
	}
	if c.r.Header.Get("X-Amz-Bucket-Object-Lock-Enabled") == "true" {
		return notImplemented("This server does not offer object lock.")
	}
	region, err := c.readLocation()
	if err != nil {
		return err
	}
	if err := c.store.CreateBucket(c.ctx, c.bucket, region); err != nil {
		return err
	}
	c.w.Header().Set("Location", "/"+c.bucket)
	return c.ok(http.StatusOK)
}

// readLocation reads the region that a new bucket is to be in.
func (c *call) readLocation() (string, error) {
	region := c.region(blob.BucketInfo{})
	if c.r.ContentLength == 0 {
		return region, nil
	}
	content, err := c.readBody(maxConfiguration)
	if err != nil || len(content) == 0 {
		return region, err
	}
	asked := ""
	err = decodeXML(content, "CreateBucketConfiguration", func(d *xml.Decoder, child xml.StartElement) error {
		if child.Name.Local == "LocationConstraint" {
			return d.DecodeElement(&asked, &child)
		}
		return d.Skip()
	})
	if err != nil {
		return "", err
	}
	if asked == "EU" { // what eu-west-1 was called first
		asked = "eu-west-1"
	}
	switch {
	case asked == "" || asked == region:
		return region, nil
	case c.opt.Region != "":
		return "", invalid("IllegalLocationConstraintException",
			"The %.40s location constraint is incompatible for the region specific endpoint this request was sent to: this server is in %s.", asked, region)
	case len(asked) > 40 || strings.Trim(asked, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return "", invalid("InvalidLocationConstraint", "The specified location-constraint is not valid: %.40q.", asked)
	}
	return asked, nil
}

// headBucket is HeadBucket.
func (c *call) headBucket() error {
	info, err := c.store.Bucket(c.ctx, c.bucket)
	if err != nil {
		return err
	}
	c.w.Header().Set("X-Amz-Bucket-Region", c.region(info))
	c.w.Header().Set("X-Amz-Access-Point-Alias", "false")
	c.w.Header().Set("Content-Type", "application/xml")
	return c.ok(http.StatusOK)
}

// deleteBucket is DeleteBucket.
func (c *call) deleteBucket() error {
	if err := c.store.DeleteBucket(c.ctx, c.bucket); err != nil {
		return err
	}
	return c.ok(http.StatusNoContent)
}

// getBucketLocation is GetBucketLocation; us-east-1 is the empty string.
func (c *call) getBucketLocation() error {
	info, err := c.store.Bucket(c.ctx, c.bucket)
	if err != nil {
		return err
	}
	region := c.region(info)
	if region == "us-east-1" {
		region = ""
	}
	return c.writeXML(http.StatusOK, struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		XMLNS   string   `xml:"xmlns,attr"`
		Region  string   `xml:",chardata"`
	}{XMLNS: namespace, Region: region})
}

// getBucketVersioning is GetBucketVersioning: it was never switched on.
func (c *call) getBucketVersioning() error {
	if _, err := c.store.Bucket(c.ctx, c.bucket); err != nil {
		return err
	}
	return c.writeXML(http.StatusOK, struct {
		XMLName xml.Name `xml:"VersioningConfiguration"`
		XMLNS   string   `xml:"xmlns,attr"`
	}{XMLNS: namespace})
}

// getACL is GetBucketAcl and GetObjectAcl: the owner may do everything, and
// policies decide about the rest.
func (c *call) getACL() error {
	if _, err := c.store.Bucket(c.ctx, c.bucket); err != nil {
		return err
	}
	if c.key != "" {
		if _, err := c.store.Stat(c.ctx, c.bucket, c.key); err != nil {
			return err
		}
	}
	type grantee struct {
		XSI  string `xml:"xmlns:xsi,attr"`
		Type string `xml:"xsi:type,attr"`
		owner
	}
	type grant struct {
		Grantee    grantee
		Permission string
	}
	return c.writeXML(http.StatusOK, struct {
		XMLName xml.Name `xml:"AccessControlPolicy"`
		XMLNS   string   `xml:"xmlns,attr"`
		Owner   owner    `xml:"Owner"`
		Grants  []grant  `xml:"AccessControlList>Grant"`
	}{XMLNS: namespace, Owner: c.owner(), Grants: []grant{{
		Grantee: grantee{XSI: "http://www.w3.org/2001/XMLSchema-instance", Type: "CanonicalUser", owner: c.owner()}, Permission: "FULL_CONTROL",
	}}})
}
