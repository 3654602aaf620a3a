package dataset

import (
	"slices"
	"testing"
)

func TestStarter(t *testing.T) {
	t.Parallel()
	requests, err := Starter()
	if err != nil {
		t.Fatal(err)
	}
	if len(requests) < 600 {
		t.Errorf("%d requests, want at least 600", len(requests))
	}
	categories := []string{"billing", "technical", "general"}
	urgencies := []string{"low", "normal", "high", "critical"}
	tones := []string{"angry", "frustrated", "worried", "neutral", "happy"}
	combinations := map[Request]int{}
	for i, r := range requests {
		if r.Text == "" || !slices.Contains(categories, r.Category) || !slices.Contains(urgencies, r.Urgency) || !slices.Contains(tones, r.Tone) {
			t.Errorf("request %d: %+v", i, r)
		}
		combinations[Request{Category: r.Category, Urgency: r.Urgency, Tone: r.Tone}]++
	}
	if len(combinations) != 60 {
		t.Errorf("%d combinations of labels, want all 60", len(combinations))
	}
	for combination, count := range combinations {
		if count < 10 || count > 12 {
			t.Errorf("%d of %+v: one label must not tell another", count, combination)
		}
	}
}

func TestStarterRowsAreClean(t *testing.T) {
	t.Parallel()
	for _, task := range StarterTasks() {
		rows, err := StarterRows(task)
		if err != nil {
			t.Fatal(err)
		}
		report, err := Check(Slice(rows), nil, CheckOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range report.Findings {
			t.Errorf("%s: %s", task, f.Message)
		}
	}
	if _, err := StarterRows("mood"); err == nil || err.Error() != `the starter set has no labels for "mood": choose one of category, urgency, tone` {
		t.Error(err)
	}
}
