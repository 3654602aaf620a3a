package tuning

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/training/tuning/search"
)

// maxPrior bounds the trials that are taken over from parents.
const maxPrior = 300

// warmStart takes over what the parents' trials taught.
func (s *Service) warmStart(ctx context.Context, job *Job) error {
	w := job.WarmStartConfig
	if w == nil {
		return nil
	}
	if job.HyperParameterTuningJobConfig.Strategy == "Hyperband" {
		return errs.Invalidf("Warm start isn't possible with the strategy Hyperband. Use Bayesian or Random.")
	}
	identical := w.WarmStartType == "IdenticalDataAndAlgorithm"
	for _, p := range w.ParentHyperParameterTuningJobs {
		r, err := s.jobs.Get(ctx, p.HyperParameterTuningJobName)
		if errs.Is(err, errs.NotFound) {
			return errs.Wrap(err, errs.Invalid, "", "The parent hyperparameter tuning job %q in WarmStartConfig does not exist.", p.HyperParameterTuningJobName)
		} else if err != nil {
			return err
		}
		parent := jobOf(r)
		if !parent.Done() {
			return errs.Invalidf("The parent hyperparameter tuning job %q in WarmStartConfig is %s. Wait until it has ended.",
				p.HyperParameterTuningJobName, parent.HyperParameterTuningJobStatus)
		}
		for d := range job.Definitions() {
			if err := job.takeOver(&parent, d, identical); err != nil {
				return err
			}
		}
		if best := parent.Best(); identical && best != nil && (job.ParentBest == nil || parent.score(best) > job.score(job.ParentBest)) {
			b := *best
			b.Definition = 0 // of this job's, for the sign of its objective
			job.ParentBest, job.BestParent = &b, parent.HyperParameterTuningJobName
		}
	}
	slices.SortStableFunc(job.Prior, func(a, b Prior) int { return cmp.Compare(b.Score, a.Score) })
	if len(job.Prior) > maxPrior {
		job.Prior = append(job.Prior[:maxPrior/2], job.Prior[len(job.Prior)-maxPrior/2:]...)
	}
	return nil
}

// takeOver adds a parent's trials to those of a definition. With other data only
// the order and the relative distances of scores mean something, so they are
// standardised.
func (j *Job) takeOver(parent *Job, definition int, identical bool) error {
	space, err := j.space(definition)
	if err != nil {
		return err
	}
	objective := j.Objective(definition)
	var found []Prior
	for i := range parent.Trials {
		t := &parent.Trials[i]
		if !t.Done() || t.Value == nil {
			continue
		}
		if o := parent.Objective(t.Definition); o != objective {
			return errs.Invalidf("The objective of the parent hyperparameter tuning job %q is %s %s, and this one's is %s %s. They must be the same for a warm start.",
				parent.HyperParameterTuningJobName, o.Type, o.MetricName, objective.Type, objective.MetricName)
		}
		static := parent.Definitions()[t.Definition].StaticHyperParameters
		values, whole := map[string]string{}, true
		for _, r := range space {
			value, ok := t.Values[r.Name]
			if !ok {
				value, ok = static[r.Name]
			}
			values[r.Name], whole = value, whole && ok
		}
		switch {
		case whole:
			found = append(found, Prior{Definition: definition, Values: values, Score: parent.score(t), Transfer: !identical})
		case identical:
			return errs.Invalidf("The parent hyperparameter tuning job %q doesn't have all the hyperparameters that are tuned here. "+
				"Use the WarmStartType TransferLearning, or tune the same hyperparameters.", parent.HyperParameterTuningJobName)
		}
	}
	if !identical {
		mean, sd := moments(found)
		for i := range found {
			found[i].Score = (found[i].Score - mean) / sd
		}
	}
	j.Prior = append(j.Prior, found...)
	return nil
}

func moments(found []Prior) (mean, sd float64) {
	for _, p := range found {
		mean += p.Score / float64(len(found))
	}
	for _, p := range found {
		sd += (p.Score - mean) * (p.Score - mean) / float64(len(found))
	}
	if sd = math.Sqrt(sd); sd == 0 {
		sd = 1
	}
	return mean, sd
}

// prior are the parents' trials as search sees them. Standardised scores are
// moved to where this job's own scores are, once there are some.
func (j *Job) prior(definition int) (all []search.Trial) {
	var own []Prior
	for i := range j.Trials {
		if t := &j.Trials[i]; t.Definition == definition && t.Done() && t.Value != nil {
			own = append(own, Prior{Score: j.score(t)})
		}
	}
	mean, sd := 0.0, 1.0
	if len(own) > 0 {
		mean, sd = moments(own)
	}
	for _, p := range j.Prior {
		if p.Definition != definition {
			continue
		}
		if p.Transfer {
			p.Score = mean + sd*p.Score
		}
		all = append(all, search.Trial{Values: p.Values, Score: p.Score})
	}
	return all
}

// OverallBest is the best trial of this job and of parents with the same data
// and algorithm; nil if there is none, or no such parent.
func (j *Job) OverallBest() *Trial {
	if j.WarmStartConfig == nil || j.WarmStartConfig.WarmStartType != "IdenticalDataAndAlgorithm" {
		return nil
	}
	best := j.Best()
	if p := j.ParentBest; best == nil || p != nil && j.score(p) > j.score(best) {
		return p
	}
	return best
}
