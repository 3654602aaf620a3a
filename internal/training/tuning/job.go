package tuning

import (
	"math"
	"time"

	"github.com/heliograph/heliograph/internal/training"
)

// The states of a tuning job, HyperParameterTuningJobStatus in the API.
const (
	InProgress = "InProgress"
	Completed  = "Completed"
	Failed     = "Failed"
	Stopping   = "Stopping"
	Stopped    = "Stopped"
)

// Job is a tuning job as DescribeHyperParameterTuningJob shows it.
type Job struct {
	Spec
	HyperParameterTuningJobArn    string
	HyperParameterTuningJobStatus string
	CreationTime                  time.Time `json:"-"` // the record's own
	LastModifiedTime              time.Time `json:"-"` // the record's own
	HyperParameterTuningEndTime   time.Time `json:",omitzero"`
	FailureReason                 string    `json:",omitempty"`
	ConvergenceDetectedTime       time.Time `json:",omitzero"`

	Seed   uint64  // of all that is random
	Trials []Trial `json:",omitempty"` // in the order of their choice
	Prior  []Prior `json:",omitempty"` // of the parents
	// ParentBest is the best trial of the parents, if theirs count as this job's,
	// and BestParent whose it is.
	ParentBest *Trial `json:",omitempty"`
	BestParent string `json:",omitempty"`
	// Closing is why no more trials are started although the job is InProgress.
	Closing closing `json:",omitempty"`
}

// closing is why a tuning job ends before its limit of training jobs.
type closing string

const (
	enough      closing = "enough"      // a completion criterion was met
	outOfTime   closing = "out of time" // MaxRuntimeInSeconds is over
	allFailed   closing = "all failed"  // nothing works
	maxFailures         = 5             // trials of which none succeeded before a job is given up
)

// Trial is one training job of a tuning job.
type Trial struct {
	Name       string            // of the training job
	Definition int               `json:",omitempty"` // index
	Values     map[string]string // of the hyperparameters that are tuned
	Bracket    int               `json:",omitempty"` // of Hyperband
	Retry      int               `json:",omitempty"` // 1 for the first repetition of a failed trial

	// The training job's own, as last seen. Status is "" before it exists.
	Status        string    `json:",omitempty"`
	Created       time.Time `json:",omitzero"`
	Started       time.Time `json:",omitzero"`
	Ended         time.Time `json:",omitzero"`
	FailureReason string    `json:",omitempty"`

	Value   *float64  `json:",omitempty"` // of the objective; nil without
	Curve   []float64 `json:",omitempty"` // the objective after each epoch
	Judged  int       `json:",omitempty"` // epochs after which it was decided that it goes on
	Stopped bool      `json:",omitempty"` // it was decided that it doesn't
}

// Prior is what a parent's trial taught.
type Prior struct {
	Definition int               `json:",omitempty"`
	Values     map[string]string // of the hyperparameters that are tuned here
	Score      float64           // the higher the better; standardised if Transfer
	Transfer   bool              `json:",omitempty"` // of other data
}

// Done reports whether the job has reached an end.
func (j *Job) Done() bool {
	s := j.HyperParameterTuningJobStatus
	return s == Completed || s == Failed || s == Stopped
}

// TuningJobName is whose trial it is, of this job and its parents.
func (t *Trial) TuningJobName(j *Job) string {
	if t == j.ParentBest {
		return j.BestParent
	}
	return j.HyperParameterTuningJobName
}

// Done reports whether the training job has reached an end.
func (t *Trial) Done() bool {
	return t.Status == training.Completed || t.Status == training.Failed || t.Status == training.Stopped
}

// ObjectiveStatus is Succeeded, Pending or Failed.
func (t *Trial) ObjectiveStatus() string {
	switch {
	case t.Done() && t.Value != nil:
		return "Succeeded"
	case t.Done():
		return "Failed"
	default:
		return "Pending"
	}
}

// Counters are how many trials are in which state.
type Counters struct {
	Completed, InProgress, RetryableError, NonRetryableError, Stopped int
	Succeeded, Pending, ObjectiveFailed                               int
}

// Counters counts the trials.
func (j *Job) Counters() (c Counters) {
	for i := range j.Trials {
		t := &j.Trials[i]
		switch {
		case t.Status == training.Completed:
			c.Completed++
		case t.Status == training.Stopped:
			c.Stopped++
		case t.Status == training.Failed && retryable(t):
			c.RetryableError++
		case t.Status == training.Failed:
			c.NonRetryableError++
		default:
			c.InProgress++
		}
		switch t.ObjectiveStatus() {
		case "Succeeded":
			c.Succeeded++
		case "Failed":
			c.ObjectiveFailed++
		default:
			c.Pending++
		}
	}
	return c
}

// Definitions are the training job definitions, one or several.
func (s *Spec) Definitions() []*Definition {
	if s.TrainingJobDefinition != nil {
		return []*Definition{s.TrainingJobDefinition}
	}
	all := make([]*Definition, len(s.TrainingJobDefinitions))
	for i := range all {
		all[i] = &s.TrainingJobDefinitions[i]
	}
	return all
}

// Objective is what the trials of a definition are judged by.
func (s *Spec) Objective(definition int) Objective {
	if o := s.Definitions()[definition].TuningObjective; o != nil {
		return *o
	}
	if o := s.HyperParameterTuningJobConfig.HyperParameterTuningJobObjective; o != nil {
		return *o
	}
	return Objective{}
}

// score is the objective of a trial, turned so that higher is better; NaN without.
func (j *Job) score(t *Trial) float64 {
	if t.Value == nil {
		return math.NaN()
	}
	return j.turned(t.Definition, *t.Value)
}

func (j *Job) turned(definition int, value float64) float64 {
	if j.Objective(definition).Type == "Minimize" {
		return -value
	}
	return value
}

// Best is the trial with the best objective of those that left a model; nil if
// there is none yet. Of equals it is the first.
func (j *Job) Best() *Trial {
	var best *Trial
	for i := range j.Trials {
		t := &j.Trials[i]
		if t.Status == training.Completed && t.Value != nil && (best == nil || j.score(t) > j.score(best)) {
			best = t
		}
	}
	return best
}

// NotImproving is how many trials have ended since the best one.
func (j *Job) NotImproving() int {
	best := j.Best()
	if best == nil {
		return 0
	}
	n := 0
	for i := range j.Trials {
		if t := &j.Trials[i]; t.Done() && t.Ended.After(best.Ended) {
			n++
		}
	}
	return n
}
