package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/heliograph/heliograph/internal/blob"
)

type indexDocument struct{ Suffix string }

type errorDocument struct{ Key string }

// getWebsite is GetBucketWebsite.
func (c *call) getWebsite() error {
	site, err := c.store.Website(c.ctx, c.bucket)
	if err != nil {
		return err
	}
	answer := struct {
		XMLName xml.Name       `xml:"WebsiteConfiguration"`
		XMLNS   string         `xml:"xmlns,attr"`
		Index   indexDocument  `xml:"IndexDocument"`
		Error   *errorDocument `xml:"ErrorDocument"`
	}{XMLNS: namespace, Index: indexDocument{site.Index}}
	if site.Error != "" {
		answer.Error = &errorDocument{site.Error}
	}
	return c.writeXML(http.StatusOK, answer)
}

// putWebsite is PutBucketWebsite.
func (c *call) putWebsite() error {
	content, err := c.readBody(maxConfiguration)
	if err != nil {
		return err
	}
	site, err := decodeWebsite(content)
	if err != nil {
		return err
	}
	if err := c.store.SetWebsite(c.ctx, c.bucket, site); err != nil {
		return err
	}
	return c.ok(http.StatusOK)
}

func decodeWebsite(content []byte) (blob.Website, error) {
	var index indexDocument
	var failure errorDocument
	err := decodeXML(content, "WebsiteConfiguration", func(d *xml.Decoder, child xml.StartElement) error {
		switch child.Name.Local {
		case "IndexDocument":
			return d.DecodeElement(&index, &child)
		case "ErrorDocument":
			return d.DecodeElement(&failure, &child)
		case "RedirectAllRequestsTo", "RoutingRules":
			return notImplemented("Websites with %s are not offered by this server; use IndexDocument and ErrorDocument.", child.Name.Local)
		}
		return d.Skip()
	})
	return blob.Website{Index: index.Suffix, Error: failure.Key}, err
}

// deleteWebsite is DeleteBucketWebsite.
func (c *call) deleteWebsite() error {
	if err := c.store.DeleteWebsite(c.ctx, c.bucket); err != nil {
		return err
	}
	return c.ok(http.StatusNoContent)
}
