package fasttext

import (
	"fmt"
	"math"
)

// Loss is the objective that training minimises. Its values are those of the file format.
type Loss int32

const (
	HierarchicalSoftmax Loss = 1 + iota // hs: a Huffman tree over the labels
	NegativeSampling                    // ns: the label against a few sampled others
	Softmax                             // softmax: the label against all others
	OneVsAll                            // one-vs-all: an independent yes or no per label
)

var lossNames = [...]string{
	HierarchicalSoftmax: "hs", NegativeSampling: "ns", Softmax: "softmax", OneVsAll: "one-vs-all",
}

// String returns the name the -loss option takes.
func (l Loss) String() string {
	if l >= HierarchicalSoftmax && l <= OneVsAll {
		return lossNames[l]
	}
	return fmt.Sprintf("loss(%d)", int32(l))
}

// ParseLoss returns the loss of that name: hs, ns, softmax, one-vs-all or ova.
func ParseLoss(name string) (Loss, error) {
	if name == "ova" {
		return OneVsAll, nil
	}
	for l, n := range lossNames {
		if n == name && n != "" {
			return Loss(l), nil
		}
	}
	return 0, fmt.Errorf("unknown loss %q: want hs, ns, softmax, one-vs-all or ova", name)
}

// ModelKind is what a model was trained to do. Its values are those of the file format.
type ModelKind int32

const (
	CBOW       ModelKind = 1 + iota // word vectors: a word from its context
	Skipgram                        // word vectors: the context from a word
	Supervised                      // a text classifier

	// BatchSkipgram trains skipgram vectors in small batches: all words of a window share the
	// negatives. Models and files of it are Skipgram.
	BatchSkipgram
)

// String returns the short name that the original prints: cbow, sg or sup; for BatchSkipgram,
// which it does not have, batch_skipgram.
func (k ModelKind) String() string {
	switch k {
	case CBOW:
		return "cbow"
	case Skipgram:
		return "sg"
	case Supervised:
		return "sup"
	case BatchSkipgram:
		return "batch_skipgram"
	}
	return fmt.Sprintf("model(%d)", int32(k))
}

// Args are the options of training, under the original's names. A loaded model
// knows only those that its file carries: Dim, WS, Epoch, MinCount, Neg,
// WordNgrams, Loss, Model, Bucket, Minn, Maxn, LRUpdateRate and T.
type Args struct {
	LR                float64   // learning rate at the start; falls linearly to 0
	LRUpdateRate      int       // tokens a thread reads between changes of the rate
	Dim               int       // length of a row, in float32 values
	WS                int       // context window, word vectors only
	Epoch             int       // passes over the text
	MinCount          int       // words seen less often are left out
	MinCountLabel     int       // labels seen less often are left out
	Neg               int       // negatives sampled per example, NegativeSampling only
	WordNgrams        int       // longest word n-gram
	Loss              Loss      //
	Model             ModelKind //
	Bucket            int       // rows shared by all n-grams, by hash; or AutoBucket
	Minn, Maxn        int       // shortest and longest character n-gram; Maxn 0 is none
	Thread            int       // workers; 1 makes training reproducible
	T                 float64   // sampling threshold, word vectors only
	Label             string    // what a label starts with
	Verbose           int       // kept for the command, which prints by it
	PretrainedVectors string    // a .vec file whose rows the words start from
	Seed              int       // of the starting rows and of every random choice
	SaveOutput        bool      // kept for the command: also write the output rows as text
}

// Defaults returns what the original starts from for skipgram.
func Defaults() Args {
	return Args{
		LR: 0.05, LRUpdateRate: 100, Dim: 100, WS: 5, Epoch: 5, MinCount: 5, Neg: 5, WordNgrams: 1,
		Loss: NegativeSampling, Model: Skipgram, Bucket: 2000000, Minn: 3, Maxn: 6, Thread: 12,
		T: 1e-4, Label: "__label__", Verbose: 2,
	}
}

// UnsupervisedDefaults returns what the original starts from for CBOW and Skipgram. BatchSkipgram, which is
// meant to be fast, has the same except that it starts without character n-grams.
func UnsupervisedDefaults(kind ModelKind) Args {
	a := Defaults()
	a.Model = kind
	if kind == BatchSkipgram {
		a.Minn, a.Maxn = 0, 0
	}
	return a
}

// SupervisedDefaults returns what the original starts from for supervised.
func SupervisedDefaults() Args {
	a := Defaults()
	a.Model, a.Loss, a.LR = Supervised, Softmax, 0.1
	a.MinCount, a.Minn, a.Maxn = 1, 0, 0
	return a
}

const (
	maxRowLength = 1 << 16 // bounds Dim, in options and in files
	longestNgram = 1000    // bounds WordNgrams and Maxn
)

// Validate reports the first option that is out of its range, by the option's
// name and the range.
func (a Args) Validate() error {
	buckets := a.Bucket
	if buckets == AutoBucket {
		buckets = 0
	}
	for _, o := range []struct {
		name     string
		value    int
		min, max int
	}{
		{"dim", a.Dim, 1, maxRowLength},
		{"epoch", a.Epoch, 0, math.MaxInt32},
		{"minCount", a.MinCount, 0, math.MaxInt32},
		{"minCountLabel", a.MinCountLabel, 0, math.MaxInt32},
		{"wordNgrams", a.WordNgrams, 0, longestNgram},
		{"bucket", buckets, 0, math.MaxInt32},
		{"minn", a.Minn, 0, longestNgram},
		{"maxn", a.Maxn, 0, longestNgram},
		{"neg", a.Neg, 0, 10000},
		{"ws", a.WS, 1, 10000},
		{"thread", a.Thread, 1, 10000},
		{"lrUpdateRate", a.LRUpdateRate, 1, math.MaxInt32},
	} {
		if o.value < o.min || o.value > o.max {
			if o.max == math.MaxInt32 {
				return fmt.Errorf("-%s is %d: want at least %d", o.name, o.value, o.min)
			}
			return fmt.Errorf("-%s is %d: want %d to %d", o.name, o.value, o.min, o.max)
		}
	}
	switch {
	case !(a.LR > 0) || math.IsInf(a.LR, 0):
		return fmt.Errorf("-lr is %v: want a number above 0", a.LR)
	case a.Seed < math.MinInt32 || a.Seed > math.MaxInt32:
		return fmt.Errorf("-seed is %d: want a 32-bit number", a.Seed)
	case a.Maxn > 0 && a.Minn > a.Maxn:
		return fmt.Errorf("-minn is %d: want at most -maxn, which is %d", a.Minn, a.Maxn)
	case a.Label == "":
		return fmt.Errorf("-label is empty: want the prefix that marks labels, such as __label__")
	case a.Loss < HierarchicalSoftmax || a.Loss > OneVsAll:
		return fmt.Errorf("-loss is %v: want hs, ns, softmax or one-vs-all", a.Loss)
	case a.Model < CBOW || a.Model > BatchSkipgram:
		return fmt.Errorf("model is %v: want supervised, cbow, skipgram or batch_skipgram", a.Model)
	case a.Model == BatchSkipgram && a.Loss != NegativeSampling:
		return fmt.Errorf("-loss is %v: batch_skipgram shares negatives, so it needs ns", a.Loss)
	case a.Model != Supervised && !(a.T > 0):
		return fmt.Errorf("-t is %v: want a number above 0; with 1, no frequent words are left out", a.T)
	case a.Bucket == AutoBucket && a.Model != Supervised:
		return fmt.Errorf("-bucket is auto: that is for classifiers, give a number for word vectors")
	case a.hashesNgrams() && a.Bucket == 0:
		return fmt.Errorf("-bucket is 0: word or character n-grams need at least 1")
	}
	return nil
}

// hashesNgrams reports whether any n-gram gets a row.
func (a Args) hashesNgrams() bool { return a.WordNgrams > 1 || a.Maxn > 0 }
