package sagemaker

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/serving"
)

type endpointAPI struct{ service *serving.Service }

type endpointName struct{ EndpointName string }

type createEndpointInput struct {
	EndpointName       string
	EndpointConfigName string
	DeploymentConfig   *serving.DeploymentConfig
	Tags               []serving.Tag
}

type endpointARN struct{ EndpointArn string }

func (a endpointAPI) create(ctx context.Context, in *createEndpointInput) (*endpointARN, error) {
	e, err := a.service.CreateEndpoint(ctx, serving.Endpoint{
		EndpointName:       in.EndpointName,
		EndpointConfigName: in.EndpointConfigName,
		DeploymentConfig:   in.DeploymentConfig,
		Tags:               in.Tags,
	})
	return &endpointARN{e.ARN}, err
}

type describeEndpointOutput struct {
	EndpointName             string
	EndpointArn              string
	EndpointConfigName       string
	ProductionVariants       []productionVariantSummary `json:",omitempty"`
	ShadowProductionVariants []productionVariantSummary `json:",omitempty"`
	EndpointStatus           string
	FailureReason            string                        `json:",omitempty"`
	LastDeploymentConfig     *serving.DeploymentConfig     `json:",omitempty"`
	PendingDeploymentSummary *pendingDeployment            `json:",omitempty"`
	DataCaptureConfig        *dataCaptureSummary           `json:",omitempty"`
	AsyncInferenceConfig     *serving.AsyncInferenceConfig `json:",omitempty"`
	CreationTime             wire.Time
	LastModifiedTime         wire.Time
}

type dataCaptureSummary struct {
	EnableCapture             bool
	CaptureStatus             string
	CurrentSamplingPercentage int
	DestinationS3Uri          string
	KmsKeyId                  string
}

type pendingDeployment struct {
	EndpointConfigName       string
	ProductionVariants       []productionVariantSummary `json:",omitempty"`
	ShadowProductionVariants []productionVariantSummary `json:",omitempty"`
	StartTime                wire.Time
}

type productionVariantSummary struct {
	VariantName             string
	DeployedImages          []deployedImage `json:",omitempty"`
	CurrentWeight           float64
	DesiredWeight           float64
	CurrentInstanceCount    *int                      `json:",omitempty"`
	DesiredInstanceCount    *int                      `json:",omitempty"`
	CurrentServerlessConfig *serving.ServerlessConfig `json:",omitempty"`
	DesiredServerlessConfig *serving.ServerlessConfig `json:",omitempty"`
	ManagedInstanceScaling  json.RawMessage           `json:",omitempty"`
	RoutingConfig           json.RawMessage           `json:",omitempty"`
	VariantStatus           []variantStatus           `json:",omitempty"`
}

type variantStatus struct {
	Status    string
	StartTime wire.Time
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
	return describedEndpoint(e), nil
}

func describedEndpoint(e serving.Endpoint) *describeEndpointOutput {
	out := &describeEndpointOutput{
		EndpointName:         e.EndpointName,
		EndpointArn:          e.ARN,
		EndpointConfigName:   e.EndpointConfigName,
		EndpointStatus:       e.EndpointStatus,
		FailureReason:        e.FailureReason,
		LastDeploymentConfig: e.DeploymentConfig,
		AsyncInferenceConfig: e.AsyncInferenceConfig,
		CreationTime:         wire.Time(e.Created),
		LastModifiedTime:     wire.Time(e.Updated),
	}
	if d := e.DataCaptureConfig; d != nil {
		out.DataCaptureConfig = &dataCaptureSummary{d.Enabled(), "Stopped", *d.InitialSamplingPercentage, d.DestinationS3Uri, d.KmsKeyId}
		if d.Enabled() && e.EndpointStatus != serving.Creating && e.EndpointStatus != serving.Failed {
			out.DataCaptureConfig.CaptureStatus = "Started"
		}
	}
	// As on SageMaker, variants appear when they are there.
	if len(e.Variants) > 0 && !e.Variants[0].Deployed.IsZero() {
		out.ProductionVariants, out.ShadowProductionVariants = summaries(e.Variants, e.Updated), summaries(e.ShadowVariants, e.Updated)
	}
	if p := e.Pending; p != nil {
		out.PendingDeploymentSummary = &pendingDeployment{
			EndpointConfigName:       p.EndpointConfigName,
			ProductionVariants:       summaries(p.Variants, e.Updated),
			ShadowProductionVariants: summaries(p.ShadowVariants, e.Updated),
			StartTime:                wire.Time(p.Started),
		}
	}
	return out
}

func summaries(variants []serving.EndpointVariant, updated time.Time) []productionVariantSummary {
	var all []productionVariantSummary
	for _, v := range variants {
		one := productionVariantSummary{
			VariantName:             v.VariantName,
			CurrentWeight:           v.Weight(),
			DesiredWeight:           v.Desired.Weight(),
			CurrentInstanceCount:    v.InitialInstanceCount,
			DesiredInstanceCount:    v.Desired.InitialInstanceCount,
			CurrentServerlessConfig: v.ServerlessConfig,
			DesiredServerlessConfig: v.Desired.ServerlessConfig,
			ManagedInstanceScaling:  v.ManagedInstanceScaling,
			RoutingConfig:           v.RoutingConfig,
		}
		if !v.Deployed.IsZero() {
			one.DeployedImages = []deployedImage{{v.Image, v.Image, wire.Time(v.Deployed)}}
		}
		if v.Status != "" {
			one.VariantStatus = []variantStatus{{v.Status, wire.Time(updated)}}
		}
		all = append(all, one)
	}
	return all
}

func (a endpointAPI) update(ctx context.Context, in *serving.UpdateInput) (*endpointARN, error) {
	e, err := a.service.UpdateEndpoint(ctx, *in)
	return &endpointARN{e.ARN}, err
}

type updateWeightsInput struct {
	EndpointName                string
	DesiredWeightsAndCapacities []serving.VariantWeight
}

func (a endpointAPI) updateWeights(ctx context.Context, in *updateWeightsInput) (*endpointARN, error) {
	e, err := a.service.UpdateEndpointWeightsAndCapacities(ctx, in.EndpointName, in.DesiredWeightsAndCapacities)
	return &endpointARN{e.ARN}, err
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
	query.Members = []string{} // the record's own columns say it all
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
