package fasttext

import (
	"context"
	"slices"
)

// The weightings that are compared.
var weightings = []Weighting{
	{IDF: 1, Relevance: 0, Chars: 1},
	{IDF: 0.5, Relevance: 0.5, Chars: 1},
	{IDF: 0, Relevance: 0.5, Chars: 1},
	{IDF: 0.5, Relevance: 0, Chars: 0.5},
}

// work estimates what one solution costs, in millions of entries times blocks of 16 columns.
func work(entries, columns int) float64 { return float64(entries) * float64((columns+15)/16) / 1e6 }

const (
	// mostTrialWork bounds one solution that is only compared: beyond it, fewer examples are learned from.
	mostTrialWork = 30
	// mostWork bounds all of them together.
	mostWork = 120
	// mostCharEntries bounds the character n-grams of all examples: long texts gain little from them.
	mostCharEntries = 30e6
	// longText is from how many words on, in the mean, three words in a row are tried.
	longText = 60
)

// maxBytes returns how large the model may be.
func (o *RecipeOptions) maxBytes(labels int) int64 {
	if o.MaxBytes > 0 {
		return o.MaxBytes
	}
	const small, large = 180e6, 380e6
	return int64(small + (large-small)*min(max(float64(labels-150)/850, 0), 1))
}

// fit returns the shape with a table for its n-grams: a row for each that the corpus has, or as many as the size allows.
func (c *corpus) fit(ctx context.Context, s rowShape, opt *RecipeOptions) rowShape {
	if s.WordNgrams < 2 && s.Maxn == 0 {
		return s
	}
	s.Bucket = max(c.countNgrams(ctx, s, opt.Threads), 1)
	rows := opt.maxBytes(c.labels.Count)/4/int64(c.labels.Count) - int64(c.dict.words)
	s.Bucket = int(min(int64(s.Bucket), max(rows, 1<<12)))
	return s
}

// choose finds the shape, the members and the holdouts whose scores they have.
func (c *corpus) choose(ctx context.Context, opt *RecipeOptions, report *RecipeReport, progress *recipeProgress) (*problem, []*trial, []holdout, error) {
	shapes := c.shapes()
	parts := 5
	one := c.holdouts(parts, 1, uint64(opt.Seed))
	var best *problem
	bestRight := -1
	for _, s := range shapes {
		p := newProblem(c, c.rowsOf(ctx, c.fit(ctx, s, opt), opt.Threads), opt, progress)
		if err := ctx.Err(); err != nil {
			return nil, nil, nil, err
		}
		if len(shapes) == 1 || len(one) == 0 {
			best = p
			break
		}
		divisions := slices.Clone(one)
		thin(divisions, mostTrialWork/work(len(p.rows.Features), p.columns), uint64(opt.Seed))
		trials := p.try(ctx, []path{{oneVsRest, weightings[0], []float64{1}}, {oneVsRest, weightings[1], []float64{1}}}, divisions)
		if err := ctx.Err(); err != nil {
			return nil, nil, nil, err
		}
		right := 0
		for _, t := range trials {
			report.tried(p, t, divisions)
			right = max(right, t.right)
		}
		if right > bestRight {
			best, bestRight = p, right
		}
	}
	if len(one) == 0 || c.labels.Count == 1 {
		return best, []*trial{{RecipeMember: RecipeMember{Solver: oneVsRest, Weighting: weightings[0], C: 1, Share: 1}}}, nil, nil
	}
	paths := best.paths()
	unit := work(len(best.rows.Features), best.columns)
	share := min(1, mostTrialWork/unit)
	folds := int(mostWork / (unit * share * float64(len(paths))))
	divisions := c.holdouts(parts, min(max(folds, 1), parts), uint64(opt.Seed))
	thin(divisions, share, uint64(opt.Seed))
	trials := best.try(ctx, paths, divisions)
	if err := ctx.Err(); err != nil {
		return nil, nil, nil, err
	}
	for _, t := range trials {
		report.tried(best, t, divisions)
	}
	return best, best.combine(trials, divisions), divisions, nil
}

// shapes returns the shapes to compare.
func (c *corpus) shapes() []rowShape {
	shapes := []rowShape{{WordNgrams: 2}}
	chars := 0
	const minn, maxn = 2, 5
	for w, n := range c.dict.counts[:c.dict.words] {
		chars += int(n) * max(len(c.dict.token(w))-1, 0) * (maxn - minn + 1)
	}
	if chars <= mostCharEntries {
		shapes = append(shapes, rowShape{WordNgrams: 2, Minn: minn, Maxn: maxn})
	}
	if len(c.words)/c.len() >= longText {
		shapes = append(shapes, rowShape{WordNgrams: 3})
	}
	return shapes
}

// paths returns what to compare once the shape is chosen.
func (p *problem) paths() []path {
	var paths []path
	for _, w := range weightings {
		if p.rows.shape.Maxn == 0 {
			w.Chars = 1
		}
		paths = append(paths, path{oneVsRest, w, []float64{0.3, 1, 3}})
	}
	if !p.several && p.columns > 1 && p.rows.Count*p.columns <= 64<<20 {
		for _, w := range []int{0, 3} {
			paths = append(paths, path{multiclass, paths[w].by, []float64{0.7, 2}})
		}
	}
	return paths
}

// tried adds a trial to the report.
func (r *RecipeReport) tried(p *problem, t *trial, divisions []holdout) {
	held := 0
	for _, d := range divisions {
		held += len(d.held)
	}
	s := p.rows.shape
	r.Tried = append(r.Tried, RecipeTrial{s.WordNgrams, s.Minn, s.Maxn, t.Solver, t.Weighting, t.C, float64(t.right) / float64(held)})
}
