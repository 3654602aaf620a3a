package sagemaker

import (
	"context"
	"slices"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/training"
)

// trainingOps are the operations on training jobs.
func trainingOps(t *training.Service) map[string]wire.Operation {
	ops := trainingAPI{t}
	return map[string]wire.Operation{
		"CreateTrainingJob":   wire.Op(ops.create).Needs("", "iam:PassRole"),
		"DescribeTrainingJob": wire.Op(ops.describe),
		"ListTrainingJobs":    wire.Op(ops.list),
		"StopTrainingJob":     wire.Op(ops.stop),
		"DeleteTrainingJob":   wire.Op(ops.delete),
	}
}

type trainingAPI struct{ service *training.Service }

type trainingJobName struct{ TrainingJobName string }

type createTrainingJobOutput struct{ TrainingJobArn string }

func (a trainingAPI) create(ctx context.Context, in *training.Spec) (*createTrainingJobOutput, error) {
	job, err := a.service.Create(ctx, *in)
	return &createTrainingJobOutput{job.TrainingJobArn}, err
}

func (a trainingAPI) stop(ctx context.Context, in *trainingJobName) (*struct{}, error) {
	return nil, a.service.Stop(ctx, in.TrainingJobName)
}

func (a trainingAPI) delete(ctx context.Context, in *trainingJobName) (*struct{}, error) {
	return nil, a.service.Delete(ctx, in.TrainingJobName)
}

// describeTrainingJobOutput is what was asked for and what became of it.
type describeTrainingJobOutput struct {
	training.Spec
	Tags *struct{} `json:",omitempty"` // hides Spec's: ListTags shows them

	TrainingJobArn             string
	TuningJobArn               string `json:",omitempty"`
	TrainingJobStatus          string
	SecondaryStatus            string
	SecondaryStatusTransitions []secondaryStatusTransition
	CreationTime               wire.Time
	LastModifiedTime           wire.Time
	TrainingStartTime          wire.Time       `json:",omitzero"`
	TrainingEndTime            wire.Time       `json:",omitzero"`
	TrainingTimeInSeconds      int             `json:",omitempty"`
	BillableTimeInSeconds      int             `json:",omitempty"`
	ModelArtifacts             *modelArtifacts `json:",omitempty"`
	FinalMetricDataList        []metricData    `json:",omitempty"`
	FailureReason              string          `json:",omitempty"`
	ProfilingStatus            string
}

type secondaryStatusTransition struct {
	Status        string
	StartTime     wire.Time
	EndTime       wire.Time `json:",omitzero"`
	StatusMessage string
}

type modelArtifacts struct{ S3ModelArtifacts string }

type metricData struct {
	MetricName string
	Value      float64
	Timestamp  wire.Time
}

// metricDefinitions are those that BlazingText's jobs report, in every mode and
// in this order, and then ours. The expressions match the lines that this server writes.
var metricDefinitions = []training.MetricDefinition{
	{Name: "train:accuracy", Regex: `#train_accuracy: (\S+)`},
	{Name: "validation:accuracy", Regex: `#validation_accuracy: (\S+)`},
	{Name: "train:mean_rho", Regex: `#mean_rho: (\S+)`},
	{Name: "validation:precision", Regex: `#validation_precision: (\S+)`},
	{Name: "validation:recall", Regex: `#validation_recall: (\S+)`},
	{Name: "validation:f1", Regex: `#validation_f1: (\S+)`},
	{Name: "validation:macro_f1", Regex: `#validation_macro_f1: (\S+)`},
}

func (a trainingAPI) describe(ctx context.Context, in *trainingJobName) (*describeTrainingJobOutput, error) {
	job, err := a.service.Describe(ctx, in.TrainingJobName)
	if err != nil {
		return nil, err
	}
	return describedJob(job), nil
}

// describedJob is a job as DescribeTrainingJob shows it.
func describedJob(job training.Job) *describeTrainingJobOutput {
	out := &describeTrainingJobOutput{
		Spec:                  job.Spec,
		TrainingJobArn:        job.TrainingJobArn,
		TrainingJobStatus:     job.TrainingJobStatus,
		SecondaryStatus:       job.SecondaryStatus,
		CreationTime:          wire.Time(job.CreationTime),
		LastModifiedTime:      wire.Time(job.LastModifiedTime),
		TrainingStartTime:     wire.Time(job.TrainingStartTime),
		TrainingEndTime:       wire.Time(job.TrainingEndTime),
		TrainingTimeInSeconds: job.TrainingSeconds(),
		BillableTimeInSeconds: job.TrainingSeconds(),
		FailureReason:         job.FailureReason,
		ProfilingStatus:       "Disabled",
	}
	out.AlgorithmSpecification.MetricDefinitions = slices.Clone(metricDefinitions)
	if out.AlgorithmSpecification.EnableSageMakerMetricsTimeSeries == nil {
		series := true
		out.AlgorithmSpecification.EnableSageMakerMetricsTimeSeries = &series
	}
	if job.Tuned != nil {
		out.TuningJobArn = job.Tuned.TuningJobArn
	}
	if job.S3ModelArtifacts != "" {
		out.ModelArtifacts = &modelArtifacts{job.S3ModelArtifacts}
	}
	for _, t := range job.SecondaryStatusTransitions {
		out.SecondaryStatusTransitions = append(out.SecondaryStatusTransitions,
			secondaryStatusTransition{t.Status, wire.Time(t.StartTime), wire.Time(t.EndTime), t.StatusMessage})
	}
	for _, m := range job.FinalMetricDataList {
		out.FinalMetricDataList = append(out.FinalMetricDataList, metricData{m.MetricName, m.Value, wire.Time(m.Timestamp)})
	}
	return out
}

type listTrainingJobsInput struct {
	listInput
	StatusEquals          string
	WarmPoolStatusEquals  string
	TrainingPlanArnEquals string
}

type listTrainingJobsOutput struct {
	TrainingJobSummaries []trainingJobSummary
	NextToken            string `json:",omitempty"`
}

type trainingJobSummary struct {
	TrainingJobName   string
	TrainingJobArn    string
	CreationTime      wire.Time
	TrainingEndTime   wire.Time `json:",omitzero"`
	LastModifiedTime  wire.Time
	TrainingJobStatus string
	SecondaryStatus   string
}

func (a trainingAPI) list(ctx context.Context, in *listTrainingJobsInput) (*listTrainingJobsOutput, error) {
	query, err := in.query("Name", "CreationTime", "Status")
	if err != nil {
		return nil, err
	}
	statuses := []string{training.InProgress, training.Completed, training.Failed, training.Stopping, training.Stopped}
	if query.Status = in.StatusEquals; query.Status != "" && !slices.Contains(statuses, query.Status) {
		return nil, enumConstraint(query.Status, "statusEquals", statuses)
	}
	warm := []string{"Available", "Terminated", "Reused", "InUse"}
	if in.WarmPoolStatusEquals != "" && !slices.Contains(warm, in.WarmPoolStatusEquals) {
		return nil, enumConstraint(in.WarmPoolStatusEquals, "warmPoolStatusEquals", warm)
	}
	query.Members = []string{"TrainingJobName", "TrainingJobArn", "TrainingJobStatus", "SecondaryStatus", "TrainingEndTime"}
	jobs, next, err := a.service.List(ctx, query)
	if in.WarmPoolStatusEquals != "" || in.TrainingPlanArnEquals != "" {
		jobs, next = nil, "" // no job here has a warm pool or a training plan
	}
	if err != nil {
		return nil, err
	}
	out := &listTrainingJobsOutput{TrainingJobSummaries: []trainingJobSummary{}, NextToken: next}
	for _, job := range jobs {
		out.TrainingJobSummaries = append(out.TrainingJobSummaries, trainingJobSummary{
			TrainingJobName:   job.TrainingJobName,
			TrainingJobArn:    job.TrainingJobArn,
			CreationTime:      wire.Time(job.CreationTime),
			TrainingEndTime:   wire.Time(job.TrainingEndTime),
			LastModifiedTime:  wire.Time(job.LastModifiedTime),
			TrainingJobStatus: job.TrainingJobStatus,
			SecondaryStatus:   job.SecondaryStatus,
		})
	}
	return out, nil
}
