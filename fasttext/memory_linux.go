package fasttext

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"
)

// largeMatrix is from how many bytes on a matrix gets memory of its own.
const largeMatrix = 1 << 20

// allocate gives m zeroed memory for n values. A large matrix gets it straight from the
// system: pages that nobody touches then take no memory, which matters where few of
// many buckets are used, and the collector does not count them. The memory goes
// when m does, so whoever uses m.data keeps m alive until then.
func (m *dense) allocate(n int) error {
	if 4*n < largeMatrix {
		m.data = make([]float32, n)
		return nil
	}
	b, err := syscall.Mmap(-1, 0, 4*n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("no memory for %d bytes: %w", 4*n, err)
	}
	m.data = unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), n)
	runtime.AddCleanup(m, func(b []byte) { _ = syscall.Munmap(b) }, b)
	return nil
}

// adviseHugePages asks for 2 MB pages behind a large slice, with all that it has room for. Training reads rows
// at random, and with 4 KB pages most reads also miss the TLB; and they come 512 times as often from the system. Being advice, it may fail.
func adviseHugePages[T any](data []T) {
	const huge = 2 << 20
	if cap(data) == 0 {
		return
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), uintptr(cap(data))*unsafe.Sizeof(data[:1][0]))
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (huge - 1))
	if len(b)-skip < huge {
		return
	}
	_ = syscall.Madvise(b[skip:skip+(len(b)-skip)&^(huge-1)], syscall.MADV_HUGEPAGE)
}

// A slab is memory for units, straight from the system.
type slab struct {
	units   []uint16
	cleanup runtime.Cleanup
	mapped  []byte // nil if it is the collector's memory
}

func newSlab(n int) *slab {
	b, err := syscall.Mmap(-1, 0, 2*n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return &slab{units: make([]uint16, n)}
	}
	s := &slab{units: unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(b))), n), mapped: b}
	s.cleanup = runtime.AddCleanup(s, func(b []byte) { _ = syscall.Munmap(b) }, b)
	return s
}

// close gives the memory back before the collector does.
func (s *slab) close() {
	if s.mapped != nil {
		s.cleanup.Stop()
		_ = syscall.Munmap(s.mapped)
		s.mapped = nil
	}
	s.units = nil
}
