package fasttext

import (
	"sync"
	"time"
)

// RecipeProgress says how far TrainRecipe is.
type RecipeProgress struct {
	Stage    string        // choose or learn; reading has OnRead
	Fraction float64       // of the stage, from 0 to 1; an estimate
	Elapsed  time.Duration // since the start
}

// recipeProgress counts the steps of a stage. A nil function is not called.
type recipeProgress struct {
	mu      sync.Mutex
	report  func(RecipeProgress)
	start   time.Time
	name    string
	planned int
	made    int
	last    time.Time
}

func newRecipeProgress(report func(RecipeProgress)) *recipeProgress {
	return &recipeProgress{report: report, start: time.Now()}
}

// stage starts a stage.
func (p *recipeProgress) stage(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name, p.planned, p.made = name, 0, 0
	p.tell(0)
}

// plan adds steps to the stage.
func (p *recipeProgress) plan(steps int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.planned += steps
}

// step makes some of the steps.
func (p *recipeProgress) step(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made += n
	if now := time.Now(); now.Sub(p.last) > 100*time.Millisecond {
		p.last = now
		p.tell(float64(p.made) / float64(max(p.planned, p.made)))
	}
}

func (p *recipeProgress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell(1)
}

func (p *recipeProgress) tell(fraction float64) {
	if p.report != nil {
		p.report(RecipeProgress{Stage: p.name, Fraction: fraction, Elapsed: time.Since(p.start)})
	}
}
