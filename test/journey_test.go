//go:build e2e

package test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestJourneyWithAWS runs the example as a reader of the README would.
func TestJourneyWithAWS(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	train, validation := ontologyFiles(t)
	out := command(t, s.clientEnv(), "../examples/dbpedia/journey.sh", train, validation)
	checkJourney(t, out)
	if !strings.Contains(out, "model.bin") {
		t.Errorf("the listing of model.tar.gz shows no model.bin:\n%s", out)
	}
}

// TestJourneyWithBoto3 does so with Debian's python3-boto3, whatever other
// Python the machine prefers.
func TestJourneyWithBoto3(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	train, validation := ontologyFiles(t)
	out := command(t, s.clientEnv(), "/usr/bin/python3", "../examples/dbpedia/journey.py", train, validation)
	checkJourney(t, out)
}

var (
	finalAccuracy = regexp.MustCompile(`#validation_accuracy: ([0-9.]+)`)
	answer        = regexp.MustCompile(`(?s)"label": \[\s*"__label__(\w+)",\s*"__label__\w+"\s*\],\s*"prob": \[\s*([0-9.e-]+)`)
)

func checkJourney(t *testing.T, out string) {
	t.Helper()
	for _, want := range []string{
		"Running single machine CPU BlazingText training using supervised mode.",
		"##### Alpha:", "Validation accuracy improved! Storing best weights...",
		"Training finished.", "Number of train examples: 7000", "Number of validation examples: 700",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the training log lacks %q", want)
		}
	}
	if m := finalAccuracy.FindStringSubmatch(out); m == nil {
		t.Error("the training log has no #validation_accuracy")
	} else if a, _ := strconv.ParseFloat(m[1], 64); a < 0.95 {
		t.Errorf("validation accuracy = %v; the set is easy, want 0.95 or more", a)
	}
	found := answer.FindAllStringSubmatch(out, -1)
	if len(found) != 2 || found[0][1] != "Company" || found[1][1] != "EducationalInstitution" {
		t.Errorf("answers = %q, want Company and EducationalInstitution with two labels each", found)
	}
	if t.Failed() {
		t.Logf("output of the journey:\n%s", out)
	}
}
