package training

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
)

// maxManifest bounds a manifest, in bytes; that is about a million entries.
const maxManifest = 64 << 20

// stat finds one object that a channel names. what completes "… can't be found".
func (s *Service) stat(ctx context.Context, spec *Spec, bucket, key, what string) (blob.ObjectInfo, error) {
	if err := s.Authorizer.Authorize(ctx, "s3:GetObject", jobs.ObjectARN(bucket, key)); err != nil {
		return blob.ObjectInfo{}, errs.Wrap(err, errs.Invalid, "", "The role %q may not read s3://%s/%s. Allow it s3:GetObject there.", spec.RoleArn, bucket, key)
	}
	info, err := s.Blobs.Stat(ctx, bucket, key)
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) {
		return info, errs.Wrap(err, errs.Invalid, "", "No S3 objects found under S3 URL %q given in input data source: %s can't be found. Error message from S3: %s",
			"s3://"+bucket+"/"+key, what, errs.MessageOf(err))
	}
	return info, err
}

// listManifest returns the objects that a manifest names, in its order.
func (s *Service) listManifest(ctx context.Context, spec *Spec, bucket, key string, most int) ([]input, error) {
	if _, err := s.stat(ctx, spec, bucket, key, "the manifest"); err != nil {
		return nil, err
	}
	object, err := s.Blobs.Open(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	defer object.Close()
	text, err := io.ReadAll(io.LimitReader(object, maxManifest+1))
	if err != nil {
		return nil, err
	}
	prefix, names, err := parseManifest(text)
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "", "The manifest s3://%s/%s can't be used: %s", bucket, key, err)
	}
	var inputs []input
	for _, name := range names {
		bucket, key, err := jobs.ParseURI(prefix + name)
		if err != nil {
			return nil, err
		}
		info, err := s.stat(ctx, spec, bucket, key, "an object of the manifest")
		if err != nil {
			return nil, err
		}
		if inputs = append(inputs, input{info, path.Clean("/" + name)[1:]}); len(inputs) == most {
			break
		}
	}
	return inputs, nil
}

// parseManifest reads a JSON array whose first element is an object with the
// prefix of all, and whose others are what follows it.
func parseManifest(text []byte) (prefix string, names []string, err error) {
	if len(text) > maxManifest {
		return "", nil, errs.Invalidf("it is longer than %s.", byteSize(maxManifest))
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(bytes.TrimPrefix(text, []byte("\ufeff")), &elements); err != nil {
		return "", nil, errs.Invalidf(`it is not a JSON array such as [{"prefix": "s3://bucket/folder/"}, "one.txt", "two.txt"] (%s).`, err)
	}
	var head struct{ Prefix *string }
	if len(elements) == 0 || json.Unmarshal(elements[0], &head) != nil || head.Prefix == nil {
		return "", nil, errs.Invalidf(`its first element is not {"prefix": "s3://bucket/folder/"}.`)
	}
	for i, e := range elements[1:] {
		var name string
		if err := json.Unmarshal(e, &name); err != nil || name == "" {
			return "", nil, errs.Invalidf("element %d is not the name of an object.", i+2)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return "", nil, errs.Invalidf("it names no objects behind the prefix.")
	}
	return *head.Prefix, names, nil
}
