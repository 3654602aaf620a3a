package fasttext_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/fasttext"
)

// sparseModel writes a classifier of word bigrams whose input matrix is one hole, with
// dim 100 of 800 MB.
func sparseModel(tb testing.TB, words, dim int) string {
	const bucket, labels = 2_000_000, 14
	var b bytes.Buffer
	number := func(v any) { binary.Write(&b, binary.LittleEndian, v) }
	for _, v := range []int32{793712314, 12, int32(dim), 5, 5, 1, 5, 2, 3, 3, bucket, 0, 0, 100} {
		number(v)
	}
	number(math.Float64bits(1e-4))
	for _, v := range []int32{int32(words + labels), int32(words), labels} {
		number(v)
	}
	number(int64(1 << 30))
	number(int64(-1))
	for i := range words + labels {
		if i < words {
			fmt.Fprintf(&b, "word%d", i)
		} else {
			fmt.Fprintf(&b, "__label__%d", i)
		}
		b.WriteByte(0)
		number(int64(1_000_000 - i))
		number(i >= words)
	}
	number(false)
	number(int64(words + bucket))
	number(int64(dim))
	path := filepath.Join(tb.TempDir(), "sparse.bin")
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	end := int64(b.Len()) + int64(words+bucket)*int64(dim)*4
	if _, err := f.Write(b.Bytes()); err != nil {
		tb.Fatal(err)
	}
	b.Reset()
	number(false)
	number(int64(labels))
	number(int64(dim))
	b.Write(make([]byte, labels*dim*4))
	if _, err := f.WriteAt(b.Bytes(), end); err != nil {
		tb.Fatal(err)
	}
	return path
}

// resident returns the bytes of memory that the process has.
func resident(tb testing.TB) int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		tb.Fatal(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		tb.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// An 800 MB model answers at once, with memory for what the answer needs. It is not
// parallel to others, whose memory would count.
func TestOpenLargeModel(t *testing.T) {
	path := sparseModel(t, 50_000, 100)
	fastest := time.Hour
	for range 5 {
		before, start := resident(t), time.Now()
		m, err := fasttext.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		found := m.Predict(nil, "word7 and word49999 and word25000", 1, 0)
		fastest = min(fastest, time.Since(start))
		if len(found) != 1 || math.Abs(float64(found[0].Prob)-1.0/14) > 1e-4 {
			t.Errorf("predicted %v", found)
		}
		if grown := resident(t) - before; grown > 64<<20 {
			t.Errorf("%d bytes of memory for one prediction", grown)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("opened and answered in %v", fastest)
}

// A model that is forgotten lets go of its file; one that only its calibrated form refers
// to does not.
func TestForgottenModel(t *testing.T) {
	mapped := func(path string) bool {
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(maps, []byte(path))
	}
	m, path := mustOpenUntilForgotten(t)
	c, err := m.Calibrate(t.Context(), pairs([][]string{{"my card", "__label__card"}, {"my invoice", "__label__billing"}}))
	if err != nil {
		t.Fatal(err)
	}
	if m, err = m.WithCalibration(c); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		runtime.GC()
		if len(m.Predict(nil, "my card", 1, 0)) != 1 || !mapped(path) {
			t.Fatal("let go of while in use")
		}
	}
	m = nil
	for deadline := time.Now().Add(30 * time.Second); mapped(path); time.Sleep(time.Millisecond) {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatal("forgotten, and still mapped")
		}
	}
}

func mustOpenUntilForgotten(t *testing.T) (*fasttext.Model, string) {
	path := filepath.Join(t.TempDir(), "forgotten.bin")
	if err := os.WriteFile(path, mustRead(t, modelPath("softmax")), 0o666); err != nil {
		t.Fatal(err)
	}
	m, err := fasttext.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return m, path
}

func BenchmarkOpen(b *testing.B) {
	for _, words := range []int{20_000, 1_000_000} {
		b.Run(fmt.Sprint(words), func(b *testing.B) {
			path := sparseModel(b, words, 100)
			for b.Loop() {
				m, err := fasttext.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				m.Predict(nil, "word7 word49999", 1, 0)
				m.Close()
			}
		})
	}
}

// BenchmarkPredict labels texts of 50 words.
func BenchmarkPredict(b *testing.B) {
	const words = 20_000
	var texts []string
	r := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		var text strings.Builder
		for range 50 {
			fmt.Fprintf(&text, "word%d ", int(words*math.Pow(r.Float64(), 3))) // a few are frequent
		}
		texts = append(texts, text.String())
	}
	for _, dim := range []int{10, 100} {
		path := sparseModel(b, words, dim)
		for name, load := range map[string]func(string) (*fasttext.Model, error){"Open": fasttext.Open, "LoadFile": fasttext.LoadFile} {
			b.Run(fmt.Sprintf("dim=%d/%s", dim, name), func(b *testing.B) {
				m, err := load(path)
				if err != nil {
					b.Fatal(err)
				}
				defer m.Close()
				var found []fasttext.Prediction
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					found = m.Predict(found[:0], texts[i%len(texts)], 1, 0)
				}
			})
		}
	}
}
