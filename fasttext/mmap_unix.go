//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package fasttext

import (
	"os"
	"syscall"
)

const canMap = true

// mapFile maps the first size bytes of a file for reading.
func mapFile(f *os.File, size int) ([]byte, error) {
	return syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
}

func unmap(file []byte) error { return syscall.Munmap(file) }
