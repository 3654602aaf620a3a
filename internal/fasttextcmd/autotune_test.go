package fasttextcmd_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
	"github.com/heliograph/heliograph/internal/fasttextcmd"
)

func TestAutotune(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, from, to int) string {
		var b strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, "__label__%d word%d noise%d\n", i%3, i%3, i*31%50)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	train, valid := write("train", 0, 90), write("valid", 90, 120)
	run := func(flags ...string) (code int, stderr string) {
		var out, err bytes.Buffer
		args := append([]string{"supervised", "-input", train, "-output", filepath.Join(dir, "model"), "-autotune-validation", valid, "-thread", "2"}, flags...)
		code = fasttextcmd.Main(context.Background(), args, strings.NewReader(""), &out, &err)
		return code, err.String()
	}
	code, stderr := run("-autotune-duration", "1", "-dim", "7", "-autotune-metric", "f1:__label__1", "-verbose", "3")
	if code != 0 || !strings.Contains(stderr, "Trial = 1 -lr 0.5") || !strings.Contains(stderr, "Best selected args = ") || !strings.Contains(stderr, "Best score:  1.000000") {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	m, err := fasttext.LoadFile(filepath.Join(dir, "model.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if m.Args().Dim != 7 {
		t.Errorf("-dim 7 was given and the model has %d", m.Args().Dim)
	}
	if p := m.Predict(nil, "word2", 1, 0); len(p) != 1 || p[0].Label != "__label__2" {
		t.Errorf("predicted %v", p)
	}
	if code, stderr := run("-autotune-duration", "1", "-autotune-modelsize", "20k"); code != 0 || !strings.Contains(stderr, "Compressed to ") {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if info, err := os.Stat(filepath.Join(dir, "model.ftz")); err != nil || info.Size() > 20000 {
		t.Errorf("%v bytes, %v", info.Size(), err)
	}
	for _, c := range []struct {
		flags []string
		says  string
	}{
		{[]string{"-autotune-metric", "accuracy"}, "unknown metric"},
		{[]string{"-autotune-duration", "0"}, "-autotune-duration is 0"},
		{[]string{"-autotune-predictions", "0"}, "-autotune-predictions is 0"},
		{[]string{"-autotune-modelsize", "2T"}, `"2T" is not a size`},
		{[]string{"-autotune-modelsize", "-1"}, `"-1" is not a size`},
		{[]string{"-autotune-modelsize", "99999999999999G"}, "is not a size"},
		{[]string{"-autotune-validation", filepath.Join(dir, "nowhere")}, "the validation text cannot be opened"},
		{[]string{"-autotune-metric", "f1:__label__9"}, "no label __label__9"},
	} {
		if code, stderr := run(c.flags...); code != 1 || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: exit %d, %q", c.flags, code, stderr)
		}
	}
}
