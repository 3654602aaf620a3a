package blob

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// Put implements [ObjectStore].
func (d *Dir) Put(ctx context.Context, bucketName, key string, r io.Reader, opt PutOptions) (ObjectInfo, error) {
	b, err := d.admit(ctx, bucketName, key, opt)
	if err != nil {
		return ObjectInfo{}, err
	}
	s, err := d.stage()
	if err != nil {
		return ObjectInfo{}, err
	}
	defer s.discard()
	etag, sums, err := s.fill(ctx, r, opt.Checks)
	if err != nil {
		return ObjectInfo{}, err
	}
	info := newObjectInfo(bucketName, key, opt)
	info.Size, info.ETag, info.Checksums = s.size, etag, sums
	return d.publishObject(b, s, info, opt, "")
}

// Copy implements [ObjectStore]. The bytes stay inside the kernel unless a
// digest of them is wanted that is not known yet.
func (d *Dir) Copy(ctx context.Context, src Object, bucketName, key string, opt PutOptions) (ObjectInfo, error) {
	from, ok := src.(*dirObject)
	if !ok {
		return ObjectInfo{}, errs.New(errs.Internal, "", "copy from a %T, which is not this store's", src)
	}
	if !from.knows(opt.Checks) {
		return d.Put(ctx, bucketName, key, io.NewSectionReader(from.f, 0, from.info.Size), opt)
	}
	b, err := d.admit(ctx, bucketName, key, opt)
	if err != nil {
		return ObjectInfo{}, err
	}
	s, err := d.stage()
	if err != nil {
		return ObjectInfo{}, err
	}
	defer s.discard()
	if err := s.appendFile(ctx, from.f, from.info.Size); err != nil {
		return ObjectInfo{}, err
	}
	info := newObjectInfo(bucketName, key, opt)
	info.Size, info.ETag = s.size, from.info.ETag
	info.Checksums = map[string]string{}
	for _, name := range opt.Algorithms {
		info.Checksums[name] = from.info.Checksums[name]
	}
	return d.publishObject(b, s, info, opt, "")
}

// knows reports whether a copy with the given checks needs no look at the bytes.
func (o *dirObject) knows(check Checks) bool {
	if o.info.Parts > 0 || check.MD5 != nil || check.SHA256 != nil || len(check.Checksums) > 0 || check.Trailer != nil {
		return false
	}
	for _, name := range check.Algorithms {
		if o.info.Checksums[name] == "" {
			return false
		}
	}
	return true
}

// admit checks what can be checked before the body is read. Conditions are
// checked again when the object is published; here they save the transfer.
func (d *Dir) admit(ctx context.Context, bucketName, key string, opt PutOptions) (*bucket, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	if err := checkMetadata(opt); err != nil {
		return nil, err
	}
	b, err := d.bucket(ctx, bucketName)
	if err != nil {
		return nil, err
	}
	return b, b.checkConditions(key, opt)
}

func newObjectInfo(bucketName, key string, opt PutOptions) ObjectInfo {
	return ObjectInfo{
		Bucket: bucketName, Key: key, Modified: time.Now().UTC(),
		ContentType: opt.ContentType, Headers: opt.Headers, Metadata: opt.Metadata,
	}
}

// publishObject seals s and makes it the object that info tells of.
func (d *Dir) publishObject(b *bucket, s *staged, info ObjectInfo, opt PutOptions, uploadID string) (ObjectInfo, error) {
	if err := s.seal(objectFields(info, uploadID)); err != nil {
		return ObjectInfo{}, err
	}
	defer d.keys.lock(info.Bucket + "/" + info.Key)()
	if err := b.checkConditions(info.Key, opt); err != nil {
		return ObjectInfo{}, err
	}
	if err := b.publish(s, objectPath(info.Key)); err != nil {
		return ObjectInfo{}, storageError(err, fmt.Sprintf("publish %s/%s", info.Bucket, info.Key))
	}
	return info, nil
}

// publish renames s to path below the bucket's objects, making folders as needed.
// The caller holds the key's lock, so nobody empties the last folder meanwhile.
func (b *bucket) publish(s *staged, path string) error {
	target := b.file(path)
	defer keepReplaced(target)()
	b.mu.RLock()
	err := b.rename(s, target)
	b.mu.RUnlock()
	if errors.Is(err, fs.ErrNotExist) {
		b.mu.Lock()
		err = b.makeFolders(path)
		if err == nil {
			err = b.rename(s, target)
		}
		b.mu.Unlock()
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(target))
}

func (b *bucket) rename(s *staged, target string) error {
	if b.gone {
		return noSuchBucket(b.name)
	}
	if err := os.Rename(s.path, target); err != nil {
		return err
	}
	s.published = true
	return nil
}

// makeFolders makes the folders of path, each durable before the next.
func (b *bucket) makeFolders(path string) error {
	if b.gone {
		return noSuchBucket(b.name)
	}
	return makeDirs(filepath.Dir(b.file(path)))
}

func (b *bucket) checkConditions(key string, opt PutOptions) error {
	if !opt.IfNoneMatch && opt.IfMatch == "" {
		return nil
	}
	info, err := b.stat(key)
	found := err == nil
	if err != nil && !errs.Is(err, errs.NotFound) {
		return err
	}
	switch {
	case opt.IfNoneMatch && found:
		return errs.New(errs.Precondition, CodePreconditionFailed,
			"At least one of the pre-conditions you specified did not hold: If-None-Match, and %s exists.", key)
	case opt.IfMatch == "":
		return nil
	case !found:
		return noSuchKey(key)
	case opt.IfMatch != "*" && normalETag(opt.IfMatch) != info.ETag:
		return errs.New(errs.Precondition, CodePreconditionFailed,
			"At least one of the pre-conditions you specified did not hold: If-Match, and %s has the ETag %q.", key, info.ETag)
	}
	return nil
}

// staged is a file on its way: written in tmp/, then published by a rename.
type staged struct {
	f         *os.File
	path      string
	size      int64 // bytes of content so far
	published bool
}

func (d *Dir) stage() (*staged, error) {
	f, err := os.CreateTemp(d.path("tmp"), "put-*")
	if err != nil {
		return nil, storageError(err, "create a temporary file")
	}
	return &staged{f: f, path: f.Name()}, nil
}

// discard removes the file unless it was published. It may be called at any time.
func (s *staged) discard() {
	s.f.Close() // fails after seal, which closed it
	if !s.published {
		os.Remove(s.path)
	}
}

// fill writes r to its end and returns its ETag and checksums.
func (s *staged) fill(ctx context.Context, r io.Reader, check Checks) (etag string, sums map[string]string, err error) {
	digest, err := newDigester(check)
	if err != nil {
		return "", nil, err
	}
	n, err := pump(ctx, &early{f: s.f}, digest.all(), r)
	s.size += n
	if err != nil {
		return "", nil, err
	}
	return digest.finish()
}

// appendFile appends the first n bytes of f, which Linux copies without passing
// them through this process.
func (s *staged) appendFile(ctx context.Context, f *os.File, n int64) error {
	const step = 64 << 20 // between looks at ctx
	for off := int64(0); off < n; {
		if ctx.Err() != nil {
			return cancelled(ctx)
		}
		if _, err := f.Seek(off, io.SeekStart); err != nil {
			return storageError(err, "read "+f.Name())
		}
		want := min(step, n-off)
		got, err := io.Copy(s.f, io.LimitReader(f, want))
		if err == nil && got < want {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return storageError(err, "copy "+f.Name())
		}
		off += got
		s.size += got
	}
	return nil
}

// seal appends the footer and makes the file durable.
func (s *staged) seal(f fields) error {
	_, err := s.f.Write(appendFooter(nil, f, s.size))
	if err == nil {
		err = s.f.Sync()
	}
	if e := s.f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return storageError(err, "write "+s.path)
	}
	return nil
}

// newID returns an id that sorts by the time it was made.
func newID() string {
	var b [16]byte
	rand.Read(b[8:])
	for i, ns := 0, uint64(time.Now().UnixNano()); i < 8; i++ {
		b[i] = byte(ns >> (56 - 8*i))
	}
	return hex.EncodeToString(b[:])
}
