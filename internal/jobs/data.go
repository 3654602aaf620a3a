package jobs

import (
	"context"
	"path"
	"strings"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
)

// ParseURI splits s3://bucket/key. The key may be empty.
func ParseURI(uri string) (bucket, key string, err error) {
	rest, ok := strings.CutPrefix(uri, "s3://")
	if !ok {
		return "", "", errs.Invalidf("The address %q is not offered. Use the form s3://bucket/key.", Clip(uri, 200))
	}
	bucket, key, _ = strings.Cut(rest, "/")
	return bucket, key, nil
}

// ObjectARN names an object for authorisation.
func ObjectARN(bucket, key string) string { return "arn:aws:s3:::" + bucket + "/" + key }

// A Prefix is objects that a job reads: all whose key begins so.
type Prefix struct {
	URI            string // as errors show it
	Bucket, Prefix string
	Region, Role   string // for errors

	Authorize func(ctx context.Context, action, resource string) error
	List      func(ctx context.Context, bucket string, opt blob.ListOptions) (blob.ListPage, error)
}

// Objects returns the objects in byte order of their keys, without the folders that
// consoles make, at most most of them if that isn't 0. That there are none, or that they can't be
// seen, is an Invalid error.
func (p *Prefix) Objects(ctx context.Context, most int) (objects []blob.ObjectInfo, err error) {
	if err := p.Authorize(ctx, "s3:ListBucket", "arn:aws:s3:::"+p.Bucket); err != nil {
		return nil, p.missing(err)
	}
	for opt := (blob.ListOptions{Prefix: p.Prefix}); ; {
		page, err := p.List(ctx, p.Bucket, opt)
		if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) {
			return nil, p.missing(err)
		} else if err != nil {
			return nil, err
		}
		for _, info := range page.Objects {
			if info.Size == 0 && strings.HasSuffix(info.Key, "/") {
				continue
			}
			if objects = append(objects, info); len(objects) == most {
				return objects, nil
			}
		}
		if !page.Truncated {
			break
		}
		opt.After = page.Next
	}
	if len(objects) == 0 {
		return nil, p.missing(nil)
	}
	return objects, nil
}

func (p *Prefix) missing(cause error) error {
	said := ""
	if cause != nil {
		said = " Error message from S3: " + errs.MessageOf(cause)
	}
	return errs.Wrap(cause, errs.Invalid, "", "No S3 objects found under S3 URL %q given in input data source. "+
		"Please ensure that the bucket exists in the selected region (%s), that objects exist under that S3 prefix, "+
		"and that the role %q has \"s3:ListBucket\" permissions on bucket %q.%s", p.URI, p.Region, p.Role, p.Bucket, said)
}

// Relative names a key within the folder that a prefix is: what follows the prefix if that
// is a folder, else what follows the prefix's last slash.
func Relative(prefix, key string) string {
	if rest := strings.TrimPrefix(key, prefix); rest != "" && (strings.HasSuffix(prefix, "/") || rest[0] == '/') {
		return strings.TrimLeft(rest, "/")
	}
	folder, _ := path.Split(prefix)
	return strings.TrimPrefix(key, folder)
}
