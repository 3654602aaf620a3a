package main

import (
	"os"
	"path/filepath"
	"testing"
)

// What a run may take of the memory holds for the program, too. The limit is larger than what addresses reach, since it
// stays with the test.
func TestAnswerRunLimitsMemory(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	if _, err := answerRun(t.Context(), []string{"", out, "0", "1125899906842624", "sh", "-c", "ulimit -v"}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(out); err != nil || string(got) != "1099511627776\n" {
		t.Errorf("a limit of %q KiB, %v", got, err)
	}
}
