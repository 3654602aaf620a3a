package fasttext_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/heliograph/heliograph/fasttext"
)

const (
	someRequests  = "__label__billing the invoice is wrong\n__label__billing a refund please\n__label__technical the app crashes\n__label__technical my phone shows an error\n"
	otherRequests = "__label__billing my refund is wrong\n__label__technical an error in the app\n"
)

func ExampleAutotune() {
	opt := fasttext.AutotuneOptions{Args: fasttext.SupervisedDefaults(), Trials: 8}
	opt.Seed, opt.Thread = 1, 1
	found, err := fasttext.Autotune(context.Background(), strings.NewReader(someRequests), strings.NewReader(otherRequests), opt)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f: %v\n", found.Score, found.Model.Predict(nil, "the invoice is wrong", 1, 0)[0].Label)
	// Output: 1.00: __label__billing
}

func ExampleTrainRows() {
	requests := []fasttext.Example{
		{Text: "the invoice is wrong", Labels: []string{"billing"}},
		{Text: "the app crashes", Labels: []string{"technical"}},
	}
	rows := func(yield func(fasttext.Example, error) bool) {
		for _, r := range requests {
			if !yield(r, nil) {
				return
			}
		}
	}
	opt := fasttext.TrainOptions{Args: fasttext.SupervisedDefaults()}
	opt.Dim, opt.LR, opt.Epoch, opt.Thread = 4, 0.5, 50, 1
	m, err := fasttext.TrainRows(context.Background(), rows, opt)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Predict(nil, "invoice", 1, 0)[0].Label)
	// Output: __label__billing
}

// An existing model learns a label that it did not have.
func ExampleTrainOptions_continue() {
	opt := fasttext.TrainOptions{Args: fasttext.SupervisedDefaults()}
	opt.Dim, opt.LR, opt.Epoch, opt.Thread = 4, 0.5, 50, 1
	first, err := fasttext.Train(context.Background(), strings.NewReader(someRequests), opt)
	if err != nil {
		fmt.Println(err)
		return
	}
	opt.Continue = first
	m, err := fasttext.Train(context.Background(), strings.NewReader("__label__legal my lawyer will sue\n"+someRequests), opt)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(first.Labels()), len(m.Labels()), m.Predict(nil, "lawyer", 1, 0)[0].Label)
	// Output: 2 3 __label__legal
}
