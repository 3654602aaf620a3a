// Package triage says of a customer's request what it is about, how urgent it
// is, in what tone it is written, and how early somebody should read it.
//
// Three endpoints answer at the same time: category, urgency and tone. Their
// probabilities make a priority from 0 to 100 by the formula of priority.go,
// which docs/triage.md explains with examples. The priority never falls when
// probability moves to a more urgent label, and comes with its reason in words
// and with the points that add up to it.
package triage

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/heliograph/heliograph/internal/errs"
)

// Classifier asks an endpoint for the k most probable labels of raw text and
// their probabilities, from the most probable down; k is 0 for all of them.
type Classifier interface {
	Classify(ctx context.Context, endpoint, text string, k int) (labels []string, probabilities []float64, err error)
}

// Config names the endpoints.
type Config struct {
	Category string // "": DefaultConfig's
	Urgency  string
	Tone     string
}

// DefaultConfig returns the endpoints' usual names.
func DefaultConfig() Config {
	return Config{Category: "category", Urgency: "urgency", Tone: "tone"}
}

// Service triages requests. It is safe for concurrent use.
type Service struct {
	classifier Classifier
	config     Config
}

// New returns a service that asks the endpoints of config.
func New(classifier Classifier, config Config) *Service {
	usual := DefaultConfig()
	if config.Category == "" {
		config.Category = usual.Category
	}
	if config.Urgency == "" {
		config.Urgency = usual.Urgency
	}
	if config.Tone == "" {
		config.Tone = usual.Tone
	}
	return &Service{classifier, config}
}

// Probability is how probable a label is, from 0 to 1.
type Probability struct {
	Label       string  `json:"label"`
	Probability float64 `json:"probability"`
}

// Aspect is one of the three questions answered: the most probable label, and
// all labels of the model from the most probable down.
type Aspect struct {
	Label         string        `json:"label"`
	Probability   float64       `json:"probability"`
	Probabilities []Probability `json:"probabilities"`
}

// Result is the triage of one request.
type Result struct {
	Category Aspect    `json:"category"`
	Urgency  Aspect    `json:"urgency"`
	Tone     Aspect    `json:"tone"`
	Priority int       `json:"priority"` // 0 (whenever) to 100 (now)
	Reason   string    `json:"reason"`
	Points   Points    `json:"points"`
	Model    Endpoints `json:"model"`
}

// Endpoints says which endpoint answered what.
type Endpoints struct {
	Category string `json:"category"`
	Urgency  string `json:"urgency"`
	Tone     string `json:"tone"`
}

// Triage answers for one request in the customer's own words.
//
// A text without any word or that isn't UTF-8 is an Invalid error. If an
// endpoint doesn't answer, the error is Unavailable, names all that don't, and
// says what to do.
func (s *Service) Triage(ctx context.Context, text string) (Result, error) {
	if !utf8.ValidString(text) {
		return Result{}, errs.Invalidf("The text is not UTF-8.")
	}
	if strings.TrimSpace(text) == "" {
		return Result{}, errs.Invalidf("The text is empty. Send the request's own words.")
	}
	r := Result{Model: Endpoints(s.config)}
	if err := s.ask(ctx, text, &r); err != nil {
		return Result{}, err
	}
	points, err := Score(r.Category.Probabilities, r.Urgency.Probabilities, r.Tone.Probabilities)
	if err != nil {
		return Result{}, errs.Wrap(err, errs.Unavailable, "EndpointUnavailable",
			"The endpoint %q doesn't fit triage: %v", s.config.Urgency, err)
	}
	r.Points, r.Priority = points, points.Priority()
	r.Reason = reason(r)
	return r, nil
}

// ask fills the three aspects of r at the same time.
func (s *Service) ask(ctx context.Context, text string, r *Result) error {
	questions := [...]struct {
		name, endpoint string
		aspect         *Aspect
	}{
		{"category", s.config.Category, &r.Category},
		{"urgency", s.config.Urgency, &r.Urgency},
		{"tone", s.config.Tone, &r.Tone},
	}
	var failed [len(questions)]error
	var wait sync.WaitGroup
	for i, q := range questions {
		wait.Go(func() {
			defer func() {
				if fault := recover(); fault != nil { // a panic here would end the server, not the request
					failed[i] = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
				}
			}()
			*q.aspect, failed[i] = s.aspect(ctx, q.endpoint, text)
		})
	}
	wait.Wait()
	var missing, why []string
	for i, err := range failed {
		switch {
		case err == nil:
		case errs.Is(err, errs.Unavailable):
			missing, why = append(missing, questions[i].name), append(why, errs.MessageOf(err))
		default:
			return fmt.Errorf("triage: %s: %w", questions[i].name, err)
		}
	}
	if len(missing) > 0 {
		return errs.Wrap(errors.Join(failed[:]...), errs.Unavailable, "EndpointUnavailable",
			"Triage asks three endpoints and has no answer for %s. %s", strings.Join(missing, ", "), strings.Join(why, " "))
	}
	return nil
}

func (s *Service) aspect(ctx context.Context, endpoint, text string) (Aspect, error) {
	labels, probabilities, err := s.classifier.Classify(ctx, endpoint, text, 0)
	if err != nil {
		return Aspect{}, err
	}
	if len(labels) == 0 {
		return Aspect{}, errs.Invalidf("The request can't be triaged: the endpoint %q knows none of its words.", endpoint)
	}
	a := Aspect{Label: labels[0], Probability: probabilities[0], Probabilities: make([]Probability, len(labels))}
	for i := range labels {
		a.Probabilities[i] = Probability{labels[i], probabilities[i]}
	}
	return a, nil
}
