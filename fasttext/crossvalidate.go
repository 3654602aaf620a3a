package fasttext

import (
	"context"
	"math"
	"slices"
)

const (
	calibrationFolds = 5
	// fewestToChoose is how many examples it takes to choose between ways to calibrate.
	fewestToChoose = 100
	// mostFoldScores bounds what a fold's temperature is fitted to.
	mostFoldScores = 4 << 20
)

// CrossValidated compares ways to calibrate by what they do on examples that they were not fitted to: each
// fifth of them, after a fit to the other four.
type CrossValidated struct {
	Before      CalibrationScore `json:"before"` // the model as it is
	Temperature CalibrationScore `json:"temperature"`
	Isotonic    CalibrationScore `json:"isotonic"`
}

// A CalibrationScore tells how well probabilities fit, by those of each example's best label.
type CalibrationScore struct {
	// Error is the expected calibration error; see Reliability.
	Error float64 `json:"expected_calibration_error"`
	// Loss is the mean negative logarithm of the probability that was given to what came true: that
	// the label is right, or that it is not.
	Loss float64 `json:"loss"`
}

// isotonicIsBetter goes by the error, which is what calibrating is for. Since a model that only ever says how
// often it is right has none, the loss must not get worse for it.
func (v *CrossValidated) isotonicIsBetter() bool {
	const slack = 1.01
	return v.Isotonic.Error < v.Temperature.Error && v.Isotonic.Loss < slack*v.Temperature.Loss
}

// crossValidate compares the ways to calibrate; nil if there are too few examples. scored are the scores
// of the sample.
func (m *Model) crossValidate(ctx context.Context, sample []heldOut, scored []scoredExample) (*CrossValidated, error) {
	if len(sample) < fewestToChoose {
		return nil, nil
	}
	var before, temperature, isotonic []judged
	for fold := range calibrationFolds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var fit, held []heldOut
		var scores []scoredExample
		for i, h := range sample {
			if i%calibrationFolds == fold {
				held = append(held, h)
				continue
			}
			fit = append(fit, h)
			if len(scored[i].scores) > 0 {
				scores = append(scores, scored[i])
			}
		}
		if len(scores) == 0 {
			return nil, nil
		}
		most := max(mostFoldScores/len(scores[0].scores), 1)
		t, _, _ := m.fitTemperature(scores[:min(most, len(scores))])
		tempered, err := m.tempered(t, nil)
		if err != nil {
			return nil, err
		}
		curved, err := m.tempered(t, fitCurve(tempered.judge(fit)))
		if err != nil {
			return nil, err
		}
		before = append(before, m.judgeBest(held)...)
		temperature = append(temperature, tempered.judgeBest(held)...)
		isotonic = append(isotonic, curved.judgeBest(held)...)
	}
	return &CrossValidated{scoreOf(before), scoreOf(temperature), scoreOf(isotonic)}, nil
}

// fitTemperature returns the temperature at which the examples are most likely, or 1 if none is better, and
// the mean loss without and with it.
func (m *Model) fitTemperature(scored []scoredExample) (temperature, before, after float64) {
	loss := func(temperature float64) float64 { return m.meanLoss(scored, 1/temperature) }
	temperature = bestTemperature(loss)
	before, after = loss(1), loss(temperature)
	if !(after < before) {
		return 1, before, before
	}
	return temperature, before, after
}

// judgeBest tells of each example's best label how probable it is, and whether it is right.
func (m *Model) judgeBest(sample []heldOut) []judged {
	all := make([]judged, len(sample))
	m.eachHeld(sample, 256, func(s *scratch, part []heldOut, from int) {
		for i, h := range part {
			s.line.all(m.dict, viewBytes(h.text))
			for _, c := range m.rank(s, 1, 0) {
				all[from+i] = judged{m.prob(s, c), slices.Contains(h.gold, c.label)}
			}
		}
	})
	return all
}

// eachHeld calls do with parts of the sample, from several goroutines.
func (m *Model) eachHeld(sample []heldOut, size int, do func(s *scratch, part []heldOut, from int)) {
	inParallel(context.Background(), maxWorkers(), len(sample), size, func(from, to int) {
		s := m.pool.Get().(*scratch) // Calibrate holds the matrices
		defer m.pool.Put(s)
		do(s, sample[from:to], from)
	})
}

func scoreOf(all []judged) (score CalibrationScore) {
	var r Reliability
	for _, j := range all {
		r.Add(j.prob, j.gold)
		p := float64(j.prob)
		if !j.gold {
			p = 1 - p
		}
		score.Loss -= math.Log(max(p, 1e-6)) / float64(len(all))
	}
	score.Error = r.CalibrationError()
	return score
}
