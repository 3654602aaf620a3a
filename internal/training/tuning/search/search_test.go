package search

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"testing"
)

// landscape is a function with a known optimum, to be maximised.
type landscape struct {
	name  string
	space Space
	score func(map[string]string) float64
}

func number(values map[string]string, name string) float64 {
	v, err := strconv.ParseFloat(values[name], 64)
	if err != nil {
		panic(err)
	}
	return v
}

var landscapes = []landscape{
	{"Branin", Space{
		{Name: "x", Kind: Continuous, Min: -5, Max: 10},
		{Name: "y", Kind: Continuous, Min: 0, Max: 15},
	}, func(v map[string]string) float64 {
		x, y := number(v, "x"), number(v, "y")
		a := y - 5.1/(4*math.Pi*math.Pi)*x*x + 5/math.Pi*x - 6
		return -(a*a + 10*(1-1/(8*math.Pi))*math.Cos(x) + 10)
	}},
	{"a classifier", Space{ // what tuning BlazingText looks like
		{Name: "learning_rate", Kind: Continuous, Min: 0.005, Max: 5, Scale: Logarithmic},
		{Name: "vector_dim", Kind: Integer, Min: 10, Max: 300},
		{Name: "word_ngrams", Kind: Integer, Min: 1, Max: 4},
		{Name: "loss", Kind: Categorical, Values: []string{"softmax", "hs", "ns", "ova"}},
	}, func(v map[string]string) float64 {
		lr := math.Log(number(v, "learning_rate") / 0.4)
		dim := (number(v, "vector_dim") - 120) / 200
		n := number(v, "word_ngrams") - 2
		loss := map[string]float64{"softmax": 0.01, "hs": -0.02, "ns": -0.01, "ova": 0}[v["loss"]]
		return 0.95 - 0.02*lr*lr - 0.05*dim*dim - 0.01*n*n + loss
	}},
	{"Hartmann in six dimensions", func() (s Space) {
		for i := range 6 {
			s = append(s, Range{Name: fmt.Sprint(i), Kind: Continuous, Min: 0, Max: 1})
		}
		return s
	}(), func(v map[string]string) float64 {
		a := [4][6]float64{{10, 3, 17, 3.5, 1.7, 8}, {0.05, 10, 17, 0.1, 8, 14}, {3, 3.5, 1.7, 10, 17, 8}, {17, 8, 0.05, 10, 0.1, 14}}
		p := [4][6]float64{{.1312, .1696, .5569, .0124, .8283, .5886}, {.2329, .4135, .8307, .3736, .1004, .9991},
			{.2348, .1451, .3522, .2883, .3047, .6650}, {.4047, .8828, .8732, .5743, .1091, .0381}}
		sum := 0.0
		for i, c := range []float64{1, 1.2, 3, 3.2} {
			e := 0.0
			for j := range 6 {
				d := number(v, fmt.Sprint(j)) - p[i][j]
				e += a[i][j] * d * d
			}
			sum += c * math.Exp(-e)
		}
		return sum
	}},
}

// best runs a search of so many trials, a few of them always running, and
// returns the best score.
func best(l landscape, trials, parallel int, choose func(Space, []Trial) map[string]string) float64 {
	var done []Trial
	top := math.Inf(-1)
	for i := range trials {
		done = append(done, Trial{Values: choose(l.space, done), Score: math.NaN()})
		if j := i - parallel + 1; j >= 0 {
			done[j].Score = l.score(done[j].Values)
			top = max(top, done[j].Score)
		}
	}
	return top
}

func TestBayesianBeatsRandom(t *testing.T) {
	t.Parallel()
	const seeds, trials = 6, 25
	for i, parallel := range []int{1, 3, 3} {
		l := landscapes[i]
		t.Run(fmt.Sprintf("%s, %d at once", l.name, parallel), func(t *testing.T) {
			t.Parallel()
			var random, bayesian []float64
			wins := 0
			for seed := range uint64(seeds) {
				r := best(l, trials, parallel, func(s Space, t []Trial) map[string]string { return Random(s, t, seed) })
				b := best(l, trials, parallel, func(s Space, t []Trial) map[string]string { return Bayesian(s, nil, t, seed) })
				random, bayesian = append(random, r), append(bayesian, b)
				if b > r {
					wins++
				}
			}
			slices.Sort(random)
			slices.Sort(bayesian)
			t.Logf("medians: random %.4f, Bayesian %.4f, which won %d of %d", random[seeds/2], bayesian[seeds/2], wins, seeds)
			if wins < seeds*2/3 || bayesian[seeds/2] <= random[seeds/2] {
				t.Errorf("Bayesian search won %d of %d; medians %.4f and %.4f", wins, seeds, bayesian[seeds/2], random[seeds/2])
			}
		})
	}
}

// The scores of other searches, on other data, help.
func TestPriorTrialsHelp(t *testing.T) {
	t.Parallel()
	l := landscapes[1]
	won := 0
	for seed := range uint64(5) {
		var prior []Trial
		for range 20 {
			values := Random(l.space, prior, seed+100)
			prior = append(prior, Trial{Values: values, Score: l.score(values)})
		}
		cold := best(l, 4, 1, func(s Space, t []Trial) map[string]string { return Bayesian(s, nil, t, seed) })
		warm := best(l, 4, 1, func(s Space, t []Trial) map[string]string { return Bayesian(s, prior, t, seed) })
		if warm > cold {
			won++
		}
	}
	if won < 4 {
		t.Errorf("with prior trials, 4 trials were better in %d of 5 searches", won)
	}
}

func TestSearchesRepeat(t *testing.T) {
	t.Parallel()
	l := landscapes[1]
	for name, choose := range map[string]func(Space, []Trial) map[string]string{
		"random":   func(s Space, t []Trial) map[string]string { return Random(s, t, 7) },
		"Bayesian": func(s Space, t []Trial) map[string]string { return Bayesian(s, nil, t, 7) },
	} {
		var trials []Trial
		for range 12 {
			values := choose(l.space, trials)
			if again := choose(l.space, trials); !maps.Equal(values, again) {
				t.Fatalf("%s: %v, then %v", name, values, again)
			}
			trials = append(trials, Trial{Values: values, Score: l.score(values)})
		}
		if keys := l.space.tried(trials); len(keys) != len(trials) {
			t.Errorf("%s: only %d of %d trials differ", name, len(keys), len(trials))
		}
	}
	if maps.Equal(Random(l.space, nil, 1), Random(l.space, nil, 2)) {
		t.Error("two seeds choose the same")
	}
}

// A small space is used up before anything is tried twice, and goes on then.
func TestSmallSpaces(t *testing.T) {
	t.Parallel()
	s := Space{{Name: "a", Kind: Integer, Min: 1, Max: 3}, {Name: "b", Kind: Categorical, Values: []string{"x", "y"}},
		{Name: "c", Kind: Continuous, Min: 2, Max: 2}}
	for name, choose := range map[string]func([]Trial) map[string]string{
		"random":   func(t []Trial) map[string]string { return Random(s, t, 3) },
		"Bayesian": func(t []Trial) map[string]string { return Bayesian(s, nil, t, 3) },
	} {
		var trials []Trial
		for i := range 8 {
			trials = append(trials, Trial{Values: choose(trials), Score: float64(i % 3)})
			if n := len(s.tried(trials)); n != min(i+1, 6) {
				t.Fatalf("%s: %d of %d trials differ: %v", name, n, i+1, trials)
			}
		}
	}
	var grid []Trial
	var got []string
	for {
		values, ok := Grid(s, grid)
		if !ok {
			break
		}
		grid = append(grid, Trial{Values: values})
		got = append(got, values["a"]+values["b"]+values["c"])
	}
	if want := []string{"1x2", "1y2", "2x2", "2y2", "3x2", "3y2"}; !slices.Equal(got, want) || Combinations(s) != 6 {
		t.Errorf("grid: %q", got)
	}
}

// What didn't work is avoided; nothing but failures is no reason to fail.
func TestFailedTrials(t *testing.T) {
	t.Parallel()
	s := Space{{Name: "x", Kind: Continuous, Min: 0, Max: 1}}
	var trials []Trial
	failed := 0
	for i := range 24 {
		values := Bayesian(s, nil, trials, 1)
		x := number(values, "x")
		trial := Trial{Values: values, Score: x, Failed: x > 0.5}
		if trial.Failed {
			trial.Score = math.NaN()
			if i >= 10 {
				failed++
			}
		}
		trials = append(trials, trial)
	}
	if failed > 5 {
		t.Errorf("%d of the last 14 trials were in the half that fails", failed)
	}
	for i := range trials {
		trials[i].Failed, trials[i].Score = true, math.NaN()
	}
	if v := Bayesian(s, nil, trials, 1); v["x"] == "" {
		t.Errorf("after failures only: %v", v)
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		r          Range
		at0, at1   string
		middle     float64
		outOfRange string
	}{
		{Range{Kind: Continuous, Min: 0.05, Max: 0.15}, "0.05", "0.15", 0.1, "0.16"},
		{Range{Kind: Continuous, Min: 0.01, Max: 1, Scale: Logarithmic}, "0.01", "1", 0.1, "0.001"},
		{Range{Kind: Continuous, Min: 0.9, Max: 0.999, Scale: ReverseLogarithmic}, "0.9", "0.999", 0.99, "1"},
		{Range{Kind: Integer, Min: 1, Max: 3}, "1", "3", 2, "4"},
		{Range{Kind: Integer, Min: 1, Max: 100, Scale: Logarithmic}, "1", "100", 7, "x"},
		{Range{Kind: Integer, Min: -7, Max: -7}, "-7", "-7", -7, "7"},
		{Range{Kind: Integer, Min: 1000000, Max: 10000000}, "1000000", "10000000", 5500000, "NaN"},
	} {
		if a, b := test.r.value(0), test.r.value(1); a != test.at0 || b != test.at1 {
			t.Errorf("%+v: from %s to %s", test.r, a, b)
		}
		if v, err := strconv.ParseFloat(test.r.value(0.5), 64); err != nil || math.Abs(v-test.middle) > 1e-9*math.Abs(test.middle)+1e-12 {
			t.Errorf("%+v: the middle is %v, want %v", test.r, v, test.middle)
		}
		if _, ok := test.r.point(test.outOfRange); ok {
			t.Errorf("%+v has %s", test.r, test.outOfRange)
		}
		for i := range 101 {
			value := test.r.value(float64(i) / 100)
			u, ok := test.r.point(value)
			if back := test.r.value(u); !ok || back != value && math.Abs(number(map[string]string{"": back}, "")/number(map[string]string{"": value}, "")-1) > 1e-12 {
				t.Errorf("%+v: %s is at %v, where %s is", test.r, value, u, back)
			}
		}
	}
	for _, test := range []struct {
		kind      Kind
		low, high float64
		want      Scale
	}{
		{Continuous, 0.05, 0.15, Linear}, {Continuous, 0.005, 0.5, Logarithmic}, {Integer, 1, 9, Linear}, {Integer, 10, 300, Logarithmic},
		{Continuous, 0.9, 0.999, ReverseLogarithmic}, {Continuous, 0, 100, Linear}, {Continuous, -1, 100, Linear},
	} {
		if got := AutoScale(test.kind, test.low, test.high); got != test.want {
			t.Errorf("scale of %v to %v: %d", test.low, test.high, got)
		}
	}
}

// The process interpolates, and is unsure where nothing was seen.
func TestGaussianProcess(t *testing.T) {
	t.Parallel()
	var x [][]float64
	var y []float64
	f := func(v float64) float64 { return math.Sin(6 * v) }
	for i := range 9 {
		v := float64(i) / 16 // the left half
		x, y = append(x, []float64{v}), append(y, f(v))
	}
	g := fitProcess(x, y, random(1, 0))
	scratch := make([]float64, len(x))
	if mean, sd := g.predict([]float64{0.28}, scratch); math.Abs(mean-f(0.28)) > 0.02 || sd > 0.1 {
		t.Errorf("between observations: %v ± %v, want %v", mean, sd, f(0.28))
	}
	_, near := g.predict([]float64{0.52}, scratch)
	_, far := g.predict([]float64{1}, scratch)
	if far < 10*near || far < 0.2 {
		t.Errorf("uncertainty %v far away, %v nearby", far, near)
	}
	// L·Lᵀ is what was factored, and solve inverts it.
	a := []float64{4, 0, 0, 2, 5, 0, 1, 3, 6}
	chol := slices.Clone(a)
	if err := cholesky(chol, 3); err != nil {
		t.Fatal(err)
	}
	b := []float64{4*1 + 2*2 + 1*3, 2*1 + 5*2 + 3*3, 1*1 + 3*2 + 6*3}
	solve(chol, 3, b)
	for i, want := range []float64{1, 2, 3} {
		if math.Abs(b[i]-want) > 1e-12 {
			t.Errorf("solution %v", b)
		}
	}
	if cholesky([]float64{1, 0, 2, 1}, 2) == nil {
		t.Error("a matrix that isn't positive definite was factored")
	}
}

func TestExpectedImprovement(t *testing.T) {
	t.Parallel()
	for z, want := range map[float64]float64{ // φ(z) + z·Φ(z), by numeric integration
		0: 0.3989422804, 1: 1.0833154706, -1: 0.0833154706, -3: 0.000382154, 4: 4.0000071453,
	} {
		if got := math.Exp(logImprovement(z)); math.Abs(got/want-1) > 1e-5 {
			t.Errorf("improvement at %v is %v, want %v", z, got, want)
		}
	}
	// No jump where the series takes over, and it goes on falling.
	if a, b := logImprovement(-6+1e-9), logImprovement(-6-1e-9); math.Abs(a-b) > 0.02 {
		t.Errorf("at -6: %v and %v", a, b)
	}
	if a, b := logImprovement(-40), logImprovement(-41); math.IsInf(b, 0) || !(b < a) {
		t.Errorf("at -40 %v, at -41 %v", a, b)
	}
}

func TestWorseThanMedian(t *testing.T) {
	t.Parallel()
	others := [][]float64{{0.1, 0.3}, {0.5, 0.7}, {0.6, 0.8}, {0.2}}
	for _, test := range []struct {
		curve []float64
		want  bool
	}{
		{nil, false}, {[]float64{0.34}, true}, {[]float64{0.36}, false}, // of 0.1, 0.2, 0.5 and 0.6
		{[]float64{0.1, 0.59}, true}, {[]float64{0.1, 0.61}, false}, // of 0.2, 0.6 and 0.7
		{[]float64{0, 0, 0}, false}, // nobody got so far
	} {
		if got := WorseThanMedian(test.curve, others); got != test.want {
			t.Errorf("%v: %v", test.curve, got)
		}
	}
}

func TestHyperband(t *testing.T) {
	t.Parallel()
	h := Hyperband{Min: 1, Max: 9}
	count := map[int]int{}
	for n := range 34 {
		count[h.Bracket(n)]++
	}
	if count[0] != 18 || count[1] != 10 || count[2] != 6 { // 9, 5 and 3, twice
		t.Errorf("brackets: %v", count)
	}
	for _, test := range []struct{ bracket, epochs, want int }{
		{0, 0, 0}, {0, 1, 1}, {0, 2, 1}, {0, 3, 3}, {0, 9, 3}, {1, 2, 0}, {1, 3, 3}, {2, 9, 0},
	} {
		if got := h.Rung(test.bracket, test.epochs); got != test.want {
			t.Errorf("rung of bracket %d after %d epochs: %d, want %d", test.bracket, test.epochs, got, test.want)
		}
	}
	if !h.GoesOn(0, []float64{0, 1}) || h.GoesOn(1, []float64{0, 1, 2}) || !h.GoesOn(2, []float64{0, 1, 2}) ||
		!h.GoesOn(5, []float64{0, 1, 2, 3, 4, 5, 6}) || h.GoesOn(4, []float64{0, 1, 2, 3, 4, 5, 6}) {
		t.Error("not the best third goes on")
	}
	if (Hyperband{Min: 4, Max: 4}).Bracket(10) != 0 {
		t.Error("without rungs there is one bracket")
	}
}
