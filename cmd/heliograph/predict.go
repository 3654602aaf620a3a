package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/heliograph/heliograph/dataset"
	"github.com/heliograph/heliograph/fasttext"
)

func newPredictCommand() *cobra.Command {
	var input inputFlags
	var p predictor
	var model, file string
	var rawProbabilities bool
	c := &cobra.Command{
		Use:   "predict --model MODEL [TEXT…|FILE|-]",
		Short: "Label texts with a model on disk",
		Long: `Label texts with a model on disk. Each argument is a text of its own; a single
argument that is the name of a file is read as one (a text a line, CSV, JSON Lines,
gzip too), "-" is standard input, and so is no argument at all.

Texts are normalised (lower case, punctuation apart) as "heliograph train" does with
raw text; a model's file doesn't say what it was trained on. For one that learned
from lines taken as they are, say --raw.

A line of output holds the labels of one text, each followed by a tab and its
probability. With --json it is an object: {"text": …, "labels": [{"label": …,
"probability": …}]}.

Probabilities are calibrated if "heliograph calibrate" has left a file beside the
model. For a model that judges each label by itself, a text then gets all the
labels that reach the thresholds found there, unless --top or --threshold is given.

--explain tells why: what each word and n-gram added to the label's score or took
from it, exactly, in colours if the output is a terminal (unless NO_COLOR is set).`,
		Example: "  heliograph predict --model requests.bin \"where is my card?\"\n  heliograph predict --model requests.bin -k 3 --json texts.csv",
		RunE: func(c *cobra.Command, args []string) error {
			if p.k < 1 {
				return fmt.Errorf("-k: %d labels are too few, ask for at least 1", p.k)
			}
			source, closer, err := predictSource(c, &input, file, args)
			if err != nil {
				return err
			}
			defer closer.Close()
			if p.model, err = loadClassifier(model); err != nil {
				return err
			}
			defer p.model.Close()
			if !rawProbabilities {
				if p.model, p.calibration, err = calibrated(p.model, model); err != nil {
					return err
				}
			}
			if p.calibration != nil && p.calibration.DefaultThreshold > 0 && !c.Flags().Changed("top") && !c.Flags().Changed("threshold") {
				p.k = 0
			} else {
				p.calibration = nil // its thresholds don't count
			}
			p.prefix = input.readOptions.LabelPrefix
			p.explainer.coloured = mayColour(c.OutOrStdout())
			return p.run(c.OutOrStdout(), source)
		},
	}
	input.add(c)
	flags := c.Flags()
	flags.StringVarP(&model, "model", "m", "", "model file, .bin or .ftz")
	flags.StringVarP(&file, "input", "i", "", "file to read, - for standard input")
	flags.IntVarP(&p.k, "top", "k", 1, "how many labels at most for a text")
	flags.Float32Var(&p.threshold, "threshold", 0, "leave out labels with a lower probability")
	flags.BoolVar(&p.asJSON, "json", false, "print JSON Lines")
	flags.BoolVar(&p.raw, "raw", false, "take texts as they are, not normalised")
	flags.BoolVar(&p.explain, "explain", false, "tell what each word and n-gram did for the label")
	flags.BoolVar(&rawProbabilities, "raw-probabilities", false, "leave the model's calibration out")
	requireFlags(c, "model")
	return c
}

// predictSource tells texts, files and standard input apart.
func predictSource(c *cobra.Command, input *inputFlags, file string, args []string) (dataset.Source, io.Closer, error) {
	switch {
	case file != "" && len(args) > 0:
		return nil, nil, errors.New("give texts or --input, not both")
	case file == "" && len(args) == 0:
		if in, ok := c.InOrStdin().(*os.File); ok && term.IsTerminal(int(in.Fd())) {
			return nil, nil, errors.New(`nothing to label: give a text in quotes, a file, or "-" to type texts`)
		}
		file = "-"
	case len(args) == 1 && (args[0] == "-" || isFile(args[0])):
		file = args[0]
	}
	if file == "" {
		rows := make(dataset.Slice, len(args))
		for i, text := range args {
			rows[i].Text = strings.ToValidUTF8(text, "\ufffd")
		}
		return rows, io.NopCloser(nil), nil
	}
	r, err := input.open(c, file)
	if errors.Is(err, dataset.ErrEmpty) { // no texts, no labels
		return dataset.Slice(nil), io.NopCloser(nil), nil
	}
	if err != nil {
		return nil, nil, err
	}
	return r, r, nil
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.IsDir()
}

// loadClassifier opens a supervised model.
func loadClassifier(path string) (*fasttext.Model, error) {
	m, err := fasttext.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, pathless(err))
	}
	if !m.Supervised() {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, fasttext.ErrNotSupervised), m.Close())
	}
	return m, nil
}

// pathless takes the path off an error of the file system whose path is said already.
func pathless(err error) error {
	if fault, ok := errors.AsType[*os.PathError](err); ok {
		return fault.Err
	}
	if fault, ok := errors.AsType[*fasttext.FormatError](err); ok {
		return fault
	}
	return err
}

// predictor prints the labels of texts.
type predictor struct {
	model     *fasttext.Model
	prefix    string // taken off labels
	k         int    // 0 for those that reach the calibration's thresholds
	threshold float32
	raw       bool
	asJSON    bool
	explain   bool
	explainer explainer

	calibration *fasttext.Calibration // nil unless its thresholds count
}

type labelledText struct {
	Text   string        `json:"text"`
	Labels []scoredLabel `json:"labels"`
}

type scoredLabel struct {
	Label       string  `json:"label"`
	Probability float32 `json:"probability"`
}

func (p *predictor) run(w io.Writer, source dataset.Source) error {
	out := bufio.NewWriter(w)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	var predictions []fasttext.Prediction
	for row, err := range source.Rows() {
		if err != nil {
			return errors.Join(out.Flush(), err)
		}
		text := row.Text
		if !p.raw {
			text = dataset.Normalize(text)
		}
		if p.explain {
			if err := p.explainText(out, encoder, row.Text, text); err != nil {
				return err
			}
			continue
		}
		predictions = slices.DeleteFunc(p.model.Predict(predictions[:0], text, p.k, p.threshold), p.tooLow)
		if p.asJSON {
			if err := encoder.Encode(p.labelled(row.Text, predictions)); err != nil {
				return err
			}
			continue
		}
		for i, prediction := range predictions {
			if i > 0 {
				out.WriteByte('\t')
			}
			out.WriteString(labelName(prediction.Label, p.prefix))
			out.WriteByte('\t')
			out.WriteString(strconv.FormatFloat(float64(prediction.Prob), 'f', 4, 32))
		}
		if err := out.WriteByte('\n'); err != nil {
			return err
		}
	}
	return out.Flush()
}

// tooLow reports whether a label is not to be given.
func (p *predictor) tooLow(l fasttext.Prediction) bool {
	return l.Prob < p.threshold || p.calibration != nil && !p.calibration.Reaches(l)
}

func (p *predictor) explainText(out *bufio.Writer, encoder *json.Encoder, text, normalized string) error {
	e := p.model.Explain(normalized, p.k)
	explained := explain(e, text, normalized, p.prefix, p.tooLow)
	if p.asJSON {
		return encoder.Encode(explained)
	}
	return p.explainer.write(out, explained)
}

func (p *predictor) labelled(text string, predictions []fasttext.Prediction) labelledText {
	result := labelledText{Text: text, Labels: make([]scoredLabel, len(predictions))}
	for i, prediction := range predictions {
		result.Labels[i] = scoredLabel{labelName(prediction.Label, p.prefix), prediction.Prob}
	}
	return result
}
