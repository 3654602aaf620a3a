package blob

import (
	"os"
	"syscall"
)

// beginWriting asks for a part of the file to be written to the disk, without
// waiting. It promises nothing, and a failure is told by the sync that follows.
func beginWriting(f *os.File, off, n int64) {
	const syncFileRangeWrite = 2 // SYNC_FILE_RANGE_WRITE of sync_file_range(2)
	if c, err := f.SyscallConn(); err == nil {
		_ = c.Control(func(fd uintptr) { _ = syscall.SyncFileRange(int(fd), off, n, syncFileRangeWrite) })
	}
}

// keepReplaced keeps the file at path, which is about to be replaced, until the
// returned function lets go of it and does not wait. Else whoever replaces it
// would wait until the system has given all its blocks back.
func keepReplaced(path string) (letGo func()) {
	f, err := os.Open(path)
	if err != nil {
		return func() {} // there is none, or the replacing will tell
	}
	return func() { go f.Close() }
}
