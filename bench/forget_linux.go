package main

import (
	"fmt"
	"os"
	"syscall"
)

// forget has the system drop what it keeps of a file in memory, so that the next read comes from the disk.
func forget(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	const dontNeed = 4 // POSIX_FADV_DONTNEED of posix_fadvise(2)
	if _, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, file.Fd(), 0, 0, dontNeed, 0, 0); errno != 0 {
		return fmt.Errorf("posix_fadvise %s: %w", path, errno)
	}
	return nil
}
