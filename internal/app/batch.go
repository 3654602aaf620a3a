package app

import (
	"context"
	"errors"

	"github.com/heliograph/heliograph/internal/serving"
	"github.com/heliograph/heliograph/internal/transform"
)

// batchModels gives transform jobs the models that serving keeps.
type batchModels struct{ serving *serving.Service }

func (m batchModels) Find(ctx context.Context, name string) (transform.Model, error) {
	address, role, err := m.serving.BatchSource(ctx, name)
	return transform.Model{DataURL: address, RoleArn: role}, err
}

func (m batchModels) Load(ctx context.Context, dataURL string) (transform.Predictor, error) {
	model, err := m.serving.OpenBatch(ctx, dataURL)
	if err != nil {
		return nil, err
	}
	return batchModel{model}, nil
}

type batchModel struct{ *serving.BatchModel }

func (m batchModel) Predict(ctx context.Context, p transform.Payload) ([]byte, error) {
	answer, err := m.BatchModel.Predict(ctx, serving.BatchInput(p))
	if refused, ok := errors.AsType[*serving.ModelError](err); ok {
		return nil, &transform.Refusal{Status: refused.OriginalStatusCode, Message: refused.OriginalMessage}
	}
	return answer, err
}
