package s3

import (
	"encoding/xml"
	"net/http"
	"sync"

	"github.com/heliograph/heliograph/internal/errs"
)

// deletion is one key of a DeleteObjects request, then its outcome.
type deletion struct {
	Key       string
	VersionID string `xml:"VersionId"`
	ETag      string
	err       error
}

const parallelDeletes = 8 // deletes wait for the disk, which serves several at once

// deleteObjects is DeleteObjects. Each key is authorised and deleted by itself.
func (c *call) deleteObjects() error {
	content, err := c.readBody(maxManifest)
	if err != nil {
		return err
	}
	deletions, quiet, err := readDeletions(content)
	if err != nil {
		return err
	}
	allowed := false
	for i := range deletions {
		deletions[i].err = c.authorize("s3:DeleteObject", arn(c.bucket, deletions[i].Key))
		allowed = allowed || deletions[i].err == nil
	}
	if allowed { // whether there is such a bucket is not for everybody to know
		if _, err := c.store.Bucket(c.ctx, c.bucket); err != nil {
			return err
		}
	}
	var wg sync.WaitGroup
	turn := make(chan struct{}, parallelDeletes)
	for i := range deletions {
		if deletions[i].err != nil {
			continue
		}
		turn <- struct{}{}
		wg.Go(func() {
			deletions[i].err = c.deleteOne(deletions[i])
			<-turn
		})
	}
	wg.Wait()
	return c.writeDeletions(deletions, quiet)
}

func readDeletions(content []byte) (deletions []deletion, quiet bool, err error) {
	err = decodeXML(content, "Delete", func(d *xml.Decoder, child xml.StartElement) error {
		switch child.Name.Local {
		case "Quiet":
			return d.DecodeElement(&quiet, &child)
		case "Object":
			if len(deletions) == maxDeletes {
				return malformedXML("it names more than 1000 objects")
			}
			var one deletion
			if err := d.DecodeElement(&one, &child); err != nil {
				return err
			}
			if one.Key == "" {
				return malformedXML("an Object has no Key")
			}
			deletions = append(deletions, one)
			return nil
		}
		return d.Skip()
	})
	if err == nil && len(deletions) == 0 {
		err = malformedXML("it names no objects")
	}
	return deletions, quiet, err
}

func (c *call) deleteOne(one deletion) error {
	if one.VersionID != "" && one.VersionID != "null" {
		return noSuchVersion()
	}
	if one.ETag != "" {
		return notImplemented("Conditional deletes are not offered by this server.")
	}
	return c.store.Delete(c.ctx, c.bucket, one.Key)
}

func (c *call) writeDeletions(deletions []deletion, quiet bool) error {
	type deleted struct {
		Key       string
		VersionID string `xml:"VersionId,omitempty"`
	}
	type failure struct {
		deleted
		Code    string
		Message string
	}
	answer := struct {
		XMLName xml.Name `xml:"DeleteResult"`
		XMLNS   string   `xml:"xmlns,attr"`
		Deleted []deleted
		Error   []failure
	}{XMLNS: namespace}
	var internal error
	for _, one := range deletions {
		entry := deleted{one.Key, one.VersionID}
		if one.err == nil {
			if !quiet {
				answer.Deleted = append(answer.Deleted, entry)
			}
			continue
		}
		if errs.KindOf(one.err) == errs.Internal {
			internal = one.err
		}
		code, _, message := explain(one.err)
		answer.Error = append(answer.Error, failure{entry, code, message})
	}
	if internal != nil {
		c.log(internal) // one line; they have one cause as a rule
	}
	return c.writeXML(http.StatusOK, answer)
}
