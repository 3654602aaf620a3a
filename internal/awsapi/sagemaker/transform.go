package sagemaker

import (
	"context"
	"slices"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/transform"
)

// transformOps are the operations on batch transform jobs.
func transformOps(t *transform.Service) map[string]wire.Operation {
	ops := transformAPI{t}
	return map[string]wire.Operation{
		"CreateTransformJob":   wire.Op(ops.create),
		"DescribeTransformJob": wire.Op(ops.describe),
		"ListTransformJobs":    wire.Op(ops.list),
		"StopTransformJob":     wire.Op(ops.stop),
	}
}

type transformAPI struct{ service *transform.Service }

type transformJobName struct{ TransformJobName string }

type createTransformJobOutput struct{ TransformJobArn string }

func (a transformAPI) create(ctx context.Context, in *transform.Spec) (*createTransformJobOutput, error) {
	job, err := a.service.Create(ctx, *in)
	return &createTransformJobOutput{job.TransformJobArn}, err
}

func (a transformAPI) stop(ctx context.Context, in *transformJobName) (*struct{}, error) {
	return nil, a.service.Stop(ctx, in.TransformJobName)
}

// describeTransformJobOutput is what was asked for and what became of it.
type describeTransformJobOutput struct {
	transform.Spec
	Tags *struct{} `json:",omitempty"` // hides Spec's: ListTags shows them

	TransformJobArn    string
	TransformJobStatus string
	FailureReason      string `json:",omitempty"`
	CreationTime       wire.Time
	TransformStartTime wire.Time `json:",omitzero"`
	TransformEndTime   wire.Time `json:",omitzero"`
}

func (a transformAPI) describe(ctx context.Context, in *transformJobName) (*describeTransformJobOutput, error) {
	job, err := a.service.Describe(ctx, in.TransformJobName)
	if err != nil {
		return nil, err
	}
	return &describeTransformJobOutput{
		Spec:               job.Spec,
		TransformJobArn:    job.TransformJobArn,
		TransformJobStatus: job.TransformJobStatus,
		FailureReason:      job.FailureReason,
		CreationTime:       wire.Time(job.CreationTime),
		TransformStartTime: wire.Time(job.TransformStartTime),
		TransformEndTime:   wire.Time(job.TransformEndTime),
	}, nil
}

type listTransformJobsInput struct {
	listInput
	StatusEquals string
}

type listTransformJobsOutput struct {
	TransformJobSummaries []transformJobSummary
	NextToken             string `json:",omitempty"`
}

type transformJobSummary struct {
	TransformJobName   string
	TransformJobArn    string
	CreationTime       wire.Time
	TransformEndTime   wire.Time `json:",omitzero"`
	LastModifiedTime   wire.Time
	TransformJobStatus string
	FailureReason      string `json:",omitempty"`
}

func (a transformAPI) list(ctx context.Context, in *listTransformJobsInput) (*listTransformJobsOutput, error) {
	query, err := in.query("Name", "CreationTime", "Status")
	if err != nil {
		return nil, err
	}
	statuses := []string{transform.InProgress, transform.Completed, transform.Failed, transform.Stopping, transform.Stopped}
	if query.Status = in.StatusEquals; query.Status != "" && !slices.Contains(statuses, query.Status) {
		return nil, enumConstraint(query.Status, "statusEquals", statuses)
	}
	query.Members = []string{"TransformJobName", "TransformJobArn", "TransformJobStatus", "TransformEndTime", "FailureReason"}
	jobs, next, err := a.service.List(ctx, query)
	if err != nil {
		return nil, err
	}
	out := &listTransformJobsOutput{TransformJobSummaries: []transformJobSummary{}, NextToken: next}
	for _, job := range jobs {
		out.TransformJobSummaries = append(out.TransformJobSummaries, transformJobSummary{
			TransformJobName:   job.TransformJobName,
			TransformJobArn:    job.TransformJobArn,
			CreationTime:       wire.Time(job.CreationTime),
			TransformEndTime:   wire.Time(job.TransformEndTime),
			LastModifiedTime:   wire.Time(job.LastModifiedTime),
			TransformJobStatus: job.TransformJobStatus,
			FailureReason:      job.FailureReason,
		})
	}
	return out, nil
}
