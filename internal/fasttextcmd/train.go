package fasttextcmd

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/heliograph/heliograph/fasttext"
)

// train is supervised, skipgram, cbow and batch_skipgram.
func (c *command) train(words []string) error {
	f, err := c.parseTrain(words)
	if err != nil {
		return err
	}
	if f.input == "-" {
		return errors.New("-input - is not possible: training wants a file")
	}
	in, err := os.Open(f.input)
	if err != nil {
		return fmt.Errorf("%s cannot be opened for training: %w", f.input, err)
	}
	defer in.Close()
	if err := writable(f.modelPath()); err != nil {
		return err
	}
	if f.autotune.validation != "" {
		if f.Model != fasttext.Supervised {
			return fmt.Errorf("-autotune-validation needs labels to measure by: it is for supervised only")
		}
		return c.autotune(f, in)
	}
	opt := fasttext.TrainOptions{Args: f.Args}
	if f.Verbose > 1 {
		read := int64(0)
		opt.OnRead = func(tokens int64) {
			if millions := tokens / 1e6; millions > read {
				read = millions
				fmt.Fprintf(c.stderr, "\rRead %dM words", read)
			}
		}
	}
	var last fasttext.Progress
	if f.Verbose > 0 {
		opt.OnVocabulary = func(tokens int64, words, labels int) {
			fmt.Fprintf(c.stderr, "\rRead %dM words\nNumber of words:  %d\nNumber of labels: %d\n",
				tokens/1e6, words, labels)
		}
		opt.OnProgress = func(p fasttext.Progress) {
			last = p
			if f.Verbose > 1 {
				c.printProgress(p, f.Thread)
			}
		}
	}
	m, err := fasttext.Train(c.ctx, in, opt)
	if err != nil {
		return err
	}
	if f.Verbose > 0 {
		last.Fraction, last.LR, last.Remaining = 1, 0, 0
		c.printProgress(last, f.Thread)
		fmt.Fprintln(c.stderr)
	}
	return c.save(m, f)
}

// writable makes sure, before the work and not after it, that path can be written.
func writable(path string) error {
	_, statErr := os.Stat(path)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return fmt.Errorf("%s cannot be opened for saving: %w", path, err)
	}
	f.Close()
	if errors.Is(statErr, os.ErrNotExist) {
		return os.Remove(path)
	}
	return nil
}

// save writes the files, all at once. As with the original, it is the system that decides
// when they get to the disk; heliograph train waits for that.
func (c *command) save(m *fasttext.Model, f *trainFlags) error {
	writers := []func() error{
		func() error { return fasttext.ReplaceFile(f.output+".bin", m.Save) },
		func() error { return fasttext.ReplaceFile(f.output+".vec", m.WriteVectors) },
	}
	if f.SaveOutput {
		writers = append(writers, func() error { return fasttext.ReplaceFile(f.output+".output", m.WriteOutputVectors) })
	}
	errs := make([]error, len(writers))
	var wg sync.WaitGroup
	for i, write := range writers {
		wg.Go(func() { errs[i] = write() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// printProgress writes over the line with the last progress.
func (c *command) printProgress(p fasttext.Progress, threads int) {
	left := int64(p.Remaining / time.Second)
	fmt.Fprintf(c.stderr, "\rProgress: %5.1f%% words/sec/thread: %7d lr: %9.6f avg.loss: %9.6f ETA: %3dh%2dm%2ds",
		100*p.Fraction, int64(p.WordsPerSecond)/int64(max(threads, 1)), p.LR, p.Loss,
		left/3600, left/60%60, left%60)
}
