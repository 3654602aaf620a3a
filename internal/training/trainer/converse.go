package trainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Text is a pass over a channel. Stats is asked at its end.
type Text interface {
	io.ReadCloser
	Stats() (bytes, invalid int64)
}

// Host is what the server does for a process. Its methods are called one at a
// time, but for reading a Text, which goes on beside.
type Host interface {
	// Open starts a pass over one file of a channel of the Task, or, if file is -1, over all.
	Open(channel string, file int) (Text, error)
	// Log takes log text, with its newlines.
	Log(text []byte)
	// Epoch takes what was measured after an epoch.
	Epoch(Epoch) error
	// Upload stores the archive, which it reads to its end; a read error other than io.EOF means that
	// there is none.
	Upload(archive io.Reader) error
}

// Converse is the server's side: it gives the process whose standard input and
// output are in and out its task and what it asks for, until the process has
// delivered its model. It returns the final metrics. Errors are the cause of ctx's end, those
// of the Host, a *Failure that the process reports, and others if the process doesn't keep to the
// rules, ErrEnded among them.
//
// end is called before Converse returns, and must end the process so that out
// ends too. The Host is not called any more when Converse has returned.
func Converse(ctx context.Context, in io.Writer, out io.Reader, task Task, host Host, end func()) (metrics []Metric, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := &conversation{host: host, to: &frameWriter{w: in}, cancel: cancel, task: task}
	defer c.sends.Wait()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		metrics, err = c.listen(out)
	}()
	select {
	case <-answered:
		end()
	case <-ctx.Done():
		end()
		<-answered
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return metrics, err
}

// ErrEnded means that a process ended without having said how its training went.
var ErrEnded = errors.New("the training process ended early")

type conversation struct {
	host   Host
	task   Task
	to     *frameWriter
	cancel context.CancelCauseFunc

	sends   sync.WaitGroup // passes
	reading chan struct{}  // closed when the pass under way has ended; nil before the first
	archive *io.PipeWriter // nil until the model is trained
	stored  chan error     // of Upload
}

// listen reads frames until the last one.
func (c *conversation) listen(out io.Reader) (metrics []Metric, err error) {
	defer func() {
		if c.archive != nil && err != nil {
			c.archive.CloseWithError(err)
			<-c.stored
		}
	}()
	// That the task can't be written means that the process has ended, of which
	// reading tells more.
	_ = c.to.json(frameTask, c.task)
	var buf []byte
	for {
		var kind byte
		if kind, buf, err = readFrame(out, buf); err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, ErrEnded
		} else if err != nil {
			return nil, fmt.Errorf("the training process can't be read: %w", err)
		}
		switch kind {
		case frameLog:
			c.host.Log(buf)
		case frameOpen:
			err = c.open(buf)
		case frameEpoch:
			var epoch Epoch
			if err = decode(kind, buf, &epoch); err == nil {
				err = c.host.Epoch(epoch)
			}
		case frameTrained:
			err = c.trained()
		case frameArchive:
			err = c.part(buf)
		case frameFailed:
			failure := new(Failure)
			if err = decode(kind, buf, failure); err == nil {
				err = failure
			}
		case frameDone:
			if err = decode(kind, buf, &metrics); err == nil {
				return metrics, c.finish()
			}
		default:
			err = fmt.Errorf("the training process sent a frame %q, which is unknown", kind)
		}
		if err != nil {
			return nil, err
		}
	}
}

// open starts to send a pass.
func (c *conversation) open(content []byte) error {
	var o opening
	if err := decode(frameOpen, content, &o); err != nil {
		return err
	}
	if c.reading != nil {
		select {
		case <-c.reading:
		default:
			return errors.New("the training process asked for a text before it had read the one before")
		}
	}
	known := false
	for _, channel := range c.task.Channels {
		known = known || channel.Name == o.Channel && o.File >= -1 && o.File < len(channel.Files)
	}
	if !known {
		return fmt.Errorf("the training process asked for file %d of the channel %q, which it has not", o.File, o.Channel)
	}
	text, err := c.host.Open(o.Channel, o.File)
	if err != nil {
		return err
	}
	done := make(chan struct{})
	c.reading = done
	c.sends.Go(func() {
		defer text.Close()
		if err := c.send(text, done); err != nil {
			c.cancel(err)
		}
	})
	return nil
}

// send sends a pass and closes done, which it does before the last frame, since
// the process may ask again as soon as it has that.
func (c *conversation) send(text Text, done chan struct{}) error {
	buf := make([]byte, textFrame)
	for {
		n, err := text.Read(buf)
		if n > 0 {
			if err := c.to.write(frameText, buf[:n]); err != nil {
				return nil // the process has ended; listen tells why
			}
		}
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
	}
	bytes, invalid := text.Stats()
	close(done)
	_ = c.to.json(frameEnd, ending{bytes, invalid})
	return nil
}

// trained begins the upload.
func (c *conversation) trained() error {
	if c.archive != nil {
		return errors.New("the training process sent two models")
	}
	r, w := io.Pipe()
	c.archive, c.stored = w, make(chan error, 1)
	go func() {
		err := c.host.Upload(r)
		if err == nil {
			// What is left over is a mistake of Upload, but must not block.
			_, err = io.Copy(io.Discard, r)
		}
		r.CloseWithError(err)
		c.stored <- err
		if err != nil {
			c.cancel(err)
		}
	}()
	return nil
}

func (c *conversation) part(content []byte) error {
	if c.archive == nil {
		return errors.New("the training process sent a model before it had trained")
	}
	if _, err := c.archive.Write(content); err != nil {
		return fmt.Errorf("the model can't be stored: %w", err)
	}
	return nil
}

// finish ends the upload.
func (c *conversation) finish() error {
	if c.archive == nil {
		return errors.New("the training process ended without a model")
	}
	c.archive.Close()
	c.archive = nil
	return <-c.stored
}
