package training_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/search"
	"github.com/heliograph/heliograph/internal/training"
)

// searchHouse has three jobs that were stopped before they began, and one that
// has trained.
func searchHouse(t *testing.T) *house {
	t.Helper()
	h := newHouse(t, nil)
	h.put("train", text(60, 1))
	h.put("other/train", text(60, 1))
	for i, name := range []string{"alpha-1", "alpha-2", "beta"} {
		s := spec(name, "learning_rate", fmt.Sprint(float64(i+9)/10), "epochs", fmt.Sprint(i+8))
		s.Tags = []training.Tag{{Key: "team", Value: []string{"red", "red", "blue"}[i]}}
		if name == "beta" {
			s.InputDataConfig[0].DataSource.S3DataSource.S3Uri = "s3://data/other/train"
		}
		h.create(s)
		if err := h.Stop(h.ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	h.run(h.Service)
	s := spec("trained", "epochs", "20")
	h.create(s)
	h.waitDone("trained")
	return h
}

func TestSearch(t *testing.T) {
	t.Parallel()
	h := searchHouse(t)
	soon := time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05")
	for _, c := range []struct{ expression, want string }{
		{`null`, "alpha-1 alpha-2 beta trained"},
		{`{"Filters":[{"Name":"TrainingJobName","Operator":"Contains","Value":"alpha"}]}`, "alpha-1 alpha-2"},
		{`{"Filters":[{"Name":"TrainingJobName","Value":"beta"}]}`, "beta"},
		{`{"Filters":[{"Name":"TrainingJobName","Operator":"NotEquals","Value":"beta"}]}`, "alpha-1 alpha-2 trained"},
		{`{"Filters":[{"Name":"TrainingJobName","Operator":"In","Value":"beta, trained"}]}`, "beta trained"},
		{`{"Filters":[{"Name":"TrainingJobStatus","Operator":"Equals","Value":"Completed"}]}`, "trained"},
		{`{"Filters":[{"Name":"Tags.team","Operator":"Equals","Value":"red"}]}`, "alpha-1 alpha-2"},
		{`{"Filters":[{"Name":"Tags.team","Operator":"Equals","Value":"red"},{"Name":"TrainingJobName","Operator":"Contains","Value":"2"}]}`, "alpha-2"},
		{`{"Filters":[{"Name":"HyperParameters.epochs","Operator":"Equals","Value":"8.0"}]}`, "alpha-1"},
		{`{"Filters":[{"Name":"HyperParameters.epochs","Value":"20"},{"Name":"TrainingJobStatus","Value":"Completed"}]}`, "trained"},
		{`{"Filters":[{"Name":"HyperParameters.epochs","Value":"eight"}]}`, ""},
		{`{"Filters":[{"Name":"Tags.team","Operator":"NotExists"}]}`, "trained"},
		{`{"Filters":[{"Name":"HyperParameters.epochs","Operator":"GreaterThan","Value":"9"}]}`, "beta trained"}, // as numbers
		{`{"Filters":[{"Name":"HyperParameters.learning_rate","Operator":"GreaterThanOrEqualTo","Value":"1"},{"Name":"HyperParameters.epochs","Operator":"LessThan","Value":"10"}]}`, "alpha-2"},
		{`{"Operator":"Or","Filters":[{"Name":"TrainingJobName","Value":"beta"},{"Name":"Tags.team","Value":"red"}]}`, "alpha-1 alpha-2 beta"},
		{`{"Filters":[{"Name":"Metrics.train:accuracy","Operator":"GreaterThan","Value":"0.5"}]}`, "trained"},
		{`{"Filters":[{"Name":"CreationTime","Operator":"LessThan","Value":"` + soon + `"},{"Name":"TrainingEndTime","Operator":"Exists"}]}`, "trained"},
		{`{"Filters":[{"Name":"CreationTime","Operator":"GreaterThan","Value":"` + soon + `"}]}`, ""},
		{`{"Filters":[{"Name":"InputDataConfig.DataSource.S3DataSource.S3Uri","Operator":"Contains","Value":"other"}]}`, "beta"},
		{`{"NestedFilters":[{"NestedPropertyName":"InputDataConfig","Filters":[{"Name":"InputDataConfig.ChannelName","Value":"train"},{"Name":"InputDataConfig.DataSource.S3DataSource.S3Uri","Operator":"Contains","Value":"other"}]}]}`, "beta"},
		{`{"NestedFilters":[{"NestedPropertyName":"InputDataConfig","Filters":[{"Name":"InputDataConfig.ChannelName","Value":"validation"},{"Name":"InputDataConfig.DataSource.S3DataSource.S3Uri","Operator":"Contains","Value":"other"}]}]}`, ""},
		{`{"SubExpressions":[{"Operator":"Or","Filters":[{"Name":"TrainingJobName","Value":"alpha-1"},{"Name":"TrainingJobName","Value":"beta"}]},{"Filters":[{"Name":"Tags.team","Value":"blue"}]}]}`, "beta"},
		{`{"Filters":[{"Name":"ResourceConfig.InstanceType","Value":"ml.c5.xlarge"},{"Name":"EnableManagedSpotTraining","Value":"true"}]}`, ""},
		{`{"Filters":[{"Name":"ModelArtifacts.S3ModelArtifacts","Operator":"Contains","Value":"output/trained/"}]}`, "trained"},
	} {
		var q search.Query
		if err := json.Unmarshal([]byte(c.expression), &q.Expression); err != nil {
			t.Fatal(err)
		}
		q.SortBy, q.Ascending = "TrainingJobName", true
		jobs, next, hits, err := h.Search(h.ctx, q)
		var names []string
		for _, j := range jobs {
			names = append(names, j.TrainingJobName)
		}
		if got := strings.Join(names, " "); err != nil || got != c.want || next != "" || hits != len(names) {
			t.Errorf("%s:\ngot  %q, %q, %d, %v\nwant %q", c.expression, got, next, hits, err, c.want)
		}
		q.SortBy = "" // the order in which indexes answer
		jobs, _, hits, err = h.Search(h.ctx, q)
		names = nil
		for _, j := range jobs {
			names = append(names, j.TrainingJobName)
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); err != nil || got != c.want || hits != len(names) {
			t.Errorf("%s, by time:\ngot  %q, %d, %v\nwant %q", c.expression, got, hits, err, c.want)
		}
	}
}

func TestSearchPages(t *testing.T) {
	t.Parallel()
	h := searchHouse(t)
	var names []string
	for q := (search.Query{SortBy: "HyperParameters.epochs", Limit: 1}); ; {
		jobs, next, hits, err := h.Search(h.ctx, q)
		if err != nil || len(jobs) != 1 || hits != 4 {
			t.Fatalf("%v, %d, %v", jobs, hits, err)
		}
		names = append(names, jobs[0].TrainingJobName)
		if q.Token = next; next == "" {
			break
		}
	}
	if want := []string{"trained", "beta", "alpha-2", "alpha-1"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	// Jobs without the property are last in either order.
	for _, up := range []bool{true, false} {
		jobs, _, _, err := h.Search(h.ctx, search.Query{SortBy: "Metrics.train:accuracy", Ascending: up})
		if err != nil || jobs[0].TrainingJobName != "trained" {
			t.Errorf("%v, %v", jobs, err)
		}
	}
}

// What the database answers and what is looked at job by job must agree: the condition on RoleArn holds
// for all jobs and can't be put to the database.
func TestSearchAgreesWithItself(t *testing.T) {
	t.Parallel()
	h := searchHouse(t)
	job, err := h.Describe(h.ctx, "alpha-2")
	if err != nil {
		t.Fatal(err)
	}
	created := job.CreationTime.Format(time.RFC3339Nano)
	between := job.CreationTime.Add(100 * time.Nanosecond).Format(time.RFC3339Nano)
	filters := []string{
		`{"Name":"TrainingJobStatus","Value":"Stopped"}`,
		`{"Name":"TrainingJobStatus","Value":"Stopped"},{"Name":"TrainingJobStatus","Value":"Completed"}`,
		`{"Name":"TrainingJobStatus","Operator":"NotEquals","Value":"Stopped"}`,
		`{"Name":"TrainingJobName","Operator":"Contains","Value":"a-"}`,
		`{"Name":"TrainingJobName","Operator":"Contains","Value":"A-"}`,
		`{"Name":"TrainingJobName","Value":"alpha"}`,
		`{"Name":"CreationTime","Operator":"Equals","Value":"` + created + `"}`,
		`{"Name":"CreationTime","Operator":"LessThan","Value":"yesterday"}`,
		`{"Name":"CreationTime","Operator":"GreaterThan","Value":"0001-01-01"}`,
		`{"Name":"CreationTime","Operator":"LessThan","Value":"0001-01-01"}`,
	}
	for _, op := range []string{"GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo"} {
		for _, at := range []string{created, between} {
			filters = append(filters, fmt.Sprintf(`{"Name":"CreationTime","Operator":"%s","Value":"%s"}`, op, at),
				fmt.Sprintf(`{"Name":"LastModifiedTime","Operator":"%s","Value":"%s"},{"Name":"CreationTime","Operator":"LessThan","Value":"2100-01-01"}`, op, at))
		}
	}
	find := func(expression string, q search.Query) (names []string) {
		q.Expression = nil
		if err := json.Unmarshal([]byte(expression), &q.Expression); err != nil {
			t.Fatal(err)
		}
		for q.Limit = 2; ; {
			jobs, next, hits, err := h.Search(h.ctx, q)
			if err != nil {
				t.Fatalf("%s: %v", expression, err)
			}
			for _, j := range jobs {
				names = append(names, j.TrainingJobName+" "+j.RoleArn+" "+j.SecondaryStatus)
			}
			if q.Token = next; next == "" {
				if hits != len(names) {
					t.Errorf("%s: %d hits, and %d jobs", expression, hits, len(names))
				}
				return names
			}
		}
	}
	for _, sort := range []search.Query{{}, {Ascending: true}, {SortBy: "CreationTime"}, {SortBy: "CreationTime", Ascending: true}} {
		for _, f := range filters {
			direct, byJob := find(`{"Filters":[`+f+`]}`, sort), find(`{"Filters":[`+f+`,{"Name":"RoleArn","Operator":"Exists"}]}`, sort)
			if !slices.Equal(direct, byJob) {
				t.Errorf("%s, sorted by %+v:\nfrom the database %q\njob by job %q", f, sort, direct, byJob)
			}
		}
	}
}

func TestSearchRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for query, want := range map[string]string{
		`{"SortBy":"Size"}`: "Unknown property name: Size.",
		`{"Limit":101}`:     "'maxResults'",
		`{"Token":"x"}`:     "The token of the next page is not one that this search gave.",
		`{"Expression":{}}`: "at least one of Filters",
		`{"Expression":{"Operator":"Xor","Filters":[{"Name":"RoleArn"}]}}`:                                                                       "'searchExpression.operator'",
		`{"Expression":{"Filters":[{"Name":"RoleArn"}]}}`:                                                                                        "has no Value",
		`{"Expression":{"Filters":[{"Name":"RoleArn","Operator":"Like","Value":"a"}]}}`:                                                          "'operator'",
		`{"Expression":{"Filters":[{"Name":"RoleArn","Operator":"Contains","Value":"a"},{"Name":"RoleArn","Operator":"Contains","Value":"b"}]}}`: "'CONTAINS' operator usage limit of 1 exceeded.",
		`{"Expression":{"NestedFilters":[{"NestedPropertyName":"InputDataConfig","Filters":[{"Name":"RoleArn","Value":"a"}]}]}}`:                 "does not begin with its property",
		`{"Expression":{"Filters":[` + strings.Repeat(`{"Name":"RoleArn","Value":"a"},`, 50) + `{"Name":"RoleArn","Value":"a"}]}}`:               "more than 50",
	} {
		var q search.Query
		if err := json.Unmarshal([]byte(query), &q); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := h.Search(h.ctx, q); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", query, err)
		}
	}
	if _, _, _, err := h.Search(t.Context(), search.Query{}); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("without a principal: %v", err)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("train", text(60, 1))
	h.create(spec("short"))
	if err := h.Delete(h.ctx, "short"); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "in status InProgress") {
		t.Errorf("a job that waits was deleted: %v", err)
	}
	h.run(h.Service)
	h.waitDone("short")
	if err := h.Delete(t.Context(), "short"); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("without a principal: %v", err)
	}
	if err := h.Delete(h.ctx, "SHORT"); err != nil {
		t.Error(err)
	}
	if err := h.Delete(h.ctx, "short"); errs.MessageOf(err) != "Requested resource not found." {
		t.Errorf("deleting again: %v", err)
	}
	h.model("output/short/output/model.tar.gz")
	h.create(spec("short"))
	if job := h.waitDone("short"); job.TrainingJobStatus != training.Completed {
		t.Errorf("the name can't be used again: %s", job.FailureReason)
	}
}
