package tuning

import (
	"math"
	"time"

	"github.com/heliograph/heliograph/internal/training"
	"github.com/heliograph/heliograph/internal/training/tuning/search"
)

// choose is the next trial; ok is false if there are no more.
func (s *Service) choose(job *Job, planned []Trial) (t Trial, ok bool) {
	n := count(job.Trials) + count(planned)
	if limit := job.limit(); n >= limit {
		return Trial{}, false
	}
	s.busy <- struct{}{}
	defer func() { <-s.busy }()
	definitions := len(job.Definitions())
	// Definitions take turns; a grid that is used up leaves its turns to the others.
	for turn := range definitions {
		d := (n + turn) % definitions
		space, err := job.space(d)
		if err != nil { // it was checked when the job was created
			return Trial{}, false
		}
		trials := append(job.history(job.Trials, d), job.history(planned, d)...)
		seed := job.Seed + uint64(d)*0x9e3779b97f4a7c15
		t = Trial{Definition: d}
		switch job.HyperParameterTuningJobConfig.Strategy {
		case "Grid":
			t.Values, ok = search.Grid(space, trials)
		case "Bayesian":
			t.Values, ok = search.Bayesian(space, job.prior(d), trials, seed), true
		case "Hyperband":
			h, _ := job.hyperband(d)
			t.Values, ok = search.Random(space, trials, seed), true
			t.Bracket = h.Bracket(len(trials))
		default:
			t.Values, ok = search.Random(space, trials, seed), true
		}
		if ok {
			return t, true
		}
	}
	return Trial{}, false
}

// count is how many trials count against the limit: repetitions don't.
func count(trials []Trial) (n int) {
	for i := range trials {
		if trials[i].Retry == 0 {
			n++
		}
	}
	return n
}

// limit is how many trials the job may have.
func (j *Job) limit() int {
	if n := j.HyperParameterTuningJobConfig.ResourceLimits.MaxNumberOfTrainingJobs; n != nil {
		return *n
	}
	return maxTrainingJobs
}

// more reports whether there are trials yet to be chosen.
func (s *Service) more(job *Job) bool {
	if _, ok := s.retry(job, nil); ok {
		return true
	}
	return count(job.Trials) < job.limit()
}

// combinations is how many trials a grid search has.
func (s *Spec) combinations() (total int) {
	for d := range s.Definitions() {
		if space, err := s.space(d); err == nil { // it was checked when the job was created
			total += search.Combinations(space)
		}
	}
	return total
}

// history are the trials of a definition as search sees them. Repetitions have
// the place of what they repeat.
func (j *Job) history(trials []Trial, definition int) (all []search.Trial) {
	for i := range trials {
		t := &trials[i]
		if t.Definition != definition || t.Retry > 0 {
			continue
		}
		score := math.NaN()
		if t.Done() {
			score = j.score(t)
		}
		all = append(all, search.Trial{Values: t.Values, Score: score, Failed: t.Done() && t.Value == nil})
	}
	return all
}

// judge decides which of the running trials are not worth finishing.
func (s *Service) judge(job *Job) {
	config := &job.HyperParameterTuningJobConfig
	switch {
	case config.TrainingJobEarlyStoppingType == "Auto":
		job.judgeByMedian()
	case config.Strategy == "Hyperband":
		job.judgeByRung()
	}
}

func (j *Job) judgeByMedian() {
	for i := range j.Trials {
		t := &j.Trials[i]
		if t.Done() || t.Stopped {
			continue
		}
		var others [][]float64
		for k := range j.Trials {
			if o := &j.Trials[k]; o.Status == training.Completed && o.Definition == t.Definition {
				others = append(others, j.curve(o))
			}
		}
		curve := j.curve(t)
		for n := t.Judged + 1; n <= len(curve) && !t.Stopped; n++ {
			t.Stopped = search.WorseThanMedian(curve[:n], others)
			t.Judged = n
		}
	}
}

func (j *Job) judgeByRung() {
	for i := range j.Trials {
		t := &j.Trials[i]
		if t.Done() || t.Stopped {
			continue
		}
		h, err := j.hyperband(t.Definition)
		if err != nil {
			continue
		}
		for rung := t.Judged + 1; rung <= len(t.Curve) && !t.Stopped; rung++ {
			if h.Rung(t.Bracket, rung) != rung {
				continue // not a rung
			}
			var reached []float64
			for k := range j.Trials {
				if o := &j.Trials[k]; o.Definition == t.Definition && o.Bracket == t.Bracket && len(o.Curve) >= rung {
					reached = append(reached, j.turned(o.Definition, o.Curve[rung-1]))
				}
			}
			t.Stopped = !h.GoesOn(j.turned(t.Definition, t.Curve[rung-1]), reached)
			t.Judged = rung
		}
	}
}

// curve is the objective after each epoch, turned so that higher is better.
func (j *Job) curve(t *Trial) []float64 {
	curve := make([]float64, len(t.Curve))
	for i, v := range t.Curve {
		curve[i] = j.turned(t.Definition, v)
	}
	return curve
}

// close decides whether the job ends before its limit of training jobs.
func (s *Service) close(job *Job) {
	now := s.Now()
	config := &job.HyperParameterTuningJobConfig
	if job.Closing != "" || job.HyperParameterTuningJobStatus != InProgress {
		return
	}
	if most := config.ResourceLimits.MaxRuntimeInSeconds; most != nil && job.runtime(now) >= time.Duration(*most)*time.Second {
		job.Closing = outOfTime
		return
	}
	failures, succeeded := 0, false
	for i := range job.Trials {
		t := &job.Trials[i]
		succeeded = succeeded || t.Value != nil
		if t.Done() {
			failures++
		}
	}
	if !succeeded && failures >= maxFailures {
		job.Closing = allFailed
		return
	}
	if job.ConvergenceDetectedTime.IsZero() && job.converged() {
		job.ConvergenceDetectedTime = now
	}
	criteria, best := config.TuningJobCompletionCriteria, job.Best()
	if criteria == nil || best == nil {
		return
	}
	if target := criteria.TargetObjectiveMetricValue; target != nil && job.score(best) >= job.turned(best.Definition, *target) {
		job.Closing = enough
	}
	if n := criteria.BestObjectiveNotImproving; n != nil && n.MaxNumberOfTrainingJobsNotImproving != nil &&
		job.NotImproving() >= *n.MaxNumberOfTrainingJobsNotImproving {
		job.Closing = enough
	}
	if c := criteria.ConvergenceDetected; c != nil && c.CompleteOnConvergence == "Enabled" && !job.ConvergenceDetectedTime.IsZero() {
		job.Closing = enough
	}
}

// converged reports whether more trials are unlikely to help: of at least twenty,
// the later half has not improved the best by a thousandth.
func (j *Job) converged() bool {
	ended := 0
	best := [2]float64{math.Inf(-1), math.Inf(-1)} // of the first half, and of all
	for i := range j.Trials {
		if j.Trials[i].Done() {
			ended++
		}
	}
	seen := 0
	for i := range j.Trials {
		t := &j.Trials[i]
		if !t.Done() {
			continue
		}
		seen++
		if v := j.score(t); !math.IsNaN(v) {
			best[1] = max(best[1], v)
			if seen <= ended/2 {
				best[0] = max(best[0], v)
			}
		}
	}
	return ended >= 20 && !math.IsInf(best[0], -1) && best[1]-best[0] < 1e-3*math.Abs(best[1])
}
