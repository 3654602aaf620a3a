package trainer

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// A frame is a byte that says what it is, the length of its content in four
// bytes, most significant first, and the content.
const (
	frameTask    = 'T' // from the server: Task, in JSON
	frameText    = 'D' // from the server: a part of the text asked for
	frameEnd     = 'E' // from the server: ending, in JSON
	frameOpen    = 'O' // from the process: opening, in JSON
	frameLog     = 'L' // from the process: log text, with its newlines
	frameEpoch   = 'M' // from the process: Epoch, in JSON
	frameTrained = 'U' // from the process: nothing; the archive follows
	frameArchive = 'A' // from the process: a part of the archive
	frameDone    = 'Z' // from the process: the final metrics, in JSON, the last frame
	frameFailed  = 'F' // from the process: Failure, in JSON, the last frame
)

const (
	frameHead = 5
	maxFrame  = 1 << 20   // a frame's content
	textFrame = 128 << 10 // what text and archives are cut to
)

// opening asks for a pass over a channel, or over one file of it.
type opening struct {
	Channel string
	File    int // -1 for all
}

// ending tells about a pass at its end.
type ending struct {
	Bytes   int64
	Invalid int64 // bytes of those that are not UTF-8
}

// frameWriter writes frames, each with one Write. It is safe for concurrent use.
type frameWriter struct {
	mu  sync.Mutex
	w   io.Writer
	buf []byte
}

func (f *frameWriter) write(kind byte, content []byte) error {
	if len(content) > maxFrame {
		return fmt.Errorf("a frame %q of %d bytes is longer than %d", kind, len(content), maxFrame)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buf = append(f.buf[:0], kind, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(f.buf[1:], uint32(len(content)))
	f.buf = append(f.buf, content...)
	_, err := f.w.Write(f.buf)
	return err
}

func (f *frameWriter) json(kind byte, v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return f.write(kind, content)
}

// parts writes what comes as frames of one kind.
type parts struct {
	to   *frameWriter
	kind byte
}

func (p parts) Write(b []byte) (n int, err error) {
	for n < len(b) {
		m := min(len(b)-n, textFrame)
		if err := p.to.write(p.kind, b[n:n+m]); err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}

// readFrame reads a frame into buf, which it grows if need be. At the end of r,
// between frames, it returns io.EOF.
func readFrame(r io.Reader, buf []byte) (kind byte, content []byte, err error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, buf, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, buf, fmt.Errorf("a frame %q claims %d bytes; at most %d are possible", head[0], n, maxFrame)
	}
	if uint32(cap(buf)) < n {
		buf = make([]byte, n, max(n, textFrame))
	}
	content = buf[:n]
	if _, err := io.ReadFull(r, content); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, content, err
	}
	return head[0], content, nil
}

// decode reads the content of a JSON frame.
func decode(kind byte, content []byte, v any) error {
	if err := json.Unmarshal(content, v); err != nil {
		return fmt.Errorf("a frame %q can't be read: %w", kind, err)
	}
	return nil
}
