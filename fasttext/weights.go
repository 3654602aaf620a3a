package fasttext

import (
	"fmt"
	"math"
)

// heaviest bounds the weights that BalanceLabels gives: longer steps overshoot.
const heaviest = 10

// A weightedLoss makes the steps of an example longer or shorter by its labels.
type weightedLoss struct {
	objective
	weights []float32 // of each label
}

func (l weightedLoss) step(w *worker, out *dense, labels []int32, target int, lr float32) float32 {
	weight := l.weights[labels[target]]
	if _, all := l.objective.(oneVsAllLoss); all {
		weight = 0
		for _, label := range labels {
			weight += l.weights[label] / float32(len(labels))
		}
	}
	return weight * l.objective.step(w, out, labels, target, lr*weight)
}

// weigh returns the loss with the weights that the options ask for, if they do.
func (t *trainer) weigh(loss objective) (objective, error) {
	if len(t.opt.LabelWeights) == 0 && !t.opt.BalanceLabels {
		return loss, nil
	}
	labels := t.model.labels
	weights := make([]float32, len(labels))
	numbers := make(map[string]int, len(labels))
	counts, total := t.model.dict.counts[t.model.dict.words:], 0.0
	for _, n := range counts {
		total += float64(n)
	}
	for i, l := range labels {
		weights[i], numbers[l] = 1, i
		if t.opt.BalanceLabels {
			weights[i] = float32(min(total/float64(len(labels))/float64(max(counts[i], 1)), heaviest))
		}
	}
	for l, weight := range t.opt.LabelWeights {
		i, known := numbers[l]
		if !known {
			return nil, fmt.Errorf("there is a weight for %q, which is not a label of the training text: labels are written with their prefix", l)
		}
		if !(weight >= 0) || math.IsInf(float64(weight), 0) {
			return nil, fmt.Errorf("the weight of label %s is %v: want a number from 0 on", l, weight)
		}
		weights[i] *= weight
	}
	return weightedLoss{loss, weights}, nil
}
