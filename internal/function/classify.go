package function

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

// DefaultAnswer words one label.
const DefaultAnswer = "The predicted label is {label} with a probability of {probability}"

const (
	textPlain = "text/plain; charset=utf-8"
	textJSON  = "application/json"
)

// MaxK is the highest number of labels that a configuration may ask for.
const MaxK = 1000

// classify answers with a sentence.
type classify struct {
	classifier *Classifier
	config     Config
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

func newClassify(classifier *Classifier, c Config) (Function, error) {
	if err := checkEndpoint(Classify, c); err != nil {
		return nil, err
	}
	if c.Answer == "" {
		c.Answer = DefaultAnswer
	}
	for _, name := range placeholder.FindAllString(c.Answer, -1) {
		if name != "{label}" && name != "{probability}" {
			return nil, errs.Invalidf("The answer's wording has the placeholder %s; it may have {label} and {probability}.", name)
		}
	}
	if len(c.Answer) > 1000 || !strings.Contains(c.Answer, "{label}") {
		return nil, errs.Invalidf("The answer's wording must have {label} in it and at most 1,000 characters, such as %q.", DefaultAnswer)
	}
	if c.K == 0 {
		c.K = 1
	}
	return &classify{classifier, c}, nil
}

var endpointName = regexp.MustCompile(`^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$`)

func checkEndpoint(function string, c Config) error {
	if c.Endpoint == "" {
		return errs.Invalidf("The function %s needs the name of an endpoint to ask.", function)
	}
	if !endpointName.MatchString(c.Endpoint) {
		return errs.Invalidf("%q is not the name of an endpoint: at most 63 letters, digits and hyphens, beginning and ending with a letter or digit.", c.Endpoint)
	}
	if c.K < 0 || c.K > MaxK {
		return errs.Invalidf("The number of labels k is %d; it must be from 1 to %d.", c.K, MaxK)
	}
	return nil
}

func (f *classify) Invoke(ctx context.Context, data []byte) ([]byte, error) {
	return respond(data, func(e event) ([]byte, error) {
		labels, probabilities, err := f.classifier.Classify(ctx, f.config.Endpoint, e.text, f.config.K)
		if err != nil {
			return nil, err
		}
		return answer(e, http.StatusOK, textPlain, f.word(labels, probabilities)), nil
	})
}

// word is the sentence for the most probable label, and after it the others.
func (f *classify) word(labels []string, probabilities []float64) string {
	if len(labels) == 0 {
		return "No label can be predicted: the model knows none of the text's words"
	}
	var out strings.Builder
	out.WriteString(strings.NewReplacer("{label}", labels[0], "{probability}", percent(probabilities[0])).Replace(f.config.Answer))
	for i := range labels[1:] {
		join := ", "
		switch {
		case i == 0:
			join = ", followed by "
		case i == len(labels)-2:
			join = " and "
		}
		fmt.Fprintf(&out, "%s%s with %s", join, labels[i+1], percent(probabilities[i+1]))
	}
	return out.String()
}

func percent(p float64) string { return fmt.Sprintf("%.1f%%", 100*p) }

// classifyJSON answers with labels and probabilities.
type classifyJSON struct {
	classifier *Classifier
	config     Config
}

func newClassifyJSON(classifier *Classifier, c Config) (Function, error) {
	if err := checkEndpoint(ClassifyJSON, c); err != nil {
		return nil, err
	}
	if c.Answer != "" {
		return nil, errs.Invalidf("The function %s does not word an answer; use %s for that.", ClassifyJSON, Classify)
	}
	return &classifyJSON{classifier, c}, nil
}

type labelProbability struct {
	Label       string  `json:"label"`
	Probability float64 `json:"probability"`
}

func (f *classifyJSON) Invoke(ctx context.Context, data []byte) ([]byte, error) {
	return respond(data, func(e event) ([]byte, error) {
		k := f.config.K
		if k == 0 {
			k = AllLabels
		}
		labels, probabilities, err := f.classifier.Classify(ctx, f.config.Endpoint, e.text, k)
		if err != nil {
			return nil, err
		}
		if len(labels) == 0 {
			return nil, refuse(http.StatusUnprocessableEntity, "No label can be predicted: the model knows none of the text's words.")
		}
		var body struct {
			labelProbability
			Probabilities []labelProbability `json:"probabilities"`
		}
		for i := range labels {
			body.Probabilities = append(body.Probabilities, labelProbability{labels[i], probabilities[i]})
		}
		body.labelProbability = body.Probabilities[0]
		return answerJSON(e, body)
	})
}

// triage answers with what the Triager says.
type triage struct {
	triager Triager
}

func newTriage(triager Triager, c Config) (Function, error) {
	if c != (Config{}) {
		return nil, errs.Invalidf("The function %s takes no endpoint, k or wording: the server's configuration names its three endpoints.", Triage)
	}
	return &triage{triager}, nil
}

func (f *triage) Invoke(ctx context.Context, data []byte) ([]byte, error) {
	return respond(data, func(e event) ([]byte, error) {
		result, err := f.triager.Triage(ctx, e.text)
		if err != nil {
			return nil, err
		}
		return answerJSON(e, result)
	})
}

func answerJSON(e event, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return answer(e, http.StatusOK, textJSON, string(text)), nil
}

// respond decodes an event, runs fn on it, and turns the errors that the caller
// or the operator can mend into answers.
func respond(data []byte, fn func(event) ([]byte, error)) ([]byte, error) {
	e, err := decodeEvent(data)
	var response []byte
	if err == nil {
		response, err = fn(e)
	}
	if err == nil {
		return response, nil
	}
	status, message := 0, ""
	var r *refusal
	switch {
	case errors.As(err, &r):
		status, message = r.status, r.message
	case errs.Is(err, errs.Invalid):
		status, message = http.StatusBadRequest, errs.MessageOf(err)
	case errs.Is(err, errs.TooLarge):
		status, message = http.StatusRequestEntityTooLarge, errs.MessageOf(err)
	case errs.Is(err, errs.Unavailable):
		status, message = http.StatusServiceUnavailable, errs.MessageOf(err)
	default:
		return nil, err
	}
	if !e.proxy {
		return answer(e, status, textPlain, message), nil
	}
	return answer(e, status, textJSON, `{"message": `+string(quote(message))+`}`), nil
}
