package audit

import (
	"os"
	"syscall"
)

// openMemory maps a file of that size, all of which the disk sets aside. What is
// written there is the operating system's and outlives this process, without a
// call for each entry.
func openMemory(path string, size int) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the memory stays
	if err := f.Truncate(int64(size)); err != nil {
		return nil, err
	}
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, int64(size)); err != nil {
		return nil, &os.PathError{Op: "write", Path: path, Err: err}
	}
	memory, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, &os.PathError{Op: "map", Path: path, Err: err}
	}
	return memory, nil
}

func closeMemory(memory []byte) error { return syscall.Munmap(memory) }

// keepSize is FALLOC_FL_KEEP_SIZE.
const keepSize = 1

// allocate sets n bytes from off on aside for f, beyond its end.
func allocate(f *os.File, off, n int64) error {
	return syscall.Fallocate(int(f.Fd()), keepSize, off, n)
}
