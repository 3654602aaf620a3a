package audit

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
)

// bufferFile holds the last lines until there are enough for a write to the
// trail's file. It is shared memory: what is there outlives this process, and the
// next start takes it from there. A zero ends it.
const (
	bufferFile  = "buffer"
	bufferBytes = 256 << 10
)

// reserveBytes is how much of the disk is set aside for entries, so that a full
// disk doesn't keep an operator from deleting something.
const reserveBytes = 4 << 20

// openBuffer maps the buffer, and returns what an end without warning has left
// in it.
func (t *Trail) openBuffer() (left []byte, err error) {
	path := filepath.Join(t.opt.Dir, bufferFile)
	if f, err := os.Open(path); err == nil {
		left, err = io.ReadAll(io.LimitReader(f, bufferBytes))
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	if t.memory, err = openMemory(path, bufferBytes); err != nil {
		return nil, err
	}
	left, _, _ = bytes.Cut(left, []byte{0})
	return left, nil
}

// put takes lines that go to t.size. It keeps them in the buffer, if they fit.
func (t *Trail) put(lines []byte) error {
	if t.used+len(lines) >= len(t.memory) {
		if err := t.spill(); err != nil {
			return err
		}
	}
	if len(lines) < len(t.memory) {
		return t.keep(lines)
	}
	t.reserve(int64(len(lines)))
	if _, err := t.file.WriteAt(lines, t.spilled); err != nil {
		return err
	}
	t.spilled += int64(len(lines))
	return nil
}

// keep copies lines to the buffer. Somebody may have cut its file meanwhile,
// which is a fault of memory.
func (t *Trail) keep(lines []byte) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%s was cut, or its disk failed: %v", bufferFile, fault)
		}
	}()
	t.memory[t.used+len(lines)] = 0
	copy(t.memory[t.used:], lines)
	t.used += len(lines)
	return nil
}

// spill writes what is in the buffer to the file.
func (t *Trail) spill() (err error) {
	if t.used == 0 {
		return nil
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%s was cut, or its disk failed: %v", bufferFile, fault)
		}
	}()
	t.reserve(int64(t.used))
	if _, err := t.file.WriteAt(t.memory[:t.used], t.spilled); err != nil {
		return err // what was written of it is written again
	}
	t.memory[0] = 0
	t.spilled, t.used = t.spilled+int64(t.used), 0
	t.endMu.Lock()
	t.inFile = t.end
	t.endMu.Unlock()
	return nil
}

// reserve sets room aside for n bytes and those after them. Where it can't, the
// write will tell.
func (t *Trail) reserve(n int64) {
	if t.reserved-t.spilled-n >= reserveBytes/2 {
		return
	}
	if err := allocate(t.file, t.spilled, n+reserveBytes); err == nil {
		t.reserved = t.spilled + n + reserveBytes
	}
}

// replay puts behind end what of the buffer's lines follows it there, and
// returns the new end. The rest was in the file already, or was never whole.
func (t *Trail) replay(end Point, left []byte) (Point, error) {
	from := end
	var follow []byte
	for l := newLines(bytes.NewReader(left), 0); ; {
		line, err := l.next()
		if err != nil {
			break
		}
		p, err := next(from, line)
		if err != nil {
			continue // an earlier one
		}
		follow = append(append(follow, line...), '\n')
		p.offset = end.offset + int64(len(follow))
		from = p
	}
	if len(follow) == 0 {
		return end, nil
	}
	if err := t.file.Truncate(end.offset); err != nil { // a spill that was cut
		return end, err
	}
	_, err := t.file.WriteAt(follow, end.offset)
	return from, err
}
