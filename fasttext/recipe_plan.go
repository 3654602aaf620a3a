package fasttext

import (
	"context"
	"slices"
)

// The weightings that are compared. The first two are what shapes are judged by.
var weightings = []Weighting{
	{IDF: 1, Relevance: 0, Chars: 1},
	{IDF: 0.5, Relevance: 0.5, Chars: 1},
	{IDF: 0, Relevance: 0.5, Chars: 1},
	{IDF: 0.5, Relevance: 0, Chars: 0.5},
}

const (
	// finalists is how many weightings are tried with other costs, and with the other solver.
	finalists = 2
	// solutions is about how many are compared on each holdout once the shape is chosen.
	solutions = 10

	// mostTrialWork bounds one solution that is only compared: beyond it, fewer examples are learned from.
	mostTrialWork = 12
	// mostWork bounds all of them together.
	mostWork = 40
	// mostCharEntries bounds the character n-grams of all examples: long texts gain little from them.
	mostCharEntries = 30e6
	// longText is from how many words on, in the mean, three words in a row are tried.
	longText = 60
	// leastBucket is how many rows n-grams share at least, whatever the size of the model.
	leastBucket = 256
	// parts is how many parts the examples are dealt into, to hold one out.
	parts = 5
	// mostWide bounds, in values, the weights that the multiclass solver may have: it needs those of all labels at
	// a time.
	mostWide = 64 << 20
)

// The costs of one-vs-rest, the first one of which is for choosing what else, and those of multiclass.
var (
	usualCost  = []float64{1}
	otherCosts = []float64{0.3, 3}
	classCosts = []float64{1.5}
)

// work estimates what one solution costs, in millions of entries times blocks of 16 columns.
func work(entries, columns int) float64 { return float64(entries) * float64((columns+15)/16) / 1e6 }

// choose finds the shape, the members and the holdouts whose scores they have; no holdouts if there is nothing to hold
// out.
func (c *corpus) choose(ctx context.Context, opt *RecipeOptions, report *RecipeReport, progress *recipeProgress) (*problem, []*trial, []holdout, error) {
	seed := uint64(opt.Seed)
	divisions := c.holdouts(parts, 1, seed)
	if c.labels.Count == 1 {
		divisions = nil
	}
	p, tried, err := c.chooseShape(ctx, divisions, opt, report, progress)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(divisions) == 0 {
		usual := RecipeMember{Solver: oneVsRest, Weighting: weightings[0], C: 1, Share: 1}
		return p, []*trial{{RecipeMember: usual}}, nil, nil
	}
	try := func(paths []path) error {
		found := p.try(ctx, paths, divisions)
		for _, t := range found {
			report.tried(p, t, divisions)
		}
		tried = append(tried, found...)
		return ctx.Err()
	}
	unit := work(len(p.rows.Features), p.columns)
	if folds := min(int(mostWork/solutions/unit), parts); folds > 1 || tried == nil {
		tried, divisions = nil, c.holdouts(parts, max(folds, 1), seed)
		thin(divisions, mostTrialWork/unit, seed)
	}
	var paths []path
	for _, w := range p.weightings() {
		if !slices.ContainsFunc(tried, func(t *trial) bool { return t.Weighting == w }) {
			paths = append(paths, path{oneVsRest, w, usualCost})
		}
	}
	if err := try(paths); err != nil {
		return nil, nil, nil, err
	}
	best := slices.Clone(tried)
	slices.SortStableFunc(best, func(a, b *trial) int { return b.right - a.right })
	best = best[:min(finalists, len(best))]
	paths = nil
	for _, t := range best {
		paths = append(paths, path{oneVsRest, t.Weighting, otherCosts})
		if !p.several && p.columns > 1 && p.rows.Count*p.columns <= mostWide {
			paths = append(paths, path{multiclass, t.Weighting, classCosts})
		}
	}
	if err := try(paths); err != nil {
		return nil, nil, nil, err
	}
	if c.vectors != nil {
		p.vectors = c.wordVectors(ctx, c.vectors, opt.Threads)
		found := p.tryVectors(ctx, vectorCosts, divisions)
		for _, t := range found {
			report.tried(p, t, divisions)
		}
		tried = append(tried, found...)
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, nil, err
	}
	chosen := p.combine(tried, divisions)
	if 2*mostTrialWork < unit {
		// Probabilities are fitted to models that learned from as many examples as the final one will.
		divisions = c.holdouts(parts, 1, seed)
		if chosen = p.again(ctx, chosen, divisions); ctx.Err() != nil {
			return nil, nil, nil, ctx.Err()
		}
	}
	return p, chosen, divisions, nil
}

// again returns the same members' trials on other holdouts.
func (p *problem) again(ctx context.Context, members []*trial, divisions []holdout) (trials []*trial) {
	for _, m := range members {
		if m.Solver == byVectors {
			trials = append(trials, p.tryVectors(ctx, []float64{m.C}, divisions)...)
		} else {
			trials = append(trials, p.try(ctx, []path{{m.Solver, m.Weighting, []float64{m.C}}}, divisions)...)
		}
	}
	return trials
}

// chooseShape finds the shape that does best on the holdouts, and returns its trials. It thins the holdouts if
// solutions are too much work. If there is no choice, there are no trials.
func (c *corpus) chooseShape(ctx context.Context, divisions []holdout, opt *RecipeOptions, report *RecipeReport, progress *recipeProgress) (best *problem, tried []*trial, err error) {
	shapes := c.shapes()
	if len(divisions) == 0 {
		shapes = shapes[:1]
	}
	var problems []*problem
	unit := 0.0
	for _, s := range shapes {
		p := newProblem(c, c.rowsOf(ctx, c.fit(ctx, s, opt), opt.Threads), opt, progress)
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		unit = max(unit, work(len(p.rows.Features), p.columns))
		problems = append(problems, p)
	}
	if len(problems) == 1 {
		return problems[0], nil, nil
	}
	thin(divisions, mostTrialWork/unit, uint64(opt.Seed)) // all shapes alike
	bestRight := -1
	for _, p := range problems {
		found := p.try(ctx, []path{{oneVsRest, weightings[0], usualCost}, {oneVsRest, weightings[1], usualCost}}, divisions)
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		right := 0
		for _, t := range found {
			report.tried(p, t, divisions)
			right = max(right, t.right)
		}
		if right > bestRight {
			best, tried, bestRight = p, found, right
		}
	}
	return best, tried, nil
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
	s.Bucket = int(min(int64(s.Bucket), max(rows, leastBucket)))
	return s
}

// weightings returns those that differ for the shape.
func (p *problem) weightings() []Weighting {
	list := slices.Clone(weightings)
	for i := range list {
		if p.rows.shape.Maxn == 0 {
			list[i].Chars = 1
		}
	}
	return list
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
