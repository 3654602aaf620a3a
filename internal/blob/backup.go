package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// BackupFiles calls fn for every file and folder that a copy of the store in dir
// needs, with its path relative to dir, a folder before what is in it. Another
// process may use the store meanwhile: a copy made in the order of the calls then
// holds every object and part that was acknowledged before, or a later version.
// A file may be gone when fn opens it; then its object was deleted or replaced.
//
// Uploads come before objects: one that is completed in between is then met as
// parts, as object or as both, and never as neither.
func BackupFiles(dir string, fn func(path string, folder bool) error) error {
	format, err := os.ReadFile(filepath.Join(dir, "FORMAT"))
	if err != nil {
		return err
	}
	if string(format) != formatLine {
		return fmt.Errorf("%s: its format is %.40q, this version reads %q", dir, format, formatLine)
	}
	if err := fn("FORMAT", false); err != nil {
		return err
	}
	if err := fn("buckets", true); err != nil {
		return err
	}
	buckets, err := names(filepath.Join(dir, "buckets"))
	if err != nil {
		return err
	}
	for _, part := range []string{"uploads", "objects"} {
		for _, b := range buckets {
			if CheckBucketName(b.name) != nil || !b.folder {
				continue
			}
			path := filepath.Join("buckets", b.name)
			if part == "uploads" {
				if _, err := os.Lstat(filepath.Join(dir, path, "bucket")); errors.Is(err, fs.ErrNotExist) {
					continue // deleted meanwhile
				}
				if err := errors.Join(fn(path, true), fn(filepath.Join(path, "bucket"), false)); err != nil {
					return err
				}
			}
			if err := walk(dir, filepath.Join(path, part), fn); err != nil {
				return err
			}
		}
	}
	return nil
}

func walk(dir, path string, fn func(path string, folder bool) error) error {
	list, err := names(filepath.Join(dir, path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = fn(path, true)
	}
	for _, e := range list {
		if err != nil {
			return err
		}
		if e.folder {
			err = walk(dir, filepath.Join(path, e.name), fn)
		} else {
			err = fn(filepath.Join(path, e.name), false)
		}
	}
	return err
}

type named struct {
	name   string
	folder bool
}

// names lists a folder twice, as some file systems leave a name out of a listing
// during which another file is renamed to it.
func names(dir string) (list []named, err error) {
	seen := map[string]bool{}
	for range 2 {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !seen[e.Name()] && (e.IsDir() || e.Type().IsRegular()) {
				seen[e.Name()] = true
				list = append(list, named{e.Name(), e.IsDir()})
			}
		}
	}
	slices.SortFunc(list, func(a, b named) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return list, nil
}

// CheckSealed reports whether a file of objects or uploads is whole as far as its
// footer tells: not cut, grown or foreign.
func CheckSealed(f *os.File) error {
	info, err := f.Stat()
	if err == nil {
		_, _, err = readFooter(f, info.Size())
	}
	return err
}
