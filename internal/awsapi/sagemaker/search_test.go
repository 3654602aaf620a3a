package sagemaker_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
)

func TestSearchEndpointsAndModels(t *testing.T) {
	t.Parallel()
	s := newServingServer(t)
	for _, name := range []string{"first", "second", "third"} {
		s.deploy(t, name, "s3://models/good")
	}
	tag := func(key, value string) []types.Tag { return []types.Tag{{Key: &key, Value: &value}} }
	_, err := s.CreateModel(t.Context(), &sagemaker.CreateModelInput{ModelName: aws.String("tagged"), ExecutionRoleArn: aws.String("arn:aws:iam::000000000000:role/SageMakerRole"), Tags: tag("team", "red"),
		PrimaryContainer: &types.ContainerDefinition{Image: aws.String(blazingText), ModelDataUrl: aws.String("s3://models/good"), Environment: map[string]string{"STAGE": "test"}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.CreateEndpoint(t.Context(), &sagemaker.CreateEndpointInput{EndpointName: aws.String("tagged"), EndpointConfigName: aws.String("first"), Tags: tag("team", "red")})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"first", "second", "third", "tagged"} {
		if err := sagemaker.NewEndpointInServiceWaiter(s, func(o *sagemaker.EndpointInServiceWaiterOptions) {
			o.MinDelay, o.MaxDelay = 10*time.Millisecond, 100*time.Millisecond
		}).Wait(t.Context(), &sagemaker.DescribeEndpointInput{EndpointName: &name}, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	is := func(property, value string) *types.SearchExpression {
		return &types.SearchExpression{Filters: []types.Filter{{Name: &property, Operator: types.OperatorEquals, Value: &value}}}
	}
	for _, c := range []struct {
		resource   types.ResourceType
		expression *types.SearchExpression
		want       string
	}{
		{types.ResourceTypeEndpoint, nil, "first second tagged third"},
		{types.ResourceTypeEndpoint, is("Tags.team", "red"), "tagged"},
		{types.ResourceTypeEndpoint, is("EndpointStatus", "InService"), "first second tagged third"},
		{types.ResourceTypeEndpoint, is("EndpointConfigName", "first"), "first tagged"},
		{types.ResourceTypeEndpoint, is("ProductionVariants.VariantName", "AllTraffic"), "first second tagged third"},
		{types.ResourceTypeModel, nil, "first second tagged third"},
		{types.ResourceTypeModel, is("Tags.team", "red"), "tagged"},
		{types.ResourceTypeModel, is("Model.PrimaryContainer.Environment.STAGE", "test"), "tagged"},
		{types.ResourceTypeModel, is("ModelName", "second"), "second"},
	} {
		name := map[types.ResourceType]string{types.ResourceTypeEndpoint: "EndpointName", types.ResourceTypeModel: "ModelName"}[c.resource]
		out, err := s.Search(t.Context(), &sagemaker.SearchInput{Resource: c.resource, SearchExpression: c.expression, SortBy: &name, SortOrder: types.SearchSortOrderAscending})
		if err != nil {
			t.Errorf("%s: %v", c.resource, err)
			continue
		}
		var names []string
		for _, r := range out.Results {
			switch {
			case r.Endpoint != nil && r.Endpoint.EndpointArn != nil && r.Endpoint.CreationTime != nil && len(r.Endpoint.ProductionVariants) == 1:
				names = append(names, *r.Endpoint.EndpointName)
			case r.Model != nil && r.Model.Model != nil && r.Model.Model.ModelArn != nil && r.Model.Model.PrimaryContainer != nil:
				names = append(names, *r.Model.Model.ModelName)
			default:
				t.Errorf("%s: %+v", c.resource, r)
			}
			if tagged := strings.HasSuffix(names[len(names)-1], "tagged"); tagged != (r.Endpoint != nil && len(r.Endpoint.Tags) == 1 || r.Model != nil && len(r.Model.Model.Tags) == 1) {
				t.Errorf("%s: the tags of %s", c.resource, names[len(names)-1])
			}
		}
		if got := strings.Join(names, " "); got != c.want || *out.TotalHits.Value != int64(len(names)) {
			t.Errorf("%s by %+v: %s of %d, want %s", c.resource, c.expression, got, *out.TotalHits.Value, c.want)
		}
	}
	_, err = s.Search(t.Context(), &sagemaker.SearchInput{Resource: types.ResourceTypePipeline})
	wantAPIError(t, "pipelines", err, "ValidationException", "The resource Pipeline can't be searched here. TrainingJob, HyperParameterTuningJob, Endpoint and Model can.")
	_, err = s.Search(t.Context(), &sagemaker.SearchInput{Resource: types.ResourceTypeEndpoint, SearchExpression: is("HyperParameters.x", "1")})
	wantAPIError(t, "a property of others", err, "ValidationException", "Unknown property name: HyperParameters.x. An endpoint has these: EndpointName, EndpointConfigName, EndpointStatus, "+
		"FailureReason, CreationTime, LastModifiedTime, ProductionVariants, ShadowProductionVariants, Tags.")
}

func TestSearchTuningJobs(t *testing.T) {
	t.Parallel()
	url := newTuningServer(t)
	for _, name := range []string{"one", "two"} {
		if status, out := post(t, url, "CreateHyperParameterTuningJob", tunerJob(name)); status != http.StatusOK {
			t.Fatal(status, out)
		}
	}
	for expression, want := range map[string]string{
		`{}`: "one two",
		`{"SearchExpression": {"Filters": [{"Name": "Tags.team", "Value": "support"}, {"Name": "HyperParameterTuningJobName", "Operator": "Contains", "Value": "o"}]}}`: "one two",
		`{"SearchExpression": {"Filters": [{"Name": "Tags.team", "Value": "others"}]}}`:                                                                                 "",
		`{"SearchExpression": {"Filters": [{"Name": "HyperParameterTuningJobName", "Value": "two"}]}}`:                                                                  "two",
		`{"SearchExpression": {"Filters": [{"Name": "HyperParameterTuningJobConfig.Strategy", "Operator": "Exists"}]}}`:                                                 "one two",
		`{"SearchExpression": {"Filters": [{"Name": "HyperParameterTuningJobConfig.ResourceLimits.MaxNumberOfTrainingJobs", "Operator": "LessThan", "Value": "1"}]}}`:   "",
	} {
		body := strings.Replace(expression, "{", `{"Resource": "HyperParameterTuningJob", "SortBy": "HyperParameterTuningJobName", "SortOrder": "Ascending", `, 1)
		status, out := post(t, url, "Search", strings.Replace(body, ", }", "}", 1))
		var names []string
		results, _ := out["Results"].([]any)
		for _, r := range results {
			job, _ := r.(map[string]any)["HyperParameterTuningJob"].(map[string]any)
			names = append(names, fmt.Sprint(job["HyperParameterTuningJobName"]))
			if job["HyperParameterTuningJobArn"] == nil || job["TrainingJobStatusCounters"] == nil {
				t.Errorf("found %v", job)
			}
		}
		if got := strings.Join(names, " "); status != http.StatusOK || got != want {
			t.Errorf("%s: %d, %q, want %q: %v", expression, status, got, want, out["message"])
		}
	}
}
