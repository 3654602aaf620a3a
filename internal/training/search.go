package training

import (
	"context"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/search"
	"github.com/heliograph/heliograph/internal/store"
)

// Search returns a page of the jobs that satisfy the query, the token of the
// next page, "" if there is none, and how many satisfy it in all.
func (s *Service) Search(ctx context.Context, q search.Query) (page []Job, next string, hits int, err error) {
	if err := s.Authorizer.Authorize(ctx, "sagemaker:Search", "*"); err != nil {
		return nil, "", 0, err
	}
	records, next, hits, err := s.searched.Search(ctx, q)
	for _, r := range records {
		page = append(page, jobOf(r))
	}
	return page, next, hits, err
}

// searchable is jobs as they are searched: by the members of DescribeTrainingJob,
// and Tags.KEY, HyperParameters.NAME and Metrics.NAME.
func searchable(records *store.Collection[Job]) search.Resource[Job] {
	return search.Resource[Job]{
		Records: records, What: "A training job", Name: "TrainingJobName", Status: "TrainingJobStatus", Terms: []string{"Tags", "HyperParameters"},
		Properties: []string{
			"TrainingJobName", "TrainingJobArn", "TuningJobArn", "TrainingJobStatus", "SecondaryStatus", "FailureReason", "RoleArn",
			"CreationTime", "LastModifiedTime", "TrainingStartTime", "TrainingEndTime", "TrainingTimeInSeconds", "BillableTimeInSeconds",
			"HyperParameters", "Tags", "Metrics", "ModelArtifacts", "AlgorithmSpecification", "InputDataConfig", "OutputDataConfig",
			"ResourceConfig", "StoppingCondition", "VpcConfig", "Environment", "ExperimentConfig", "CheckpointConfig", "SecondaryStatusTransitions",
			"FinalMetricDataList", "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining",
		},
		Members: func(property string) []string {
			switch property {
			case "TrainingTimeInSeconds", "BillableTimeInSeconds":
				return []string{"TrainingStartTime", "TrainingEndTime"}
			case "TuningJobArn":
				return []string{"Tuned"}
			case "ModelArtifacts":
				return []string{"S3ModelArtifacts"}
			case "Metrics":
				return []string{"FinalMetricDataList"}
			}
			return nil
		},
		Values: (*Job).values,
	}
}

// values are those of properties that are not where DescribeTrainingJob has them.
func (j *Job) values(first, rest string) (values []search.Value, ok bool) {
	switch first {
	case "TrainingStartTime":
		return search.Time(j.TrainingStartTime), true
	case "TrainingEndTime":
		return search.Time(j.TrainingEndTime), true
	case "TrainingTimeInSeconds", "BillableTimeInSeconds":
		if !j.TrainingEndTime.IsZero() {
			values = []search.Value{search.Number(float64(j.TrainingSeconds()))}
		}
	case "TuningJobArn":
		if j.Tuned != nil {
			values = []search.Value{search.Text(j.Tuned.TuningJobArn)}
		}
	case "ModelArtifacts":
		if j.S3ModelArtifacts != "" {
			values = []search.Value{search.Text(j.S3ModelArtifacts)}
		}
	case "HyperParameters":
		if v, there := j.HyperParameters[rest]; there {
			values = []search.Value{search.TextOrNumber(v)}
		}
	case "Metrics":
		for _, m := range j.FinalMetricDataList {
			if m.MetricName == rest && values == nil {
				values = []search.Value{search.Number(m.Value)}
			}
		}
	case "Tags":
		values = search.TagValues(j.Tags, rest)
	default:
		return nil, false
	}
	return values, true
}

// RecordTerms are what searches for one value find jobs by without looking at
// them: tags and hyperparameters.
func (s Spec) RecordTerms() []store.Term {
	terms := search.TagTerms(s.Tags)
	for name, v := range s.HyperParameters {
		terms = append(terms, search.Term("HyperParameters."+name, v))
	}
	slices.SortFunc(terms, func(a, b store.Term) int { return strings.Compare(a.Name, b.Name) })
	return terms
}
