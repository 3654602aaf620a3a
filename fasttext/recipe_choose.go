package fasttext

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/heliograph/heliograph/fasttext/internal/linear"
)

// A holdout is a division of the examples: what is learned from, and what is judged.
type holdout struct {
	train, held []int32
}

// mostHeldScores bounds the memory for the scores of one trial on one holdout.
const mostHeldScores = 4 << 20

// holdouts deals the examples into parts, label by label, and returns so many of the divisions that hold one part out. The
// only example of a label is never held out.
func (c *corpus) holdouts(parts, want int, seed uint64) []holdout {
	random := rand.New(rand.NewPCG(seed, 2))
	byLabel := make([][]int32, c.labels.Count)
	for i := range c.len() {
		l := slices.MaxFunc(c.labels.Of(i), func(a, b int32) int { return int(a - b) }) // its rarest
		byLabel[l] = append(byLabel[l], int32(i))
	}
	part := make([]int, c.len())
	at := 0
	for _, list := range byLabel {
		if len(list) == 1 {
			part[list[0]] = -1
			continue
		}
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for _, i := range list {
			part[i] = at % parts
			at++
		}
	}
	divisions := make([]holdout, want)
	for n := range divisions {
		d := &divisions[n]
		for i, p := range part {
			if p == n {
				d.held = append(d.held, int32(i))
			} else {
				d.train = append(d.train, int32(i))
			}
		}
		if most := max(mostHeldScores/c.labels.Count, 500); len(d.held) > most {
			random.Shuffle(len(d.held), func(i, j int) { d.held[i], d.held[j] = d.held[j], d.held[i] })
			d.held = d.held[:most]
		}
	}
	return slices.DeleteFunc(divisions, func(d holdout) bool { return len(d.held) == 0 || len(d.train) == 0 })
}

// thin leaves out examples to learn from at random until about that share is left.
func thin(divisions []holdout, share float64, seed uint64) {
	if share >= 1 {
		return
	}
	random := rand.New(rand.NewPCG(seed, 3))
	for n := range divisions {
		divisions[n].train = slices.DeleteFunc(divisions[n].train, func(int32) bool { return random.Float64() > share })
	}
}

// A trial is a candidate and how it did on the held-out examples.
type trial struct {
	RecipeMember
	scores [][]float32 // for each holdout, of each held-out example, as the model's file gives them
	right  int
}

// try solves each path on each holdout and returns a trial for each cost of each.
func (p *problem) try(ctx context.Context, paths []path, divisions []holdout) []*trial {
	weights := make([][]*weighted, len(paths))
	var weigh []func()
	for n := range weights {
		weights[n] = make([]*weighted, len(divisions))
	}
	for d := range divisions {
		weigh = append(weigh, func() {
			r := p.rows.relevanceOf(p.corpus, divisions[d].train)
			for n, path := range paths {
				for other := range n {
					if paths[other].by == path.by {
						weights[n][d] = weights[other][d]
					}
				}
				if weights[n][d] == nil {
					weights[n][d] = p.rows.weigh(p.corpus, path.by, r)
				}
			}
		})
	}
	inTurn(ctx, p.threads, weigh)

	var trials []*trial
	var first, jobs []func()
	for n, path := range paths {
		these := make([]*trial, len(path.costs))
		for k, c := range path.costs {
			t := &trial{RecipeMember: RecipeMember{Solver: path.solver, Weighting: path.by, C: c}}
			for _, d := range divisions {
				t.scores = append(t.scores, make([]float32, len(d.held)*p.columns))
			}
			these[k] = t
			trials = append(trials, t)
		}
		starts := p.blocks(path.solver)
		for d, division := range divisions {
			for k := range starts[1:] {
				job := func() {
					p.solve(ctx, path, weights[n][d], starts[k], starts[k+1], division.train, trialPasses, trialTolerance,
						func(cost int, b *linear.Block) { p.score(these[cost].scores[d], b, division.held) })
					p.progress.step(1)
				}
				if path.solver == multiclass {
					first = append(first, job)
				} else {
					jobs = append(jobs, job)
				}
			}
		}
	}
	jobs = append(first, jobs...)
	p.progress.plan(len(jobs))
	inTurn(ctx, p.threads, jobs)
	if ctx.Err() != nil {
		return nil
	}
	for _, t := range trials {
		t.level()
		t.right = p.right(sumOf([]*trial{t}), divisions)
	}
	return trials
}

// score sets the block's part of the scores of the held-out examples.
func (p *problem) score(scores []float32, b *linear.Block, held []int32) {
	for n, i := range held {
		row := scores[n*p.columns:][b.From:b.To]
		b.Scores(row, p.rows.Of(int(i)))
		for j := range row {
			row[j] /= p.rows.rows[i]
		}
	}
}

// level scales the scores so that their mean square is 1: then members of a sum count alike.
func (t *trial) level() {
	sum, n := 0.0, 0
	for _, scores := range t.scores {
		for _, s := range scores {
			sum += float64(s) * float64(s)
		}
		n += len(scores)
	}
	t.Share = 1
	if sum > 0 {
		t.Share = math.Sqrt(float64(n) / sum)
	}
	for _, scores := range t.scores {
		for j := range scores {
			scores[j] *= float32(t.Share)
		}
	}
}

// sumOf adds the scores of trials.
func sumOf(trials []*trial) [][]float32 {
	var sum [][]float32
	for d := range trials[0].scores {
		s := slices.Clone(trials[0].scores[d])
		for _, t := range trials[1:] {
			for j, v := range t.scores[d] {
				s[j] += v
			}
		}
		sum = append(sum, s)
	}
	return sum
}

// best returns the label with the highest score.
func (p *problem) best(scores []float32) int32 {
	if p.opposite() {
		if scores[0] >= 0 {
			return 0
		}
		return 1
	}
	best := 0
	for j, s := range scores {
		if s > scores[best] {
			best = j
		}
	}
	return int32(best)
}

// right counts the held-out examples whose best label is one of theirs.
func (p *problem) right(scores [][]float32, divisions []holdout) (n int) {
	for d, division := range divisions {
		for k, i := range division.held {
			if slices.Contains(p.corpus.labels.Of(int(i)), p.best(scores[d][k*p.columns:][:p.columns])) {
				n++
			}
		}
	}
	return n
}

// mostMembers bounds how many models are added up.
const mostMembers = 3

// combine chooses from the trials those whose sum does best (Caruana et al., "Ensemble selection from libraries of
// models", 2004): first the best one, then others while they help. A second one is taken if it does no harm.
func (p *problem) combine(trials []*trial, divisions []holdout) []*trial {
	best := slices.MaxFunc(trials, func(a, b *trial) int { return a.right - b.right })
	chosen, right := []*trial{best}, best.right
	held := 0
	for _, d := range divisions {
		held += len(d.held)
	}
	for len(chosen) < mostMembers {
		least := right
		if len(chosen) > 1 {
			least += max(held/1000, 1)
		}
		var next *trial
		for _, t := range trials {
			// The same model at another cost would add nothing but chance.
			if slices.ContainsFunc(chosen, func(c *trial) bool { return c.Solver == t.Solver && c.Weighting == t.Weighting }) {
				continue
			}
			if n := p.right(sumOf(append(slices.Clone(chosen), t)), divisions); n >= least {
				next, right, least = t, n, n+1
			}
		}
		if next == nil {
			break
		}
		chosen = append(chosen, next)
	}
	return chosen
}
