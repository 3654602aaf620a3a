package fasttextcmd

import (
	"errors"
	"fmt"
	"os"

	"github.com/heliograph/heliograph/fasttext"
)

// quantizeFlags are the training flags that only quantize uses.
type quantizeFlags struct {
	cutoff, dsub         int
	retrain, qnorm, qout bool
}

// quantize reads the model OUTPUT.bin and writes OUTPUT.ftz.
func (c *command) quantize(words []string) error {
	f := &trainFlags{Args: fasttext.Defaults()}
	f.quantize.dsub = 2
	err := f.parse(words)
	switch {
	case err == nil && f.output == "":
		err = errors.New("-output is needed")
	case err == nil && f.input == "" && f.quantize.retrain:
		err = errors.New("-retrain needs the training text: give -input")
	}
	if err != nil {
		fmt.Fprintln(c.stderr, err)
		fmt.Fprint(c.stderr, "usage: fasttext quantize <args>\n")
		printTrainUsage(c.stderr, f.Args)
		printQuantizeUsage(c.stderr, f.quantize)
		return errUsage
	}
	m, err := loadModel(f.output + ".bin")
	if err != nil {
		return err
	}
	if !m.Supervised() {
		return errors.New("only supervised models can be quantised by this command")
	}
	opt := fasttext.QuantizeOptions{
		Cutoff: f.quantize.cutoff, DSub: f.quantize.dsub, QNorm: f.quantize.qnorm, QOut: f.quantize.qout,
		LR: f.LR, Epoch: f.Epoch, Thread: f.Thread, Seed: f.Seed,
	}
	if f.quantize.retrain {
		in, err := os.Open(f.input)
		if err != nil {
			return fmt.Errorf("%s cannot be opened for training: %w", f.input, err)
		}
		defer in.Close()
		opt.Retrain = in
	}
	retrained := false
	if f.Verbose > 1 {
		opt.OnProgress = func(p fasttext.Progress) {
			retrained = true
			c.printProgress(p, f.Thread)
		}
	}
	q, err := m.Quantize(c.ctx, opt)
	if retrained {
		fmt.Fprintln(c.stderr)
	}
	if err != nil {
		return err
	}
	return q.SaveFile(f.output + ".ftz")
}
