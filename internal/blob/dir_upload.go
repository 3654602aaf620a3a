package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// An upload is a folder with a sealed file "upload", which has no content and
// tells what was asked for, and a sealed file per part, "00001" to "10000".
const uploadFile = "upload"

func (b *bucket) upload(id string) string { return filepath.Join(b.uploads(), id) }

func partFile(number int) string { return fmt.Sprintf("%05d", number) }

// CreateUpload implements [UploadStore].
func (d *Dir) CreateUpload(ctx context.Context, bucketName, key string, opt PutOptions) (Upload, error) {
	for _, name := range opt.Algorithms {
		if algorithms[name].new == nil {
			return Upload{}, CheckChecksum(name, "")
		}
		if opt.FullObject && !allowsFullObject(name) {
			return Upload{}, errs.New(errs.Invalid, CodeInvalidRequest,
				"The FULL_OBJECT checksum type cannot be used with the %s checksum algorithm; use a CRC, or the type COMPOSITE.", name)
		}
	}
	opt.IfMatch, opt.IfNoneMatch = "", false
	b, err := d.admit(ctx, bucketName, key, opt)
	if err != nil {
		return Upload{}, err
	}
	up := Upload{
		UploadRef: UploadRef{Bucket: bucketName, Key: key, ID: newID()},
		Initiated: time.Now().UTC(),
		Options: PutOptions{
			ContentType: opt.ContentType, Headers: opt.Headers, Metadata: opt.Metadata,
			Checks: Checks{Algorithms: sortedUnique(opt.Algorithms)}, FullObject: opt.FullObject,
		},
	}
	if err := d.createUpload(b, up); err != nil {
		return Upload{}, storageError(err, fmt.Sprintf("create an upload for %s/%s", bucketName, key))
	}
	return up, nil
}

func (d *Dir) createUpload(b *bucket, up Upload) (err error) {
	aside, err := os.MkdirTemp(d.path("tmp"), "upload-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(aside)
		}
	}()
	err = d.writeFile(filepath.Join(aside, uploadFile), appendFooter(nil, uploadFields(up), 0))
	if err != nil {
		return err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.gone {
		return noSuchBucket(up.Bucket)
	}
	if err = os.Rename(aside, b.upload(up.ID)); err != nil {
		return err
	}
	return syncDir(b.uploads())
}

func uploadFields(up Upload) fields {
	f := objectFields(ObjectInfo{
		Key: up.Key, Modified: up.Initiated, ContentType: up.Options.ContentType,
		Headers: up.Options.Headers, Metadata: up.Options.Metadata,
	}, "")
	f[fieldAlgorithms] = strings.Join(up.Options.Algorithms, " ")
	if up.Options.FullObject {
		f[fieldFullObject] = "true"
	}
	return f
}

// readUpload reads the upload in a folder. It returns fs.ErrNotExist if there is
// none.
func readUpload(bucketName, dir string) (Upload, error) {
	f, content, size, err := openSealed(filepath.Join(dir, uploadFile))
	if err != nil {
		return Upload{}, err
	}
	f.Close()
	info, err := objectFromFields(bucketName, content[fieldKey], content, size)
	if err != nil {
		return Upload{}, damaged(f.Name(), err)
	}
	opt := info.PutOptions()
	opt.Algorithms = strings.Fields(content[fieldAlgorithms])
	opt.FullObject = content[fieldFullObject] == "true"
	return Upload{
		UploadRef: UploadRef{Bucket: bucketName, Key: info.Key, ID: filepath.Base(dir)},
		Initiated: info.Modified,
		Options:   opt,
	}, nil
}

// find returns the bucket and the upload that ref names.
func (d *Dir) find(ctx context.Context, ref UploadRef) (*bucket, Upload, error) {
	b, err := d.bucket(ctx, ref.Bucket)
	if err != nil {
		return nil, Upload{}, err
	}
	if !validID(ref.ID) {
		return b, Upload{}, noSuchUpload(ref.ID)
	}
	up, err := readUpload(ref.Bucket, b.upload(ref.ID))
	if errors.Is(err, fs.ErrNotExist) || err == nil && up.Key != ref.Key {
		return b, Upload{}, noSuchUpload(ref.ID)
	}
	if err != nil {
		return b, Upload{}, storageError(err, "read upload "+ref.ID)
	}
	return b, up, nil
}

// validID reports whether id has newID's form, so that it is safe as a file name.
func validID(id string) bool {
	return len(id) == 32 && strings.Trim(id, hexDigits) == ""
}

// PutPart implements [UploadStore].
func (d *Dir) PutPart(ctx context.Context, ref UploadRef, number int, r io.Reader, check Checks) (Part, error) {
	if number < 1 || number > MaxParts {
		return Part{}, errs.New(errs.Invalid, CodeInvalidArgument, "Part number must be an integer between 1 and %d, inclusive; it is %d.", MaxParts, number)
	}
	b, up, err := d.find(ctx, ref)
	if err != nil {
		return Part{}, err
	}
	check.Algorithms = append(slices.Clone(check.Algorithms), up.Options.Algorithms...)
	s, err := d.stage()
	if err != nil {
		return Part{}, err
	}
	defer s.discard()
	etag, sums, err := s.fill(ctx, r, check)
	if err != nil {
		return Part{}, err
	}
	part := Part{Number: number, Size: s.size, ETag: etag, Modified: time.Now().UTC(), Checksums: sums}
	if err := s.seal(objectFields(ObjectInfo{Key: ref.Key, ETag: etag, Modified: part.Modified, Checksums: sums}, "")); err != nil {
		return Part{}, err
	}
	err = os.Rename(s.path, filepath.Join(b.upload(ref.ID), partFile(number)))
	if err == nil {
		s.published = true
		err = syncDir(b.upload(ref.ID))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Part{}, noSuchUpload(ref.ID) // completed or aborted meanwhile
	}
	if err != nil {
		return Part{}, storageError(err, fmt.Sprintf("publish part %d of upload %s", number, ref.ID))
	}
	return part, nil
}

// openPart opens a part's file and tells what is in it.
func openPart(up Upload, dir string, number int) (*os.File, Part, error) {
	f, content, size, err := openSealed(filepath.Join(dir, partFile(number)))
	if err != nil {
		return nil, Part{}, err
	}
	info, err := objectFromFields(up.Bucket, up.Key, content, size)
	if err != nil {
		f.Close()
		return nil, Part{}, damaged(f.Name(), err)
	}
	return f, Part{Number: number, Size: size, ETag: info.ETag, Modified: info.Modified, Checksums: info.Checksums}, nil
}

// ListParts implements [UploadStore].
func (d *Dir) ListParts(ctx context.Context, ref UploadRef, after, max int) (PartPage, error) {
	b, up, err := d.find(ctx, ref)
	if err != nil {
		return PartPage{}, err
	}
	if max <= 0 || max > maxPage {
		max = maxPage
	}
	entries, err := os.ReadDir(b.upload(ref.ID)) // sorted by name
	if errors.Is(err, fs.ErrNotExist) {
		return PartPage{}, noSuchUpload(ref.ID)
	}
	if err != nil {
		return PartPage{}, storageError(err, "list the parts of upload "+ref.ID)
	}
	page := PartPage{Upload: up}
	for _, e := range entries {
		number, err := strconv.Atoi(e.Name())
		if err != nil || number <= after || partFile(number) != e.Name() {
			continue
		}
		if len(page.Parts) == max {
			page.Truncated = true
			break
		}
		f, part, err := openPart(up, b.upload(ref.ID), number)
		if errors.Is(err, fs.ErrNotExist) {
			return PartPage{}, noSuchUpload(ref.ID)
		}
		if err != nil {
			return PartPage{}, storageError(err, fmt.Sprintf("read part %d of upload %s", number, ref.ID))
		}
		f.Close()
		page.Parts, page.Next = append(page.Parts, part), number
	}
	return page, nil
}

// AbortUpload implements [UploadStore].
func (d *Dir) AbortUpload(ctx context.Context, ref UploadRef) error {
	defer d.uploads.lock(ref.ID)()
	b, _, err := d.find(ctx, ref)
	if err != nil {
		return err
	}
	if err := d.removeUpload(b, ref.ID); err != nil {
		return storageError(err, "abort upload "+ref.ID)
	}
	return nil
}

// removeUpload takes an upload away by one rename; a part that arrives later finds
// no folder.
func (d *Dir) removeUpload(b *bucket, id string) error {
	aside := d.path("tmp", "removed-"+id)
	err := os.Rename(b.upload(id), aside)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	os.RemoveAll(aside) // at the latest by Open
	if err := syncDir(b.uploads()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil // the bucket went too
}

// ListUploads implements [UploadStore].
func (d *Dir) ListUploads(ctx context.Context, bucketName string, opt ListUploadsOptions) (UploadPage, error) {
	b, err := d.bucket(ctx, bucketName)
	if err != nil {
		return UploadPage{}, err
	}
	entries, err := os.ReadDir(b.uploads())
	if err != nil {
		return UploadPage{}, storageError(err, "list the uploads of bucket "+bucketName)
	}
	var ups []Upload
	for _, e := range entries {
		if ctx.Err() != nil {
			return UploadPage{}, cancelled(ctx)
		}
		if !validID(e.Name()) {
			continue
		}
		up, err := readUpload(bucketName, b.upload(e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // completed or aborted meanwhile
		}
		if err != nil {
			return UploadPage{}, storageError(err, "read upload "+e.Name())
		}
		if strings.HasPrefix(up.Key, opt.Prefix) {
			ups = append(ups, up)
		}
	}
	slices.SortFunc(ups, func(a, b Upload) int {
		if c := strings.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return pageUploads(ups, opt), nil
}

// pageUploads cuts opt's page out of all sorted uploads with its prefix.
func pageUploads(ups []Upload, opt ListUploadsOptions) UploadPage {
	limit := opt.Max
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	var page UploadPage
	for _, up := range ups {
		text, isPrefix := commonPrefix(up.Key, opt.Prefix, opt.Delimiter)
		if !isPrefix {
			text = up.Key
		}
		past := text > opt.AfterKey || !isPrefix && text == opt.AfterKey && opt.AfterUpload != "" && up.ID > opt.AfterUpload
		if !past {
			continue
		}
		if len(page.Uploads)+len(page.CommonPrefixes) == limit {
			page.Truncated = true
			break
		}
		page.NextKey, page.NextUpload = text, up.ID
		if isPrefix {
			page.CommonPrefixes = append(page.CommonPrefixes, text)
			opt.AfterKey, opt.AfterUpload = text, ""
			page.NextUpload = ""
		} else {
			page.Uploads = append(page.Uploads, up)
		}
	}
	return page
}
