package triage

import (
	"encoding/json"
	"fmt"
	"math"
)

// The formula, which docs/triage.md explains:
//
//	priority = urgency + tone + category + caution, rounded
//
//	urgency  = 80 × Σ p(label) × weight(label)
//	tone     = 15 × Σ p(label) × weight(label)
//	category =  5 × Σ p(label) × weight(label)
//	caution  = 10 × (1 − p(most probable urgency)) × 4/3, at most 10
//
// Each sum is over the labels of one model, whose probabilities are first
// divided by their total. The first three reach 80, 15 and 5 when the model is
// certain of the label with weight 1. Caution is 0 if the model is certain of
// the urgency and 10 if it gives four labels 1/4 each: what can't be told apart
// is better read early. Moving probability p from one urgency to the next higher
// adds at least 20 p of urgency and takes at most 13.4 p of caution, so the
// priority can't fall by it.
const (
	urgencyShare  = 80
	toneShare     = 15
	categoryShare = 5
	cautionShare  = 10
)

var (
	urgencyWeights  = map[string]float64{"low": 0, "normal": 0.25, "high": 0.65, "critical": 1}
	toneWeights     = map[string]float64{"happy": 0, "neutral": 0, "frustrated": 0.6, "worried": 0.8, "angry": 1}
	categoryWeights = map[string]float64{"general": 0, "billing": 0.6, "technical": 1}
)

// Points are the parts of a priority; they add up to it before rounding. JSON
// has them with two decimals.
type Points struct {
	Urgency  float64 `json:"urgency"`  // 0 to 80
	Tone     float64 `json:"tone"`     // 0 to 15
	Category float64 `json:"category"` // 0 to 5
	Caution  float64 `json:"caution"`  // 0 to 10, for doubt about the urgency
}

// Priority is the sum of the points as a whole number from 0 to 100.
func (p Points) Priority() int {
	return int(math.Round(min(p.Urgency+p.Tone+p.Category+p.Caution, 100)))
}

// MarshalJSON encodes the points without the noise of floating point.
func (p Points) MarshalJSON() ([]byte, error) {
	round := func(x float64) float64 { return math.Round(x*100) / 100 }
	type plain Points // without this method
	return json.Marshal(plain{round(p.Urgency), round(p.Tone), round(p.Category), round(p.Caution)})
}

// Score computes the points from the probabilities of each model's labels. The
// urgencies must be among low, normal, high and critical; tones and categories
// without a weight of their own add nothing.
func Score(category, urgency, tone []Probability) (Points, error) {
	top := 0.0
	for _, p := range urgency {
		if _, ok := urgencyWeights[p.Label]; !ok {
			return Points{}, fmt.Errorf("%q is not an urgency. Its model must be trained with the labels low, normal, high and critical", p.Label)
		}
		top = max(top, p.Probability)
	}
	total := sum(urgency)
	if total <= 0 {
		return Points{}, fmt.Errorf("it gives no urgency any probability. Train its model again")
	}
	doubt := (1 - top/total) * 4 / 3
	return Points{
		Urgency:  urgencyShare * expected(urgency, urgencyWeights),
		Tone:     toneShare * expected(tone, toneWeights),
		Category: categoryShare * expected(category, categoryWeights),
		Caution:  cautionShare * min(max(doubt, 0), 1),
	}, nil
}

// expected is the mean weight under the probabilities, from 0 to 1.
func expected(probabilities []Probability, weights map[string]float64) float64 {
	total := sum(probabilities)
	if total <= 0 {
		return 0
	}
	mean := 0.0
	for _, p := range probabilities {
		mean += p.Probability / total * weights[p.Label]
	}
	return min(mean, 1)
}

func sum(probabilities []Probability) float64 {
	total := 0.0
	for _, p := range probabilities {
		total += p.Probability
	}
	return total
}
