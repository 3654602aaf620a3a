package fasttext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// A trialLog is the file of a search: a line that says what search it is, and one for
// each trial that ended, in the order they ended in.
type trialLog struct{ f *os.File }

// A logHead is the first line.
type logHead struct {
	Version     int      `json:"autotune"`
	Metric      string   `json:"metric"`
	Predictions int      `json:"predictions"`
	ModelSize   int64    `json:"modelSize"`
	LargestDim  int      `json:"largestDim"`
	Trials      bool     `json:"reproducible"` // trials are limited by their number
	Threads     int      `json:"threads"`
	Args        Args     `json:"args"`
	Fixed       []string `json:"fixed"`
	Train       string   `json:"train"`      // what the text is, as a number
	Validation  string   `json:"validation"` // the same
}

const (
	logVersion  = 1
	largestLog  = 1 << 28 // bytes
	logIsOthers = "is the log of another search (other texts, options or number of threads): choose another file, or remove it"
)

// openLog opens the log, takes over the trials that stand in it, and cuts off a line
// that was not written to its end.
func (s *search) openLog() error {
	a := s.opt.Args
	a.Thread, a.Verbose = 0, 0
	train, err := s.train.fingerprint()
	if err != nil {
		return err
	}
	held, err := s.held.fingerprint()
	if err != nil {
		return err
	}
	head, err := json.Marshal(logHead{logVersion, s.opt.Metric.String(), s.opt.Predictions, s.opt.ModelSize, s.opt.LargestDim,
		s.opt.Trials > 0, s.opt.Thread, a, slices.Compact(slices.Sorted(slices.Values(s.opt.Fixed))),
		train, held})
	if err != nil {
		return fmt.Errorf("autotune log: %w", err)
	}
	f, err := os.OpenFile(s.opt.Log, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return fmt.Errorf("autotune log: %w", err)
	}
	s.log = &trialLog{f}
	if err := s.readLog(head); err != nil {
		f.Close()
		return fmt.Errorf("autotune log: %s %w", s.opt.Log, err)
	}
	return nil
}

func (s *search) readLog(head []byte) error {
	f := s.log.f
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() > largestLog {
		return errors.New(logIsOthers)
	}
	data := make([]byte, info.Size())
	if _, err := f.ReadAt(data, 0); err != nil {
		return err
	}
	whole := data[:bytes.LastIndexByte(data, '\n')+1]
	if len(whole) == 0 {
		if !bytes.HasPrefix(head, data) {
			return errors.New(logIsOthers)
		}
		if err := f.Truncate(0); err != nil {
			return err
		}
		return s.log.line(head)
	}
	first, rest, _ := bytes.Cut(whole, []byte("\n"))
	if !bytes.Equal(first, head) {
		return errors.New(logIsOthers)
	}
	for line := 2; len(rest) > 0; line++ {
		var text []byte
		text, rest, _ = bytes.Cut(rest, []byte("\n"))
		t := &Trial{}
		if err := json.Unmarshal(text, t); err != nil {
			return fmt.Errorf("line %d is not a trial: %w", line, err)
		}
		if err := s.accept(t); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	if err := f.Truncate(int64(len(whole))); err != nil {
		return err
	}
	_, err = f.Seek(int64(len(whole)), 0)
	return err
}

// accept takes over a trial from the log.
func (s *search) accept(t *Trial) error {
	const longest = 1e9 // seconds
	switch {
	case t.Number < 1 || s.done[t.Number] != nil:
		return fmt.Errorf("trial %d stands there twice, or is none", t.Number)
	case t.Score < 0 || t.Score > 1 || len(t.Curve) > 4:
		return fmt.Errorf("trial %d has a score that cannot be", t.Number)
	case t.Seconds < 0 || t.Elapsed < 0 || t.Elapsed > longest:
		return fmt.Errorf("trial %d has a time that cannot be", t.Number)
	}
	if err := t.args(s.opt.Args).Validate(); err != nil {
		return fmt.Errorf("trial %d: %w", t.Number, err)
	}
	// The best one may be trained again, so a crafted line must not ask for more than a search would.
	from := s.opt.Args
	if t.Dim > max(s.opt.LargestDim, from.Dim) || t.Bucket > max(largestBucket, from.Bucket) || t.Epoch > max(mostEpochs, from.Epoch) ||
		t.WordNgrams > max(longestWords, from.WordNgrams) || t.Maxn > max(longestCharacters, from.Maxn) {
		return fmt.Errorf("trial %d has options that a search does not choose", t.Number)
	}
	s.done[t.Number] = t
	s.before = max(s.before, time.Duration(t.Elapsed*float64(time.Second)))
	if !t.Diverged && !t.Stopped && (s.best == nil || compareTrials(t, s.best) < 0) {
		s.best = t
	}
	return nil
}

func (l *trialLog) add(t *Trial) error {
	text, err := json.Marshal(t)
	if err == nil {
		err = l.line(text)
	}
	if err != nil {
		return fmt.Errorf("autotune log: %w", err)
	}
	return nil
}

// line writes a line and waits until it is on the disk: a trial may be hours of work.
func (l *trialLog) line(text []byte) error {
	if _, err := l.f.Write(append(text, '\n')); err != nil {
		return err
	}
	return l.f.Sync()
}

// Close closes the file; all that was added is on the disk already.
func (l *trialLog) Close() { l.f.Close() }

// fingerprint tells texts apart: a hash of their tokens and line ends in order.
func (t *text) fingerprint() (string, error) {
	const prime = 1099511628211 // of 64-bit FNV-1a
	h := uint64(14695981039346656037)
	var b textBlock
	for i := range t.blocks {
		if err := t.load(i, &b); err != nil {
			return "", err
		}
		entries, tokens := t.lexicons[b.reader].entries, b.tokens
		for _, n := range b.lines {
			for _, token := range tokens[:n] {
				h = (h ^ uint64(entries[token].hash)) * prime
			}
			tokens = tokens[n:]
			h = (h ^ 1<<32) * prime
		}
	}
	return fmt.Sprintf("%016x-%d", h, t.tokens), nil
}
