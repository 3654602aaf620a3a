package fasttext

import (
	"math"
	"time"
)

// Progress says how far training is.
type Progress struct {
	Fraction       float64       // of the whole training, from 0 to 1
	WordsPerSecond float64       // tokens learned from, by all workers together
	LR             float64       // learning rate now
	Loss           float64       // mean over all examples so far; NaN before the first
	Elapsed        time.Duration // since the text was read
	Remaining      time.Duration // estimate
	Epoch          int           // under way, from 1
	Words          int64         // tokens learned from so far, repeated ones again
}

// fraction returns how much of the training is done.
func (t *trainer) fraction() float64 { return min(float64(t.done.Load())/float64(max(t.total, 1)), 1) }

// rate returns the learning rate now.
func (t *trainer) rate() float32 { return float32(t.args.LR * (1 - t.fraction())) }

func (t *trainer) progress() Progress {
	p := Progress{Fraction: t.fraction(), Epoch: t.epoch, Words: t.done.Load(), Elapsed: time.Since(t.start)}
	p.LR = t.args.LR * (1 - p.Fraction)
	var examples int64
	for _, w := range t.workers {
		p.Loss += math.Float64frombits(w.knownLoss.Load())
		examples += w.knownExamples.Load()
	}
	p.Loss /= float64(examples)
	if s := p.Elapsed.Seconds(); s > 0 {
		p.WordsPerSecond = float64(p.Words) / s
	}
	if p.Fraction > 0 {
		p.Remaining = time.Duration(float64(p.Elapsed) * (1 - p.Fraction) / p.Fraction)
	}
	return p
}
