package fasttextcmd

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/heliograph/heliograph/fasttext"
)

// trainFlags is a training command line.
type trainFlags struct {
	fasttext.Args
	input, output string
	quantize      quantizeFlags
	given         []string // names of the flags on the command line, without dash
	autotune      autotuneFlags
}

// parseTrain reads flags in the original's form: one dash, the value as the next word. On
// error it has printed why, and the usage where that helps.
func (c *command) parseTrain(words []string) (*trainFlags, error) {
	f := &trainFlags{Args: c.trainDefaults(), autotune: autotuneDefaults()}
	err := f.parse(words)
	if err == nil && (f.input == "" || f.output == "") {
		err = errors.New("-input and -output are needed")
	}
	if err != nil {
		fmt.Fprintln(c.stderr, err)
		printTrainUsage(c.stderr, f.Args)
		return nil, errUsage
	}
	return f, nil
}

// trainDefaults returns what the verb starts from.
func (c *command) trainDefaults() fasttext.Args {
	switch c.verb {
	case "skipgram":
		return fasttext.UnsupervisedDefaults(fasttext.Skipgram)
	case "cbow":
		return fasttext.UnsupervisedDefaults(fasttext.CBOW)
	case "batch_skipgram":
		return fasttext.UnsupervisedDefaults(fasttext.BatchSkipgram)
	}
	return fasttext.SupervisedDefaults()
}

func (f *trainFlags) parse(words []string) error {
	ints := map[string]*int{
		"-lrUpdateRate": &f.LRUpdateRate, "-dim": &f.Dim, "-ws": &f.WS, "-epoch": &f.Epoch,
		"-minCount": &f.MinCount, "-minCountLabel": &f.MinCountLabel, "-neg": &f.Neg,
		"-wordNgrams": &f.WordNgrams, "-bucket": &f.Bucket, "-minn": &f.Minn, "-maxn": &f.Maxn,
		"-thread": &f.Thread, "-verbose": &f.Verbose, "-seed": &f.Seed,
		"-autotune-predictions": &f.autotune.predictions, "-autotune-duration": &f.autotune.duration,
		"-cutoff": &f.quantize.cutoff, "-dsub": &f.quantize.dsub, // of quantize; taken by all, as in the original
	}
	bools := map[string]*bool{
		"-saveOutput": &f.SaveOutput,
		"-qnorm":      &f.quantize.qnorm, "-qout": &f.quantize.qout, "-retrain": &f.quantize.retrain,
	}
	floats := map[string]*float64{"-lr": &f.LR, "-t": &f.T}
	texts := map[string]*string{
		"-input": &f.input, "-output": &f.output, "-label": &f.Label, "-pretrainedVectors": &f.PretrainedVectors,
		"-autotune-validation": &f.autotune.validation, "-autotune-metric": &f.autotune.metric,
		"-autotune-modelsize": &f.autotune.modelSize,
	}
	for len(words) > 0 {
		name := words[0]
		words = words[1:]
		switch {
		case !strings.HasPrefix(name, "-"):
			return fmt.Errorf("%s: options start with a dash", name)
		case name == "-h":
			return errors.New("how this verb is used")
		case bools[name] != nil:
			*bools[name] = true
			continue
		}
		f.given = append(f.given, strings.TrimPrefix(name, "-"))
		var value string
		if len(words) > 0 {
			value = words[0]
			words = words[1:]
		} else if name != "-loss" &&
			ints[name] == nil && floats[name] == nil && texts[name] == nil {
			return fmt.Errorf("unknown option %s", name)
		} else {
			return fmt.Errorf("%s needs a value", name)
		}
		var err error
		switch {
		case name == "-bucket" && value == "auto": // not the original's
			f.Bucket = fasttext.AutoBucket
		case ints[name] != nil:
			*ints[name], err = parseInt(value)
		case floats[name] != nil:
			*floats[name], err = parseFloat(value)
		case texts[name] != nil:
			*texts[name] = value
		case name == "-loss":
			f.Loss, err = fasttext.ParseLoss(value)
		default:
			return fmt.Errorf("unknown option %s", name)
		}
		if err != nil {
			return fmt.Errorf("%s: %v", name, err)
		}
	}
	return nil
}

func parseInt(s string) (int, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number of 32 bits", s)
	}
	return int(n), nil
}

func parseFloat(s string) (float64, error) {
	x, err := strconv.ParseFloat(s, 32)
	if err != nil || math.IsNaN(x) {
		return 0, fmt.Errorf("%q is not a number", s)
	}
	return x, nil
}
