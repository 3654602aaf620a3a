//go:build !race

package fasttext_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

// The peak of memory must not grow with the text. Each training has a process of its own, which is this test
// again with a number of words in the environment.
func TestMemoryDoesNotGrowWithTheText(t *testing.T) {
	t.Parallel()
	const words = "HELIOGRAPH_TEST_WORDS"
	if n, err := strconv.Atoi(os.Getenv(words)); err == nil {
		opt := fasttext.TrainOptions{Args: smallArgs(), TextMemory: 4 << 20, TempDir: t.TempDir()}
		opt.Epoch, opt.Thread, opt.WordNgrams, opt.Bucket = 1, 2, 2, 10_000
		if _, err := fasttext.Train(context.Background(), &endless{left: n, r: rand.New(rand.NewPCG(1, 1))}, opt); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("peak %d\n", peak(t))
		return
	}
	measure := func(n int) (kilobytes int) {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), words+"="+strconv.Itoa(n))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for line := range bytes.Lines(out) {
			if _, err := fmt.Sscanf(string(line), "peak %d", &kilobytes); err == nil {
				return kilobytes
			}
		}
		t.Fatalf("no peak in %q", out)
		return 0
	}
	// The long text takes 36 MB more as numbers of two bytes, and 130 MB more as characters.
	short, long := measure(3_000_000), measure(21_000_000)
	if long > short+12<<10 {
		t.Errorf("a text 7 times as long took a peak of %d kB instead of %d", long, short)
	}
}

// peak returns the most memory that this process has had, in kB.
func peak(t *testing.T) (kilobytes int) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if _, err := fmt.Sscanf(lines.Text(), "VmHWM: %d kB", &kilobytes); err == nil {
			return kilobytes
		}
	}
	t.Fatal("no VmHWM in /proc/self/status")
	return 0
}
