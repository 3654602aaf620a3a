package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/heliograph/heliograph/internal/errs"
)

// dirObject is an open version of an object; the file it reads lives on while it
// is open, whatever happens to its name.
type dirObject struct {
	*io.SectionReader // the content, without the footer
	f                 *os.File
	info              ObjectInfo
}

func (o *dirObject) Info() ObjectInfo { return o.info }
func (o *dirObject) Close() error     { return o.f.Close() }

// SendTo implements [Sender]. Reading does not use the file's offset, so it may be moved.
func (o *dirObject) SendTo(w io.Writer, off, n int64) error {
	if _, err := o.f.Seek(off, io.SeekStart); err != nil {
		return err
	}
	sent, err := io.Copy(w, io.LimitReader(o.f, n)) // this type is what lets the kernel do it
	if err == nil && sent < n {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Open implements [ObjectStore].
func (d *Dir) Open(ctx context.Context, bucketName, key string) (Object, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	b, err := d.bucket(ctx, bucketName)
	if err != nil {
		return nil, err
	}
	o, err := b.open(key)
	if err != nil {
		return nil, err
	}
	return o, nil
}

// Stat implements [ObjectStore].
func (d *Dir) Stat(ctx context.Context, bucketName, key string) (ObjectInfo, error) {
	if err := CheckKey(key); err != nil {
		return ObjectInfo{}, err
	}
	b, err := d.bucket(ctx, bucketName)
	if err != nil {
		return ObjectInfo{}, err
	}
	return b.stat(key)
}

func (b *bucket) stat(key string) (ObjectInfo, error) {
	o, err := b.open(key)
	if err != nil {
		return ObjectInfo{}, err
	}
	o.Close()
	return o.info, nil
}

func (b *bucket) open(key string) (*dirObject, error) {
	f, fields, size, err := openSealed(b.file(objectPath(key)))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENAMETOOLONG) {
		return nil, noSuchKey(key)
	}
	if err != nil {
		return nil, storageError(err, fmt.Sprintf("open %s/%s", b.name, key))
	}
	info, err := objectFromFields(b.name, key, fields, size)
	if err != nil {
		f.Close()
		return nil, damaged(f.Name(), err)
	}
	return &dirObject{SectionReader: io.NewSectionReader(f, 0, size), f: f, info: info}, nil
}

// openSealed opens a sealed file and reads its footer.
func openSealed(path string) (f *os.File, content fields, size int64, err error) {
	f, err = os.Open(path)
	if err != nil {
		return nil, nil, 0, err
	}
	info, err := f.Stat()
	if err == nil {
		if content, size, err = readFooter(f, info.Size()); err != nil {
			err = damaged(path, err)
		}
	}
	if err != nil {
		f.Close()
		return nil, nil, 0, err
	}
	return f, content, size, nil
}

func damaged(path string, err error) error {
	return errs.Wrap(err, errs.Internal, "", "the file %s is damaged; restore it from a backup or delete its object", path)
}

// Delete implements [ObjectStore].
func (d *Dir) Delete(ctx context.Context, bucketName, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	b, err := d.bucket(ctx, bucketName)
	if err != nil {
		return err
	}
	defer d.keys.lock(bucketName + "/" + key)()
	path := b.file(objectPath(key))
	b.mu.RLock()
	err = os.Remove(path)
	b.mu.RUnlock()
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENAMETOOLONG):
		return nil
	case err == nil:
		err = syncNearest(filepath.Dir(path))
	}
	if err != nil {
		return storageError(err, fmt.Sprintf("delete %s/%s", bucketName, key))
	}
	b.prune(filepath.Dir(path))
	return nil
}

// syncNearest syncs dir, or, if somebody pruned it with the last object gone, the
// nearest folder above that is left: it knows of the removal.
func syncNearest(dir string) error {
	for {
		err := syncDir(dir)
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		dir = filepath.Dir(dir)
	}
}

// prune removes dir and the folders above it as far as they are empty. What
// stays behind is harmless.
func (b *bucket) prune(dir string) {
	for top := b.objects(); dir != top && isEmpty(dir); dir = filepath.Dir(dir) {
		b.mu.Lock()
		err := os.Remove(dir) // fails on a folder that is not empty any more
		b.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func isEmpty(dir string) bool {
	f, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = f.Readdirnames(1)
	return errors.Is(err, io.EOF)
}
