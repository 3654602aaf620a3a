package audit

import (
	"os"
	"syscall"
)

// keepSize is FALLOC_FL_KEEP_SIZE.
const keepSize = 1

// allocate sets n bytes from off on aside for f, beyond its end.
func allocate(f *os.File, off, n int64) error {
	return syscall.Fallocate(int(f.Fd()), keepSize, off, n)
}
