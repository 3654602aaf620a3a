package tuning_test

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/training"
	"github.com/heliograph/heliograph/internal/training/tuning"
)

func TestStrategies(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	childName := regexp.MustCompile(`^(bayesian|random|hyperband)-(\d{3})-[0-9a-f]{8}$`)
	for _, strategy := range []string{"Bayesian", "Random", "Hyperband"} {
		name := strings.ToLower(strategy)
		h.create(spec(name, strategy, 6))
	}
	for _, strategy := range []string{"Bayesian", "Random", "Hyperband"} {
		name := strings.ToLower(strategy)
		job := h.waitDone(name)
		c := job.Counters()
		if job.HyperParameterTuningJobStatus != tuning.Completed || len(job.Trials) != 6 || c.Completed+c.Stopped != 6 || c.Succeeded != 6 {
			t.Fatalf("%s is %s (%s): %+v", name, job.HyperParameterTuningJobStatus, job.FailureReason, c)
		}
		if strategy != "Hyperband" && c.Completed != 6 {
			t.Errorf("%s: %+v", name, c)
		}
		best, seen := job.Best(), map[string]bool{}
		for i, trial := range job.Trials {
			m := childName.FindStringSubmatch(trial.Name)
			if m == nil || m[1] != name || m[2] != "00"+strconv.Itoa(i+1) {
				t.Errorf("a training job is called %s", trial.Name)
			}
			if trial.Status == training.Completed && *trial.Value > *best.Value {
				t.Errorf("%s (%v) is better than the best, %s (%v)", trial.Name, *trial.Value, best.Name, *best.Value)
			}
			lr, err := strconv.ParseFloat(trial.Values["learning_rate"], 64)
			if err != nil || lr < 0.001 || lr > 1 || len(trial.Values) != 2 {
				t.Errorf("%s tries %v", trial.Name, trial.Values)
			}
			seen[trial.Values["learning_rate"]+trial.Values["word_ngrams"]] = true
			child, err := h.jobs.Describe(h.ctx, trial.Name)
			if err != nil {
				t.Fatal(err)
			}
			want := maps.Clone(definition().StaticHyperParameters)
			maps.Copy(want, trial.Values)
			want["_tuning_objective_metric"] = "validation:accuracy"
			if !maps.Equal(child.HyperParameters, want) || child.Tuned.TuningJobArn != job.HyperParameterTuningJobArn ||
				child.ResourceConfig.InstanceType != "ml.c5.xlarge" {
				t.Errorf("%s: %+v", trial.Name, child)
			}
			if trial.Created.IsZero() || trial.Started.Before(trial.Created) || trial.Ended.Before(trial.Started) {
				t.Errorf("%s was created %v, started %v, ended %v", trial.Name, trial.Created, trial.Started, trial.Ended)
			}
		}
		if len(seen) != 6 {
			t.Errorf("%s: only %d of 6 trials differ", name, len(seen))
		}
		if got := h.children(name); len(got) != 6 {
			t.Errorf("%s has the training jobs %q", name, got)
		}
		if job.HyperParameterTuningEndTime.Before(job.CreationTime) {
			t.Errorf("%s ended %v, created %v", name, job.HyperParameterTuningEndTime, job.CreationTime)
		}
	}
}

func TestGridTriesEverything(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := spec("grid", "Grid", 0)
	s.HyperParameterTuningJobConfig.ResourceLimits.MaxNumberOfTrainingJobs = nil
	s.HyperParameterTuningJobConfig.ParameterRanges = &tuning.ParameterRanges{CategoricalParameterRanges: []tuning.CategoricalRange{
		{Name: "word_ngrams", Values: []string{"1", "2", "3"}}, {Name: "learning_rate", Values: []string{"0.1", "0.5"}}}}
	h.create(s)
	job := h.waitDone("grid")
	var tried []string
	for _, trial := range job.Trials {
		tried = append(tried, trial.Values["learning_rate"]+"/"+trial.Values["word_ngrams"])
	}
	if want := []string{"0.1/1", "0.1/2", "0.1/3", "0.5/1", "0.5/2", "0.5/3"}; job.HyperParameterTuningJobStatus != tuning.Completed || !slices.Equal(tried, want) {
		t.Errorf("%s: %q", job.HyperParameterTuningJobStatus, tried)
	}
}

func TestSeedRepeatsTheSearch(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var tried [2][]map[string]string
	for i, name := range []string{"first", "second"} {
		s := spec(name, "Bayesian", 7)
		s.HyperParameterTuningJobConfig.ResourceLimits.MaxParallelTrainingJobs = 1
		h.create(s)
		for _, trial := range h.waitDone(name).Trials {
			tried[i] = append(tried[i], trial.Values)
		}
	}
	for i := range tried[0] {
		if !maps.Equal(tried[0][i], tried[1][i]) {
			t.Errorf("trial %d: %v, then %v", i+1, tried[0][i], tried[1][i])
		}
	}
}

// A server that stops and starts again goes on where it was: every trial is one
// training job, none is lost, none is run twice.
func TestRestarts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.create(spec("restarted", "Bayesian", 10))
	for range 6 {
		time.Sleep(30 * time.Millisecond)
		h.stop()
		if err := h.db.ReleaseLeases(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.run()
	}
	job := h.waitDone("restarted")
	var trials []string
	for _, trial := range job.Trials {
		trials = append(trials, trial.Name)
	}
	children := h.children("restarted")
	slices.Sort(children)
	if job.HyperParameterTuningJobStatus != tuning.Completed || len(trials) != 10 || !slices.Equal(trials, children) {
		t.Errorf("%s (%s): trials %q, training jobs %q", job.HyperParameterTuningJobStatus, job.FailureReason, trials, children)
	}
}

func TestStopAndDelete(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := spec("stopped", "Random", 100)
	s.TrainingJobDefinition.StaticHyperParameters["epochs"] = "100000"
	h.create(s)
	running := h.wait("stopped", "training", func(j tuning.Job) bool {
		return len(j.Trials) == 2 && !j.Trials[0].Started.IsZero() && !j.Trials[1].Started.IsZero()
	})
	time.Sleep(1200 * time.Millisecond) // two looks and more
	if later, err := h.Describe(h.ctx, "stopped"); err != nil || !later.LastModifiedTime.Equal(running.LastModifiedTime) {
		t.Errorf("the record was written at %v, and at %v although nothing happened (%v)", running.LastModifiedTime, later.LastModifiedTime, err)
	}
	if err := h.Delete(h.ctx, "stopped"); !errs.Is(err, errs.Invalid) {
		t.Errorf("delete while it runs: %v", err)
	}
	for range 2 { // to stop again changes nothing
		if err := h.Stop(h.ctx, "stopped"); err != nil {
			t.Fatal(err)
		}
	}
	job := h.waitDone("stopped")
	if c := job.Counters(); job.HyperParameterTuningJobStatus != tuning.Stopped || c.InProgress != 0 || c.Stopped != len(job.Trials) || c.Stopped == 0 {
		t.Errorf("%s: %+v", job.HyperParameterTuningJobStatus, c)
	}
	for _, name := range h.children("stopped") {
		if child, err := h.jobs.Describe(h.ctx, name); err != nil || child.TrainingJobStatus != training.Stopped {
			t.Errorf("%s is %s, %v", name, child.TrainingJobStatus, err)
		}
	}
	if err := h.Stop(h.ctx, "stopped"); !errs.Is(err, errs.Invalid) {
		t.Errorf("stop after the end: %v", err)
	}
	if err := h.Delete(h.ctx, "stopped"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Describe(h.ctx, "stopped"); errs.CodeOf(err) != "ResourceNotFound" {
		t.Errorf("describe after delete: %v", err)
	}
	if len(h.children("stopped")) == 0 {
		t.Error("the training jobs went with the tuning job")
	}
}

func TestCompletionCriteria(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	target := spec("target", "Random", 50)
	target.HyperParameterTuningJobConfig.TuningJobCompletionCriteria = &tuning.CompletionCriteria{TargetObjectiveMetricValue: new(0.2)}
	h.create(target)
	stale := spec("stale", "Random", 50)
	stale.HyperParameterTuningJobConfig.TuningJobCompletionCriteria = &tuning.CompletionCriteria{
		BestObjectiveNotImproving: &tuning.NotImproving{MaxNumberOfTrainingJobsNotImproving: new(3)}}
	h.create(stale)
	if job := h.waitDone("target"); job.HyperParameterTuningJobStatus != tuning.Completed || len(job.Trials) > 4 || *job.Best().Value < 0.2 {
		t.Errorf("target: %s after %d trials", job.HyperParameterTuningJobStatus, len(job.Trials))
	}
	if job := h.waitDone("stale"); job.HyperParameterTuningJobStatus != tuning.Completed || len(job.Trials) >= 50 || job.NotImproving() < 3 {
		t.Errorf("stale: %s after %d trials, %d after the best", job.HyperParameterTuningJobStatus, len(job.Trials), job.NotImproving())
	}
	slow := spec("slow", "Random", 50)
	slow.HyperParameterTuningJobConfig.ResourceLimits.MaxRuntimeInSeconds = new(120)
	slow.TrainingJobDefinition.StaticHyperParameters["epochs"] = "100000"
	h.create(slow)
	h.wait("slow", "training", func(j tuning.Job) bool { return j.Counters().InProgress > 0 })
	h.ahead(2 * time.Minute)
	if job := h.waitDone("slow"); job.HyperParameterTuningJobStatus != tuning.Stopped || !strings.Contains(job.FailureReason, "MaxRuntimeInSeconds (120)") {
		t.Errorf("slow: %s (%s)", job.HyperParameterTuningJobStatus, job.FailureReason)
	}
}

// A training job that is worse than the others were is stopped early.
func TestEarlyStopping(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := spec("early", "Grid", 4)
	s.HyperParameterTuningJobConfig.TrainingJobEarlyStoppingType = "Auto"
	s.HyperParameterTuningJobConfig.ResourceLimits.MaxParallelTrainingJobs = 1
	s.HyperParameterTuningJobConfig.ParameterRanges = &tuning.ParameterRanges{CategoricalParameterRanges: []tuning.CategoricalRange{
		{Name: "learning_rate", Values: []string{"0.4", "0.5", "0.6", "0.0000001"}}}}
	s.TrainingJobDefinition.StaticHyperParameters["epochs"] = "60"
	h.create(s)
	job := h.waitDone("early")
	if len(job.Trials) != 4 {
		t.Fatalf("%s: %+v", job.HyperParameterTuningJobStatus, job.Trials)
	}
	bad := job.Trials[3]
	if bad.Status != training.Stopped || bad.Value == nil || len(bad.Curve) == 0 || len(bad.Curve) >= 60 || bad.ObjectiveStatus() != "Succeeded" {
		t.Errorf("the bad trial: %+v", bad)
	}
	if best := job.Best(); best == nil || best.Status != training.Completed || *best.Value <= *bad.Value {
		t.Errorf("best: %+v", best)
	}
}

func TestNothingWorks(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.put("train", "no labels here\n")
	s := spec("hopeless", "Bayesian", 40)
	h.create(s)
	job := h.waitDone("hopeless")
	if job.HyperParameterTuningJobStatus != tuning.Failed || len(job.Trials) > 6 || job.Best() != nil ||
		!strings.HasPrefix(job.FailureReason, "No training job succeeded after ") || !strings.Contains(job.FailureReason, "ClientError: No labels were found") {
		t.Errorf("%s after %d trials: %s", job.HyperParameterTuningJobStatus, len(job.Trials), job.FailureReason)
	}
	if c := job.Counters(); c.NonRetryableError < 5 || c.ObjectiveFailed != len(job.Trials) {
		t.Errorf("%+v", c)
	}
}

func TestSeveralDefinitions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := spec("several", "Random", 6)
	s.HyperParameterTuningJobConfig.HyperParameterTuningJobObjective, s.HyperParameterTuningJobConfig.ParameterRanges, s.TrainingJobDefinition = nil, nil, nil
	for _, loss := range []string{"softmax", "ova"} {
		d := definition()
		d.DefinitionName = "with-" + loss
		d.TuningObjective = &tuning.Objective{Type: "Maximize", MetricName: "validation:macro_f1"}
		d.StaticHyperParameters["loss"] = loss
		d.HyperParameterRanges = &tuning.ParameterRanges{ContinuousParameterRanges: []tuning.NumericRange{{Name: "learning_rate", MinValue: "0.1", MaxValue: "1"}}}
		s.TrainingJobDefinitions = append(s.TrainingJobDefinitions, *d)
	}
	h.create(s)
	job := h.waitDone("several")
	var count [2]int
	for _, trial := range job.Trials {
		count[trial.Definition]++
		if child, err := h.jobs.Describe(h.ctx, trial.Name); err != nil || child.HyperParameters["loss"] != []string{"softmax", "ova"}[trial.Definition] {
			t.Errorf("%s: %v, %v", trial.Name, child.HyperParameters, err)
		}
	}
	if job.HyperParameterTuningJobStatus != tuning.Completed || count != [2]int{3, 3} || job.Best() == nil {
		t.Errorf("%s: %v", job.HyperParameterTuningJobStatus, count)
	}
}

func TestWarmStart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.create(spec("parent", "Random", 8))
	parent := h.waitDone("parent")
	for _, kind := range []string{"IdenticalDataAndAlgorithm", "TransferLearning"} {
		name := "child-" + strings.ToLower(kind[:5])
		s := spec(name, "Bayesian", 2)
		s.WarmStartConfig = &tuning.WarmStartConfig{WarmStartType: kind, ParentHyperParameterTuningJobs: []tuning.Parent{{HyperParameterTuningJobName: "parent"}}}
		h.create(s)
		job := h.waitDone(name)
		if len(job.Prior) != 8 || len(job.Trials) != 2 {
			t.Fatalf("%s: %d prior trials, %d trials", name, len(job.Prior), len(job.Trials))
		}
		overall := job.OverallBest()
		if kind == "TransferLearning" {
			if overall != nil {
				t.Errorf("%s has an overall best: %+v", name, overall)
			}
			continue
		}
		want := max(*parent.Best().Value, *job.Best().Value)
		if overall == nil || *overall.Value != want {
			t.Errorf("%s: overall best %+v, want %v", name, overall, want)
		}
		if from := overall.TuningJobName(&job); *parent.Best().Value > *job.Best().Value && from != "parent" {
			t.Errorf("the overall best is from %s", from)
		}
	}
	bad := spec("child-bad", "Bayesian", 2)
	bad.WarmStartConfig = &tuning.WarmStartConfig{WarmStartType: "TransferLearning", ParentHyperParameterTuningJobs: []tuning.Parent{{HyperParameterTuningJobName: "nobody"}}}
	if _, err := h.Create(h.ctx, bad); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), `"nobody"`) {
		t.Errorf("an unknown parent: %v", err)
	}
}

func TestWordVectors(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.put("evaluation", "invoice charged 9\ncrash error 8\nshop store 8\ninvoice crash 2\nshop error 1\ncard login 2\n")
	s := spec("vectors", "Bayesian", 4)
	s.HyperParameterTuningJobConfig.HyperParameterTuningJobObjective.MetricName = "train:mean_rho"
	s.HyperParameterTuningJobConfig.ParameterRanges.IntegerParameterRanges = nil
	s.HyperParameterTuningJobConfig.ParameterRanges.CategoricalParameterRanges = []tuning.CategoricalRange{{Name: "mode", Values: []string{"skipgram", "cbow"}}}
	s.TrainingJobDefinition.StaticHyperParameters = map[string]string{"epochs": "2", "min_count": "1", "vector_dim": "8"}
	s.TrainingJobDefinition.InputDataConfig = []training.Channel{channel("train"), channel("evaluation")}
	h.create(s)
	if job := h.waitDone("vectors"); job.HyperParameterTuningJobStatus != tuning.Completed || job.Counters().Succeeded != 4 || job.Best() == nil {
		t.Errorf("%s (%s): %+v", job.HyperParameterTuningJobStatus, job.FailureReason, job.Counters())
	}
}

func TestAutotune(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := spec("auto", "Bayesian", 2)
	s.Autotune = &tuning.Autotune{Mode: "Enabled"}
	s.HyperParameterTuningJobConfig.ParameterRanges = nil
	h.create(s)
	job := h.waitDone("auto")
	// epochs, min_count and vector_dim are static, so these are left.
	if v := job.Trials[0].Values; job.HyperParameterTuningJobStatus != tuning.Completed || len(v) != 2 || v["learning_rate"] == "" || v["word_ngrams"] == "" {
		t.Errorf("%s: %v", job.HyperParameterTuningJobStatus, v)
	}
	if r := job.HyperParameterTuningJobConfig.ParameterRanges; r == nil || len(r.IntegerParameterRanges) != 1 {
		t.Errorf("ranges: %+v", r)
	}
	s = spec("auto-hint", "Random", 2)
	s.Autotune = &tuning.Autotune{Mode: "Enabled"}
	s.HyperParameterTuningJobConfig.ParameterRanges = &tuning.ParameterRanges{AutoParameters: []tuning.AutoParameter{
		{Name: "learning_rate", ValueHint: "0.1"}, {Name: "word_ngrams", ValueHint: "2"}}}
	h.create(s)
	r := h.waitDone("auto-hint").HyperParameterTuningJobConfig.ParameterRanges
	if len(r.ContinuousParameterRanges) != 1 || r.ContinuousParameterRanges[0].MinValue != "0.01" || r.ContinuousParameterRanges[0].MaxValue != "1" ||
		len(r.IntegerParameterRanges) != 1 || r.IntegerParameterRanges[0].MaxValue != "8" {
		t.Errorf("ranges around hints: %+v", r)
	}
}

func TestTrials(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.create(spec("listed", "Random", 7))
	h.waitDone("listed")
	for _, test := range []struct {
		order      tuning.Order
		descending bool
		less       func(a, b tuning.Trial) bool
	}{
		{tuning.ByName, false, func(a, b tuning.Trial) bool { return a.Name < b.Name }},
		{tuning.ByCreation, true, func(a, b tuning.Trial) bool { return !a.Created.Before(b.Created) }},
		{tuning.ByObjective, true, func(a, b tuning.Trial) bool { return *a.Value >= *b.Value }},
		{tuning.ByStatus, false, func(a, b tuning.Trial) bool { return a.Name < b.Name }},
	} {
		var all []tuning.Trial
		for token, pages := "", 1; ; pages++ {
			_, page, next, err := h.Trials(h.ctx, "listed", tuning.TrialQuery{Order: test.order, Descending: test.descending, Limit: 3, Token: token})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, page...)
			if token = next; token == "" {
				if pages != 3 || len(page) != 1 {
					t.Errorf("%s: %d pages, %d on the last", test.order, pages, len(page))
				}
				break
			}
		}
		if len(all) != 7 {
			t.Fatalf("%s: %d trials", test.order, len(all))
		}
		for i := range all[1:] {
			if !test.less(all[i], all[i+1]) {
				t.Errorf("%s: %+v before %+v", test.order, all[i], all[i+1])
			}
		}
	}
	_, failed, _, err := h.Trials(h.ctx, "listed", tuning.TrialQuery{Status: training.Failed, Order: tuning.ByName, Limit: 10})
	if err != nil || len(failed) != 0 {
		t.Errorf("failed trials: %v, %v", failed, err)
	}
	for _, token := range []string{"x", "e30", "eyJrIjoiYSIsIm8iOiJOYW1lIn0"} {
		if _, _, _, err := h.Trials(h.ctx, "listed", tuning.TrialQuery{Order: tuning.ByStatus, Limit: 3, Token: token}); !errs.Is(err, errs.Invalid) {
			t.Errorf("token %q: %v", token, err)
		}
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := spec("secret", "Random", 1)
	h.create(s)
	h.waitDone("secret")
	for who, ctx := range map[string]context.Context{
		"an anonymous caller": iam.WithPrincipal(t.Context(), h.access.AnonymousPrincipal()),
		"nobody":              t.Context(),
	} {
		_, create := h.Create(ctx, spec("other", "Random", 1))
		_, describe := h.Describe(ctx, "secret")
		_, _, list := h.List(ctx, listAll)
		_, _, _, trials := h.Trials(ctx, "secret", tuning.TrialQuery{Order: tuning.ByName, Limit: 1})
		for what, err := range map[string]error{"create": create, "describe": describe, "list": list, "trials": trials,
			"stop": h.Stop(ctx, "secret"), "delete": h.Delete(ctx, "secret")} {
			if !errs.Is(err, errs.Denied) && !errs.Is(err, errs.Unauthenticated) {
				t.Errorf("%s may %s: %v", who, what, err)
			}
		}
	}
	if jobs, _, err := h.List(h.ctx, listAll); err != nil || len(jobs) != 1 {
		t.Errorf("%d tuning jobs, %v", len(jobs), err)
	}
}
