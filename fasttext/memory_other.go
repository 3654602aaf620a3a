//go:build !linux

package fasttext

import "fmt"

// mostMemory bounds a matrix, in bytes, where memory that is not there ends the program.
const mostMemory = 1 << 40

// allocate gives m zeroed memory for n values.
func (m *dense) allocate(n int) error {
	if n > mostMemory/4 {
		return fmt.Errorf("no memory for %d values", n)
	}
	m.data = make([]float32, n)
	return nil
}

func adviseHugePages[T any]([]T) {}

// A slab is memory for units.
type slab struct{ units []uint16 }

func newSlab(n int) *slab { return &slab{make([]uint16, n)} }

func (s *slab) close() { s.units = nil }
