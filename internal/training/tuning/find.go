package tuning

import (
	"context"

	"github.com/heliograph/heliograph/internal/search"
	"github.com/heliograph/heliograph/internal/store"
)

// Search returns a page of the jobs that satisfy the query, the token of the next
// page, "" if there is none, and how many satisfy it in all.
func (s *Service) Search(ctx context.Context, q search.Query) (page []Job, next string, hits int, err error) {
	if err := s.Authorizer.Authorize(ctx, "sagemaker:Search", "*"); err != nil {
		return nil, "", 0, err
	}
	resource := search.Resource[Job]{
		Records: s.jobs, What: "A tuning job", Name: "HyperParameterTuningJobName", Status: "HyperParameterTuningJobStatus", Terms: []string{"Tags"},
		Properties: []string{
			"HyperParameterTuningJobName", "HyperParameterTuningJobArn", "HyperParameterTuningJobStatus", "HyperParameterTuningJobConfig", "TrainingJobDefinition",
			"TrainingJobDefinitions", "WarmStartConfig", "FailureReason", "CreationTime", "HyperParameterTuningEndTime", "LastModifiedTime", "Tags",
		},
		Values: func(job *Job, first, rest string) ([]search.Value, bool) {
			switch first {
			case "HyperParameterTuningEndTime":
				return search.Time(job.HyperParameterTuningEndTime), true
			case "Tags":
				return search.TagValues(job.Tags, rest), true
			}
			return nil, false
		},
	}
	records, next, hits, err := resource.Search(ctx, q)
	for _, r := range records {
		page = append(page, jobOf(r))
	}
	return page, next, hits, err
}

// RecordTerms are what searches find a job by without looking at it.
func (s Spec) RecordTerms() []store.Term { return search.TagTerms(s.Tags) }
