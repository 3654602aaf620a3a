package sagemaker

import (
	"context"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/serving"
)

type configAPI struct{ service *serving.Service }

type endpointConfigName struct{ EndpointConfigName string }

type createEndpointConfigOutput struct{ EndpointConfigArn string }

func (a configAPI) create(ctx context.Context, in *serving.EndpointConfig) (*createEndpointConfigOutput, error) {
	c, err := a.service.CreateEndpointConfig(ctx, *in)
	return &createEndpointConfigOutput{c.ARN}, err
}

type describeEndpointConfigOutput struct {
	serving.EndpointConfig
	Tags *struct{} `json:",omitempty"` // hides the config's: ListTags shows them

	EndpointConfigArn      string
	CreationTime           wire.Time
	EnableNetworkIsolation bool
}

func (a configAPI) describe(ctx context.Context, in *endpointConfigName) (*describeEndpointConfigOutput, error) {
	c, err := a.service.DescribeEndpointConfig(ctx, in.EndpointConfigName)
	return &describeEndpointConfigOutput{
		EndpointConfig:         c,
		EndpointConfigArn:      c.ARN,
		CreationTime:           wire.Time(c.Created),
		EnableNetworkIsolation: c.EnableNetworkIsolation,
	}, err
}

type listEndpointConfigsOutput struct {
	EndpointConfigs []endpointConfigSummary
	NextToken       string `json:",omitempty"`
}

type endpointConfigSummary struct {
	EndpointConfigName string
	EndpointConfigArn  string
	CreationTime       wire.Time
}

func (a configAPI) list(ctx context.Context, in *listInput) (*listEndpointConfigsOutput, error) {
	query, err := in.query("Name", "CreationTime")
	if err != nil {
		return nil, err
	}
	query.Members = []string{"EndpointConfigName"}
	configs, next, err := a.service.ListEndpointConfigs(ctx, query)
	out := &listEndpointConfigsOutput{EndpointConfigs: []endpointConfigSummary{}, NextToken: next}
	for _, c := range configs {
		out.EndpointConfigs = append(out.EndpointConfigs, endpointConfigSummary{c.EndpointConfigName, c.ARN, wire.Time(c.Created)})
	}
	return out, err
}

func (a configAPI) delete(ctx context.Context, in *endpointConfigName) (*struct{}, error) {
	return nil, a.service.DeleteEndpointConfig(ctx, in.EndpointConfigName)
}
