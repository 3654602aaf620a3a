package serving

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/heliograph/heliograph/fasttext"
	"github.com/heliograph/heliograph/internal/errs"
)

// A location is an object.
type location struct{ Bucket, Key string }

func (l location) String() string { return "s3://" + l.Bucket + "/" + l.Key }

// An artifact is one version of an object and the model that was in it.
type artifact struct {
	location
	ETag       string `json:",omitempty"`
	Size       int64  `json:",omitempty"` // bytes of the object
	Digest     string `json:",omitempty"` // SHA-256 of the model file, with its calibration if there is one, in hex; "" before it was unpacked
	ModelBytes int64  `json:",omitempty"` // bytes of the model file
	Calibrated bool   `json:",omitempty"` // a calibration lay beside the model
}

// version is what tells one version of an object from others.
type version struct {
	location
	etag string
	size int64
}

func (a artifact) version() version { return version{a.location, a.ETag, a.Size} }

// errGone means that an unpacked model is not on disk any more.
var errGone = errors.New("the unpacked model is gone")

const (
	modelSuffix = ".bin"
	tempPattern = "unpack-*.tmp"
)

// shelf is the folder of unpacked models. A file's name is its content's
// digest; it appears whole and synced, or not at all.
type shelf struct{ dir string }

func (s shelf) path(digest string) string { return filepath.Join(s.dir, digest+modelSuffix) }

// has reports whether the model is there with the right size.
func (s shelf) has(digest string, size int64) bool {
	info, err := os.Stat(s.path(digest))
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}

func (s shelf) load(a artifact) (m *fasttext.Model, err error) {
	defer func() {
		// The engine promises not to panic on any file. Should it break the promise,
		// one endpoint is to fail, and not the server.
		if p := recover(); p != nil {
			m, err = nil, fmt.Errorf("panic while loading a model: %v\n%s", p, debug.Stack())
		}
	}()
	// A request under way may still use a model that was let go of: it is never closed, and
	// its file, removed or not, is unmapped when nothing refers to it any more.
	path := s.path(a.Digest)
	m, err = fasttext.Open(path)
	if err == nil && a.Calibrated {
		m, err = calibrated(m, path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errGone
	}
	return m, err
}

func calibrated(m *fasttext.Model, path string) (*fasttext.Model, error) {
	c, err := fasttext.LoadCalibration(fasttext.CalibrationPath(path))
	if err != nil {
		return nil, err
	}
	m, err = m.WithCalibration(c)
	if errors.Is(err, fasttext.ErrOtherModel) || errors.Is(err, fasttext.ErrNotSupervised) {
		return nil, badArchive(err, "The archive's %s was not made for the model beside it. Make it again, or leave it out.", calibrationFile)
	}
	return m, err
}

func (s shelf) remove(digest string) error {
	for _, path := range []string{s.path(digest), fasttext.CalibrationPath(s.path(digest))} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// sweep removes what dead processes left, and every model that is not wanted.
func (s shelf) sweep(wanted map[string]bool) error {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		digest, isModel := strings.CutSuffix(strings.TrimSuffix(f.Name(), fasttext.CalibrationPath("")), modelSuffix)
		isTemp, _ := filepath.Match(tempPattern, f.Name())
		isTemp = isTemp || strings.Contains(f.Name(), fasttext.CalibrationPath("")+".tmp")
		if isTemp || isModel && !wanted[digest] {
			err = errors.Join(err, os.Remove(filepath.Join(s.dir, f.Name())))
		}
	}
	return err
}

// draft is a model file being written.
type draft struct {
	file *os.File
	sum  hash.Hash
	size int64

	calibration []byte // nil if there is none
}

func (s shelf) draft() (*draft, error) {
	f, err := os.CreateTemp(s.dir, tempPattern)
	if err != nil {
		return nil, err
	}
	return &draft{file: f, sum: sha256.New()}, nil
}

var zeros [32 << 10]byte

// Write leaves holes for zeros: rows that no training text touched need no disk.
func (d *draft) Write(p []byte) (int, error) {
	if len(p) > len(zeros) || !bytes.Equal(p, zeros[:len(p)]) {
		if n, err := d.file.WriteAt(p, d.size); err != nil {
			return n, err
		}
	}
	d.sum.Write(p)
	d.size += int64(len(p))
	return len(p), nil
}

func (d *draft) Reset() error {
	d.sum.Reset()
	d.size = 0
	return d.file.Truncate(0)
}

// Calibrate keeps the calibration for publish.
func (d *draft) Calibrate(text []byte) error {
	d.calibration = text
	return nil
}

// publish puts the finished draft on the shelf and returns its digest.
func (d *draft) publish(s shelf) (digest string, err error) {
	sum := d.sum.Sum(nil)
	if d.calibration != nil { // another model than without
		with := sha256.Sum256(append(sum, d.calibration...))
		sum = with[:]
	}
	digest = hex.EncodeToString(sum)
	if d.calibration != nil {
		err := fasttext.WriteFile(fasttext.CalibrationPath(s.path(digest)), func(w io.Writer) error {
			_, err := w.Write(d.calibration)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	if err := d.file.Truncate(d.size); err != nil { // it may end with a hole
		return "", err
	}
	if err := d.file.Sync(); err != nil {
		return "", err
	}
	if err := d.file.Close(); err != nil {
		return "", err
	}
	if err := os.Rename(d.file.Name(), s.path(digest)); err != nil {
		return "", err
	}
	dir, err := os.Open(s.dir)
	if err != nil {
		return "", err
	}
	return digest, errors.Join(dir.Sync(), dir.Close())
}

func (d *draft) discard() {
	d.file.Close()
	os.Remove(d.file.Name())
}

// fetch unpacks the object at a.location onto the shelf and returns the artifact
// with everything known.
func (l *library) fetch(ctx context.Context, at location) (a artifact, err error) {
	object, err := l.objects.Open(ctx, at.Bucket, at.Key)
	if err != nil {
		return a, err
	}
	defer object.Close()
	info := object.Info()
	a = artifact{location: at, ETag: info.ETag, Size: info.Size}
	d, err := l.shelf.draft()
	if err != nil {
		return a, diskError(err)
	}
	defer d.discard() // without effect once published
	if err := unpack(ctx, object, d, l.max); err != nil {
		return a, diskError(err)
	}
	if a.Digest, err = d.publish(l.shelf); err != nil {
		return a, diskError(err)
	}
	a.ModelBytes, a.Calibrated = d.size, d.calibration != nil
	return a, nil
}

// diskError names what the operator of the server can mend.
func diskError(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return errs.Wrap(err, errs.Unavailable, "", "The server's disk is full; there is no room to unpack the model. Free some space.")
	case errors.Is(err, syscall.EROFS):
		return errs.Wrap(err, errs.Unavailable, "", "The server's data directory is read-only; the model cannot be unpacked.")
	}
	return err
}

// reason is why an artifact cannot be served, in words for the person who made
// it, and whether trying again may help.
func reason(at location, err error) (text string, passing bool) {
	var format *fasttext.FormatError
	var archive *archiveError
	switch {
	case errors.As(err, &archive):
		return fmt.Sprintf("The model data at %s cannot be used. %s", at, archive.what), false
	case errors.As(err, &format):
		return fmt.Sprintf("The model data at %s holds no model that can be loaded: %v.", at, format), false
	case errs.Is(err, errs.NotFound):
		return fmt.Sprintf("Failed to download model data from URL: %q. Please ensure that there is an object located at the URL.", at), false
	case errs.Is(err, errs.Invalid) && errs.CodeOf(err) == codeInaccessible:
		return errs.MessageOf(err), false
	case errs.KindOf(err) != errs.Internal:
		return fmt.Sprintf("The model data at %s could not be loaded: %s", at, errs.MessageOf(err)), errs.Is(err, errs.Unavailable)
	}
	return fmt.Sprintf("The model data at %s could not be loaded because of an internal error; the server's log says which.", at), true
}
