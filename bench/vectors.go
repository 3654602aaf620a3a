package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/heliograph/heliograph/fasttext"
)

// batchSkipgram is the verb that the peers do not have.
const batchSkipgram = "batch_skipgram"

// analogyWords is among how many of the most frequent words analogies are looked for.
const analogyWords = 30000

// vectors trains word vectors with all programs. Real text has analogies to measure them by.
func vectors(ctx context.Context, b *bench) error {
	text, err := b.prose()
	if err != nil {
		return err
	}
	questions, name, epochs := "", "prose", "1"
	below, floor := (*float64)(nil), 0.0
	if b.data != "" {
		questions, name = filepath.Join(b.data, "wordvec-eval", "questions-words.txt"), "enwiki"
		below = within(0.01)
		if !b.quick {
			epochs, floor = "3", 0.21
		}
	}
	row := goals{row: "skipgram and cbow, dim 100", native: 3, original: 3, behind: below}
	batch := goals{row: "batch_skipgram", native: 8, original: 8, floor: floor}
	const subwords = " -minn 3 -maxn 6"
	t := contestTable("right")
	skipgrams := map[string]sample{} // what the peers took for theirs, which batch_skipgram is held against as well
	var failed error
	for _, c := range []struct {
		short, verb, options string
		goals                goals
	}{
		{"skipgram", "skipgram", "-epoch " + epochs + " -maxn 0", row},
		{"batch_skipgram", batchSkipgram, "-epoch " + epochs + " -maxn 0", batch},
		{"cbow", "cbow", "-epoch " + epochs + " -maxn 0", row},
		{"skipgram with subwords", "skipgram", "-epoch 1" + subwords, row},
		{"cbow with subwords", "cbow", "-epoch 1" + subwords, row},
	} {
		what := fmt.Sprintf("%s: %s `%s`", name, c.verb, c.options)
		if c.verb == batchSkipgram {
			what = fmt.Sprintf("%s: %s, beside the peers' skipgram", name, c.verb)
		}
		failed = errors.Join(failed, b.hold(ctx, t, contest{
			what: what, short: c.short, programs: b.programs(), runs: 1, goals: c.goals, training: true,
			run: func(ctx context.Context, p program) (sample, error) {
				if c.verb == batchSkipgram && p.name != oursName {
					s, ok := skipgrams[p.name]
					if !ok {
						return s, fmt.Errorf("%s has no skipgram to be held against", p.name)
					}
					return s, nil
				}
				s, model, err := b.train(ctx, p, c.verb, text, "-dim 100 -ws 5 -neg 5 -minCount 5 -lr 0.05 "+c.options)
				if err != nil {
					return s, err
				}
				defer discard(model)
				if questions != "" {
					s.score, err = analogiesOf(ctx, model, questions)
				}
				if c.short == "skipgram" {
					skipgrams[p.name] = s
				}
				return s, err
			},
		}))
	}
	return failed
}

// analogiesOf returns the share of analogies that a model answers right; a process of its own reads the model.
func analogiesOf(ctx context.Context, model, questions string) (float64, error) {
	values, _, err := ask(ctx, "analogies", model, questions)
	if err != nil {
		return 0, err
	}
	return values[0], nil
}

// answerAnalogies is the other side of analogiesOf.
func answerAnalogies(ctx context.Context, args []string) ([]float64, error) {
	if len(args) != 2 {
		return nil, errors.New("want a model and a file of questions")
	}
	m, err := fasttext.LoadFile(args[0])
	if err != nil {
		return nil, err
	}
	f, err := os.Open(args[1])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	result, err := m.EvaluateAnalogies(ctx, f, analogyWords)
	if err != nil {
		return nil, err
	}
	total := result.Total()
	if total.Questions == 0 {
		return nil, fmt.Errorf("%s: none of the questions are about the %s most frequent words", args[1], strconv.Itoa(analogyWords))
	}
	return []float64{total.Accuracy()}, nil
}
