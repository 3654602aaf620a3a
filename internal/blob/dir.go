package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Dir is a [Store] in a directory of the local file system: one file per object,
// published by one rename. docs/decisions/0002-blob-layout.md tells the layout.
//
//	FORMAT                  "heliograph blobs 1"
//	LOCK                    held by the process that has it open
//	tmp/                    writes under way; emptied by Open
//	buckets/NAME/bucket     region, creation time, website
//	buckets/NAME/objects/   one sealed file per object, see objectPath
//	buckets/NAME/uploads/ID/upload, 00001, 00002…
//
// All writes in the directory must go through one Dir; Open enforces that.
type Dir struct {
	root string
	lock *os.File

	mu      sync.RWMutex
	buckets map[string]*bucket

	keys    keyLocks // by bucket/key: held from checking conditions to publishing
	uploads keyLocks // by upload id: held while an upload is completed or aborted
	listed  folderCache
}

const formatLine = "heliograph blobs 1\n"

// Open opens the store in dir, creating it if dir does not exist or is empty. It
// removes what writes that never ended left behind. The directory stays locked
// against other processes until Close.
func Open(dir string) (*Dir, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open blob directory %s: %w", dir, err)
	}
	d := &Dir{root: root, buckets: map[string]*bucket{}}
	if err := d.open(); err != nil {
		if d.lock != nil {
			d.lock.Close()
		}
		return nil, fmt.Errorf("open blob directory %s: %w", root, err)
	}
	return d, nil
}

func (d *Dir) open() error {
	if err := makeDirs(d.root); err != nil {
		return err
	}
	if err := d.checkFormat(); err != nil {
		return err
	}
	var err error
	if d.lock, err = lockFile(d.path("LOCK")); err != nil {
		return err
	}
	if err := os.RemoveAll(d.path("tmp")); err != nil {
		return fmt.Errorf("remove what unfinished writes left: %w", err)
	}
	for _, name := range []string{"tmp", "buckets"} {
		if err := makeDirs(d.path(name)); err != nil {
			return err
		}
	}
	if err := d.writeFile(d.path("FORMAT"), []byte(formatLine)); err != nil {
		return err
	}
	return d.loadBuckets()
}

// checkFormat refuses a directory of another format, and one that holds
// something else.
func (d *Dir) checkFormat() error {
	b, err := os.ReadFile(d.path("FORMAT"))
	switch {
	case err == nil && string(b) == formatLine:
		return nil
	case err == nil:
		return fmt.Errorf("its format is %.40q, this version reads %q", b, formatLine)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	entries, err := os.ReadDir(d.root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch e.Name() {
		case "LOCK", "tmp", "buckets": // a first Open that was cut short
		default:
			return fmt.Errorf("it holds %q and no FORMAT file, so it is something else; choose an empty directory", e.Name())
		}
	}
	return nil
}

// Close lets another process open the directory. Calls under way must have
// ended; open objects stay readable.
func (d *Dir) Close() error { return d.lock.Close() }

func (d *Dir) path(elem ...string) string {
	return filepath.Join(append([]string{d.root}, elem...)...)
}

func (d *Dir) bucket(ctx context.Context, name string) (*bucket, error) {
	if ctx.Err() != nil {
		return nil, cancelled(ctx)
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	b := d.buckets[name]
	if b == nil {
		return nil, noSuchBucket(name)
	}
	return b, nil
}

// writeFile publishes a small file: written aside, synced, renamed.
func (d *Dir) writeFile(path string, content []byte) error {
	f, err := os.CreateTemp(d.path("tmp"), "file-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return syncDir(filepath.Dir(path))
}

// makeDirs is os.MkdirAll whose result survives a power cut.
func makeDirs(path string) error {
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDirs(filepath.Dir(path)); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		info, err := os.Stat(path)
		if err == nil && !info.IsDir() {
			err = &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
		}
		return err
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory survive a power cut.
func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
