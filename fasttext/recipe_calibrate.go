package fasttext

import (
	"math"
	"slices"
)

// A scoring is how the scores of a model become probabilities: times Sharpness, plus a bias for each label if
// labels are judged one by one, through the model's loss.
type scoring struct {
	sharpness float64
	biases    []float64 // of each label; nil with softmax
}

// usualSharpness is for scores whose mean square is 1 when nothing was held out to fit it to.
const usualSharpness = 3

// logits sets dst to what the loss of the model sees, one value for each label.
func (p *problem) logits(dst []float64, scores []float32, s scoring) {
	if p.opposite() {
		dst[0] = s.sharpness * float64(scores[0])
		dst[1] = -dst[0]
		return
	}
	for j, v := range scores {
		dst[j] = s.sharpness * float64(v)
		if s.biases != nil {
			dst[j] += s.biases[j]
		}
	}
}

// fitScoring finds the scoring that makes the labels of held-out examples most likely, from their scores. One sharpness fits all
// labels (Guo et al., "On calibration of modern neural networks", 2017, section 4.2); biases are
// fitted for each label, and drawn towards that of all (Platt, 1999).
func (p *problem) fitScoring(scores [][]float32, divisions []holdout) scoring {
	if !slices.ContainsFunc(divisions, func(d holdout) bool { return len(d.held) > 0 }) || p.corpus.labels.Count == 1 {
		s := scoring{sharpness: usualSharpness}
		if p.several {
			s.biases = make([]float64, p.corpus.labels.Count)
		}
		return s
	}
	if p.several {
		return p.fitSigmoids(scores, divisions)
	}
	return scoring{sharpness: 1 / bestTemperature(func(temperature float64) float64 {
		s, loss := scoring{sharpness: 1 / temperature}, 0.0
		logits := make([]float64, p.corpus.labels.Count)
		for d, division := range divisions {
			for k, i := range division.held {
				p.logits(logits, scores[d][k*p.columns:][:p.columns], s)
				sum, highest := 0.0, slices.Max(logits)
				for _, v := range logits {
					sum += math.Exp(v - highest)
				}
				gold := p.corpus.labels.Of(int(i))
				for _, l := range gold {
					loss += (math.Log(sum) + highest - logits[l]) / float64(len(gold))
				}
			}
		}
		return loss
	})}
}

// tightness is the inverse variance that a label's bias has around that of all.
const tightness = 2

// fitSigmoids fits sharpness and bias by Newton's method, and then the bias of each label.
func (p *problem) fitSigmoids(scores [][]float32, divisions []holdout) scoring {
	labels := p.corpus.labels.Count
	gold := make([]bool, labels)
	each := func(visit func(row []float32, gold []bool)) {
		for d, division := range divisions {
			for k, i := range division.held {
				of := p.corpus.labels.Of(int(i))
				for _, l := range of {
					gold[l] = true
				}
				visit(scores[d][k*p.columns:][:labels], gold)
				for _, l := range of {
					gold[l] = false
				}
			}
		}
	}
	a, b := float64(usualSharpness), -1.0
	for range 30 {
		var ga, gb, haa, hab, hbb float64
		each(func(row []float32, gold []bool) {
			for j, v := range row {
				x := float64(v)
				q := 1 / (1 + math.Exp(-(a*x + b)))
				g, h := q, q*(1-q)
				if gold[j] {
					g--
				}
				ga, gb = ga+g*x, gb+g
				haa, hab, hbb = haa+h*x*x, hab+h*x, hbb+h
			}
		})
		haa, hbb = haa+1e-6, hbb+1e-6
		det := haa*hbb - hab*hab
		if !(det > 0) {
			break
		}
		da, db := (hbb*ga-hab*gb)/det, (haa*gb-hab*ga)/det
		step := min(1, 2/max(math.Abs(da), math.Abs(db), 1e-9))
		a, b = max(a-step*da, 0.01), b-step*db
		if math.Abs(da)+math.Abs(db) < 1e-4 {
			break
		}
	}
	s := scoring{sharpness: a, biases: make([]float64, labels)}
	for j := range s.biases {
		s.biases[j] = b
	}
	for range 5 {
		g, h := make([]float64, labels), make([]float64, labels)
		each(func(row []float32, gold []bool) {
			for j, v := range row {
				q := 1 / (1 + math.Exp(-(a*float64(v) + s.biases[j])))
				g[j] += q
				h[j] += q * (1 - q)
				if gold[j] {
					g[j]--
				}
			}
		})
		for j := range s.biases {
			d := (g[j] + tightness*(s.biases[j]-b)) / (h[j] + tightness)
			s.biases[j] -= max(min(d, 1), -1)
		}
	}
	return s
}

// judge measures a scoring on held-out examples.
func (p *problem) judge(r *RecipeReport, scores [][]float32, divisions []holdout, s scoring) {
	m := &Metrics{Labels: make([]LabelMetrics, p.corpus.labels.Count), confusion: map[[2]int32]int64{}}
	var reliability Reliability
	logits := make([]float64, p.corpus.labels.Count)
	var all []judged
	for d, division := range divisions {
		for k, i := range division.held {
			p.logits(logits, scores[d][k*p.columns:][:p.columns], s)
			best, sum, highest := int32(0), 0.0, slices.Max(logits)
			for j, v := range logits {
				if v > logits[best] {
					best = int32(j)
				}
				sum += math.Exp(v - highest)
			}
			gold := p.corpus.labels.Of(int(i))
			prob := 1 / sum
			if p.several {
				for j, v := range logits {
					all = append(all, judged{float32(1 / (1 + math.Exp(-v))), slices.Contains(gold, int32(j))})
				}
				prob = 1 / (1 + math.Exp(-highest))
			}
			m.count(gold, []candidate{{0, best}})
			reliability.Add(float32(prob), slices.Contains(gold, best))
		}
	}
	if r.HeldOut = int(m.Examples); m.Examples == 0 {
		return
	}
	r.Accuracy, r.MacroF1, r.CalibrationError = m.Precision(), m.MacroF1(), reliability.CalibrationError()
	if p.several {
		r.Threshold = float64(bestThreshold(all))
		correct, given, have := 0, 0, 0
		for _, j := range all {
			chosen := float64(j.prob) >= r.Threshold
			if chosen {
				given++
			}
			if j.gold {
				have++
			}
			if chosen && j.gold {
				correct++
			}
		}
		if given+have > 0 {
			r.F1 = 2 * float64(correct) / float64(given+have)
		}
	}
}
