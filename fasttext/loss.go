package fasttext

import (
	"math"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

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
	bar := threshold
	for i, p := range s.scores {
		if p < bar {
			continue
		}
		score := logOf(p)
		if !s.top.admits(score) {
			continue
		}
		s.top.offer(candidate{score, int32(i)})
		if len(s.top.heap) == s.top.k {
			// What is clearly worse than the worst kept one needs no logarithm.
			bar = max(threshold, probOf(s.top.heap[0].score)*0.999-1e-5)
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
	if softmax(s.scores) { // or else there are weights that are not numbers
		offerAll(s, threshold)
	}
}

func (softmaxLoss) step(w *worker, out *dense, labels []int32, target int, lr float32) float32 {
	out.dots(w.scores, w.hidden)
	sum := kernel.Exps(w.scores)
	if !(sum >= 1 && sum <= math.MaxFloat32) {
		w.diverged = true
		return 0
	}
	label := labels[target]
	p := w.scores[label] / sum
	kernel.Scale(w.scores, -lr/sum)
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
	kernel.Sigmoids(w.scores)
	// Of each question, the chance of the wrong answer. A label may be named twice.
	for _, l := range labels {
		if !w.wanted[l] {
			w.wanted[l], w.scores[l] = true, 1-w.scores[l]
		}
	}
	loss := negativeLog(w.scores)
	if loss != loss {
		w.diverged = true
		return 0
	}
	kernel.Scale(w.scores, -lr)
	for _, l := range labels {
		if w.wanted[l] {
			w.wanted[l], w.scores[l] = false, -w.scores[l]
		}
	}
	out.steps(w.scores, w.hidden, w.grad)
	return loss
}

// negativeLog returns the sum of -log(1-p) over all p, each p counting as no more than 1-1e-5.
// It is for reporting, and takes one logarithm for several of them.
func negativeLog(ps []float32) float32 {
	var sum float64
	for len(ps) > 0 {
		n := min(len(ps), 32)
		product := 1.0
		for _, p := range ps[:n] {
			product *= float64(max(1-p, 1e-5))
		}
		sum -= math.Log(product)
		ps = ps[n:]
	}
	return float32(sum)
}

// logistic makes one step of a yes-or-no question that one output row answers.
func logistic(w *worker, out *dense, row int32, yes bool, lr float32) float32 {
	r := out.data[int(row)*out.stride:][:len(w.hidden)]
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
