package fasttext_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/heliograph/heliograph/fasttext"
)

const requests = `__label__billing i was charged twice
__label__billing please send the invoice again
__label__technical the app does not start
__label__technical an error appears on the screen
`

func ExampleTrain() {
	args := fasttext.SupervisedDefaults()
	args.Dim, args.Epoch, args.LR, args.Thread = 10, 100, 0.5, 1
	m, err := fasttext.Train(context.Background(), strings.NewReader(requests), fasttext.TrainOptions{Args: args})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Labels())
	for _, p := range m.Predict(nil, "the invoice was charged twice", 1, 0.5) {
		fmt.Println(p.Label)
	}
	// Output:
	// [__label__billing __label__technical]
	// __label__billing
}

// Training stops when the validation text has not improved for twenty epochs, and keeps the best weights.
func ExampleTrainOptions_earlyStopping() {
	const validation = "__label__billing where is the invoice\n__label__technical the screen does not work\n"
	opt := fasttext.TrainOptions{Args: fasttext.SupervisedDefaults()}
	opt.Dim, opt.Epoch, opt.LR, opt.Thread = 10, 200, 0.5, 1
	best, since := -1.0, 0
	opt.OnEpoch = func(e fasttext.Epoch) (fasttext.Action, error) {
		metrics, err := e.Model.Test(context.Background(), strings.NewReader(validation), 1, 0)
		if err != nil {
			return fasttext.Stop, err
		}
		if metrics.F1() > best {
			best, since = metrics.F1(), 0
			return fasttext.KeepBest, nil
		}
		if since++; since == 20 {
			return fasttext.Stop, nil
		}
		return fasttext.Continue, nil
	}
	m, err := fasttext.Train(context.Background(), strings.NewReader(requests), opt)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(m.Labels()), best)
	// Output: 2 1
}
