package transform

import (
	"context"
	"encoding/json"
	"io"
	"path"
	"strings"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
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

func objectARN(bucket, key string) string { return "arn:aws:s3:::" + bucket + "/" + key }

// output is the object that holds in's results.
func (s *Spec) output(in input) (bucket, key string) {
	bucket, prefix, _ := parseURI(s.TransformOutput.S3OutputPath) // Create has parsed it
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
	bucket, prefix, err := parseURI(source.S3Uri)
	if err != nil {
		return nil, err
	}
	if source.S3DataType == "ManifestFile" {
		return s.manifest(ctx, bucket, prefix, role)
	}
	missing := func(cause error) error {
		said := ""
		if cause != nil {
			said = " Error message from S3: " + errs.MessageOf(cause)
		}
		return errs.Wrap(cause, errs.Invalid, "", "No S3 objects found under S3 URL %q given in input data source. "+
			"Please ensure that the bucket exists in the selected region (%s), that objects exist under that S3 prefix, "+
			"and that the role %q has \"s3:ListBucket\" permissions on bucket %q.%s", source.S3Uri, s.Region, role, bucket, said)
	}
	if err := s.Authorizer.Authorize(ctx, "s3:ListBucket", "arn:aws:s3:::"+bucket); err != nil {
		return nil, missing(err)
	}
	var list []input
	for opt := (blob.ListOptions{Prefix: prefix}); ; {
		page, err := s.Blobs.List(ctx, bucket, opt)
		if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) {
			return nil, missing(err)
		} else if err != nil {
			return nil, err
		}
		for _, info := range page.Objects {
			if info.Size == 0 && strings.HasSuffix(info.Key, "/") {
				continue // a folder that a console made
			}
			if list = append(list, input{bucket, info.Key, relative(prefix, info.Key)}); len(list) == most {
				return list, nil
			}
		}
		if len(list) > maxInputs {
			return nil, errs.Invalidf("There are more than %d objects under %s, which is what one transform job takes. Give a longer prefix.", maxInputs, source.S3Uri)
		}
		if !page.Truncated {
			break
		}
		opt.After = page.Next
	}
	if len(list) == 0 {
		return nil, missing(nil)
	}
	return list, nil
}

// relative names a key below the output path: what follows the prefix if that is
// a folder, else what follows the prefix's last slash.
func relative(prefix, key string) string {
	if rest := strings.TrimPrefix(key, prefix); rest != "" && (strings.HasSuffix(prefix, "/") || rest[0] == '/') {
		return strings.TrimLeft(rest, "/")
	}
	folder, _ := path.Split(prefix)
	return strings.TrimPrefix(key, folder)
}

// manifest reads a manifest: a JSON array of an object {"prefix": "s3://…"} and
// the names of objects, each to be put behind the prefix.
func (s *Service) manifest(ctx context.Context, bucket, key, role string) ([]input, error) {
	uri := "s3://" + bucket + "/" + key
	if err := s.Authorizer.Authorize(ctx, "s3:GetObject", objectARN(bucket, key)); err != nil {
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
	bucket, prefix, err := parseURI(*head.Prefix)
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
