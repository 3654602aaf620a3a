package training

import (
	"context"
	"io"
	"path"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/jobs"
)

// maxOpen is how many objects of a channel are held open during a job, so that
// all passes read the same bytes although the object is overwritten meanwhile.
// Of larger channels the objects are opened again and compared by ETag.
const maxOpen = 64

// channel is the objects of one input, in the order they are read.
type channel struct {
	service *Service
	name    string
	gzip    bool
	inputs  []input
	open    []blob.Object // parallel to inputs, or empty
	records *augmented    // nil for text
}

// input is one object of a channel.
type input struct {
	info blob.ObjectInfo
	name string // relative to the channel's folder, as SageMaker lays it out
}

// path is where the object would lie in BlazingText's container.
func (c *channel) path(in input) string { return "/opt/ml/input/data/" + c.name + "/" + in.name }

func uriOf(info blob.ObjectInfo) string { return "s3://" + info.Bucket + "/" + info.Key }

// openChannel finds the channel's objects, and holds them open unless they are
// many. What labels of an augmented manifest begin with is labelPrefix.
func (s *Service) openChannel(ctx context.Context, spec *Spec, ch Channel, labelPrefix string) (*channel, error) {
	inputs, err := s.listChannel(ctx, spec, ch, 0)
	if err != nil {
		return nil, err
	}
	c := &channel{service: s, name: ch.ChannelName, gzip: ch.CompressionType == "Gzip", inputs: inputs}
	if source := ch.DataSource.S3DataSource; source.S3DataType == "AugmentedManifestFile" {
		c.records = newAugmented(source.AttributeNames, labelPrefix, spec.RoleArn)
	}
	for _, in := range inputs {
		if err := s.Authorizer.Authorize(ctx, "s3:GetObject", jobs.ObjectARN(in.info.Bucket, in.info.Key)); err != nil {
			return nil, jobs.ClientFailure(err, "Data download failed: the role %q may not read %s. Allow it s3:GetObject there.", spec.RoleArn, uriOf(in.info))
		}
	}
	if len(inputs) > maxOpen {
		return c, nil
	}
	for i := range inputs {
		object, err := s.Blobs.Open(ctx, inputs[i].info.Bucket, inputs[i].info.Key)
		if err != nil {
			c.close()
			return nil, downloadFailure(err, inputs[i].info)
		}
		c.open = append(c.open, object)
		c.inputs[i].info = object.Info()
	}
	return c, nil
}

func (c *channel) close() {
	for _, object := range c.open {
		object.Close()
	}
	c.open = nil
}

// object returns a reader of the i-th object from its beginning.
func (c *channel) object(ctx context.Context, i int) (io.ReadCloser, error) {
	want := c.inputs[i].info
	if len(c.open) > 0 {
		return io.NopCloser(io.NewSectionReader(c.open[i], 0, want.Size)), nil
	}
	object, err := c.service.Blobs.Open(ctx, want.Bucket, want.Key)
	if err != nil {
		return nil, downloadFailure(err, want)
	}
	if object.Info().ETag != want.ETag {
		object.Close()
		return nil, jobs.ClientFailure(nil, "The object %s was overwritten while the job read it. Create the job again.", uriOf(want))
	}
	return object, nil
}

func downloadFailure(err error, info blob.ObjectInfo) error {
	if errs.Is(err, errs.NotFound) {
		return jobs.ClientFailure(err, "Data download failed: the object %s was deleted while the job started. Create the job again.", uriOf(info))
	}
	return err
}

// maxChecked is how many of a channel's objects Create looks at.
const maxChecked = 1000

// listChannel returns the channel's objects in the order they are read, at most
// most of them if that isn't 0. That there are none is an Invalid error.
func (s *Service) listChannel(ctx context.Context, spec *Spec, ch Channel, most int) ([]input, error) {
	source := ch.DataSource.S3DataSource
	bucket, key, err := jobs.ParseURI(source.S3Uri)
	if err != nil {
		return nil, err
	}
	switch source.S3DataType {
	case "ManifestFile":
		return s.listManifest(ctx, spec, bucket, key, most)
	case "AugmentedManifestFile":
		info, err := s.stat(ctx, spec, bucket, key, "the augmented manifest")
		return []input{{info, path.Base(key)}}, err
	}
	return s.listPrefix(ctx, spec, bucket, key, most)
}

// listPrefix returns the objects under a prefix in byte order of their keys.
func (s *Service) listPrefix(ctx context.Context, spec *Spec, bucket, prefix string, most int) ([]input, error) {
	uri := "s3://" + bucket
	if prefix != "" {
		uri += "/" + prefix
	}
	from := jobs.Prefix{URI: uri, Bucket: bucket, Prefix: prefix, Region: s.Region, Role: spec.RoleArn, List: s.Blobs.List,
		Authorize: func(ctx context.Context, action, resource string) error {
			return s.Authorizer.Authorize(iam.WithKeys(ctx, map[string][]string{"s3:prefix": {prefix}}), action, resource)
		}}
	objects, err := from.Objects(ctx, most)
	inputs := make([]input, len(objects))
	for i, info := range objects {
		inputs[i] = input{info, jobs.Relative(prefix, info.Key)}
	}
	return inputs, err
}
