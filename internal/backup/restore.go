package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/heliograph/heliograph/internal/store"
)

// PartialDir is the folder in a data directory that holds a restore until it is
// whole. A server must not use a directory in which it is.
const PartialDir = "restore.partial"

// ErrNotEmpty means that there is something in the directory already.
var ErrNotEmpty = errors.New("the data directory is not empty")

// Restore puts the backup in the file from into a data directory, which must be
// empty or not exist. Everything is read, checked and on disk before the first
// file is in its place; if it fails, the directory is as before.
func Restore(ctx context.Context, from string, to Layout) (s Summary, err error) {
	s.Path = to.Data
	if err := mustBeEmpty(to.Data); err != nil {
		return s, err
	}
	file, err := os.Open(from)
	if err != nil {
		return s, err
	}
	defer file.Close()
	_, missing := os.Stat(to.Data)
	if err := os.MkdirAll(to.Data, 0o700); err != nil {
		return s, err
	}
	partial := filepath.Join(to.Data, PartialDir)
	if err := os.Mkdir(partial, 0o700); err != nil {
		return s, err
	}
	placing := false
	defer func() {
		if err != nil && placing {
			err = fmt.Errorf("restore %s: %w; the directory is incomplete: remove what is in it and start again", from, err)
		} else if err != nil {
			err = errors.Join(fmt.Errorf("restore %s: %w", from, err), os.RemoveAll(partial))
			if missing != nil {
				err = errors.Join(err, os.Remove(to.Data))
			}
		}
	}()
	r := reader{ctx: ctx, dir: partial, sums: sha256.New(), summary: &s}
	if err := r.all(file); err != nil {
		return s, err
	}
	for _, name := range []string{to.Database, to.Blobs} {
		if _, err := os.Stat(filepath.Join(partial, name)); err != nil {
			return s, fmt.Errorf("it holds no %s", name)
		}
	}
	if err := store.Check(ctx, filepath.Join(partial, to.Database)); err != nil {
		return s, err
	}
	if err := syncTree(partial); err != nil {
		return s, err
	}
	placing = true
	return s, place(partial, to.Data)
}

func mustBeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	for _, e := range entries {
		switch e.Name() {
		case "lost+found": // of a file system of its own
		case PartialDir:
			return fmt.Errorf("%w: %s holds %s, a restore that was cut off. Remove what is in the directory and start again", ErrNotEmpty, dir, PartialDir)
		default:
			return fmt.Errorf("%w: %s holds %s. Choose another one, or remove what is in it", ErrNotEmpty, dir, e.Name())
		}
	}
	return nil
}

// place moves what is in partial to its place. The folder itself goes last, so
// that a directory with only some of the files is known as such.
func place(partial, data string) error {
	entries, err := os.ReadDir(partial)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(partial, e.Name()), filepath.Join(data, e.Name())); err != nil {
			return err
		}
	}
	return errors.Join(syncDir(data), os.Remove(partial), syncDir(data))
}

// reader unpacks the entries of a backup and sums them up as writer does.
type reader struct {
	ctx     context.Context
	dir     string
	sums    hash.Hash
	summary *Summary
}

func (r *reader) all(file io.Reader) error {
	buffered := bufio.NewReaderSize(file, 1<<20)
	var in io.Reader = buffered
	if magic, _ := buffered.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		zip, err := gzip.NewReader(buffered)
		if err != nil {
			return notWhole(err)
		}
		in = zip
	}
	archive := tar.NewReader(in)
	if err := r.head(archive); err != nil {
		return err
	}
	for {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		entry, err := archive.Next()
		if err != nil {
			return notWhole(err)
		}
		if entry.Name == endEntry {
			if err := r.end(archive); err != nil {
				return err
			}
			if _, err := archive.Next(); err != io.EOF {
				return fmt.Errorf("something follows its end (%v)", err)
			}
			return nil
		}
		if err := r.entry(archive, entry); err != nil {
			return err
		}
	}
}

func notWhole(err error) error {
	return fmt.Errorf("the backup is not whole: it was cut off or damaged (%w)", err)
}

func (r *reader) head(archive *tar.Reader) error {
	entry, err := archive.Next()
	if err != nil || entry.Name != headEntry || entry.Size > 1000 {
		return fmt.Errorf("this is no backup that heliograph has made (%v)", err)
	}
	text, err := io.ReadAll(archive)
	if err != nil {
		return notWhole(err)
	}
	taken, ok := strings.CutPrefix(string(text), formatLine)
	if !ok {
		return fmt.Errorf("its format is %.40q, this version reads %q", text, formatLine)
	}
	r.summary.Taken, err = time.Parse(time.RFC3339, strings.TrimSpace(taken))
	return err
}

// end holds the sums of what was read against what was written.
func (r *reader) end(archive *tar.Reader) error {
	text, err := io.ReadAll(io.LimitReader(archive, 1000))
	if err != nil {
		return notWhole(err)
	}
	want := fmt.Sprintf("files %d\nbytes %d\nsha256 %x\n", r.summary.Files, r.summary.Bytes, r.sums.Sum(nil))
	if string(text) != want {
		return errors.New("the backup is damaged: its files are not those that were written, by their checksums")
	}
	return nil
}

func (r *reader) entry(archive *tar.Reader, entry *tar.Header) error {
	name := strings.TrimSuffix(entry.Name, "/")
	if name != path.Clean(name) || !filepath.IsLocal(name) || strings.ContainsAny(name, "\\\x00") || slices.Contains(strings.Split(name, "/"), PartialDir) {
		return fmt.Errorf("it holds a file with the name %q, which no backup has", clip(entry.Name))
	}
	target := filepath.Join(r.dir, filepath.FromSlash(name))
	switch entry.Typeflag {
	case tar.TypeDir:
		fmt.Fprintf(r.sums, "folder 0 %q\n", name)
		return os.MkdirAll(target, 0o700)
	case tar.TypeReg:
		for record := range entry.PAXRecords {
			if strings.HasPrefix(record, "GNU.sparse") { // a small archive could fill the disk
				return fmt.Errorf("the entry %q is a sparse file, which no backup has", clip(name))
			}
		}
	default:
		return fmt.Errorf("the entry %q is neither file nor folder, which no backup has", clip(name))
	}
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	digest := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, digest), archive)
	if err == nil && n != entry.Size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return notWhole(err)
	} else if err != nil {
		return err
	}
	fmt.Fprintf(r.sums, "%x %d %q\n", digest.Sum(nil), n, name)
	r.summary.Files++
	r.summary.Bytes += n
	return nil
}

// syncTree makes the names in all folders survive a power cut.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return syncDir(path)
	})
}

func clip(name string) string {
	if len(name) > 100 {
		return name[:100] + "…"
	}
	return name
}
