package training

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/heliograph/heliograph/fasttext"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/training/trainer"
)

// modes are BlazingText's, in the order of AWS's own messages.
var modes = []string{"skipgram", "cbow", "batch_skipgram", "supervised"}

// maxVectorDim and maxWordNgrams bound what one hyperparameter can ask of the
// machine; the first is AWS's own.
const (
	maxVectorDim  = 2048
	maxWordNgrams = 16
)

// hyperparameter declares one entry of CreateTrainingJob's HyperParameters. The
// table of docs/blazingtext.md is made of these declarations.
type hyperparameter struct {
	name    string
	kind    kind
	def     string // the value if it is not given; "" for none
	valid   []rule
	values  []string // of an enum
	ours    bool     // not one of BlazingText's in this mode
	ignored bool     // known to BlazingText, without effect in this mode
	remark  string
}

type kind string

const (
	integer kind = "integer"
	float   kind = "float"
	boolean kind = "boolean"
	enum    kind = "one of"
	text    kind = "text"
)

// rule is a bound and how AWS words it. A value must satisfy all of its rules.
type rule struct {
	words string // completes "Parameter 'x' should be …"
	ok    func(float64) bool
}

var (
	positive    = []rule{{"> 0", func(v float64) bool { return v > 0 }}}
	notNegative = []rule{{">= 0", func(v float64) bool { return v >= 0 }}}
	fraction    = []rule{{"between (0,1)", func(v float64) bool { return v > 0 && v < 1 }}}
)

func upTo(limit int, rules []rule) []rule {
	return append(slices.Clip(rules), rule{fmt.Sprintf("<= %d", limit), func(v float64) bool { return v <= float64(limit) }})
}

// modeParameter is the first of both tables.
var modeParameter = hyperparameter{name: "mode", kind: enum, values: modes, remark: "required"}

// tuningParameter is what tuning jobs add.
var tuningParameter = hyperparameter{name: "_tuning_objective_metric", kind: text, ignored: true}

// supervisedParameters are all that supervised mode accepts, in the order of
// AWS's documentation, then ours.
var supervisedParameters = []hyperparameter{
	modeParameter,
	{name: "buckets", kind: integer, def: "2000000", valid: positive, remark: "hash buckets for word and character n-grams"},
	{name: "early_stopping", kind: boolean, def: "False", remark: "needs the channel `validation`"},
	{name: "epochs", kind: integer, def: "5", valid: positive, remark: "passes through the training data; the most, with early stopping"},
	{name: "learning_rate", kind: float, def: "0.05", valid: positive, remark: "decreases linearly to 0 over the epochs"},
	{name: "min_count", kind: integer, def: "5", valid: notNegative, remark: "words that occur less often are left out"},
	{name: "min_epochs", kind: integer, def: "5", valid: positive, remark: "early stopping first looks at the validation data after this epoch"},
	{name: "patience", kind: integer, def: "4", valid: positive, remark: "epochs without a better validation accuracy before early stopping stops"},
	{name: "vector_dim", kind: integer, def: "100", valid: upTo(maxVectorDim, positive), remark: "dimension of the vectors"},
	{name: "word_ngrams", kind: integer, def: "2", valid: upTo(maxWordNgrams, positive), remark: "longest word n-gram that is a feature"},

	{name: "recipe", kind: enum, def: trainer.Original, values: []string{trainer.Original, trainer.Linear}, ours: true,
		remark: "`fasttext` is BlazingText's algorithm; `linear` finds features and costs itself and is mostly the more accurate one, see below"},
	{name: "loss", kind: enum, def: "softmax", values: []string{"softmax", "hs", "ns", "ova"}, ours: true, remark: "loss function; `ova` for several labels per line"},
	{name: "negative_samples", kind: integer, def: "5", valid: upTo(1000, positive), ours: true, remark: "negatives per example; only for loss `ns`"},
	{name: "min_char", kind: integer, def: "0", valid: notNegative, ours: true, remark: "shortest character n-gram that is a feature"},
	{name: "max_char", kind: integer, def: "0", valid: upTo(64, notNegative), ours: true, remark: "longest one; 0 for no character n-grams"},
	{name: "label_prefix", kind: text, def: "__label__", ours: true, remark: "what labels begin with; 1 to 64 bytes without white space"},
	{name: "seed", kind: integer, def: "0", valid: notNegative, ours: true, remark: "of the random numbers; with `threads` 1 the model is reproducible bit by bit"},
	{name: "threads", kind: integer, valid: upTo(1024, positive), ours: true, remark: "threads that train; as many as the machine has cores if not given"},

	{name: "batch_size", kind: integer, valid: upTo(32, positive), ignored: true},
	{name: "evaluation", kind: boolean, ignored: true},
	{name: "sampling_threshold", kind: float, valid: fraction, ignored: true},
	{name: "subwords", kind: boolean, ignored: true},
	{name: "window_size", kind: integer, valid: positive, ignored: true},
	tuningParameter,
}

// linearParameters are those of supervised mode that have an effect with the recipe linear, which chooses what
// the others say by itself.
var linearParameters = []string{"mode", "recipe", "label_prefix", "seed", "threads", "_tuning_objective_metric"}

// vectorParameters are all that cbow, skipgram and batch_skipgram accept, in the
// same order.
var vectorParameters = []hyperparameter{
	modeParameter,
	{name: "batch_size", kind: integer, def: "11", valid: upTo(32, positive), remark: "only `batch_skipgram`, and without effect here: a batch is the words of a window"},
	{name: "buckets", kind: integer, def: "2000000", valid: positive, remark: "hash buckets for subwords"},
	{name: "epochs", kind: integer, def: "5", valid: positive, remark: "passes through the training data"},
	{name: "evaluation", kind: boolean, def: "True", remark: "compare the vectors with people's scores; needs the channel `evaluation`, see below"},
	{name: "learning_rate", kind: float, def: "0.05", valid: positive, remark: "decreases linearly to 0 over the epochs"},
	{name: "min_char", kind: integer, def: "3", valid: upTo(64, positive), remark: "shortest subword"},
	{name: "max_char", kind: integer, def: "6", valid: upTo(64, positive), remark: "longest subword"},
	{name: "min_count", kind: integer, def: "5", valid: notNegative, remark: "words that occur less often are left out"},
	{name: "negative_samples", kind: integer, def: "5", valid: upTo(1000, positive), remark: "negatives per word; shared by a window in mode `batch_skipgram`"},
	{name: "sampling_threshold", kind: float, def: "0.0001", valid: fraction, remark: "words more frequent than this share of the text are left out at times"},
	{name: "subwords", kind: boolean, def: "False", remark: "learn vectors of character n-grams too, so that unknown words have some; not in mode `batch_skipgram`"},
	{name: "vector_dim", kind: integer, def: "100", valid: upTo(maxVectorDim, positive), remark: "dimension of the vectors"},
	{name: "window_size", kind: integer, def: "5", valid: upTo(1000, positive), remark: "words to each side of a word that are its context, at most"},

	{name: "seed", kind: integer, def: "0", valid: notNegative, ours: true, remark: "of the random numbers; with `threads` 1 the vectors are reproducible bit by bit"},
	{name: "threads", kind: integer, valid: upTo(1024, positive), ours: true, remark: "threads that train; as many as the machine has cores if not given"},

	{name: "early_stopping", kind: boolean, ignored: true},
	{name: "min_epochs", kind: integer, valid: positive, ignored: true},
	{name: "patience", kind: integer, valid: positive, ignored: true},
	{name: "word_ngrams", kind: integer, valid: positive, ignored: true},
	tuningParameter,
}

// parametersOf are those of a mode.
func parametersOf(mode string) []hyperparameter {
	if mode == trainer.Supervised {
		return supervisedParameters
	}
	return vectorParameters
}

// settings are hyperparameters checked and parsed, by name.
type settings struct {
	numbers map[string]float64
	flags   map[string]bool
	texts   map[string]string
	ignored []string // given, but without effect in the mode
	chosen  []string // given, but without effect as the recipe chooses them
}

func (s settings) int(name string) int          { return int(s.numbers[name]) }
func (s settings) float(name string) float64    { return s.numbers[name] }
func (s settings) bool(name string) bool        { return s.flags[name] }
func (s settings) text(name string) string      { return s.texts[name] }
func (s settings) intOr(name string, d int) int { return int(orDefault(s.numbers, name, float64(d))) }

func orDefault(m map[string]float64, name string, d float64) float64 {
	if v, ok := m[name]; ok {
		return v
	}
	return d
}

// parseHyperParameters checks given as BlazingText does, with its messages
// where AWS has published them, and fills in the defaults.
func parseHyperParameters(given map[string]string) (settings, error) {
	s := settings{numbers: map[string]float64{}, flags: map[string]bool{}, texts: map[string]string{}}
	list := `["` + strings.Join(modes, `", "`) + `"]`
	switch mode, ok := given["mode"]; {
	case !ok:
		return s, errs.Invalidf("Please provide a mode in hyperparameters. It should be one of %s", list)
	case !slices.Contains(modes, mode):
		return s, errs.Invalidf("mode should be one of %s", list)
	}
	mode := given["mode"]
	all := parametersOf(mode)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.ContainsFunc(all, func(p hyperparameter) bool { return p.name == name }) {
			return s, errs.Invalidf("Additional hyperparameters are not allowed ('%s' was unexpected). In mode %s there are: %s.",
				name, mode, strings.Join(parameterNames(all), ", "))
		}
	}
	for _, p := range all {
		value, ok := given[p.name]
		if ok && p.ignored {
			s.ignored = append(s.ignored, p.name)
		}
		if !ok {
			value = p.def
		}
		if value == "" && !ok {
			continue
		}
		if err := p.parse(value, &s); err != nil {
			return s, err
		}
	}
	if s.linear() {
		s.leaveToRecipe(given)
	}
	return s, s.check()
}

// leaveToRecipe takes the effect from what the recipe linear chooses itself.
func (s *settings) leaveToRecipe(given map[string]string) {
	for _, p := range supervisedParameters {
		if _, ok := given[p.name]; ok && !p.ignored && !slices.Contains(linearParameters, p.name) {
			s.chosen = append(s.chosen, p.name)
		}
	}
	s.flags["early_stopping"] = false
}

func parameterNames(all []hyperparameter) (names []string) {
	for _, p := range all {
		if !p.ignored {
			names = append(names, p.name)
		}
	}
	return names
}

func (p hyperparameter) parse(value string, s *settings) error {
	value = strings.TrimSpace(value)
	switch p.kind {
	case integer:
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			return errs.Invalidf("Parameter %s expects integer input.", p.name)
		}
		s.numbers[p.name] = float64(n)
	case float:
		v, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return errs.Invalidf("Parameter %s expects float input.", p.name)
		}
		s.numbers[p.name] = v
	case boolean:
		switch strings.ToLower(value) {
		case "true":
			s.flags[p.name] = true
		case "false":
			s.flags[p.name] = false
		default:
			return errs.Invalidf("Parameter %s expects boolean input: True or False.", p.name)
		}
	case enum:
		if !slices.Contains(p.values, value) {
			return errs.Invalidf(`%s should be one of ["%s"]`, p.name, strings.Join(p.values, `", "`))
		}
		s.texts[p.name] = value
	case text:
		s.texts[p.name] = value
	}
	for _, r := range p.valid {
		if !r.ok(s.numbers[p.name]) {
			return errs.Invalidf("Parameter '%s' should be %s.", p.name, r.words)
		}
	}
	return nil
}

// check is for rules between hyperparameters.
func (s settings) check() error {
	if lo, hi := s.int("min_char"), s.int("max_char"); lo > hi {
		return errs.Invalidf("Parameter 'min_char' (%d) should be <= 'max_char' (%d).", lo, hi)
	}
	if s.mode() != trainer.Supervised {
		if s.mode() == trainer.BatchSkipgram && s.bool("subwords") {
			return errs.Invalidf("subwords is not supported in mode batch_skipgram. Please set subwords to False or use skipgram or cbow.")
		}
		return nil
	}
	if prefix := s.text("label_prefix"); prefix == "" || len(prefix) > 64 || strings.ContainsAny(prefix, " \t\n\v\f\r\x00") {
		return errs.Invalidf("Parameter 'label_prefix' should be 1 to 64 bytes without white space.")
	}
	return nil
}

func (s settings) mode() string { return s.text("mode") }

func (s settings) linear() bool { return s.text("recipe") == trainer.Linear }

// hashed is the number of rows that n-grams take in the input matrix.
func (s settings) hashed() int64 {
	switch {
	case s.linear():
	case s.mode() != trainer.Supervised && s.bool("subwords"), s.mode() == trainer.Supervised && (s.int("word_ngrams") > 1 || s.int("max_char") > 0):
		return int64(s.int("buckets"))
	}
	return 0
}

// args maps the hyperparameters to the engine's.
func (s settings) args(threads int) fasttext.Args {
	a := fasttext.SupervisedDefaults()
	switch s.mode() {
	case trainer.Supervised:
		a.WordNgrams = s.int("word_ngrams")
		a.Minn, a.Maxn = s.int("min_char"), s.int("max_char")
		a.Label = s.text("label_prefix")
		a.Loss, _ = fasttext.ParseLoss(s.text("loss")) // its names are among the engine's
	case trainer.CBOW:
		a = fasttext.UnsupervisedDefaults(fasttext.CBOW)
	case trainer.Skipgram:
		a = fasttext.UnsupervisedDefaults(fasttext.Skipgram)
	case trainer.BatchSkipgram:
		a = fasttext.UnsupervisedDefaults(fasttext.BatchSkipgram)
	}
	if s.mode() != trainer.Supervised {
		a.Minn, a.Maxn = 0, 0
		if s.bool("subwords") {
			a.Minn, a.Maxn = s.int("min_char"), s.int("max_char")
		}
		a.WS = s.int("window_size")
		a.T = s.float("sampling_threshold")
	}
	a.LR = s.float("learning_rate")
	a.Dim = s.int("vector_dim")
	a.Epoch = s.int("epochs")
	a.MinCount = s.int("min_count")
	a.Neg = s.int("negative_samples")
	a.Bucket = s.int("buckets")
	a.Seed = s.int("seed")
	a.Thread = s.intOr("threads", threads)
	return a
}
