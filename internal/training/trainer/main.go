package trainer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"
)

// Main is the process: it trains as the server at the other end of in and out
// says, and returns the exit status: 0 if it could say how that went. gone
// is called when in ends before that, as it does when the server does; if it returns, the training
// fails where it next needs the server.
func Main(in io.Reader, out io.Writer, gone func()) int {
	settle()
	c := &client{to: &frameWriter{w: out}, in: make(chan frame), free: make(chan []byte, 2)}
	c.free <- nil
	c.free <- nil
	go func() {
		c.listen(in)
		gone()
		close(c.in)
	}()
	first := <-c.in
	var task Task
	err := first.expect(frameTask, &task)
	c.free <- first.content
	if err == nil {
		err = c.run(task)
	}
	if err == nil {
		return 0
	}
	failure, ok := errors.AsType[*Failure](err)
	if !ok {
		failure = &Failure{Class: "AlgorithmError", Cause: err.Error(),
			Reason: "The training ended in an internal fault; the server's log has the details under the job's name. Please report it."}
	}
	if c.to.json(frameFailed, failure) != nil {
		return 1
	}
	return 0
}

// client is the process's end of the conversation.
type client struct {
	to   *frameWriter
	in   chan frame
	free chan []byte // buffers that frames may be read into
}

type frame struct {
	kind    byte
	content []byte
}

// expect decodes a frame that must be of a kind.
func (f frame) expect(kind byte, v any) error {
	if f.kind != kind {
		return fmt.Errorf("the server sent a frame %q in place of %q", f.kind, kind)
	}
	return decode(kind, f.content, v)
}

// listen reads frames until in ends.
func (c *client) listen(in io.Reader) {
	for {
		kind, content, err := readFrame(in, <-c.free)
		if err != nil {
			return
		}
		c.in <- frame{kind, content}
	}
}

func (c *client) run(task Task) error {
	r := runner{client: c, task: task}
	if task.Mode == Supervised {
		return r.supervised()
	}
	return r.vectors()
}

// runner is one training: what its modes have in common.
type runner struct {
	*client
	task Task

	loggedAt time.Time // of the last progress line
	logged   float64   // progress it told
}

// channel returns the channel of that name, nil if there is none.
func (r *runner) channel(name string) *Channel {
	for i := range r.task.Channels {
		if r.task.Channels[i].Name == name {
			return &r.task.Channels[i]
		}
	}
	return nil
}

// printf logs a line.
func (c *client) printf(format string, args ...any) {
	// If it can't be written, the server is gone, and so is this process in a moment.
	_ = c.to.write(frameLog, fmt.Appendf(nil, format+"\n", args...))
}

// info logs a line as BlazingText's Python side words it.
func (c *client) info(format string, args ...any) {
	c.printf("%s", Stamp(time.Now(), "INFO", format, args...))
}

func (c *client) warn(format string, args ...any) {
	c.printf("%s", Stamp(time.Now(), "WARNING", format, args...))
}

// Stamp words a line as BlazingText's Python side does, with time, level and the
// number of the process where that has its thread's.
func Stamp(at time.Time, level, format string, args ...any) string {
	return fmt.Sprintf("[%s %s %d] %s", at.UTC().Format("01/02/2006 15:04:05"), level, os.Getpid(), fmt.Sprintf(format, args...))
}

// text is a pass over a channel.
type text struct {
	client *client
	rest   []byte // of buf, not read yet
	buf    []byte
	end    ending // at the end
	done   bool
	err    error // why it ended before its end
}

// open starts a pass over a channel's files, or one of them.
func (c *client) open(channel string, file int) (*text, error) {
	if err := c.to.json(frameOpen, opening{channel, file}); err != nil {
		return nil, err
	}
	return &text{client: c}, nil
}

// Read fills p as far as there is text, since the engine works on what one call delivers.
func (t *text) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(t.rest) == 0 && !t.next() {
			break
		}
		m := copy(p[n:], t.rest)
		t.rest = t.rest[m:]
		n += m
	}
	switch {
	case n > 0 || len(p) == 0:
		return n, nil
	case t.err != nil:
		return 0, t.err
	}
	return 0, io.EOF
}

// next takes the next part of the text; false at the end.
func (t *text) next() bool {
	if t.done || t.err != nil {
		return false
	}
	if t.buf != nil {
		t.client.free <- t.buf
		t.buf = nil
	}
	f := <-t.client.in
	if f.kind != frameText {
		t.done = true
		t.err = f.expect(frameEnd, &t.end)
		t.client.free <- f.content
		return false
	}
	t.buf, t.rest = f.content, f.content
	return true
}

// limitHeap leaves the collector what the matrices don't take.
func (r *runner) limitHeap(matrices int64) {
	if r.task.MemoryBytes > 0 {
		debug.SetMemoryLimit(max(r.task.MemoryBytes-matrices, r.task.MemoryBytes/8, 64<<20))
	}
}
