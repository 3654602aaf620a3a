package sagemaker

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/serving"
)

type endpointAPI struct{ service *serving.Service }

type endpointName struct{ EndpointName string }

type createEndpointInput struct {
	EndpointName       string
	EndpointConfigName string
	DeploymentConfig   json.RawMessage
	Tags               []serving.Tag
}

type createEndpointOutput struct{ EndpointArn string }

func (a endpointAPI) create(ctx context.Context, in *createEndpointInput) (*createEndpointOutput, error) {
	e, err := a.service.CreateEndpoint(ctx, serving.Endpoint{
		EndpointName:       in.EndpointName,
		EndpointConfigName: in.EndpointConfigName,
		DeploymentConfig:   in.DeploymentConfig,
		Tags:               in.Tags,
	})
	return &createEndpointOutput{e.ARN}, err
}

type describeEndpointOutput struct {
	EndpointName         string
	EndpointArn          string
	EndpointConfigName   string
	ProductionVariants   []productionVariantSummary `json:",omitempty"`
	EndpointStatus       string
	FailureReason        string          `json:",omitempty"`
	LastDeploymentConfig json.RawMessage `json:",omitempty"`
	CreationTime         wire.Time
	LastModifiedTime     wire.Time
}

type productionVariantSummary struct {
	VariantName             string
	DeployedImages          []deployedImage
	CurrentWeight           float64
	DesiredWeight           float64
	CurrentInstanceCount    *int                      `json:",omitempty"`
	DesiredInstanceCount    *int                      `json:",omitempty"`
	CurrentServerlessConfig *serving.ServerlessConfig `json:",omitempty"`
	DesiredServerlessConfig *serving.ServerlessConfig `json:",omitempty"`
}

type deployedImage struct {
	SpecifiedImage string
	ResolvedImage  string
	ResolutionTime wire.Time
}

func (a endpointAPI) describe(ctx context.Context, in *endpointName) (*describeEndpointOutput, error) {
	e, err := a.service.DescribeEndpoint(ctx, in.EndpointName)
	if err != nil {
		return nil, err
	}
	out := &describeEndpointOutput{
		EndpointName:         e.EndpointName,
		EndpointArn:          e.ARN,
		EndpointConfigName:   e.EndpointConfigName,
		EndpointStatus:       e.EndpointStatus,
		FailureReason:        e.FailureReason,
		LastDeploymentConfig: e.DeploymentConfig,
		CreationTime:         wire.Time(e.Created),
		LastModifiedTime:     wire.Time(e.Updated),
	}
	for _, v := range e.Variants {
		if v.Deployed.IsZero() {
			continue // as on SageMaker: variants appear when they are there
		}
		out.ProductionVariants = append(out.ProductionVariants, productionVariantSummary{
			VariantName:             v.VariantName,
			DeployedImages:          []deployedImage{{v.Image, v.Image, wire.Time(v.Deployed)}},
			CurrentWeight:           v.Weight,
			DesiredWeight:           v.Weight,
			CurrentInstanceCount:    v.InstanceCount,
			DesiredInstanceCount:    v.InstanceCount,
			CurrentServerlessConfig: v.ServerlessConfig,
			DesiredServerlessConfig: v.ServerlessConfig,
		})
	}
	return out, nil
}

type listEndpointsInput struct {
	listInput
	StatusEquals string
}

type listEndpointsOutput struct {
	Endpoints []endpointSummary
	NextToken string `json:",omitempty"`
}

type endpointSummary struct {
	EndpointName     string
	EndpointArn      string
	CreationTime     wire.Time
	LastModifiedTime wire.Time
	EndpointStatus   string
}

// endpointStatuses are those that SageMaker knows; some are never reached here.
var endpointStatuses = []string{"OutOfService", "Creating", "Updating", "SystemUpdating", "RollingBack",
	"InService", "Deleting", "Failed", "UpdateRollbackFailed"}

func (a endpointAPI) list(ctx context.Context, in *listEndpointsInput) (*listEndpointsOutput, error) {
	query, err := in.query("Name", "CreationTime", "Status")
	if err != nil {
		return nil, err
	}
	if query.Status = in.StatusEquals; query.Status != "" && !slices.Contains(endpointStatuses, query.Status) {
		return nil, enumConstraint(query.Status, "statusEquals", endpointStatuses)
	}
	endpoints, next, err := a.service.ListEndpoints(ctx, query)
	out := &listEndpointsOutput{Endpoints: []endpointSummary{}, NextToken: next}
	for _, e := range endpoints {
		out.Endpoints = append(out.Endpoints, endpointSummary{e.EndpointName, e.ARN, wire.Time(e.Created), wire.Time(e.Updated), e.EndpointStatus})
	}
	return out, err
}

func (a endpointAPI) delete(ctx context.Context, in *endpointName) (*struct{}, error) {
	return nil, a.service.DeleteEndpoint(ctx, in.EndpointName)
}
