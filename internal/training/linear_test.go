package training_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
	"github.com/heliograph/heliograph/internal/training"
)

// A job with the recipe linear is one like any other, but for what the recipe chooses itself.
func TestLinearRecipe(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("train/t", text(400, 1))
	h.put("validation/v", text(100, 2))
	for _, threads := range []string{"1", "2"} {
		s := spec("Linear-"+threads, "recipe", "linear", "threads", threads, "early_stopping", "True", "window_size", "3")
		if threads == "2" { // early stopping is without effect, and so without need
			s.InputDataConfig = append(s.InputDataConfig, channel("validation", "s3://data/validation"))
		}
		h.create(s)
	}
	for _, name := range []string{"Linear-1", "Linear-2"} {
		if job := h.waitDone(name); job.TrainingJobStatus != training.Completed {
			t.Fatalf("%s is %s: %s", name, job.TrainingJobStatus, job.FailureReason)
		}
	}
	job := h.describe("Linear-2")
	if len(job.FinalMetricDataList) != 6 {
		t.Fatalf("metrics: %+v", job.FinalMetricDataList)
	}
	for _, m := range job.FinalMetricDataList {
		if m.Value < 0.9 || m.Value > 1 {
			t.Errorf("metric %+v", m)
		}
	}
	log := h.logOf(job)
	for _, want := range []string{
		"The hyperparameter window_size has no effect in mode supervised.\n",
		"The hyperparameter epochs has no effect with the recipe linear, ",
		"The hyperparameter early_stopping has no effect with the recipe linear, ",
		"Read 0M words\n", "Number of words:  45\n", "Number of labels:  3\n",
		"Loading validation data from /opt/ml/input/data/validation/v\n",
		"Features: runs of 1 to ", "##### Progress: 100.00%", "Training finished.\n",
		fmt.Sprintf("#train_accuracy: %.4f\n", job.FinalMetricDataList[0].Value),
		fmt.Sprintf("#validation_accuracy: %.4f\n", job.FinalMetricDataList[1].Value),
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	for _, name := range []string{"threads", "recipe", "mode"} {
		if strings.Contains(log, "The hyperparameter "+name+" ") {
			t.Errorf("the log says that %s has no effect:\n%s", name, log)
		}
	}
	if one, two := h.model("output/Linear-1/output/model.tar.gz"), h.model("output/Linear-2/output/model.tar.gz"); one.Args() != two.Args() {
		t.Errorf("the arguments differ with the number of threads: %+v, %+v", one.Args(), two.Args())
	} else if a, b := one.Predict(nil, "my card was charged twice", 3, 0), two.Predict(nil, "my card was charged twice", 3, 0); len(a) != 3 || a[0].Label != "__label__billing" || fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("the models answer %v and %v", a, b)
	}
}

// Several labels a text make a model that judges them one by one, by the prefix that the job names.
func TestLinearRecipeOfSeveralLabels(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	random := rand.New(rand.NewPCG(3, 3))
	var b strings.Builder
	for range 300 {
		words, labels := "", ""
		for _, l := range []string{"red", "green", "blue"} {
			if random.IntN(2) == 0 {
				labels += "#" + l + " "
				words += fmt.Sprintf("%s%d ", l, random.IntN(4))
			}
		}
		fmt.Fprintf(&b, "%s%sand more\n", labels, words)
	}
	h.put("train", b.String())
	h.create(spec("several", "recipe", "linear", "label_prefix", "#"))
	job := h.waitDone("several")
	if job.TrainingJobStatus != training.Completed || !strings.Contains(h.logOf(job), "Examples have several labels. The highest F1, ") {
		t.Fatalf("%s: %s\n%s", job.TrainingJobStatus, job.FailureReason, h.logOf(job))
	}
	m := h.model("output/several/output/model.tar.gz")
	if found := m.Predict(nil, "red1 blue2 and more", -1, 0.5); m.Args().Loss != fasttext.OneVsAll || len(found) != 2 || found[0].Label == "#green" || found[1].Label == "#green" {
		t.Errorf("loss %v, answers %v", m.Args().Loss, found)
	}
}

// Text without words or labels is the owner's to mend, as with BlazingText's algorithm.
func TestLinearRecipeFails(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	for name, c := range map[string]struct{ text, want string }{
		"empty":     {"", "ClientError: The channel train is empty"},
		"no-lines":  {"\n", "ClientError: No labels were found in the channel train"},
		"no-labels": {"one two\nthree\n", "ClientError: No labels were found in the channel train"},
	} {
		h.put(name, c.text)
		s := spec(name, "recipe", "linear")
		s.InputDataConfig[0].DataSource.S3DataSource.S3Uri = "s3://data/" + name
		h.create(s)
		if job := h.waitDone(name); job.TrainingJobStatus != training.Failed || !strings.HasPrefix(job.FailureReason, c.want) {
			t.Errorf("%s: %s: %s", name, job.TrainingJobStatus, job.FailureReason)
		}
	}
	s := spec("unknown", "recipe", "pizza")
	if _, err := h.Create(h.ctx, s); err == nil || !strings.Contains(err.Error(), `recipe should be one of ["fasttext", "linear"]`) {
		t.Errorf("an unknown recipe: %v", err)
	}
	s = spec("vectors", "recipe", "linear")
	s.HyperParameters = map[string]string{"mode": "cbow", "recipe": "linear"}
	if _, err := h.Create(h.ctx, s); err == nil || !strings.Contains(err.Error(), "'recipe' was unexpected") {
		t.Errorf("word vectors by a recipe: %v", err)
	}
}
