package training

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"github.com/heliograph/heliograph/internal/jobs"
)

// maxLine bounds what one line can make the engine keep, in bytes.
const maxLine = 64 << 20

// textReader is one pass over the text of a channel: its objects one after the
// other, decompressed, each ended by a newline.
type textReader struct {
	ctx     context.Context
	channel *channel
	limit   int64 // bytes of text that are allowed

	next    int           // the object to open next
	until   int           // the object to end before
	object  io.ReadCloser // the object being read, or nil
	text    io.Reader     // its text
	newline bool          // one is owed between objects
	last    byte          // of the object so far; '\n' at its beginning
	line    int64         // in the object, from 1
	length  int           // of the line so far
	total   int64         // bytes read in all
	invalid int64         // bytes of them that are not UTF-8
	carry   []byte        // the beginning of a rune at the end of what was read
	err     error         // what ended the pass: io.EOF, or why it failed
}

// text starts a pass over the channel, or over one object of it if i is not -1.
func (c *channel) text(ctx context.Context, i int) *textReader {
	r := &textReader{ctx: ctx, channel: c, limit: c.service.MaxMemoryBytes, until: len(c.inputs)}
	if i >= 0 {
		r.next, r.until = i, i+1
	}
	return r
}

// Read fills p as far as there is text, since the engine works on what one call
// delivers.
func (r *textReader) Read(p []byte) (n int, err error) {
	for n < len(p) && r.err == nil {
		switch {
		case r.newline:
			p[n], r.newline = '\n', false
			n++
		case r.text != nil:
			m, err := r.text.Read(p[n:])
			r.account(p[n : n+m])
			n += m
			switch {
			case r.err != nil:
			case err == io.EOF:
				r.finish()
			case err != nil:
				r.err = r.broken(err)
			}
		case r.next < r.until:
			r.err = r.open()
		default:
			r.err = io.EOF
		}
	}
	if r.err != nil {
		r.close()
	}
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, r.err
}

// Stats is how much text there was, and how many bytes of it are not UTF-8.
func (r *textReader) Stats() (bytes, invalid int64) { return r.total, r.invalid }

// Close ends the pass.
func (r *textReader) Close() error {
	r.close()
	return nil
}

func (r *textReader) info() string { return uriOf(r.channel.inputs[r.next-1].info) }

// open begins the next object.
func (r *textReader) open() error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	object, err := r.channel.object(r.ctx, r.next)
	if err != nil {
		return err
	}
	r.next++
	r.object, r.line, r.length, r.last = object, 1, 0, '\n'
	buffered := bufio.NewReaderSize(object, 1<<16)
	magic, _ := buffered.Peek(2)
	compressed := len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b
	switch {
	case !r.channel.gzip && compressed:
		return jobs.ClientFailure(nil, "The object %s of the channel %s is compressed with gzip. Set the channel's CompressionType to Gzip.",
			r.info(), r.channel.name)
	case r.channel.gzip && !compressed && len(magic) > 0:
		return jobs.ClientFailure(nil, "The object %s of the channel %s is not compressed with gzip, as the channel's CompressionType says. "+
			"Set CompressionType to None, or compress every object under the prefix.", r.info(), r.channel.name)
	case r.channel.gzip && compressed:
		text, err := gzip.NewReader(buffered)
		if err != nil {
			return r.broken(err)
		}
		r.text = text
	case r.channel.records != nil:
		r.text = r.channel.records.lines(r, buffered)
	default:
		r.text = buffered
	}
	return nil
}

// broken words a read error of the present object.
func (r *textReader) broken(err error) error {
	if r.channel.gzip && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)) {
		return jobs.ClientFailure(err, "The object %s of the channel %s is a gzip file that ends early, after %d bytes of text. It was probably cut off; upload it again.",
			r.info(), r.channel.name, r.total)
	}
	if r.channel.gzip && r.ctx.Err() == nil {
		return jobs.ClientFailure(err, "The object %s of the channel %s is a damaged gzip file (at %d bytes of text). Upload it again.",
			r.info(), r.channel.name, r.total)
	}
	return err
}

// finish ends an object at its end.
func (r *textReader) finish() {
	r.newline = r.last != '\n'
	r.invalid += int64(len(r.carry))
	r.carry = r.carry[:0]
	r.close()
}

func (r *textReader) close() {
	if r.object != nil {
		r.object.Close()
		r.object, r.text = nil, nil
	}
}

// account counts what was read and holds it against the limits.
func (r *textReader) account(p []byte) {
	if len(p) == 0 {
		return
	}
	r.total += int64(len(p))
	if r.total > r.limit {
		r.err = jobs.ClientFailure(nil, "The channel %s holds more than %s of text, which is what a training job on this server may have. Train on a part of it.",
			r.channel.name, byteSize(r.limit))
		return
	}
	if i := bytes.LastIndexByte(p, '\n'); i >= 0 {
		r.line += int64(bytes.Count(p[:i+1], []byte{'\n'}))
		r.length = len(p) - i - 1
	} else {
		r.length += len(p)
	}
	if r.length > maxLine {
		r.err = jobs.ClientFailure(nil, "Line %d of %s in the channel %s is longer than %s. Put one text on a line, and end lines with a newline.",
			r.line, r.info(), r.channel.name, byteSize(maxLine))
		return
	}
	r.last = p[len(p)-1]
	r.check(p)
}

// check counts bytes that are not UTF-8, wherever p cuts a rune in two.
func (r *textReader) check(p []byte) {
	for len(r.carry) > 0 {
		if utf8.FullRune(r.carry) {
			c, size := utf8.DecodeRune(r.carry)
			if c == utf8.RuneError && size == 1 {
				r.invalid++
			}
			r.carry = append(r.carry[:0], r.carry[size:]...)
			continue
		}
		if len(p) == 0 {
			return
		}
		r.carry, p = append(r.carry, p[0]), p[1:]
	}
	for i := len(p) - 1; i >= 0 && i >= len(p)-utf8.UTFMax+1; i-- {
		if utf8.RuneStart(p[i]) {
			if !utf8.FullRune(p[i:]) {
				r.carry, p = append(r.carry, p[i:]...), p[:i]
			}
			break
		}
	}
	if utf8.Valid(p) {
		return
	}
	for len(p) > 0 {
		c, size := utf8.DecodeRune(p)
		if c == utf8.RuneError && size == 1 {
			r.invalid++
		}
		p = p[size:]
	}
}
