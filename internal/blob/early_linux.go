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
