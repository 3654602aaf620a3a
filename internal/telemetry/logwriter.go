package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"
)

// Line is one line of a log stream, without its end.
type Line struct {
	At   time.Time
	Text string // valid UTF-8
}

const (
	flushDelay   = 250 * time.Millisecond
	flushLines   = 100
	maxLineBytes = 256 << 10 // what a CloudWatch Logs event may have
	maxPending   = 10_000    // lines kept while the destination fails
	retryDelay   = time.Second
)

// LogWriter is an io.Writer that splits what is written into lines, stamps each
// with the time, and appends them in batches: after 250 ms or 100 lines,
// whichever comes first. Lines arrive in order and once. If appending fails it
// is tried again every second; of more than 10,000 waiting lines the oldest are
// dropped, and a line says how many. Writing never waits for the destination.
type LogWriter struct {
	append func(ctx context.Context, lines []Line) error
	now    func() time.Time

	mu      sync.Mutex
	partial []byte // the line that has not ended yet
	pending []Line
	dropped int
	closed  bool

	some    chan struct{} // holds a token when there are lines
	full    chan struct{} // holds a token when there is a batch of them
	closing chan struct{}
	done    chan struct{}
	err     error // of the last attempt; for Close, after done
}

// NewLogWriter returns a writer that appends through fn, which must not keep
// the slice. now is the clock of the stamps; nil: time.Now. Close it.
func NewLogWriter(fn func(ctx context.Context, lines []Line) error, now func() time.Time) *LogWriter {
	if now == nil {
		now = time.Now
	}
	w := &LogWriter{append: fn, now: now,
		some: make(chan struct{}, 1), full: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

// Write takes text in any portions; a line ends with \n or \r\n. Longer lines
// than 256 KiB are split. It fails only after Close.
func (w *LogWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, fmt.Errorf("write to a closed log stream")
	}
	n := len(p)
	for len(p) > 0 {
		if len(w.partial) == maxLineBytes && p[0] != '\n' {
			w.splitLine()
		}
		end := bytes.IndexByte(p, '\n')
		part, whole := p, end >= 0
		if whole {
			part = p[:end]
		}
		if room := maxLineBytes - len(w.partial); len(part) > room {
			part, whole = p[:room], false
		}
		w.partial = append(w.partial, part...)
		p = p[len(part):]
		if whole {
			p = p[1:]
			w.endLine()
		}
	}
	return n, nil
}

// splitLine ends an over-long line, but not within a character.
func (w *LogWriter) splitLine() {
	cut := len(w.partial)
	for i := 1; i < utf8.UTFMax && i < cut; i++ {
		if c := w.partial[cut-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(w.partial[cut-i:]) {
				cut -= i
			}
			break
		}
	}
	rest := bytes.Clone(w.partial[cut:])
	w.partial = w.partial[:cut]
	w.endLine()
	w.partial = append(w.partial, rest...)
}

func (w *LogWriter) endLine() {
	text := bytes.TrimSuffix(w.partial, []byte("\r"))
	w.pending = append(w.pending, Line{At: w.now(), Text: string(bytes.ToValidUTF8(text, []byte("\uFFFD")))})
	w.partial = w.partial[:0]
	if over := len(w.pending) - maxPending; over > 0 {
		w.pending = w.pending[over:]
		w.dropped += over
	}
	signal(w.some)
	if len(w.pending) >= flushLines {
		signal(w.full)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Close appends what is left, an unended line included, and returns the error
// of that last attempt. Closing again returns the same.
func (w *LogWriter) Close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		if len(w.partial) > 0 {
			w.endLine()
		}
		close(w.some)
		close(w.closing)
	}
	w.mu.Unlock()
	<-w.done
	return w.err
}

func (w *LogWriter) run() {
	defer close(w.done)
	for range w.some {
		w.wait(flushDelay, w.full)
		for w.flush() != nil && w.wait(retryDelay, nil) {
		}
	}
	if err := w.flush(); err != nil {
		w.err = fmt.Errorf("append to the log stream: %w", err)
	}
}

// wait waits for d or a token of early, and reports whether the writer is still open.
func (w *LogWriter) wait(d time.Duration, early <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-early:
	case <-w.closing:
		return false
	}
	return true
}

// flush appends what is pending; on failure the lines go back in front.
func (w *LogWriter) flush() error {
	w.mu.Lock()
	lines, dropped := w.pending, w.dropped
	w.pending, w.dropped = nil, 0
	w.mu.Unlock()
	if dropped > 0 && len(lines) > 0 {
		lost := Line{At: lines[0].At, Text: fmt.Sprintf("[%d lines were lost here because the log could not be written]", dropped)}
		lines = append([]Line{lost}, lines...)
	}
	if len(lines) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := w.append(ctx, lines)
	if err != nil {
		w.mu.Lock()
		if dropped > 0 {
			lines = lines[1:]
		}
		w.pending = append(lines, w.pending...)
		if over := len(w.pending) - maxPending; over > 0 {
			w.pending = w.pending[over:]
			dropped += over
		}
		w.dropped += dropped
		w.mu.Unlock()
	}
	return err
}
