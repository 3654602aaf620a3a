package transform

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/jobs"
)

// Bounds on what a job can make the server keep in memory.
const (
	maxInputs   = 1_000_000 // objects of one job
	maxManifest = 256 << 20 // bytes
)

// input is one object to transform.
type input struct {
	bucket, key string
	name        string // of its output, below S3OutputPath and without .out
}

func (in input) uri() string { return "s3://" + in.bucket + "/" + in.key }

// output is the object that holds in's results.
func (s *Spec) output(in input) (bucket, key string) {
	bucket, prefix, _ := jobs.ParseURI(s.TransformOutput.S3OutputPath) // Create has parsed it
	if prefix = strings.TrimRight(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return bucket, prefix + in.name + ".out"
}

// inputs returns the objects of the job's data source, in byte order of their
// keys or in the manifest's order, at most most of them if that isn't 0. That
// there are none is an Invalid error.
func (s *Service) inputs(ctx context.Context, spec *Spec, role string, most int) ([]input, error) {
	source := spec.TransformInput.DataSource.S3DataSource
	bucket, prefix, err := jobs.ParseURI(source.S3Uri)
	if err != nil {
		return nil, err
	}
	if source.S3DataType == "ManifestFile" {
		return s.manifest(ctx, bucket, prefix, role)
	}
	from := jobs.Prefix{URI: source.S3Uri, Bucket: bucket, Prefix: prefix, Region: s.Region, Role: role, List: s.Blobs.List,
		Authorize: func(ctx context.Context, action, resource string) error {
			return s.Authorizer.Authorize(iam.WithKeys(ctx, map[string][]string{"s3:prefix": {prefix}}), action, resource)
		}}
	if most == 0 {
		most = maxInputs + 1
	}
	objects, err := from.Objects(ctx, most)
	if len(objects) > maxInputs {
		return nil, errs.Invalidf("There are more than %d objects under %s, which is what one transform job takes. Give a longer prefix.", maxInputs, source.S3Uri)
	}
	list := make([]input, len(objects))
	for i, info := range objects {
		list[i] = input{bucket, info.Key, jobs.Relative(prefix, info.Key)}
	}
	return list, err
}

// manifest reads a manifest: a JSON array of an object {"prefix": "s3://…"} and
// the names of objects, each to be put behind the prefix.
func (s *Service) manifest(ctx context.Context, bucket, key, role string) ([]input, error) {
	uri := "s3://" + bucket + "/" + key
	if err := s.Authorizer.Authorize(ctx, "s3:GetObject", jobs.ObjectARN(bucket, key)); err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "", "The role %q may not read the manifest %s. Allow it s3:GetObject there.", role, uri)
	}
	object, err := s.Blobs.Open(ctx, bucket, key)
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) {
		return nil, errs.Wrap(err, errs.Invalid, "", "There is no manifest at %q. Error message from S3: %s", uri, errs.MessageOf(err))
	} else if err != nil {
		return nil, err
	}
	defer object.Close()
	if size := object.Info().Size; size > maxManifest {
		return nil, errs.Invalidf("The manifest %s has %d bytes; at most %d are possible.", uri, size, maxManifest)
	}
	list, err := parseManifest(object)
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "", "The manifest %s cannot be read: %v. It must be a JSON array of {\"prefix\": \"s3://bucket/folder/\"} and object names.", uri, err)
	}
	return list, nil
}

func parseManifest(r io.Reader) ([]input, error) {
	var entries []json.RawMessage
	decoder := json.NewDecoder(r)
	if err := decoder.Decode(&entries); err != nil {
		return nil, err
	}
	if decoder.More() {
		return nil, errs.Invalidf("something follows the array")
	}
	if len(entries) == 0 {
		return nil, errs.Invalidf("it is empty")
	}
	var head struct {
		Prefix *string `json:"prefix"`
	}
	if err := json.Unmarshal(entries[0], &head); err != nil || head.Prefix == nil {
		return nil, errs.Invalidf(`the first element is not {"prefix": "s3://…"}`)
	}
	bucket, prefix, err := jobs.ParseURI(*head.Prefix)
	if err != nil {
		return nil, err
	}
	if len(entries)-1 > maxInputs {
		return nil, errs.Invalidf("it names more than %d objects", maxInputs)
	}
	list := make([]input, 0, len(entries)-1)
	for i, entry := range entries[1:] {
		var name string
		if err := json.Unmarshal(entry, &name); err != nil || name == "" {
			return nil, errs.Invalidf("element %d is not the name of an object", i+2)
		}
		list = append(list, input{bucket, prefix + name, strings.TrimLeft(name, "/")})
	}
	if len(list) == 0 {
		return nil, errs.Invalidf("it names no object")
	}
	return list, nil
}
