package fasttext_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/heliograph/heliograph/fasttext"
)

// A training that is killed after its third epoch goes on from there.
func ExampleCheckpoint() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	opt := fasttext.TrainOptions{Args: fasttext.SupervisedDefaults()}
	opt.Dim, opt.Epoch, opt.LR, opt.Thread = 10, 5, 0.5, 1
	opt.Checkpoint = &fasttext.Checkpoint{
		Path: filepath.Join(dir, "state"),
		OnResume: func(epoch int, _ []byte) error {
			fmt.Println("going on after epoch", epoch)
			return nil
		},
	}
	killed := errors.New("killed")
	opt.OnEpoch = func(e fasttext.Epoch) (fasttext.Action, error) {
		if e.Number == 4 {
			return fasttext.Stop, killed
		}
		return fasttext.Continue, nil
	}
	_, err = fasttext.Train(context.Background(), strings.NewReader(requests), opt)
	fmt.Println(err)

	opt.OnEpoch = nil
	m, err := fasttext.Train(context.Background(), strings.NewReader(requests), opt)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Labels())
	// Output:
	// killed
	// going on after epoch 3
	// [__label__billing __label__technical]
}

// A model is written to any writer, and read from any reader.
func ExampleLoad() {
	args := fasttext.SupervisedDefaults()
	args.Dim, args.Thread = 10, 1
	m, err := fasttext.Train(context.Background(), strings.NewReader(requests), fasttext.TrainOptions{Args: args})
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer
	if err := m.Save(&file); err != nil {
		fmt.Println(err)
		return
	}
	again, err := fasttext.Load(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(again.Labels(), again.Words())
	// Output: [__label__billing __label__technical] 19
}

// Test measures a model on labelled text.
func ExampleModel_Test() {
	args := fasttext.SupervisedDefaults()
	args.Dim, args.Epoch, args.LR, args.Thread = 10, 100, 0.5, 1
	m, err := fasttext.Train(context.Background(), strings.NewReader(requests), fasttext.TrainOptions{Args: args})
	if err != nil {
		fmt.Println(err)
		return
	}
	metrics, err := m.Test(context.Background(), strings.NewReader("__label__billing send the invoice\n__label__technical the app has an error\n"), 1, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d examples, precision %.1f, recall %.1f\n", metrics.Examples, metrics.Precision(), metrics.Recall())
	// Output: 2 examples, precision 1.0, recall 1.0
}
