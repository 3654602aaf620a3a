// Package sagemaker speaks the SageMaker control API, AWS JSON 1.1 under the
// target SageMaker, over the services of training, transform and serving.
//
// It decodes, calls and encodes; authorisation, rules and records are the
// services'. Members that a service has no use for come back as they were sent.
package sagemaker

import (
	"maps"
	"net/http"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/serving"
	"github.com/heliograph/heliograph/internal/tags"
	"github.com/heliograph/heliograph/internal/training"
	"github.com/heliograph/heliograph/internal/training/tuning"
	"github.com/heliograph/heliograph/internal/transform"
)

// Services are what the API speaks for.
type Services struct {
	Training  *training.Service
	Tuning    *tuning.Service
	Transform *transform.Service
	Serving   *serving.Service
	Tags      *tags.Service
}

// New returns the handler of every operation that is offered.
func New(s Services, opt wire.Options) http.Handler {
	ops := map[string]wire.Operation{}
	maps.Copy(ops, trainingOps(s.Training))
	maps.Copy(ops, tuningOps(s.Tuning))
	maps.Copy(ops, transformOps(s.Transform))
	maps.Copy(ops, servingOps(s.Serving))
	maps.Copy(ops, tagOps(s.Tags))
	ops["Search"] = wire.Op(searchAPI{s}.search)
	return wire.NewJSON("SageMaker", "1.1", ops, opt)
}

// servingOps are the operations on models, endpoint configs and endpoints.
func servingOps(s *serving.Service) map[string]wire.Operation {
	models, configs, endpoints := modelAPI{s}, configAPI{s}, endpointAPI{s}
	return map[string]wire.Operation{
		"CreateModel":            wire.Op(models.create).Needs("", "iam:PassRole"),
		"DescribeModel":          wire.Op(models.describe),
		"ListModels":             wire.Op(models.list),
		"DeleteModel":            wire.Op(models.delete),
		"CreateEndpointConfig":   wire.Op(configs.create).Needs("", "iam:PassRole"),
		"DescribeEndpointConfig": wire.Op(configs.describe),
		"ListEndpointConfigs":    wire.Op(configs.list),
		"DeleteEndpointConfig":   wire.Op(configs.delete),
		"CreateEndpoint":         wire.Op(endpoints.create),
		"DescribeEndpoint":       wire.Op(endpoints.describe),
		"ListEndpoints":          wire.Op(endpoints.list),
		"DeleteEndpoint":         wire.Op(endpoints.delete),
		"UpdateEndpoint":         wire.Op(endpoints.update),

		"UpdateEndpointWeightsAndCapacities": wire.Op(endpoints.updateWeights),
	}
}
