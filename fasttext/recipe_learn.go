package fasttext

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/heliograph/heliograph/fasttext/internal/linear"
)

// A RecipeMember is one of the linear models that a recipe's model is the sum of.
type RecipeMember struct {
	// Solver is one-vs-rest or multiclass; or vectors, one-vs-rest over the sums of words' vectors.
	Solver    string    `json:"solver"`
	Weighting Weighting `json:"weighting"`
	C         float64   `json:"c"`
	// Share is what its scores are multiplied by: members count alike.
	Share float64 `json:"share"`
}

const (
	oneVsRest  = "one-vs-rest"
	multiclass = "multiclass"
)

// A problem is a corpus as a model would read it, with what solving needs.
type problem struct {
	corpus   *corpus
	rows     *exampleRows
	columns  int  // scores that a model has: one for each label, or one for two labels that exclude each other
	several  bool // labels of an example
	threads  int
	seed     uint64
	progress *recipeProgress
	vectors  *wordVectors // or nil
}

func newProblem(c *corpus, rows *exampleRows, opt *RecipeOptions, p *recipeProgress) *problem {
	pr := &problem{corpus: c, rows: rows, several: c.several(), threads: opt.Threads, seed: uint64(opt.Seed), progress: p}
	pr.columns = c.labels.Count
	if pr.opposite() {
		pr.columns = 1
	}
	return pr
}

// opposite reports whether there are two labels of which each example has one.
func (p *problem) opposite() bool { return !p.several && p.corpus.labels.Count == 2 }

// several reports whether examples have several labels often enough to say that labels do not
// exclude each other: one in a hundred.
func (c *corpus) several() bool {
	n := 0
	for i := range c.len() {
		if len(c.labels.Of(i)) > 1 {
			n++
		}
	}
	return 100*n > c.len()
}

// A path is a solver and a weighting with several costs, from low to high. Each starts from the solution for the
// one before, which saves most of the work.
type path struct {
	solver string
	by     Weighting
	costs  []float64
}

// blocks returns where the solver's blocks of columns start, and their end.
func (p *problem) blocks(solver string) []int {
	if solver == multiclass {
		return []int{0, p.columns}
	}
	return linear.Blocks(p.corpus.labels.Count, p.opposite())
}

// solve finds one block for each cost, and shows them to found.
func (p *problem) solve(ctx context.Context, path path, w *weighted, from, to int, examples []int32, passes int, tolerance float64, found func(cost int, b *linear.Block)) {
	b := p.rows.NewBlock(from, to)
	o := linear.Options{Passes: passes, Tolerance: tolerance, Seed: p.seed}
	for n, c := range path.costs {
		o.C = c
		if path.solver == multiclass {
			b.Multiclass(ctx, &p.rows.Examples, &w.Weighting, &p.corpus.labels, examples, o)
		} else {
			b.OneVsRest(ctx, &p.rows.Examples, &w.Weighting, &p.corpus.labels, examples, o)
		}
		if ctx.Err() != nil {
			return
		}
		found(n, b)
	}
}

// How hard the final models are tried for, and those that are only compared.
const (
	finalPasses, finalTolerance = 20, 0.03
	trialPasses, trialTolerance = 10, 0.1
)

// learn finds the members on all examples and returns their sum as the input matrix of a model: a row for
// each word and bucket, a column for each score. Scores are what the rows of a text add up to.
func (p *problem) learn(ctx context.Context, members []RecipeMember) (*dense, error) {
	in, err := newDense(p.rows.dict.words+p.rows.dict.bucket, p.columns, nil)
	if err != nil {
		return nil, err
	}
	all := p.corpus.all()
	weights := make([]*weighted, len(members))
	weigh := make([]func(), len(members))
	for n, m := range members {
		weigh[n] = func() {
			if m.Solver == byVectors {
				return
			}
			var r relevance
			if m.Weighting.Relevance != 0 {
				r = p.rows.relevanceOf(p.corpus, all)
			}
			weights[n] = p.rows.weigh(p.corpus, m.Weighting, r)
		}
	}
	inTurn(ctx, p.threads, weigh)
	blocks := make([][]*linear.Block, len(members))
	var jobs []func()
	for n, m := range members {
		if m.Solver == byVectors {
			continue
		}
		starts := p.blocks(m.Solver)
		blocks[n] = make([]*linear.Block, len(starts)-1)
		for k := range blocks[n] {
			job := func() {
				p.solve(ctx, path{m.Solver, m.Weighting, []float64{m.C}}, weights[n], starts[k], starts[k+1], all, finalPasses, finalTolerance,
					func(_ int, b *linear.Block) { blocks[n][k] = b })
				p.progress.step(1)
			}
			if m.Solver == multiclass { // the longest first
				jobs = append([]func(){job}, jobs...)
			} else {
				jobs = append(jobs, job)
			}
		}
	}
	p.progress.plan(len(jobs))
	inTurn(ctx, p.threads, jobs)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for n, m := range members {
		if m.Solver == byVectors {
			p.foldVectors(ctx, in, m.C, m.Share)
			continue
		}
		var fold []func()
		for _, b := range blocks[n] {
			fold = append(fold, func() { p.fold(in, b, weights[n], float32(m.Share)) })
		}
		inTurn(ctx, p.threads, fold)
		blocks[n] = nil
	}
	return in, ctx.Err()
}

// fold adds share times a solution to the columns of a matrix.
func (p *problem) fold(in *dense, b *linear.Block, w *weighted, share float32) {
	add := func(row int32, by float32, values []float32) {
		to := in.row(int(row))[b.From:b.To]
		for j, v := range values {
			to[j] += by * v
		}
	}
	for f, row := range p.rows.rowOf {
		add(row, share, b.Row(f))
	}
	for i, own := range p.rows.own {
		for _, o := range own {
			add(o.row, share*w.ownSquare(p.rows, i, o.row)*w.Scale[i]*float32(o.times), b.MultipliersOf(i))
		}
	}
}

// inTurn does the jobs in their order, as many at a time as there are threads, until all are done or ctx ends.
func inTurn(ctx context.Context, threads int, jobs []func()) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(threads, len(jobs)) {
		workers.Go(func() {
			for ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= len(jobs) {
					return
				}
				jobs[n]()
			}
		})
	}
	workers.Wait()
}
