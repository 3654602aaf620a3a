package serving

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// EndpointConfig says which models an endpoint serves and how the traffic is
// shared among them. Members carry the names of the SageMaker API; those that
// this server has no use for are kept as they were sent and given back.
type EndpointConfig struct {
	EndpointConfigName       string
	ProductionVariants       []ProductionVariant
	ShadowProductionVariants []ProductionVariant   `json:",omitempty"`
	DataCaptureConfig        *DataCaptureConfig    `json:",omitempty"`
	AsyncInferenceConfig     *AsyncInferenceConfig `json:",omitempty"`
	ExplainerConfig          json.RawMessage       `json:",omitempty"`
	MetricsConfig            json.RawMessage       `json:",omitempty"`
	KmsKeyId                 string                `json:",omitempty"`
	ExecutionRoleArn         string                `json:",omitempty"`
	VpcConfig                json.RawMessage       `json:",omitempty"`
	EnableNetworkIsolation   bool                  `json:",omitempty"`
	Tags                     []Tag                 `json:",omitempty"`

	ARN     string    `json:"-"` // filled in by the service
	Created time.Time `json:"-"`
}

// ProductionVariant is one model behind an endpoint and its share of the traffic.
type ProductionVariant struct {
	VariantName                                 string
	ModelName                                   string            `json:",omitempty"`
	InitialInstanceCount                        *int              `json:",omitempty"`
	InstanceType                                string            `json:",omitempty"`
	InitialVariantWeight                        *float64          `json:",omitempty"` // default 1
	ServerlessConfig                            *ServerlessConfig `json:",omitempty"`
	AcceleratorType                             string            `json:",omitempty"`
	CoreDumpConfig                              json.RawMessage   `json:",omitempty"`
	VolumeSizeInGB                              *int              `json:",omitempty"`
	ModelDataDownloadTimeoutInSeconds           *int              `json:",omitempty"`
	ContainerStartupHealthCheckTimeoutInSeconds *int              `json:",omitempty"`
	VariantInstanceProvisionTimeoutInSeconds    *int              `json:",omitempty"`
	EnableSSMAccess                             *bool             `json:",omitempty"`
	ManagedInstanceScaling                      json.RawMessage   `json:",omitempty"`
	RoutingConfig                               json.RawMessage   `json:",omitempty"`
	InstancePools                               json.RawMessage   `json:",omitempty"`
	InferenceAmiVersion                         string            `json:",omitempty"`
	CapacityReservationConfig                   json.RawMessage   `json:",omitempty"`
}

// ServerlessConfig limits a variant by concurrent invocations, not instances.
// The memory size is kept and not enforced.
type ServerlessConfig struct {
	MemorySizeInMB         *int `json:",omitempty"`
	MaxConcurrency         *int `json:",omitempty"`
	ProvisionedConcurrency *int `json:",omitempty"`
}

// Weight is the share of the traffic beside the other variants' weights.
func (v *ProductionVariant) Weight() float64 {
	if v.InitialVariantWeight == nil {
		return 1
	}
	return *v.InitialVariantWeight
}

// check refuses more concurrency held ready than there may be.
func (k *ServerlessConfig) check(variant string) error {
	if k != nil && k.ProvisionedConcurrency != nil && k.MaxConcurrency != nil && *k.ProvisionedConcurrency > *k.MaxConcurrency {
		return errs.Invalidf("The variant %q has a ProvisionedConcurrency of %d, over its MaxConcurrency of %d.", variant, *k.ProvisionedConcurrency, *k.MaxConcurrency)
	}
	return nil
}

// CreateEndpointConfig records an endpoint config; its models must exist.
func (s *Service) CreateEndpointConfig(ctx context.Context, e EndpointConfig) (EndpointConfig, error) {
	if err := s.opt.Auth.Authorize(ctx, "sagemaker:CreateEndpointConfig", s.arn("endpoint-config", e.EndpointConfigName)); err != nil {
		return e, err
	}
	if err := e.check(); err != nil {
		return e, err
	}
	if e.ExecutionRoleArn != "" {
		if err := s.opt.Roles.Pass(ctx, e.ExecutionRoleArn, s.arn("endpoint-config", e.EndpointConfigName)); err != nil {
			return e, err
		}
	}
	var r store.Record[EndpointConfig]
	err := s.opt.DB.Tx(ctx, func(ctx context.Context) (err error) {
		for _, v := range append(slices.Clone(e.ProductionVariants), e.ShadowProductionVariants...) {
			if _, err := s.models.Get(ctx, v.ModelName); err != nil {
				return s.missing(err, "model", "model", v.ModelName)
			}
		}
		r, err = s.configs.Create(ctx, store.Record[EndpointConfig]{Name: e.EndpointConfigName, Doc: e})
		return err
	})
	if errs.Is(err, errs.Conflict) {
		return e, errs.Wrap(err, errs.Conflict, "ValidationException", "Cannot create already existing endpoint configuration %q.", s.arn("endpoint-config", e.EndpointConfigName))
	}
	return s.config(r), err
}

// DescribeEndpointConfig returns an endpoint config as it was created.
func (s *Service) DescribeEndpointConfig(ctx context.Context, name string) (EndpointConfig, error) {
	err := s.authorizeName(ctx, "sagemaker:DescribeEndpointConfig", "endpoint-config", name, "endpointConfigName", namePattern)
	if err != nil {
		return EndpointConfig{}, err
	}
	r, err := s.configs.Get(ctx, name)
	return s.config(r), s.missing(err, "endpoint-config", "endpoint configuration", name)
}

// ListEndpointConfigs returns a page of endpoint configs, with the members of their
// documents that q names, and the token of the next page.
func (s *Service) ListEndpointConfigs(ctx context.Context, q store.Query) ([]EndpointConfig, string, error) {
	return list(ctx, s, "sagemaker:ListEndpointConfigs", s.configs, q, s.config)
}

// DeleteEndpointConfig removes an endpoint config. Endpoints made of it go on.
func (s *Service) DeleteEndpointConfig(ctx context.Context, name string) error {
	err := s.authorizeName(ctx, "sagemaker:DeleteEndpointConfig", "endpoint-config", name, "endpointConfigName", namePattern)
	if err != nil {
		return err
	}
	_, err = s.configs.Delete(ctx, name, nil)
	return s.missing(err, "endpoint-config", "endpoint configuration", name)
}

func (s *Service) config(r store.Record[EndpointConfig]) EndpointConfig {
	e := r.Doc
	e.ARN, e.Created = s.arn("endpoint-config", r.Name), r.Created
	return e
}

func (e *EndpointConfig) check() error {
	var c constraints
	c.match(e.EndpointConfigName, "endpointConfigName", namePattern)
	c.matchOptional(e.ExecutionRoleArn, "executionRoleArn", rolePattern)
	c.tags(e.Tags)
	e.DataCaptureConfig.check(&c)
	e.AsyncInferenceConfig.check(&c)
	switch n := len(e.ProductionVariants); {
	case n == 0:
		c.Add("[]", "productionVariants", "Member must have length greater than or equal to 1")
	case n > 10:
		c.Add(n, "productionVariants", "Member must have length less than or equal to 10")
	default:
		for i := range e.ProductionVariants {
			e.ProductionVariants[i].check(&c, fmt.Sprintf("productionVariants.%d.member", i+1))
		}
	}
	switch n := len(e.ShadowProductionVariants); {
	case n > 10:
		c.Add(n, "shadowProductionVariants", "Member must have length less than or equal to 10")
	default:
		for i := range e.ShadowProductionVariants {
			e.ShadowProductionVariants[i].check(&c, fmt.Sprintf("shadowProductionVariants.%d.member", i+1))
		}
	}
	if err := c.Err(); err != nil {
		return err
	}
	return e.offered()
}

func (v *ProductionVariant) check(c *constraints, at string) {
	c.match(v.VariantName, at+".variantName", namePattern)
	c.matchOptional(v.ModelName, at+".modelName", modelPattern)
	between(c, v.InitialInstanceCount, at+".initialInstanceCount", 0, 1<<30)
	between(c, v.InitialVariantWeight, at+".initialVariantWeight", 0, 1e9)
	between(c, v.VolumeSizeInGB, at+".volumeSizeInGB", 1, 512)
	between(c, v.ModelDataDownloadTimeoutInSeconds, at+".modelDataDownloadTimeoutInSeconds", 60, 3600)
	between(c, v.ContainerStartupHealthCheckTimeoutInSeconds, at+".containerStartupHealthCheckTimeoutInSeconds", 60, 3600)
	if v.InstanceType != "" && !strings.HasPrefix(v.InstanceType, "ml.") {
		c.Add(v.InstanceType, at+".instanceType", "Member must satisfy enum value set: [ml.*]")
	}
	if k := v.ServerlessConfig; k != nil {
		between(c, k.MemorySizeInMB, at+".serverlessConfig.memorySizeInMB", 1024, 6144)
		between(c, k.MaxConcurrency, at+".serverlessConfig.maxConcurrency", 1, 200)
		between(c, k.ProvisionedConcurrency, at+".serverlessConfig.provisionedConcurrency", 1, 200)
		if k.MemorySizeInMB == nil {
			c.Add(nil, at+".serverlessConfig.memorySizeInMB", "Member must not be null")
		} else if *k.MemorySizeInMB%1024 != 0 {
			c.Add(*k.MemorySizeInMB, at+".serverlessConfig.memorySizeInMB", "Member must satisfy enum value set: [1024, 2048, 3072, 4096, 5120, 6144]")
		}
		if k.MaxConcurrency == nil {
			c.Add(nil, at+".serverlessConfig.maxConcurrency", "Member must not be null")
		}
	}
}

// offered reports what breaks no rule of a single member: what contradicts
// itself, and what is valid on SageMaker and not to be had here.
func (e *EndpointConfig) offered() error {
	if n := len(e.ShadowProductionVariants); n > 0 && (n > 1 || len(e.ProductionVariants) > 1) {
		return errs.Invalidf("With ShadowProductionVariants an endpoint has one production variant and one shadow variant; the config has %d and %d.", len(e.ProductionVariants), n)
	}
	seen, total := map[string]bool{}, 0.0
	for i, v := range append(slices.Clone(e.ProductionVariants), e.ShadowProductionVariants...) {
		name := strings.ToLower(v.VariantName)
		switch {
		case seen[name]:
			return errs.Invalidf("Two variants are called %q; each needs its own name.", v.VariantName)
		case v.ModelName == "":
			return errs.Invalidf("The production variant %q has no ModelName. Inference components are not offered: name a model.", v.VariantName)
		case v.ServerlessConfig != nil && (v.InstanceType != "" || v.InitialInstanceCount != nil):
			return errs.Invalidf("The production variant %q has a ServerlessConfig and also an instance type or count; give one or the other.", v.VariantName)
		case v.ServerlessConfig == nil && (v.InstanceType == "" || v.InitialInstanceCount == nil):
			return errs.Invalidf("The production variant %q needs InstanceType and InitialInstanceCount, or a ServerlessConfig.", v.VariantName)
		}
		if err := v.ServerlessConfig.check(v.VariantName); err != nil {
			return err
		}
		seen[name] = true
		if i < len(e.ProductionVariants) {
			total += v.Weight()
		}
	}
	switch {
	case total == 0:
		return errs.Invalidf("The InitialVariantWeight of every production variant is 0, so that none would get traffic; give at least one a weight.")
	case given(e.ExplainerConfig):
		return errs.Invalidf("Explainers are not offered; leave ExplainerConfig out.")
	}
	if d := e.DataCaptureConfig; d != nil {
		if _, ok := folderOf(d.DestinationS3Uri); !ok {
			return errs.Invalidf("The DestinationS3Uri %q of DataCaptureConfig must be an s3:// address.", d.DestinationS3Uri)
		}
	}
	return e.AsyncInferenceConfig.offered(e)
}

func given(member json.RawMessage) bool { return len(member) > 0 && string(member) != "null" }
