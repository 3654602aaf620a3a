package audit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// BackupFiles calls fn with each file that a copy of the trail in dir needs, open
// for reading; without a trail there is none. A server may write the trail
// meanwhile: a copy made in the order of the calls verifies, and holds every entry
// that was recorded before.
//
// The signed position comes first, as all before it is in the files by then; next
// the buffer, whose lines are in the files later, but not earlier. The others are
// opened together before one is copied, so that none of them is removed as past its
// time while the entry that says so is in a file that was begun after.
func BackupFiles(dir string, fn func(f *os.File) error) error {
	for _, name := range []string{headFile, bufferFile} {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		if err := errors.Join(fn(f), f.Close()); err != nil {
			return err
		}
	}
	all, err := openOthers(dir)
	defer closeAll(all)
	for _, f := range all {
		if err == nil {
			err = fn(f)
		}
	}
	return err
}

// openOthers opens all files but position and buffer, at a moment at which all of
// them were there.
func openOthers(dir string) (all []*os.File, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range slices.Backward(entries) { // the files that may go are the oldest
		if err != nil || !e.Type().IsRegular() || e.Name() == headFile || e.Name() == bufferFile {
			continue
		}
		var f *os.File
		if f, err = os.Open(filepath.Join(dir, e.Name())); err == nil {
			all = append(all, f)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		closeAll(all)
		return openOthers(dir)
	}
	return all, err
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
