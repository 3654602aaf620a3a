package fasttext

import "math"

// An objective is a loss over the output rows.
type objective interface {
	// predict offers the labels to s.top, given s.hidden.
	predict(s *scratch, out matrix, threshold float32)
	// step makes one gradient step at rate lr towards labels[target]: it changes
	// rows of out, adds to w.grad and returns the loss before the step.
	step(w *worker, out *dense, labels []int32, target int, lr float32) float32
}

// The original looks sigmoids and logarithms up in tables of 512 steps. Models
// were trained on those values, and predictions of one-vs-all and negative
// sampling show them.
const (
	tableSteps = 512
	sigmoidMax = 8
)

var sigmoidTable = func() (t [tableSteps + 1]float32) {
	for i := range t {
		x := float32(2*sigmoidMax*i)/tableSteps - sigmoidMax
		t[i] = float32(1 / (1 + float64(float32(math.Exp(float64(-x))))))
	}
	return t
}()

var logTable = func() (t [tableSteps + 1]float32) {
	for i := range t {
		t[i] = float32(math.Log(float64(float32((float64(i) + 1e-5) / tableSteps))))
	}
	return t
}()

// sigmoid returns 1/(1+exp(-x)) by table: 0 below -8, 1 above 8.
func sigmoid(x float32) float32 {
	switch {
	case !(x >= -sigmoidMax):
		return 0
	case x > sigmoidMax:
		return 1
	}
	return sigmoidTable[int((x+sigmoidMax)*tableSteps/sigmoidMax/2)]
}

// tableLog returns the logarithm by table, for reporting losses; 0 for 1 and above.
func tableLog(p float32) float32 {
	switch {
	case p > 1:
		return 0
	case !(p >= 0):
		return logTable[0]
	}
	return logTable[int(p*tableSteps)]
}

// logOf is the logarithm that scores are kept in. Its small constant is why a
// probability may come out as 1.00001.
func logOf(p float32) float32 { return float32(math.Log(float64(p) + 1e-5)) }

// probOf is the probability that a score stands for.
func probOf(score float32) float32 { return float32(math.Exp(float64(score))) }

// offerAll offers every label whose probability in s.scores reaches the threshold.
func offerAll(s *scratch, threshold float32) {
	hopeless := float32(-1) // below it, a score is surely lower than all that are kept
	for i, p := range s.scores {
		if p < threshold || p < hopeless {
			continue
		}
		if score := logOf(p); s.top.admits(score) {
			s.top.offer(candidate{score, int32(i)})
			if len(s.top.heap) == s.top.k {
				hopeless = 0.999*s.scores[s.top.heap[0].label] - 1e-5
			}
		}
	}
}

// softmax turns scores into probabilities. It reports false if that gives no numbers.
func softmax(scores []float32) bool {
	highest := scores[0]
	for _, v := range scores[1:] {
		if v > highest {
			highest = v
		}
	}
	var sum float32
	for i, v := range scores {
		e := float32(math.Exp(float64(v - highest)))
		scores[i] = e
		sum += e
	}
	for i := range scores {
		scores[i] /= sum
	}
	return sum >= 1 && sum <= math.MaxFloat32
}

type softmaxLoss struct{}

func (softmaxLoss) predict(s *scratch, out matrix, threshold float32) {
	out.dots(s.scores, s.hidden)
	softmax(s.scores)
	offerAll(s, threshold)
}

func (softmaxLoss) step(w *worker, out *dense, labels []int32, target int, lr float32) float32 {
	out.dots(w.scores, w.hidden)
	if !softmax(w.scores) {
		w.diverged = true
		return 0
	}
	label := labels[target]
	p := w.scores[label]
	for i, q := range w.scores {
		w.scores[i] = -lr * q
	}
	w.scores[label] = lr * (1 - p)
	out.steps(w.scores, w.hidden, w.grad)
	return -tableLog(p)
}

// predictSigmoids is the prediction of losses that score each label on its own.
func predictSigmoids(s *scratch, out matrix, threshold float32) {
	out.dots(s.scores, s.hidden)
	for i, v := range s.scores {
		s.scores[i] = sigmoid(v)
	}
	offerAll(s, threshold)
}

type oneVsAllLoss struct{}

func (oneVsAllLoss) predict(s *scratch, out matrix, threshold float32) {
	predictSigmoids(s, out, threshold)
}

// step goes towards all the labels, whichever the target is.
func (oneVsAllLoss) step(w *worker, out *dense, labels []int32, _ int, lr float32) float32 {
	out.dots(w.scores, w.hidden)
	for _, l := range labels {
		w.wanted[l] = true
	}
	var loss float32
	for i, x := range w.scores {
		if x != x {
			w.diverged = true
		}
		p := sigmoid(x)
		if w.wanted[i] {
			loss -= tableLog(p)
			w.scores[i] = lr * (1 - p)
		} else {
			loss -= tableLog(1 - p)
			w.scores[i] = -lr * p
		}
	}
	for _, l := range labels {
		w.wanted[l] = false
	}
	if !w.diverged {
		out.steps(w.scores, w.hidden, w.grad)
	}
	return loss
}

// logistic makes one step of a yes-or-no question that one output row answers.
func logistic(w *worker, out *dense, row int32, yes bool, lr float32) float32 {
	r := out.row(int(row))
	x := dot(w.hidden, r)
	if x != x {
		w.diverged = true
		return 0
	}
	p := sigmoid(x)
	if yes {
		step(r, lr*(1-p), w.hidden, w.grad)
		return -tableLog(p)
	}
	step(r, -lr*p, w.hidden, w.grad)
	return -tableLog(1 - p)
}
