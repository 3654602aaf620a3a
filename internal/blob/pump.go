package blob

import (
	"context"
	"errors"
	"hash"
	"io"
	"sync"
	"sync/atomic"
)

const (
	pumpBuffer  = 256 << 10
	pumpBuffers = 8 // of a body, at most
)

var buffers = sync.Pool{New: func() any { return new([pumpBuffer]byte) }}

// pump writes r to w and to every digest until r ends, and returns the bytes
// written to w. Digests are as slow as disks, so once a body fills more than one
// buffer reading, writing and each digest go on side by side. Reading stops soon
// after ctx ends.
func pump(ctx context.Context, w io.Writer, digests []hash.Hash, r io.Reader) (int64, error) {
	buf := buffers.Get().(*[pumpBuffer]byte)
	n, err := readFull(ctx, r, buf[:])
	if err != nil {
		defer buffers.Put(buf)
		if !errors.Is(err, io.EOF) {
			return 0, err
		}
		for _, d := range digests {
			d.Write(buf[:n])
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return 0, storageError(err, "write a temporary file")
		}
		return int64(n), nil
	}
	return pumpLong(ctx, w, digests, r, &piece{buf: buf, n: n})
}

// piece is a part of a body on its way through writing and digests, which share it.
type piece struct {
	buf   *[pumpBuffer]byte
	n     int
	users atomic.Int32 // that have yet to see it
}

// belt carries the pieces of one body, in order, to all users.
type belt struct {
	users []chan *piece
	room  chan struct{} // an entry for every piece under way
	done  sync.WaitGroup
}

// add begins a user, which sees every piece until it returns false.
func (b *belt) add(use func(p []byte) bool) {
	pieces := make(chan *piece, pumpBuffers)
	b.users = append(b.users, pieces)
	b.done.Go(func() {
		wanted := true
		for p := range pieces {
			wanted = wanted && use(p.buf[:p.n])
			if p.users.Add(-1) == 0 {
				buffers.Put(p.buf)
				<-b.room
			}
		}
	})
}

// send hands a piece on, when there is room for it.
func (b *belt) send(p *piece) {
	b.room <- struct{}{}
	p.users.Store(int32(len(b.users)))
	for _, u := range b.users {
		u <- p // which never waits: a channel takes as many as there is room for
	}
}

// end waits until all users have seen everything.
func (b *belt) end() {
	for _, u := range b.users {
		close(u)
	}
	b.done.Wait()
}

// pumpLong is pump for a body that begins with a full piece.
func pumpLong(ctx context.Context, w io.Writer, digests []hash.Hash, r io.Reader, p *piece) (written int64, err error) {
	b := &belt{room: make(chan struct{}, pumpBuffers)}
	var unwritten error
	reading, stop := context.WithCancel(ctx)
	defer stop()
	b.add(func(p []byte) bool {
		n, err := w.Write(p)
		if written += int64(n); err != nil {
			unwritten = storageError(err, "write a temporary file")
			stop()
		}
		return err == nil
	})
	for _, d := range digests {
		b.add(func(p []byte) bool { d.Write(p); return true })
	}
	if err = b.feed(reading, r, p); unwritten != nil {
		err = unwritten
	}
	return written, err
}

// feed sends p and then r in pieces, and returns when all users have seen all of it.
func (b *belt) feed(ctx context.Context, r io.Reader, p *piece) error {
	defer b.end()
	for end := error(nil); ; {
		b.send(p)
		if end != nil {
			return nil
		}
		p = &piece{buf: buffers.Get().(*[pumpBuffer]byte)}
		if p.n, end = readFull(ctx, r, p.buf[:]); end != nil && !errors.Is(end, io.EOF) {
			buffers.Put(p.buf)
			return end
		}
	}
}

// readFull reads until p is full, and returns io.EOF if r ends before, or why r
// failed.
func readFull(ctx context.Context, r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		if ctx.Err() != nil {
			return n, cancelled(ctx)
		}
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		return n, io.EOF
	}
	return n, bodyError(ctx, err)
}
