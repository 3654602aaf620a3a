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
	doubt := doubtOf(heldIn(divisions))
	return scoring{sharpness: 1 / bestTemperature(func(temperature float64) float64 {
		s, loss := scoring{sharpness: 1 / temperature}, 0.0
		logits := make([]float64, p.corpus.labels.Count)
		for d, division := range divisions {
			for k, i := range division.held {
				p.logits(logits, scores[d][k*p.columns:][:p.columns], s)
				sum, total, highest := 0.0, 0.0, slices.Max(logits)
				for _, v := range logits {
					sum += math.Exp(v - highest)
					total += v
				}
				gold := p.corpus.labels.Of(int(i))
				loss += math.Log(sum) + highest - doubt*total/float64(len(logits))
				for _, l := range gold {
					loss -= (1 - doubt) * logits[l] / float64(len(gold))
				}
			}
		}
		return loss
	})}
}

// doubtOf is how much of the probability of n examples' labels is given to all labels alike. Without it, examples that are
// all told apart would ask for probabilities of 1, however few they are (Platt, 1999, section 2.2).
func doubtOf(n int) float64 { return 2 / float64(n+2) }

// heldIn counts the examples that are held out.
func heldIn(divisions []holdout) (n int) {
	for _, d := range divisions {
		n += len(d.held)
	}
	return n
}

const (
	// tightness is the inverse variance that a label's bias has around that of all.
	tightness = 2
	// firmness is the one that the last factor and shift have around 1 and 0: if all best labels are right, those alone would ask for
	// a shift without end.
	firmness = 5
	// contenders is how many of an example's labels, those with the highest probabilities, sigmoids are fitted to. The many others,
	// which nobody would give, follow another curve and would bend it where it matters.
	contenders = 3
)

// A contender is a label with a high score for a held-out example.
type contender struct {
	score float64
	label int32
	gold  bool
}

// fitSigmoids fits a sharpness and a bias for each label by Newton's method. Biases change which labels are contenders, so it
// does that a few times. Last, a factor and a shift make the probability of each example's best label say how often
// it is right.
func (p *problem) fitSigmoids(scores [][]float32, divisions []holdout) scoring {
	s := scoring{sharpness: usualSharpness, biases: make([]float64, p.corpus.labels.Count)}
	for range 4 {
		list := p.contenders(scores, divisions, s, contenders)
		s.sharpness, s.biases[0] = newton(list, s.sharpness, smoothed(list), 0)
		for j := range s.biases {
			s.biases[j] = s.biases[0]
		}
		s.shift(list)
	}
	best := p.contenders(scores, divisions, s, 1)
	for i, c := range best {
		best[i].score = s.sharpness*c.score + s.biases[c.label]
	}
	factor, shift := newton(best, 1, targets{0, 1}, firmness)
	s.sharpness *= factor
	for j, b := range s.biases {
		s.biases[j] = factor*b + shift
	}
	return s
}

// contenders returns the n labels of each held-out example that have the highest probabilities.
func (p *problem) contenders(scores [][]float32, divisions []holdout, s scoring, n int) (list []contender) {
	var top topK
	for d, division := range divisions {
		for k, i := range division.held {
			row := scores[d][k*p.columns:][:p.columns]
			top.k, top.heap = min(n, len(row)), top.heap[:0]
			for j, v := range row {
				if c := (candidate{float32(s.sharpness*float64(v) + s.biases[j]), int32(j)}); top.admits(c.score) {
					top.offer(c)
				}
			}
			gold := p.corpus.labels.Of(int(i))
			for _, c := range top.heap {
				list = append(list, contender{float64(row[c.label]), c.label, slices.Contains(gold, c.label)})
			}
		}
	}
	return list
}

// targets are the probabilities that labels should have that are not an example's, and those that are.
type targets struct{ no, yes float64 }

// smoothed returns Platt's targets.
func smoothed(list []contender) targets {
	right := 0
	for _, c := range list {
		if c.gold {
			right++
		}
	}
	return targets{doubtOf(len(list)-right) / 2, 1 - doubtOf(right)/2}
}

// newton returns the factor and the shift of scores that bring the contenders' labels closest to the targets. They are drawn to
// the factor given and to 0 with the inverse variance firm.
func newton(list []contender, factor float64, to targets, firm float64) (a, b float64) {
	a = factor
	for range 30 {
		var ga, gb, haa, hab, hbb float64
		for _, c := range list {
			q := 1 / (1 + math.Exp(-(a*c.score + b)))
			h := q * (1 - q)
			if c.gold {
				q -= to.yes
			} else {
				q -= to.no
			}
			ga, gb = ga+q*c.score, gb+q
			haa, hab, hbb = haa+h*c.score*c.score, hab+h*c.score, hbb+h
		}
		ga, gb = ga+firm*(a-factor), gb+firm*b
		haa, hbb = haa+firm+1e-3, hbb+firm+1e-3
		det := haa*hbb - hab*hab
		if !(det > 0) {
			break
		}
		da, db := (hbb*ga-hab*gb)/det, (haa*gb-hab*ga)/det
		step := min(1, 1/max(math.Abs(da), math.Abs(db)))
		a, b = min(max(a-step*da, 0.01), 100), min(max(b-step*db, -100), 100)
		if math.Abs(da)+math.Abs(db) < 1e-4 {
			break
		}
	}
	return a, b
}

// shift fits each label's bias to contenders, from one that all have and that it is drawn to.
func (s *scoring) shift(list []contender) {
	all := s.biases[0]
	gradient, curve := make([]float64, len(s.biases)), make([]float64, len(s.biases))
	for range 5 {
		clear(gradient)
		clear(curve)
		for _, c := range list {
			q := 1 / (1 + math.Exp(-(s.sharpness*c.score + s.biases[c.label])))
			curve[c.label] += q * (1 - q)
			if c.gold {
				q--
			}
			gradient[c.label] += q
		}
		for j := range s.biases {
			d := (gradient[j] + tightness*(s.biases[j]-all)) / (curve[j] + tightness)
			s.biases[j] -= max(min(d, 1), -1)
		}
	}
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
