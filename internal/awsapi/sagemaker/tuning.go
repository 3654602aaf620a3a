package sagemaker

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/training"
	"github.com/heliograph/heliograph/internal/training/tuning"
)

// tuningOps are the operations on hyperparameter tuning jobs.
func tuningOps(t *tuning.Service) map[string]wire.Operation {
	ops := tuningAPI{t}
	return map[string]wire.Operation{
		"CreateHyperParameterTuningJob":              wire.Op(ops.create).Needs("", "iam:PassRole"),
		"DescribeHyperParameterTuningJob":            wire.Op(ops.describe),
		"ListHyperParameterTuningJobs":               wire.Op(ops.list),
		"StopHyperParameterTuningJob":                wire.Op(ops.stop),
		"DeleteHyperParameterTuningJob":              wire.Op(ops.delete),
		"ListTrainingJobsForHyperParameterTuningJob": wire.Op(ops.trials),
	}
}

type tuningAPI struct{ service *tuning.Service }

type tuningJobName struct{ HyperParameterTuningJobName string }

type createTuningJobOutput struct{ HyperParameterTuningJobArn string }

func (a tuningAPI) create(ctx context.Context, in *tuning.Spec) (*createTuningJobOutput, error) {
	for _, d := range in.Definitions() {
		// A tuner that was attached to a job sends back what describe shows.
		if slices.Equal(d.AlgorithmSpecification.MetricDefinitions, metricDefinitions) {
			d.AlgorithmSpecification.MetricDefinitions = nil
		}
	}
	job, err := a.service.Create(ctx, *in)
	return &createTuningJobOutput{job.HyperParameterTuningJobArn}, err
}

func (a tuningAPI) stop(ctx context.Context, in *tuningJobName) (*struct{}, error) {
	return nil, a.service.Stop(ctx, in.HyperParameterTuningJobName)
}

func (a tuningAPI) delete(ctx context.Context, in *tuningJobName) (*struct{}, error) {
	return nil, a.service.Delete(ctx, in.HyperParameterTuningJobName)
}

// describeTuningJobOutput is what was asked for and what became of it.
type describeTuningJobOutput struct {
	tuning.Spec
	Tags *struct{} `json:",omitempty"` // hides Spec's: ListTags shows them

	HyperParameterTuningJobArn    string
	HyperParameterTuningJobStatus string
	CreationTime                  wire.Time
	LastModifiedTime              wire.Time
	HyperParameterTuningEndTime   wire.Time `json:",omitzero"`
	TrainingJobStatusCounters     trainingJobStatusCounters
	ObjectiveStatusCounters       objectiveStatusCounters
	BestTrainingJob               *trialSummary `json:",omitempty"`
	OverallBestTrainingJob        *trialSummary `json:",omitempty"`
	FailureReason                 string        `json:",omitempty"`
	TuningJobCompletionDetails    tuningJobCompletionDetails
	ConsumedResources             consumedResources
}

type trainingJobStatusCounters struct{ Completed, InProgress, RetryableError, NonRetryableError, Stopped int }

type objectiveStatusCounters struct{ Succeeded, Pending, Failed int }

type tuningJobCompletionDetails struct {
	NumberOfTrainingJobsObjectiveNotImproving int
	ConvergenceDetectedTime                   wire.Time `json:",omitzero"`
}

type consumedResources struct{ RuntimeInSeconds int }

// trialSummary is a HyperParameterTrainingJobSummary.
type trialSummary struct {
	TrainingJobDefinitionName string `json:",omitempty"`
	TrainingJobName           string
	TrainingJobArn            string
	TuningJobName             string `json:",omitempty"` // only of OverallBestTrainingJob
	CreationTime              wire.Time
	TrainingStartTime         wire.Time `json:",omitzero"`
	TrainingEndTime           wire.Time `json:",omitzero"`
	TrainingJobStatus         string
	TunedHyperParameters      map[string]string
	FailureReason             string `json:",omitempty"`
	ObjectiveStatus           string

	FinalHyperParameterTuningJobObjectiveMetric *finalObjective `json:",omitempty"`
}

type finalObjective struct {
	Type       string
	MetricName string
	Value      float64
}

func (a tuningAPI) summary(job *tuning.Job, t *tuning.Trial) *trialSummary {
	if t == nil {
		return nil
	}
	s := &trialSummary{
		TrainingJobDefinitionName: job.Definitions()[t.Definition].DefinitionName,
		TrainingJobName:           t.Name,
		TrainingJobArn:            a.service.TrainingJobArn(t),
		CreationTime:              wire.Time(t.Created),
		TrainingStartTime:         wire.Time(t.Started),
		TrainingJobStatus:         t.Status,
		TunedHyperParameters:      t.Values,
		FailureReason:             t.FailureReason,
		ObjectiveStatus:           t.ObjectiveStatus(),
	}
	if t.Done() {
		s.TrainingEndTime = wire.Time(t.Ended)
	}
	if o := job.Objective(t.Definition); t.Value != nil {
		s.FinalHyperParameterTuningJobObjectiveMetric = &finalObjective{o.Type, o.MetricName, *t.Value}
	}
	return s
}

func countersOf(job *tuning.Job) (trainingJobStatusCounters, objectiveStatusCounters) {
	c := job.Counters()
	return trainingJobStatusCounters{c.Completed, c.InProgress, c.RetryableError, c.NonRetryableError, c.Stopped},
		objectiveStatusCounters{c.Succeeded, c.Pending, c.ObjectiveFailed}
}

func (a tuningAPI) describe(ctx context.Context, in *tuningJobName) (*describeTuningJobOutput, error) {
	job, err := a.service.Describe(ctx, in.HyperParameterTuningJobName)
	if err != nil {
		return nil, err
	}
	return a.described(job), nil
}

func (a tuningAPI) described(job tuning.Job) *describeTuningJobOutput {
	// What AWS adds, and the Python SDK's attach can't do without.
	for i, d := range job.Definitions() {
		d.AlgorithmSpecification.MetricDefinitions = metricDefinitions
		resources := d.Resources()
		d.ResourceConfig = &resources
		d.StaticHyperParameters = maps.Clone(d.StaticHyperParameters)
		if d.StaticHyperParameters == nil {
			d.StaticHyperParameters = map[string]string{}
		}
		d.StaticHyperParameters["_tuning_objective_metric"] = job.Objective(i).MetricName
	}
	out := &describeTuningJobOutput{
		Spec:                          job.Spec,
		HyperParameterTuningJobArn:    job.HyperParameterTuningJobArn,
		HyperParameterTuningJobStatus: job.HyperParameterTuningJobStatus,
		CreationTime:                  wire.Time(job.CreationTime),
		LastModifiedTime:              wire.Time(job.LastModifiedTime),
		HyperParameterTuningEndTime:   wire.Time(job.HyperParameterTuningEndTime),
		BestTrainingJob:               a.summary(&job, job.Best()),
		FailureReason:                 job.FailureReason,
		TuningJobCompletionDetails:    tuningJobCompletionDetails{job.NotImproving(), wire.Time(job.ConvergenceDetectedTime)},
		ConsumedResources:             consumedResources{job.RuntimeSeconds(time.Now())},
	}
	out.TrainingJobStatusCounters, out.ObjectiveStatusCounters = countersOf(&job)
	if best := job.OverallBest(); best != nil {
		out.OverallBestTrainingJob = a.summary(&job, best)
		out.OverallBestTrainingJob.TuningJobName = best.TuningJobName(&job)
	}
	return out
}

type listTuningJobsInput struct {
	listInput
	StatusEquals string
}

type listTuningJobsOutput struct {
	HyperParameterTuningJobSummaries []tuningJobSummary
	NextToken                        string `json:",omitempty"`
}

type tuningJobSummary struct {
	HyperParameterTuningJobName   string
	HyperParameterTuningJobArn    string
	HyperParameterTuningJobStatus string
	Strategy                      string
	CreationTime                  wire.Time
	HyperParameterTuningEndTime   wire.Time `json:",omitzero"`
	LastModifiedTime              wire.Time
	TrainingJobStatusCounters     trainingJobStatusCounters
	ObjectiveStatusCounters       objectiveStatusCounters
	ResourceLimits                tuning.ResourceLimits
}

func (a tuningAPI) list(ctx context.Context, in *listTuningJobsInput) (*listTuningJobsOutput, error) {
	if in.SortBy == "" { // unlike the other lists
		in.SortBy = "Name"
	}
	if in.SortOrder == "" {
		in.SortOrder = "Ascending"
	}
	query, err := in.query("Name", "Status", "CreationTime")
	if err != nil {
		return nil, err
	}
	statuses := []string{tuning.Completed, tuning.InProgress, tuning.Failed, tuning.Stopped, tuning.Stopping, "Deleting", "DeleteFailed"}
	if query.Status = in.StatusEquals; query.Status != "" && !slices.Contains(statuses, query.Status) {
		return nil, enumConstraint(query.Status, "statusEquals", statuses)
	}
	query.Members = []string{"HyperParameterTuningJobName", "HyperParameterTuningJobArn", "HyperParameterTuningJobStatus", "HyperParameterTuningJobConfig",
		"HyperParameterTuningEndTime", "Trials"}
	jobs, next, err := a.service.List(ctx, query)
	if err != nil {
		return nil, err
	}
	out := &listTuningJobsOutput{HyperParameterTuningJobSummaries: []tuningJobSummary{}, NextToken: next}
	for _, job := range jobs {
		s := tuningJobSummary{
			HyperParameterTuningJobName:   job.HyperParameterTuningJobName,
			HyperParameterTuningJobArn:    job.HyperParameterTuningJobArn,
			HyperParameterTuningJobStatus: job.HyperParameterTuningJobStatus,
			Strategy:                      job.HyperParameterTuningJobConfig.Strategy,
			CreationTime:                  wire.Time(job.CreationTime),
			HyperParameterTuningEndTime:   wire.Time(job.HyperParameterTuningEndTime),
			LastModifiedTime:              wire.Time(job.LastModifiedTime),
			ResourceLimits:                job.HyperParameterTuningJobConfig.ResourceLimits,
		}
		s.TrainingJobStatusCounters, s.ObjectiveStatusCounters = countersOf(&job)
		out.HyperParameterTuningJobSummaries = append(out.HyperParameterTuningJobSummaries, s)
	}
	return out, nil
}

type listTrialsInput struct {
	HyperParameterTuningJobName string
	MaxResults                  *int32
	NextToken                   string
	StatusEquals                string
	SortBy                      string
	SortOrder                   string
}

type listTrialsOutput struct {
	TrainingJobSummaries []*trialSummary
	NextToken            string `json:",omitempty"`
}

func (a tuningAPI) trials(ctx context.Context, in *listTrialsInput) (*listTrialsOutput, error) {
	// Paging has the rules of the other lists; the orders are its own.
	common := listInput{MaxResults: in.MaxResults, SortOrder: in.SortOrder}
	page, err := common.query()
	if err != nil {
		return nil, err
	}
	orders := []string{string(tuning.ByName), string(tuning.ByCreation), string(tuning.ByStatus), string(tuning.ByObjective)}
	if in.SortBy == "" {
		in.SortBy = string(tuning.ByName)
	}
	if !slices.Contains(orders, in.SortBy) {
		return nil, enumConstraint(in.SortBy, "sortBy", orders)
	}
	statuses := []string{training.InProgress, training.Completed, training.Failed, training.Stopping, training.Stopped, "Deleting"}
	if in.StatusEquals != "" && !slices.Contains(statuses, in.StatusEquals) {
		return nil, enumConstraint(in.StatusEquals, "statusEquals", statuses)
	}
	job, trials, next, err := a.service.Trials(ctx, in.HyperParameterTuningJobName, tuning.TrialQuery{
		Status: in.StatusEquals, Order: tuning.Order(in.SortBy), Descending: in.SortOrder == "Descending", Limit: page.Limit, Token: in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &listTrialsOutput{TrainingJobSummaries: []*trialSummary{}, NextToken: next}
	for i := range trials {
		out.TrainingJobSummaries = append(out.TrainingJobSummaries, a.summary(&job, &trials[i]))
	}
	return out, nil
}
