package fasttext

import (
	"math"
	"slices"
)

// What Autotune chooses from.
const (
	largestBucket  = 2_000_000
	smallestBucket = 10_000
	largestDim     = 300
	mostEpochs     = 100
	longestWords   = 5 // n-grams of words

	longestCharacters = 6 // n-grams of characters
)

// characterNgrams are the ranges that are tried; the first one is none.
var characterNgrams = [][2]int{{0, 0}, {2, 5}, {3, 6}, {2, 4}, {1, 4}, {3, 5}}

// openings are what the first trials do, from the cheapest on. In our experience one of
// them is rarely more than two points from the best there is: word pairs in few
// dimensions for long texts, character n-grams and many epochs for short ones.
var openings = []Trial{
	{LR: 0.5, Epoch: 5, Dim: 16, WordNgrams: 2},
	{LR: 0.5, Epoch: 25, Dim: 48, WordNgrams: 1, Minn: 2, Maxn: 5},
	{LR: 0.25, Epoch: 15, Dim: 16, WordNgrams: 3},
	{LR: 0.5, Epoch: 50, Dim: 100, WordNgrams: 2},
	{LR: 0.5, Epoch: 50, Dim: 100, WordNgrams: 2, Minn: 2, Maxn: 5},
	{LR: 0.1, Epoch: 25, Dim: 32, WordNgrams: 2, Minn: 3, Maxn: 6},
}

// propose chooses the options of trial n, given what came of others, best first. It
// reports false when there is no point in another one: no time is left for it, or
// nothing is left to gain.
func (s *search) propose(n int, seen []*Trial) (Args, bool) {
	if len(seen) > 0 && seen[0].Score >= 1 {
		return Args{}, false
	}
	r := newRNG(s.opt.Seed, -1000-n)
	for range 4 {
		r.uint64() // neighbouring streams start alike
	}
	const attempts = 6
	for attempt := range attempts {
		var t *Trial
		switch {
		case attempt == 0 && n <= len(openings):
			t = &openings[n-1]
		case len(seen) > 0:
			// The three best are built on, the best one most often.
			t = s.change(seen[min(r.intn(3)*r.intn(3), len(seen)-1)], s.heat(n), r)
		case attempt > 0: // what was to come first takes too long: something cheap
			t = s.change(&openings[0], 1, r)
		default:
			t = s.change(&openings[r.intn(len(openings))], 1, r)
		}
		a := s.hold(t)
		s.fitText(&a)
		s.fitSize(&a)
		wanted := a.Epoch
		if s.fitTime(&a, seen) && (3*a.Epoch >= wanted || attempt == attempts-1) {
			return a, true
		}
	}
	return Args{}, false
}

// heat is how far a trial goes from the one it builds on, from 1 down to 0.25.
func (s *search) heat(n int) float64 {
	done := 0.0
	if s.opt.Trials > 0 {
		done = float64(n) / float64(s.opt.Trials)
	} else {
		done = s.elapsed().Seconds() / s.opt.Duration.Seconds()
	}
	return 1 - 0.75*min(done, 1)
}

// change returns the options of a trial with some of them changed.
func (s *search) change(from *Trial, heat float64, r *rng) *Trial {
	t := *from
	changed := false
	for !changed {
		// Each changes with an even chance.
		scale := func(x float64, deviation, least, most float64) float64 {
			if r.uint64()&(1<<40) == 0 {
				return x
			}
			changed = true
			return min(max(x*math.Exp(deviation*heat*r.normal()), least), most)
		}
		t.LR = scale(t.LR, 0.8, 0.01, 5)
		t.Epoch = int(math.Round(scale(float64(t.Epoch), 0.8, 1, mostEpochs)))
		t.Dim = int(math.Round(scale(float64(t.Dim), 0.7, min(4, float64(s.opt.LargestDim)), float64(s.opt.LargestDim))))
		if t.Bucket > 0 {
			t.Bucket = int(math.Round(scale(float64(t.Bucket), 0.7, smallestBucket, largestBucket)))
		}
		if r.float64() < 0.4*heat {
			t.WordNgrams = min(max(t.WordNgrams+1-2*r.intn(2), 1), longestWords)
			changed = true
		}
		if r.float64() < 0.4*heat {
			c := characterNgrams[r.intn(len(characterNgrams))]
			t.Minn, t.Maxn = c[0], c[1]
			changed = true
		}
	}
	return &t
}

// hold returns the options of t, but those that are fixed.
func (s *search) hold(t *Trial) Args {
	a := t.args(s.opt.Args)
	a.Dim = min(a.Dim, s.opt.LargestDim)
	for _, name := range s.opt.Fixed {
		switch from := s.opt.Args; name {
		case "lr":
			a.LR = from.LR
		case "epoch":
			a.Epoch = from.Epoch
		case "dim":
			a.Dim = from.Dim
		case "wordNgrams":
			a.WordNgrams = from.WordNgrams
		case "minn":
			a.Minn = from.Minn
			a.Maxn = max(a.Maxn, a.Minn)
		case "maxn":
			a.Maxn = from.Maxn
			a.Minn = min(a.Minn, a.Maxn)
		case "bucket":
			a.Bucket = from.Bucket
		}
	}
	if s.fixed("minn") && s.fixed("maxn") {
		a.Minn, a.Maxn = s.opt.Minn, s.opt.Maxn
	}
	if s.opt.PretrainedVectors != "" {
		a.Dim = s.opt.Dim
	}
	return a
}

// fitText makes the buckets no more than there can be use for: some for each
// n-gram in the text, if all of them were different. 0 of them stand for as many.
func (s *search) fitText(a *Args) {
	if s.fixed("bucket") {
		if a.Bucket == 0 { // so there can't be n-grams
			a.WordNgrams, a.Minn, a.Maxn = min(a.WordNgrams, 1), 0, 0
		}
		return
	}
	if !a.hashesNgrams() {
		a.Bucket = 0
		return
	}
	most := 2 * s.train.tokens * int64(max(a.WordNgrams, 1)-1)
	if a.Maxn > 0 {
		most += 20 * int64(s.words) * int64(a.Maxn-max(a.Minn, 1)+1)
	}
	most = min(max(most, smallestBucket), largestBucket)
	if a.Bucket == 0 || int64(a.Bucket) > most {
		a.Bucket = int(most)
	}
}

func (s *search) fixed(name string) bool { return slices.Contains(s.opt.Fixed, name) }

// fitSize makes the buckets, and then the dimensions, fewer until the model's file is not
// larger than it may be.
func (s *search) fitSize(a *Args) {
	if s.opt.ModelSize == 0 {
		return
	}
	values := (s.opt.ModelSize - s.dictionaryBytes) / 4
	plain := int64(s.words + s.labels)
	if !s.fixed("dim") && s.opt.PretrainedVectors == "" {
		least := plain
		if a.hashesNgrams() {
			least += min(int64(a.Bucket), smallestBucket)
		}
		a.Dim = int(min(int64(a.Dim), max(values/least, 1)))
	}
	if a.hashesNgrams() && !s.fixed("bucket") {
		a.Bucket = int(min(int64(a.Bucket), max(values/int64(a.Dim)-plain, 1)))
	}
}

// work estimates what an epoch costs, in values read or written.
func (s *search) work(a Args) float64 {
	rows := float64(max(a.WordNgrams, 1))
	if a.Maxn > 0 {
		rows += 3 * float64(a.Maxn-max(a.Minn, 1)+1)
	}
	const row = 24 // what finding a row costs besides its values
	return float64(s.train.tokens)*rows*float64(a.Dim+row) + float64(s.examples)*float64(s.labels*a.Dim)
}

// fitTime makes the epochs fewer if the trial would take too much of the time. It reports false
// if there is not even time for one.
func (s *search) fitTime(a *Args, seen []*Trial) bool {
	if s.opt.Duration == 0 {
		return true
	}
	// Before anything is known, a slow machine.
	work, seconds := 1e6, 1e6/5e8
	for _, t := range seen {
		work += s.work(t.args(s.opt.Args)) * float64(t.Epoch) * max(float64(len(t.Curve))/4, 0.25)
		seconds += t.Seconds
	}
	left := (s.opt.Duration - s.elapsed()).Seconds()
	// A third of all the time, at most: no single choice is worth more.
	most := min(0.9*left, s.opt.Duration.Seconds()/3)
	epochs := most / (s.work(*a) * seconds / work)
	switch {
	case epochs >= float64(a.Epoch):
		return true
	case len(seen) == 0 && epochs < 1 && left > 0 || s.fixed("epoch"):
		return len(seen) == 0 // there must be one result
	}
	a.Epoch = int(epochs)
	return a.Epoch > 0
}

// normal returns a number from the standard normal distribution (Box and Muller, 1958).
func (r *rng) normal() float64 {
	return math.Sqrt(-2*math.Log(1-r.float64())) * math.Cos(2*math.Pi*r.float64())
}
