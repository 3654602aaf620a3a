package fasttext

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Open opens a .bin or .ftz file without reading its matrices: they are mapped into
// memory, and a prediction brings in the rows that it touches, in pages that all
// processes share. Only the dictionary is read. Where the system or the processor has
// no means for that, Open is LoadFile.
//
// Close lets go of the file; a model that nothing refers to any more is closed by itself, sooner
// or later. Methods may be called at any time; after Close, they find nothing: no
// predictions, vectors of zeros, ErrClosed.
//
// Files must be replaced whole, by renaming a new one over the old one, as SaveFile does: an
// open model goes on with the old one, even if it is deleted. Writing to the file in place shows
// in the predictions. If it is cut short, methods that meet a row that is gone panic
// with a runtime.Error; PredictLines and Test return it.
func Open(path string) (*Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !canMap || !floatsAnywhere || !info.Mode().IsRegular() || info.Size() == 0 || int64(int(info.Size())) != info.Size() {
		return LoadFile(path)
	}
	file, err := mapFile(f, int(info.Size()))
	if err != nil {
		return nil, &fs.PathError{Op: "map", Path: path, Err: err}
	}
	m, err := loadMapped(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, errors.Join(err, unmap(file)))
	}
	m.mapped = &mapping{file: file}
	m.mapped.forgotten = runtime.AddCleanup(m.mapped, func(file []byte) { _ = unmap(file) }, file)
	return m, nil
}

// loadMapped is LoadBytes for a file that may be cut short meanwhile.
func loadMapped(file []byte) (m *Model, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer recoverFault(&err)
	return LoadBytes(file)
}

// Close lets go of the file of a model that came from Open, as soon as the calls under
// way have ended; later ones find nothing. For other models it does nothing.
func (m *Model) Close() error {
	if m.mapped == nil {
		return nil
	}
	return m.mapped.close()
}

// A mapping is a file in memory. The last one to use it after its close lets it go.
type mapping struct {
	file    []byte
	users   atomic.Int64 // below 0 from close on
	closing sync.Once
	letGo   sync.Once

	forgotten runtime.Cleanup // unmaps when nothing refers to the mapping
}

// closed is what close adds to the users.
const closed = math.MinInt64 / 2

func (m *mapping) close() (err error) {
	m.closing.Do(func() {
		if m.users.Add(closed) == closed {
			err = m.unmap()
		}
	})
	return err
}

func (m *mapping) unmap() (err error) {
	m.letGo.Do(func() {
		m.forgotten.Stop()
		err = unmap(m.file)
	})
	return err
}

func (m *mapping) enter() bool {
	if m.users.Add(1) > 0 {
		return true
	}
	m.leave()
	return false
}

func (m *mapping) leave() {
	if m.users.Add(-1) == closed {
		_ = m.unmap() // of what was mapped, it does not fail
	}
}

// borrow returns scratch to work in, and keeps the matrices in place until it is given back; nil
// if the model is closed. Every method that reads rows borrows. A fault, which only a
// file that was cut short can cause, becomes a panic instead of the process' end.
func (m *Model) borrow() *scratch {
	if m.mapped == nil {
		return m.pool.Get().(*scratch)
	}
	if !m.mapped.enter() {
		return nil
	}
	s := m.pool.Get().(*scratch)
	s.panicking = debug.SetPanicOnFault(true)
	return s
}

// giveBack ends what borrow began, on the same goroutine. It takes nil.
func (m *Model) giveBack(s *scratch) {
	if s == nil {
		return
	}
	if m.mapped != nil {
		debug.SetPanicOnFault(s.panicking)
		m.mapped.leave()
	}
	m.pool.Put(s)
}

// recoverFault, deferred, makes the panic of a fault an error.
func recoverFault(err *error) {
	p := recover()
	if p == nil {
		return
	}
	fault, ok := p.(interface {
		error
		Addr() uintptr
	})
	if !ok {
		panic(p)
	}
	*err = fmt.Errorf("the model's file was cut short while it was open: %w", fault)
}
