package fasttext

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"time"
)

// A Checkpoint says where a training keeps what it has reached, so that one that was killed goes on
// from there instead of from the start. The file holds all weights, random numbers and
// counts at the end of an epoch: with one thread, or with Deterministic, a training that was
// interrupted gives the same model, bit for bit, as one that was not.
//
// If the file exists when Train has read its text, training goes on from it. It must be of
// the same text and options, Thread apart, or Train returns ErrOtherTraining. Train leaves the file
// where it is; whoever has put the model in safety removes it.
type Checkpoint struct {
	// Path is the file. It is replaced whole or not at all, and is on the disk before training
	// goes on. It takes 4 bytes for each weight that training can change.
	Path string
	// Every is the least time between two checkpoints. They are taken at the ends of
	// epochs, except the last one; with 0, at all of those.
	Every time.Duration

	// Note, if not nil, returns what the caller wants to have kept with a checkpoint, for
	// example what an OnEpoch function remembers of the epochs before. It is at most 1 MB
	// long and called after OnEpoch.
	Note func() []byte
	// OnResume, if not nil, is called before training goes on from a checkpoint, with the
	// epoch that it was taken after and the note. An error ends Train.
	OnResume func(epoch int, note []byte) error
}

// ErrOtherTraining means that a checkpoint is of a training with another text or other options.
var ErrOtherTraining = errors.New("the checkpoint is of another training")

// A checkpointHead is what comes before the weights in a checkpoint.
type checkpointHead struct {
	Training trainingID

	Epoch    int
	Words    int64   // tokens learned from
	Seconds  float64 // training has taken
	Loss     float64 // sum over the examples
	Examples int64
	Random   []uint64 // state of each worker's random numbers
	Best     bool     // whether the weights that were to be kept follow
	Sizes    [3]int   // values of the input matrix' used rows, of the output matrix and of the classes
	Note     []byte
}

// A trainingID tells trainings apart.
type trainingID struct {
	Text          string // what is read, as a number
	Vocabulary    string // the same of the dictionary that came of it
	Args          Args   // without what does not change the model
	Deterministic bool
	LabelWeights  map[string]float32
	BalanceLabels bool
	Continue      string // fingerprint of the model
}

func (t *trainer) id() (trainingID, error) {
	id := trainingID{t.text, t.model.dict.fingerprint(), t.opt.Args, t.opt.Deterministic, t.opt.LabelWeights, t.opt.BalanceLabels, ""}
	id.Args.Thread, id.Args.Verbose, id.Args.SaveOutput = 0, 0, false
	var err error
	if t.opt.Continue != nil {
		id.Continue, err = t.opt.Continue.fingerprint()
	}
	return id, err
}

// difference names what of two trainings differs; "" if nothing does.
func (id trainingID) difference(other trainingID) string {
	switch {
	case id.Text != other.Text:
		return "its text is another one"
	case id.Continue != other.Continue:
		return "it began with another model"
	}
	// By way of JSON, options get names and values that compare.
	members := func(v any) (m map[string]any) {
		text, _ := json.Marshal(v) // of numbers and strings: it does not fail
		_ = json.Unmarshal(text, &m)
		return m
	}
	was, is := members(id.Args), members(other.Args)
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if was[name] != is[name] {
			return fmt.Sprintf("its %s is %v, not %v", name, was[name], is[name])
		}
	}
	id.Args, other.Args = Args{}, Args{}
	a, _ := json.Marshal(id)
	b, _ := json.Marshal(other)
	switch {
	case string(a) == string(b):
		return ""
	case id.Vocabulary != other.Vocabulary:
		return "its vocabulary is another one"
	}
	return "it is or is not deterministic, or weighs labels otherwise"
}

// resume brings training to where its checkpoint is, if there is one, and returns the epochs
// that it has behind it then.
func (t *trainer) resume() (epochs int, err error) {
	c := t.opt.Checkpoint
	if c == nil {
		return 0, nil
	}
	t.saved = t.start
	f, err := os.Open(c.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, mayCreate(c.Path)
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	head, err := t.readCheckpoint(f)
	if errors.Is(err, ErrOtherTraining) {
		return 0, fmt.Errorf("%s: %w; remove the file, or name another", c.Path, err)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: not a checkpoint that training can go on from: %w; remove the file, or name another", c.Path, err)
	}
	t.start = t.start.Add(-time.Duration(head.Seconds * float64(time.Second)))
	t.done.Store(head.Words)
	for i, w := range t.workers {
		if i < len(head.Random) {
			*w.rng = rng(head.Random[i])
		}
		if t.opt.Deterministic {
			copy(w.out.data, t.out.data)
		}
	}
	first := t.workers[0]
	first.loss, first.examples = head.Loss, head.Examples
	first.report()
	t.stale = t.classes != nil
	if c.OnResume != nil {
		return head.Epoch, c.OnResume(head.Epoch, head.Note)
	}
	return head.Epoch, nil
}

// mayCreate finds out now, and not after an epoch, whether a file can be written.
func mayCreate(path string) error {
	f, err := createBeside(path)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// checkpoint writes the state of training at the end of an epoch, if it is time to.
func (t *trainer) checkpoint() error {
	c := t.opt.Checkpoint
	if c == nil || t.epoch >= t.args.Epoch || time.Since(t.saved) < c.Every {
		return nil
	}
	head := checkpointHead{Epoch: t.epoch, Words: t.done.Load(), Seconds: time.Since(t.start).Seconds(), Best: t.best != nil, Sizes: t.sizes()}
	var err error
	if head.Training, err = t.id(); err != nil {
		return err
	}
	for _, w := range t.workers {
		head.Random = append(head.Random, uint64(*w.rng))
		head.Loss += w.loss
		head.Examples += w.examples
	}
	if math.IsInf(head.Loss, 0) || math.IsNaN(head.Loss) {
		return ErrDiverged
	}
	if c.Note != nil {
		if head.Note = c.Note(); len(head.Note) > longestNote {
			return fmt.Errorf("the note for the checkpoint has %d bytes: want at most %d", len(head.Note), longestNote)
		}
	}
	if err := t.writeCheckpoint(c.Path, head); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	t.saved = time.Now()
	return nil
}

// sizes counts the values that a checkpoint has.
func (t *trainer) sizes() [3]int {
	rows := t.in.rows
	if t.in.used != nil {
		rows = t.in.used.count()
	}
	s := [3]int{rows * t.in.cols, t.out.rows * t.out.cols}
	if t.classes != nil {
		s[2] = t.classes.sums.rows * t.classes.sums.cols
	}
	return s
}

// check reports what cannot be in the head of a checkpoint of this training.
func (h *checkpointHead) check(t *trainer) error {
	const longest = 1e9 // seconds
	id, err := t.id()
	if err != nil {
		return err
	}
	if what := h.Training.difference(id); what != "" {
		return fmt.Errorf("%w: %s", ErrOtherTraining, what)
	}
	switch {
	case h.Sizes != t.sizes():
		return fmt.Errorf("it has matrices of %v values: want %v", h.Sizes, t.sizes())
	case h.Epoch < 1 || h.Epoch > t.args.Epoch:
		return fmt.Errorf("it is of epoch %d of %d", h.Epoch, t.args.Epoch)
	case h.Words < 0 || h.Words > t.total || h.Examples < 0 || !(h.Seconds >= 0 && h.Seconds <= longest):
		return errors.New("it has counts that cannot be")
	case len(h.Random) == 0:
		return errors.New("it has no random numbers")
	}
	return nil
}

// identity names the text if a checkpoint needs it to.
func (t *text) identity(opt TrainOptions) (string, error) {
	if opt.Checkpoint == nil {
		return "", nil
	}
	return t.fingerprint()
}
