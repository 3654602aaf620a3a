package blob

import (
	"context"
	"errors"
	"io"
	"sync"
)

const (
	pumpBuffer  = 256 << 10
	pumpBuffers = 4
)

var buffers = sync.Pool{New: func() any { return new([pumpBuffer]byte) }}

// pump writes r to w and to digest until r ends, and returns the bytes written
// to w. Digests are as slow as disks, so they run beside the writing once a body
// fills more than one buffer. Reading stops soon after ctx ends.
func pump(ctx context.Context, w io.Writer, digest io.Writer, r io.Reader) (int64, error) {
	buf := buffers.Get().(*[pumpBuffer]byte)
	n, err := readFull(ctx, r, buf[:])
	if err != nil {
		defer buffers.Put(buf)
		if !errors.Is(err, io.EOF) {
			return 0, err
		}
		digest.Write(buf[:n])
		if _, err := w.Write(buf[:n]); err != nil {
			return 0, storageError(err, "write a temporary file")
		}
		return int64(n), nil
	}
	return pumpLong(ctx, w, digest, r, buf)
}

// pumpLong is pump for a body whose first bytes fill first.
func pumpLong(ctx context.Context, w io.Writer, digest io.Writer, r io.Reader, first *[pumpBuffer]byte) (int64, error) {
	type filled struct {
		buf *[pumpBuffer]byte
		n   int
	}
	full := make(chan filled, pumpBuffers)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for f := range full {
			digest.Write(f.buf[:f.n])
			buffers.Put(f.buf)
		}
	}()
	defer func() { close(full); <-done }()

	var written int64
	for buf, n, end := first, pumpBuffer, error(nil); ; {
		_, err := w.Write(buf[:n])
		full <- filled{buf, n}
		if err != nil {
			return written, storageError(err, "write a temporary file")
		}
		written += int64(n)
		if end != nil {
			return written, nil
		}
		buf = buffers.Get().(*[pumpBuffer]byte)
		if n, end = readFull(ctx, r, buf[:]); end != nil && !errors.Is(end, io.EOF) {
			buffers.Put(buf)
			return written, end
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
