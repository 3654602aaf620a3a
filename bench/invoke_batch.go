package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/fasttext"
)

const (
	batchTexts = 1000 // in one request
	batchGoal  = 0.7  // of what prediction in process does in the same time
)

// invokeBatch measures requests with many texts beside prediction of the same texts
// as lines in this process, which uses all processors too.
func invokeBatch(ctx context.Context, b *bench, ours *server) error {
	m, err := fasttext.Open(filepath.Join(b.dir, "invoke.bin"))
	if err != nil {
		return err
	}
	defer m.Close()
	texts := generatedTexts(batchTexts)
	request, err := signedRequest(ctx, ours.address, texts)
	if err != nil {
		return err
	}
	lines := strings.Join(texts, "\n") + "\n"
	fmt.Printf("\n%d texts in a request, beside the same in process\n\n", batchTexts)
	t := newTable(os.Stdout, figuresIn("connections", "texts/s", "in process/s", "rate")...)
	for _, connections := range []int{1, 4} {
		var rates [2][]float64
		for range b.runs {
			if _, err := hammer(ctx, ours.address, connections, invokeWarming, [][]byte{request}); err != nil {
				return err
			}
			took, err := hammer(ctx, ours.address, connections, invokeTime, [][]byte{request})
			if err != nil {
				return err
			}
			inProcess, err := predictFor(ctx, m, lines, invokeTime)
			if err != nil {
				return err
			}
			rates[0], rates[1] = append(rates[0], took.rate*batchTexts), append(rates[1], inProcess)
		}
		rate := median(ratios(rates[0], rates[1]))
		t.row(strconv.Itoa(connections), fmt.Sprintf("%.0f", median(rates[0])), fmt.Sprintf("%.0f", median(rates[1])), figure(rate))
		b.board.add(verdict{row: "InvokeEndpoint, 1,000 texts in a body", goal: fmt.Sprintf("%.2f of prediction in process", batchGoal),
			what: fmt.Sprintf("%d connections", connections), figure: figure(rate), met: rate >= batchGoal})
	}
	return nil
}

// predictFor labels the lines over and over, and returns how many a second.
func predictFor(ctx context.Context, m *fasttext.Model, lines string, duration time.Duration) (float64, error) {
	n, start := 0, time.Now()
	for time.Since(start) < duration {
		err := m.PredictLines(ctx, strings.NewReader(lines), 1, 0, func([]fasttext.Prediction) error { n++; return nil })
		if err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}
