package fasttext

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// Save writes the model in format version 12.
func (m *Model) Save(w io.Writer) error {
	held := m.borrow()
	if held == nil {
		return ErrClosed
	}
	defer m.giveBack(held)
	e := &encoder{w: bufio.NewWriterSize(w, 1<<18)}
	if h, ok := w.(*holeWriter); ok {
		e.skip = h.skip
	}
	e.args(m.args)
	e.dictionary(m.dict)
	e.bool(m.quantised)
	e.matrix(m.in)
	e.bool(m.qout)
	e.matrix(m.out)
	runtime.KeepAlive(m)
	if e.err != nil {
		return e.err
	}
	return e.w.Flush()
}

// SaveFile writes the model to a file, which is there whole or not at all: it is
// written beside it under another name, synced and renamed. Long runs of zeros, as
// rows of n-grams that never occurred are, become holes where the file system has them.
func (m *Model) SaveFile(path string) error {
	return WriteFile(path, m.Save)
}

// WriteFile creates or replaces a file with what write writes, whole or not at all.
// When it returns, the file is on the disk.
func WriteFile(path string, write func(io.Writer) error) error {
	return writeFile(path, write, true)
}

// ReplaceFile is WriteFile, except that it leaves it to the system when the file gets
// to the disk. If the machine fails within the next seconds, it may be lost or empty; so it is for
// results that can be made again.
func ReplaceFile(path string, write func(io.Writer) error) error {
	return writeFile(path, write, false)
}

func writeFile(path string, write func(io.Writer) error, durable bool) (err error) {
	f, err := createBeside(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	h := &holeWriter{f: f}
	if err := write(h); err != nil {
		return err
	}
	if err := h.finish(); err != nil {
		return err
	}
	if durable {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	if !durable {
		return nil
	}
	// The rename itself is only durable once the folder is. Not every system lets a
	// folder be opened for that.
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync()
		dir.Close()
	}
	return nil
}

// createBeside creates a file with a new name in the folder of path, with the
// rights that path would get (os.CreateTemp gives it to its owner alone).
func createBeside(path string) (*os.File, error) {
	for i := 0; ; i++ {
		name := path + ".tmp" + strconv.Itoa(os.Getpid()) + "-" + strconv.Itoa(i)
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil || !errors.Is(err, os.ErrExist) || i == 10000 {
			return f, err
		}
	}
}

// A holeWriter writes a file and skips whole pages of zeros.
type holeWriter struct {
	f   *os.File
	off int64
}

const page = 4096

var zeroPage [page]byte

func (h *holeWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		// Pages are those of the file, so the first piece goes up to the next one.
		n := min(len(p), page-int(h.off%page))
		zero := n == page && bytes.Equal(p[:n], zeroPage[:])
		for n < len(p) {
			next := min(len(p)-n, page)
			if (next == page && bytes.Equal(p[n:n+next], zeroPage[:])) != zero {
				break
			}
			n += next
		}
		if !zero {
			if _, err := h.f.WriteAt(p[:n], h.off); err != nil {
				return written, err
			}
		}
		h.off += int64(n)
		written += n
		p = p[n:]
	}
	return written, nil
}

// skip leaves out n bytes, which stay 0.
func (h *holeWriter) skip(n int64) { h.off += n }

// finish makes the file as long as what was written.
func (h *holeWriter) finish() error { return h.f.Truncate(h.off) }

func (e *encoder) args(a Args) {
	e.int32(fileMagic)
	e.int32(fileVersion)
	for _, v := range []int{a.Dim, a.WS, a.Epoch, a.MinCount, a.Neg, a.WordNgrams, int(a.Loss), int(a.Model),
		a.Bucket, a.Minn, a.Maxn, a.LRUpdateRate} {
		e.int32(int32(v))
	}
	e.int64(int64(math.Float64bits(a.T)))
}

func (e *encoder) dictionary(d *dictionary) {
	e.int32(int32(d.size()))
	e.int32(int32(d.words))
	e.int32(int32(d.labels()))
	e.int64(d.tokens)
	e.int64(d.prunedSize)
	for id := range d.size() {
		e.write(d.token(id))
		e.write([]byte{0})
		e.int64(d.counts[id])
		kind := byte(kindWord)
		if id >= d.words {
			kind = kindLabel
		}
		e.write([]byte{kind})
	}
	for _, v := range d.prunedPairs {
		e.int32(v)
	}
}

func (e *encoder) matrix(m matrix) {
	switch m := m.(type) {
	case *dense:
		e.int64(int64(m.rows))
		e.int64(int64(m.cols))
		e.dense(m)
	case *quantised:
		e.bool(m.norms != nil)
		e.int64(int64(m.rows))
		e.int64(int64(m.cols))
		e.int32(int32(len(m.codes)))
		e.write(m.codes)
		e.quantiser(m.pq)
		if m.norms != nil {
			e.write(m.normCodes)
			e.quantiser(m.norms)
		}
	}
}

// dense writes the values, in pieces of many rows. It does not look at unused rows, which may have no
// memory behind them.
func (e *encoder) dense(m *dense) {
	if m.stride == m.cols && m.used == nil {
		e.floats(m.data)
		return
	}
	const piece = 1 << 15
	packed := make([]float32, 0, piece+m.cols)
	for i := 0; i < m.rows && e.err == nil; {
		if next := m.nextUsed(i); next > i {
			values := (next - i) * m.cols
			if i = next; values < 2*page/4 {
				packed = append(packed, zeroValues[:values]...)
			} else {
				e.floats(packed)
				packed = packed[:0]
				e.zeros(int64(values) * 4)
			}
		} else {
			packed = append(packed, m.row(i)...)
			i++
		}
		if len(packed) >= piece {
			e.floats(packed)
			packed = packed[:0]
		}
	}
	e.floats(packed)
}

var zeroValues [2 * page / 4]float32

// zeros writes n bytes of zeros, or skips them where w can.
func (e *encoder) zeros(n int64) {
	if e.skip != nil {
		if e.err == nil {
			e.err = e.w.Flush()
		}
		e.skip(n)
		return
	}
	for ; n > 0 && e.err == nil; n -= page {
		e.write(zeroPage[:min(n, page)])
	}
}

func (e *encoder) quantiser(q *quantiser) {
	for _, v := range []int{q.dim, q.parts, q.dsub, q.last} {
		e.int32(int32(v))
	}
	e.floats(q.centroids)
}
