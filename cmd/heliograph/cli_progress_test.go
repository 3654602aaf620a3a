package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/heliograph/heliograph/fasttext"
)

func trainingAt(fraction float64) fasttext.Progress {
	return fasttext.Progress{
		Fraction: fraction, WordsPerSecond: 3_210_000, LR: 0.5 * (1 - fraction), Loss: 0.25,
		Remaining: time.Duration((1 - fraction) * float64(20*time.Second)), Epoch: 1 + int(fraction*9.99),
	}
}

func TestPlainProgressIsALineATenth(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	p := newProgress(&b)
	p.read(1000)
	for i := range 101 {
		now := trainingAt(float64(i) / 100)
		p.show(now.Fraction, figures(now, 10))
	}
	p.say("epoch %d  validation accuracy %.4f", 10, 0.9)
	p.end()
	lines := bytes.Split(bytes.TrimSpace(b.Bytes()), []byte("\n"))
	if len(lines) != 11 {
		t.Fatalf("%d lines:\n%s", len(lines), b.Bytes())
	}
	if got, want := string(lines[0]), "10%  epoch 1/10  3.2M words/s  loss 0.2500  lr 0.4500  18s left"; got != want {
		t.Errorf("first line %q, want %q", got, want)
	}
	if got, want := string(lines[9]), "100%  epoch 10/10  3.2M words/s  loss 0.2500  lr 0.0000  0s left"; got != want {
		t.Errorf("line %q, want %q", got, want)
	}
}

func TestShortNumbers(t *testing.T) {
	t.Parallel()
	for n, want := range map[float64]string{0: "0", 999: "999", 1000: "1k", 45_600: "46k", 999_400: "999k", 999_600: "1.0M", 40_700_000: "40.7M", 123e6: "123M"} {
		if got := short(n); got != want {
			t.Errorf("short(%v) = %s, want %s", n, got, want)
		}
	}
}
