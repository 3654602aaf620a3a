package serving

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// Model names an artifact and the image that would run it. Members carry the
// names of the SageMaker API; those that this server has no use for are kept as
// they were sent and given back.
type Model struct {
	ModelName                string
	PrimaryContainer         *Container      `json:",omitempty"`
	Containers               []Container     `json:",omitempty"`
	InferenceExecutionConfig json.RawMessage `json:",omitempty"`
	ExecutionRoleArn         string          `json:",omitempty"`
	VpcConfig                json.RawMessage `json:",omitempty"`
	EnableNetworkIsolation   bool            `json:",omitempty"`
	Tags                     []Tag           `json:",omitempty"`

	ARN     string    `json:"-"` // filled in by the service
	Created time.Time `json:"-"`
}

// Container is an image and the model artifact that it serves.
type Container struct {
	ContainerHostname          string            `json:",omitempty"`
	Image                      string            `json:",omitempty"`
	ImageConfig                json.RawMessage   `json:",omitempty"`
	Mode                       string            `json:",omitempty"`
	ModelDataUrl               string            `json:",omitempty"`
	ModelDataSource            *ModelDataSource  `json:",omitempty"`
	AdditionalModelDataSources json.RawMessage   `json:",omitempty"`
	Environment                map[string]string `json:",omitempty"`
	ModelPackageName           string            `json:",omitempty"`
	InferenceSpecificationName string            `json:",omitempty"`
	MultiModelConfig           json.RawMessage   `json:",omitempty"`
	ContainerMetricsConfig     json.RawMessage   `json:",omitempty"`
}

// ModelDataSource is the longer way to say where the artifact is.
type ModelDataSource struct {
	S3DataSource *S3ModelDataSource `json:",omitempty"`
}

// S3ModelDataSource is an object, or a prefix under which model.bin lies.
type S3ModelDataSource struct {
	S3Uri             string          `json:",omitempty"`
	S3DataType        string          `json:",omitempty"` // S3Object or S3Prefix
	CompressionType   string          `json:",omitempty"` // None or Gzip
	ModelAccessConfig json.RawMessage `json:",omitempty"`
	HubAccessConfig   json.RawMessage `json:",omitempty"`
	ManifestS3Uri     string          `json:",omitempty"`
	ManifestEtag      string          `json:",omitempty"`
	ETag              string          `json:",omitempty"`
}

// container is the one container of the model.
func (m *Model) container() *Container {
	if m.PrimaryContainer != nil {
		return m.PrimaryContainer
	}
	return &m.Containers[0]
}

// CreateModel records a model. The artifact must exist; it is read when an
// endpoint is made of the model.
func (s *Service) CreateModel(ctx context.Context, m Model) (Model, error) {
	if err := s.opt.Auth.Authorize(ctx, "sagemaker:CreateModel", s.arn("model", m.ModelName)); err != nil {
		return m, err
	}
	if err := m.check(); err != nil {
		return m, err
	}
	source := s.arn("model", m.ModelName)
	if err := s.opt.Roles.Pass(ctx, s.role(m.ExecutionRoleArn), source); err != nil {
		return m, err
	}
	at := m.container().location()
	if err := s.mayRead(ctx, m.ExecutionRoleArn, at, source); err != nil {
		return m, err
	}
	if _, err := s.opt.Objects.Stat(ctx, at.Bucket, at.Key); errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) {
		return m, errs.Wrap(err, errs.NotFound, "ValidationException", "Could not find model data at %s.", at)
	} else if err != nil {
		return m, fmt.Errorf("find model data: %w", err)
	}
	r, err := s.models.Create(ctx, store.Record[Model]{Name: m.ModelName, Doc: m})
	if errs.Is(err, errs.Conflict) {
		return m, errs.Wrap(err, errs.Conflict, "ValidationException", "Cannot create already existing model %q.", s.arn("model", m.ModelName))
	}
	return s.model(r), err
}

// DescribeModel returns a model as it was created.
func (s *Service) DescribeModel(ctx context.Context, name string) (Model, error) {
	if err := s.authorizeName(ctx, "sagemaker:DescribeModel", "model", name, "modelName", modelPattern); err != nil {
		return Model{}, err
	}
	r, err := s.models.Get(ctx, name)
	return s.model(r), s.missing(err, "model", "model", name)
}

// ListModels returns a page of models, with the members of their
// documents that q names, and the token of the next page.
func (s *Service) ListModels(ctx context.Context, q store.Query) ([]Model, string, error) {
	return list(ctx, s, "sagemaker:ListModels", s.models, q, s.model)
}

// DeleteModel removes a model. Endpoints made of it go on.
func (s *Service) DeleteModel(ctx context.Context, name string) error {
	if err := s.authorizeName(ctx, "sagemaker:DeleteModel", "model", name, "modelName", modelPattern); err != nil {
		return err
	}
	_, err := s.models.Delete(ctx, name, nil)
	return s.missing(err, "model", "model", name)
}

func (s *Service) model(r store.Record[Model]) Model {
	m := r.Doc
	m.ARN, m.Created = s.arn("model", r.Name), r.Created
	return m
}

func (m *Model) check() error {
	var c constraints
	c.match(m.ModelName, "modelName", modelPattern)
	c.matchOptional(m.ExecutionRoleArn, "executionRoleArn", rolePattern)
	c.tags(m.Tags)
	switch {
	case m.PrimaryContainer != nil && len(m.Containers) > 0:
		return errs.Invalidf("Both PrimaryContainer and Containers are given; a model takes one of them.")
	case len(m.Containers) > 1:
		return errs.Invalidf("The model has %d containers. Inference pipelines are not offered: give one container.", len(m.Containers))
	case m.PrimaryContainer != nil:
		m.PrimaryContainer.check(&c, "primaryContainer")
	case len(m.Containers) == 1:
		m.Containers[0].check(&c, "containers.1.member")
	default:
		c.Add(nil, "primaryContainer", "Member must not be null")
	}
	if err := c.Err(); err != nil {
		return err
	}
	return m.container().offered()
}

func (k *Container) check(c *constraints, at string) {
	c.matchOptional(k.ContainerHostname, at+".containerHostname", hostPattern)
	c.matchOptional(k.Image, at+".image", imagePattern)
	c.matchOptional(k.ModelDataUrl, at+".modelDataUrl", urlPattern)
	if k.Mode != "" {
		c.Enum(k.Mode, at+".mode", "SingleModel", "MultiModel")
	}
	if k.ModelDataSource != nil && k.ModelDataSource.S3DataSource != nil {
		d, at := k.ModelDataSource.S3DataSource, at+".modelDataSource.s3DataSource"
		c.match(d.S3Uri, at+".s3Uri", urlPattern)
		c.Enum(d.S3DataType, at+".s3DataType", "S3Prefix", "S3Object")
		c.Enum(d.CompressionType, at+".compressionType", "None", "Gzip")
	}
	if len(k.Environment) > 100 {
		c.Add(len(k.Environment), at+".environment", "Member must have length less than or equal to 100")
		return
	}
	for key, value := range k.Environment {
		c.match(key, at+".environment", envPattern)
		if len(value) > 1024 {
			c.Add(value, at+".environment", "Member must have length less than or equal to 1024")
		}
	}
}

// offered reports what is valid on SageMaker and not to be had here.
func (k *Container) offered() error {
	source := k.ModelDataSource
	switch {
	case k.Mode == "MultiModel":
		return errs.Invalidf("Multi-model containers are not offered: make one model per artifact. They share memory where the artifact is the same.")
	case k.ModelPackageName != "":
		return errs.Invalidf("Model packages are not offered: give Image and ModelDataUrl.")
	case k.Image == "":
		return errs.Invalidf("The container has no Image. Give the BlazingText image of your region, or just %q.", "blazingtext")
	case repository(k.Image) != "blazingtext":
		return errs.Invalidf("The image %q cannot run here: this server serves fastText models, for which the image's repository is called blazingtext.", k.Image)
	case k.ModelDataUrl != "" && source != nil:
		return errs.Invalidf("Both ModelDataUrl and ModelDataSource are given; a container takes one of them.")
	case source != nil && source.S3DataSource == nil:
		return errs.Invalidf("ModelDataSource has no S3DataSource.")
	case source != nil && source.S3DataSource.S3DataType == "S3Prefix" && source.S3DataSource.CompressionType != "None":
		return errs.Invalidf("A ModelDataSource of S3DataType S3Prefix must have CompressionType None.")
	case k.ModelDataUrl == "" && source == nil:
		return errs.Invalidf("The container has no ModelDataUrl: give the s3:// address of a model.tar.gz with the fastText model model.bin in it.")
	}
	if at := k.location(); at.Bucket == "" || at.Key == "" {
		return errs.Invalidf("The model data URL %q must be an s3:// address with a bucket and a key.", k.dataURL())
	}
	return nil
}

// repository is the last part of an image's name, without registry, tag and digest.
func repository(image string) string {
	name, _, _ := strings.Cut(path.Base(image), "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}

func (k *Container) dataURL() string {
	if k.ModelDataSource != nil {
		return k.ModelDataSource.S3DataSource.S3Uri
	}
	return k.ModelDataUrl
}

// location is the object that holds the artifact; without bucket or key if the
// address has none.
func (k *Container) location() location {
	rest, ok := strings.CutPrefix(k.dataURL(), "s3://")
	if !ok {
		return location{}
	}
	var at location
	at.Bucket, at.Key, _ = strings.Cut(rest, "/")
	if k.ModelDataSource != nil && k.ModelDataSource.S3DataSource.S3DataType == "S3Prefix" {
		at.Key = strings.TrimSuffix(at.Key, "/") + "/" + modelFile
	}
	return at
}

// authorizeName checks a name, and asks whether the caller may do action on it.
func (s *Service) authorizeName(ctx context.Context, action, kind, name, member string, p pattern) error {
	if err := s.opt.Auth.Authorize(ctx, action, s.arn(kind, name)); err != nil {
		return err
	}
	var c constraints
	c.match(name, member, p)
	return c.Err()
}

// missing words the absence of a record as SageMaker does, which calls it an
// invalid request.
func (s *Service) missing(err error, kind, called, name string) error {
	if errs.Is(err, errs.NotFound) {
		return errs.Wrap(err, errs.NotFound, "ValidationException", "Could not find %s %q.", called, s.arn(kind, name))
	}
	return err
}

// list returns a page of records, as the caller sees them.
func list[T, V any](ctx context.Context, s *Service, action string, from *store.Collection[T], q store.Query, view func(store.Record[T]) V) ([]V, string, error) {
	if err := s.opt.Auth.Authorize(ctx, action, "*"); err != nil {
		return nil, "", err
	}
	page, next, err := from.List(ctx, q)
	views := slices.Grow([]V(nil), len(page))
	for _, r := range page {
		views = append(views, view(r))
	}
	return views, next, err
}
