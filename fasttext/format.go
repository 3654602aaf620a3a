package fasttext

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"unsafe"
)

// The file format, all numbers little-endian:
//
//	int32  magic, version
//	int32  dim, ws, epoch, minCount, neg, wordNgrams, loss, model, bucket, minn, maxn, lrUpdateRate
//	float64 t
//	int32  tokens in the dictionary, words, labels
//	int64  tokens read in training, n-grams kept by pruning (-1: not pruned)
//	tokens: bytes, NUL, int64 count, int8 kind (0 word, 1 label)
//	kept n-grams: int32 bucket, int32 row
//	bool   input quantised; matrix
//	bool   output quantised (only if the input is); matrix
//
// A dense matrix is int64 rows, int64 cols and the values as float32, row by row.
// A quantised one is bool norms apart, int64 rows, int64 cols, int32 length of the codes,
// the codes and a quantiser; with norms apart also a code per row and a quantiser of the norms.
// A quantiser is int32 dim, parts, dsub, last dsub and dim*256 values as float32.
const (
	fileMagic   = 793712314
	fileVersion = 12
	oldVersion  = 11 // the same, but its supervised models never use character n-grams

	kindWord, kindLabel = 0, 1
)

// nativeLittle reports whether float32 values lie in memory as they do in the file.
var nativeLittle = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// floatsAnywhere reports whether the processor reads float32 values of the file where they
// are: little-endian ones at any address.
var floatsAnywhere = nativeLittle && slices.Contains([]string{"amd64", "arm64", "386", "loong64", "ppc64le"}, runtime.GOARCH)

// floatBytes is the memory of v.
func floatBytes(v []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v))
}

// A decoder reads a model file, from r or, if that is nil, from file, of which the matrices
// then are parts. Its first error stays.
type decoder struct {
	r    *bufio.Reader
	file []byte
	off  int64
	left int64 // bytes to the end, or -1 if the reader does not tell
	err  error
	buf  [8]byte
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = &FormatError{Offset: d.off, What: fmt.Sprintf(format, args...)}
	}
}

// readFull fills p. what is for the error.
func (d *decoder) readFull(p []byte, what string) bool {
	if d.err != nil {
		return false
	}
	var n int
	var err error
	if d.r != nil {
		n, err = io.ReadFull(d.r, p)
	} else if n = copy(p, d.file[d.off:]); n < len(p) {
		err = io.ErrUnexpectedEOF
	}
	d.advance(n)
	if err != nil {
		d.failRead(err, what)
	}
	return err == nil
}

func (d *decoder) failRead(err error, what string) {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		d.err = &FormatError{d.off, "the file ends within " + what, io.ErrUnexpectedEOF}
	} else {
		d.err = fmt.Errorf("reading model at byte %d: %w", d.off, err)
	}
}

func (d *decoder) advance(n int) {
	d.off += int64(n)
	if d.left >= 0 {
		d.left = max(d.left-int64(n), 0)
	}
}

// fits reports whether n items of size bytes may still be in the file; if not, it fails.
func (d *decoder) fits(n int64, size int64, what string) bool {
	switch {
	case d.err != nil:
	case n < 0:
		d.fail("%s: negative count %d", what, n)
	case n > math.MaxInt64/size || d.left >= 0 && n*size > d.left:
		d.fail("%s: %d do not fit in the %d bytes that are left", what, n, d.left)
	}
	return d.err == nil
}

func (d *decoder) int32(what string) int32 {
	if !d.readFull(d.buf[:4], what) {
		return 0
	}
	return int32(binary.LittleEndian.Uint32(d.buf[:4]))
}

func (d *decoder) int64(what string) int64 {
	if !d.readFull(d.buf[:8], what) {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(d.buf[:8]))
}

func (d *decoder) bool(what string) bool {
	if !d.readFull(d.buf[:1], what) {
		return false
	}
	if d.buf[0] > 1 {
		d.fail("%s: want 0 or 1, got %d", what, d.buf[0])
	}
	return d.buf[0] == 1
}

// growth bounds what is allocated ahead of what has been read, where the length
// of the file is not known.
const growth = 1 << 20

// read reads n values of size bytes each, by fill, into a slice that grows with
// what really comes unless the file is known to be that long.
func read[T any](d *decoder, n int64, size int64, what string, fill func([]T) bool) []T {
	if !d.fits(n, size, what) {
		return nil
	}
	if d.left >= 0 {
		v := make([]T, n)
		if !fill(v) {
			return nil
		}
		return v
	}
	var v []T
	for int64(len(v)) < n {
		more := int(min(n-int64(len(v)), int64(max(len(v), growth/int(size)))))
		v = append(v, make([]T, more)...)
		if !fill(v[len(v)-more:]) {
			return nil
		}
	}
	return v
}

// atEnd fails unless the whole file has been read.
func (d *decoder) atEnd() {
	if d.err != nil {
		return
	}
	more := d.off < int64(len(d.file))
	if d.r != nil {
		_, err := d.r.ReadByte()
		if more = err == nil; err != nil && err != io.EOF {
			d.failRead(err, "the end")
		}
	}
	if more {
		d.fail("there is more after the model's end")
	}
}

// view returns the next n bytes of the file in memory.
func (d *decoder) view(n int64, what string) []byte {
	if !d.fits(n, 1, what) {
		return nil
	}
	b := d.file[d.off:][:n:n]
	d.advance(int(n))
	return b
}

func (d *decoder) bytes(n int64, what string) []byte {
	if d.r == nil {
		return d.view(n, what)
	}
	return read(d, n, 1, what, func(p []byte) bool { return d.readFull(p, what) })
}

func (d *decoder) floats(n int64, what string) []float32 {
	if d.r == nil && floatsAnywhere && n > 0 && d.fits(n, 4, what) {
		b := d.view(4*n, what)
		return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), n)
	}
	return read(d, n, 4, what, func(v []float32) bool { return d.fillFloats(v, what) })
}

func (d *decoder) fillFloats(v []float32, what string) bool {
	b := floatBytes(v)
	if !d.readFull(b, what) {
		return false
	}
	if !nativeLittle {
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	}
	return true
}

// appendToken appends the bytes up to a NUL. It is not for files in memory.
func (d *decoder) appendToken(dst []byte) []byte {
	for d.err == nil {
		part, err := d.r.ReadSlice(0)
		d.advance(len(part))
		dst = append(dst, part...)
		switch err {
		case nil:
			return dst[:len(dst)-1]
		case bufio.ErrBufferFull:
		default:
			d.failRead(err, "a word of the dictionary")
		}
	}
	return dst
}

// An encoder writes a model file. Its first error stays.
type encoder struct {
	w    *bufio.Writer
	skip func(n int64) // if not nil, leaves out bytes that are 0
	err  error
	buf  [8]byte
}

func (e *encoder) write(p []byte) {
	if e.err == nil {
		_, e.err = e.w.Write(p)
	}
}

func (e *encoder) int32(v int32) {
	binary.LittleEndian.PutUint32(e.buf[:], uint32(v))
	e.write(e.buf[:4])
}

func (e *encoder) int64(v int64) {
	binary.LittleEndian.PutUint64(e.buf[:], uint64(v))
	e.write(e.buf[:8])
}

func (e *encoder) bool(v bool) {
	e.buf[0] = 0
	if v {
		e.buf[0] = 1
	}
	e.write(e.buf[:1])
}

func (e *encoder) floats(v []float32) {
	if nativeLittle {
		e.write(floatBytes(v))
		return
	}
	for _, x := range v {
		e.int32(int32(math.Float32bits(x)))
	}
}
