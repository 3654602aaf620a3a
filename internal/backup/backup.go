// Package backup copies a data directory while a server uses it, and puts copies
// back.
//
// A backup holds the records of one moment, and every object that was
// acknowledged before it began, unless it was deleted meanwhile; of an object
// that was overwritten meanwhile it holds one version, whole. Records are copied
// before objects, so what a record speaks of is there. A backup that was cut
// off, changed or damaged is refused as a whole. docs/backup.md tells the rest.
package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/heliograph/heliograph/internal/audit"
	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/store"
)

// Layout is where things are in a data directory.
type Layout struct {
	Data     string // the directory
	Database string // name of the database in it
	Blobs    string // name of the folder of objects in it
	Trail    string // name of the folder of the audit trail in it
}

// Summary is what a backup holds.
type Summary struct {
	Path    string // of the backup; restored: of the data directory
	Taken   time.Time
	Files   int64
	Bytes   int64
	Damaged []string // files that were damaged before, and are in the backup as they are
}

// The entries of a backup, a tar archive: first what it is, then the database,
// then everything else, and last what the sum of it is. A backup without the last
// one is not whole.
const (
	headEntry  = "heliograph-backup"
	endEntry   = "heliograph-backup-end"
	formatLine = "heliograph backup 1\n"
)

// Write writes a backup to the file target, which must not exist; if target is a
// folder, to heliograph-{time}.tar in it. It is compressed if the name ends in
// .gz or .tgz. A file that is there when Write has returned is whole.
func Write(ctx context.Context, from Layout, target string) (s Summary, err error) {
	s = Summary{Taken: time.Now().UTC().Truncate(time.Second), Path: target}
	if info, err := os.Stat(target); err == nil && info.IsDir() {
		s.Path = filepath.Join(target, "heliograph-"+s.Taken.Format("20060102T150405Z")+".tar")
	}
	if _, err := os.Lstat(s.Path); err == nil {
		return s, fmt.Errorf("%s exists; choose another name", s.Path)
	}
	partial := s.Path + ".partial"
	file, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return s, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("backup: %w", err), file.Close(), os.Remove(partial))
		}
	}()
	var out io.WriteCloser = file
	if strings.HasSuffix(s.Path, ".gz") || strings.HasSuffix(s.Path, ".tgz") {
		if out, err = gzip.NewWriterLevel(file, gzip.BestSpeed); err != nil {
			return s, err
		}
	}
	w := writer{ctx: ctx, tar: tar.NewWriter(out), sums: sha256.New(), summary: &s}
	if err := w.all(from, partial+".db"); err != nil {
		return s, err
	}
	if out != file {
		if err := out.Close(); err != nil {
			return s, err
		}
	}
	if err := file.Sync(); err != nil {
		return s, err
	}
	if err := os.Rename(partial, s.Path); err != nil {
		return s, err
	}
	return s, errors.Join(file.Close(), syncDir(filepath.Dir(s.Path)))
}

// writer writes the entries and sums them up.
type writer struct {
	ctx     context.Context
	tar     *tar.Writer
	sums    hash.Hash // of a line for each entry: SHA-256 of the content, size, name
	summary *Summary
}

// all writes every entry. scratch is a file for the copy of the database.
func (w *writer) all(from Layout, scratch string) error {
	if err := w.text(headEntry, formatLine+w.summary.Taken.Format(time.RFC3339)+"\n"); err != nil {
		return err
	}
	if err := errors.Join(remove(scratch), store.Snapshot(w.ctx, filepath.Join(from.Data, from.Database), scratch)); err != nil {
		return err
	}
	err := errors.Join(w.file(scratch, from.Database, nil), remove(scratch))
	if err != nil {
		return err
	}
	if err := w.others(from); err != nil {
		return err
	}
	if err := w.trail(from); err != nil {
		return err
	}
	if err := w.folder(from.Blobs); err != nil {
		return err
	}
	root := filepath.Join(from.Data, from.Blobs)
	err = blob.BackupFiles(root, func(path string, folder bool) error {
		name := from.Blobs + "/" + filepath.ToSlash(path)
		if folder {
			return w.folder(name)
		}
		check := blob.CheckSealed
		if base := filepath.Base(path); base == "FORMAT" || base == "bucket" {
			check = nil
		}
		return w.file(filepath.Join(root, path), name, check)
	})
	if err != nil {
		return err
	}
	end := fmt.Sprintf("files %d\nbytes %d\nsha256 %x\n", w.summary.Files, w.summary.Bytes, w.sums.Sum(nil))
	if err := w.text(endEntry, end); err != nil {
		return err
	}
	return w.tar.Close()
}

// others writes what lies beside database and objects: the root key, and the
// unpacked models without which an endpoint whose artifact was deleted can't come
// back.
func (w *writer) others(from Layout) error {
	return filepath.WalkDir(from.Data, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		} else if err != nil {
			return err
		}
		name, err := filepath.Rel(from.Data, path)
		switch {
		case err != nil || name == ".":
			return err
		case name == from.Blobs, name == from.Trail:
			return fs.SkipDir
		case e.IsDir():
			return w.folder(filepath.ToSlash(name))
		case !e.Type().IsRegular(), strings.HasPrefix(name, from.Database), strings.HasSuffix(name, ".tmp"), strings.Contains(name, ".partial"):
			return nil
		}
		return w.file(path, filepath.ToSlash(name), nil)
	})
}

func (w *writer) trail(from Layout) error {
	dir := filepath.Join(from.Data, from.Trail)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := w.folder(from.Trail); err != nil {
		return err
	}
	return audit.BackupFiles(dir, func(f *os.File) error {
		return w.copy(f, from.Trail+"/"+filepath.Base(f.Name()), nil)
	})
}

// text writes an entry that does not count as a file.
func (w *writer) text(name, content string) error {
	if err := w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o600, ModTime: w.summary.Taken}); err != nil {
		return err
	}
	_, err := io.WriteString(w.tar, content)
	return err
}

func (w *writer) folder(name string) error {
	w.sum("folder", 0, name)
	return w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o700, ModTime: w.summary.Taken})
}

// file writes the file at path under the given name. One that is gone is passed
// over.
func (w *writer) file(path, name string, check func(*os.File) error) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return errors.Join(w.copy(f, name, check), f.Close())
}

// copy writes an open file under the given name, as long as it is now.
func (w *writer) copy(f *os.File, name string, check func(*os.File) error) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if check != nil {
		if err := check(f); err != nil {
			w.summary.Damaged = append(w.summary.Damaged, fmt.Sprintf("%s: %v", f.Name(), err))
		}
	}
	err = w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: 0o600, ModTime: info.ModTime(), Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	digest := sha256.New()
	n, err := io.Copy(io.MultiWriter(w.tar, digest), io.LimitReader(f, info.Size()))
	if err == nil && n != info.Size() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", f.Name(), err)
	}
	w.sum(fmt.Sprintf("%x", digest.Sum(nil)), n, name)
	w.summary.Files++
	w.summary.Bytes += n
	return nil
}

func (w *writer) sum(digest string, size int64, name string) {
	fmt.Fprintf(w.sums, "%s %d %q\n", digest, size, name)
}

// remove is os.Remove that does not mind if there is nothing.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
