package sagemaker

import (
	"context"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/serving"
)

type modelAPI struct{ service *serving.Service }

type modelName struct{ ModelName string }

type createModelOutput struct{ ModelArn string }

func (a modelAPI) create(ctx context.Context, in *serving.Model) (*createModelOutput, error) {
	m, err := a.service.CreateModel(ctx, *in)
	return &createModelOutput{m.ARN}, err
}

type describeModelOutput struct {
	serving.Model
	Tags *struct{} `json:",omitempty"` // hides the model's: ListTags shows them

	ModelArn     string
	CreationTime wire.Time
	// The SDKs expect it even where nobody set it.
	EnableNetworkIsolation bool
}

func (a modelAPI) describe(ctx context.Context, in *modelName) (*describeModelOutput, error) {
	m, err := a.service.DescribeModel(ctx, in.ModelName)
	return describedModel(m), err
}

func describedModel(m serving.Model) *describeModelOutput {
	return &describeModelOutput{
		Model:                  m,
		ModelArn:               m.ARN,
		CreationTime:           wire.Time(m.Created),
		EnableNetworkIsolation: m.EnableNetworkIsolation,
	}
}

type listModelsOutput struct {
	Models    []modelSummary
	NextToken string `json:",omitempty"`
}

type modelSummary struct {
	ModelName    string
	ModelArn     string
	CreationTime wire.Time
}

func (a modelAPI) list(ctx context.Context, in *listInput) (*listModelsOutput, error) {
	query, err := in.query("Name", "CreationTime")
	if err != nil {
		return nil, err
	}
	query.Members = []string{"ModelName"}
	models, next, err := a.service.ListModels(ctx, query)
	out := &listModelsOutput{Models: []modelSummary{}, NextToken: next}
	for _, m := range models {
		out.Models = append(out.Models, modelSummary{m.ModelName, m.ARN, wire.Time(m.Created)})
	}
	return out, err
}

func (a modelAPI) delete(ctx context.Context, in *modelName) (*struct{}, error) {
	return nil, a.service.DeleteModel(ctx, in.ModelName)
}
