package function

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/heliograph/heliograph/dataset"
	"github.com/heliograph/heliograph/internal/errs"
)

// AllLabels asks a Classifier for every label of the model.
const AllLabels = 0

// maxLabels stands for "all" on the wire, where k has to be a number.
const maxLabels = 1_000_000

// Classifier asks endpoints for the labels of raw text, in the format of
// BlazingText: the text is normalised as the training text was.
type Classifier struct {
	invoker Invoker
}

// NewClassifier returns a classifier that asks through invoker.
func NewClassifier(invoker Invoker) *Classifier { return &Classifier{invoker} }

// Classify returns the k most probable labels of text, without the prefix
// `__label__`, and the probability of each, from the most probable down. k is
// AllLabels for all. A text in which the model knows nothing may have none; one
// without anything in it is an Invalid error.
//
// An endpoint that is missing or not in service is an Unavailable error that
// names it and says what to do.
func (c *Classifier) Classify(ctx context.Context, endpoint, text string, k int) (labels []string, probabilities []float64, err error) {
	if k == AllLabels {
		k = maxLabels
	}
	text = dataset.Normalize(text)
	if text == "" {
		return nil, nil, errs.Invalidf("The text is empty. Send the request's own words.")
	}
	body := append([]byte(`{"instances": [`), quote(text)...)
	body = fmt.Appendf(body, `], "configuration": {"k": %d}}`, k)
	answer, err := c.invoker.InvokeEndpoint(ctx, endpoint, "application/json", body)
	if err != nil {
		return nil, nil, endpointError(endpoint, err)
	}
	labels, probabilities, err = decodeLabels(endpoint, answer)
	k = min(k, len(labels)) // a model of one's own may not heed k
	return labels[:k], probabilities[:k], err
}

// endpointError words the failures that an operator can mend for a caller who may
// be that operator, and passes on all others as they are.
func endpointError(endpoint string, err error) error {
	const code = "EndpointUnavailable"
	switch kind := errs.KindOf(err); {
	case kind == errs.Invalid && errs.CodeOf(err) == "ModelError":
		return errs.Wrap(err, errs.Unavailable, code, "The endpoint %q could not answer. The log of the endpoint has the cause.", endpoint)
	case kind == errs.NotFound || kind == errs.Invalid || kind == errs.Conflict:
		return errs.Wrap(err, errs.Unavailable, code,
			"The endpoint %q does not exist or is not in service. Look with DescribeEndpoint, and create it if it is missing.", endpoint)
	case kind == errs.Unavailable || kind == errs.Throttled:
		return errs.Wrap(err, errs.Unavailable, code, "The endpoint %q is busy or still starting. Try again in a moment.", endpoint)
	}
	return fmt.Errorf("invoke endpoint %q: %w", endpoint, err)
}

// decodeLabels reads what an endpoint of one text classifier answers for one
// text: [{"label": ["__label__a", …], "prob": [0.9, …]}].
func decodeLabels(endpoint string, answer []byte) ([]string, []float64, error) {
	var predictions []struct {
		Label []string   `json:"label"`
		Prob  []*float64 `json:"prob"`
	}
	if err := json.Unmarshal(answer, &predictions); err != nil {
		return nil, nil, foreign(endpoint, "its answer is not a list of labels and probabilities", err)
	}
	if len(predictions) != 1 || len(predictions[0].Label) != len(predictions[0].Prob) ||
		predictions[0].Label == nil && bytes.Contains(answer, []byte(`"vector"`)) {
		return nil, nil, foreign(endpoint, "its answer is not one list of labels with a probability each", nil)
	}
	labels := predictions[0].Label
	probabilities := make([]float64, len(labels))
	for i, p := range predictions[0].Prob {
		if p == nil || *p < 0 || math.IsNaN(*p) {
			return nil, nil, foreign(endpoint, "a probability is not a number", nil)
		}
		// Computed in float32, a certain label may come out as 1.00001.
		probabilities[i] = min(*p, 1)
		labels[i] = strings.TrimPrefix(labels[i], "__label__")
	}
	return labels, probabilities, nil
}

// foreign is the error of an endpoint that isn't a text classifier.
func foreign(endpoint, what string, cause error) error {
	return errs.Wrap(cause, errs.Unavailable, "EndpointUnavailable",
		"The endpoint %q is not a text classifier: %s. Deploy a model that was trained in supervised mode.", endpoint, what)
}
