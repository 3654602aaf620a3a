package blob

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// bucket is one bucket of a Dir.
type bucket struct {
	name, dir string

	// mu is held for reading while a file is published or removed in folders
	// that exist, and for writing while folders come and go or the bucket goes.
	mu     sync.RWMutex
	gone   bool
	record bucketRecord
}

// bucketRecord is the content of a bucket's file.
type bucketRecord struct {
	Name    string    `json:"name"`
	Region  string    `json:"region"`
	Created time.Time `json:"created"`
	Website *Website  `json:"website,omitempty"`
	Policy  string    `json:"policy,omitempty"`
}

func (r bucketRecord) info() BucketInfo {
	return BucketInfo{Name: r.Name, Region: r.Region, Created: r.Created}
}

func (b *bucket) objects() string { return filepath.Join(b.dir, "objects") }
func (b *bucket) uploads() string { return filepath.Join(b.dir, "uploads") }
func (b *bucket) file(path string) string {
	return filepath.Join(b.objects(), filepath.FromSlash(path))
}

func (d *Dir) loadBuckets() error {
	entries, err := os.ReadDir(d.path("buckets"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || CheckBucketName(e.Name()) != nil {
			continue // not ours: a file manager's, say
		}
		b := &bucket{name: e.Name(), dir: d.path("buckets", e.Name())}
		content, err := os.ReadFile(filepath.Join(b.dir, "bucket"))
		if err == nil {
			err = json.Unmarshal(content, &b.record)
		}
		if err == nil && b.record.Name != e.Name() {
			err = fmt.Errorf("it is the record of bucket %q", b.record.Name)
		}
		if err != nil {
			return fmt.Errorf("read the record of bucket %s: %w", e.Name(), err)
		}
		d.buckets[e.Name()] = b
	}
	return nil
}

// CreateBucket implements [BucketStore].
func (d *Dir) CreateBucket(ctx context.Context, name, region string) error {
	if err := CheckBucketName(name); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return cancelled(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.buckets[name] != nil {
		return errs.New(errs.Conflict, CodeBucketAlreadyOwnedByYou, "Your previous request to create the named bucket succeeded and you already own it: %s", name)
	}
	b := &bucket{
		name:   name,
		dir:    d.path("buckets", name),
		record: bucketRecord{Name: name, Region: region, Created: time.Now().UTC()},
	}
	if err := d.createBucket(b); err != nil {
		return storageError(err, "create bucket "+name)
	}
	d.buckets[name] = b
	return nil
}

// createBucket builds the bucket aside and publishes it by one rename.
func (d *Dir) createBucket(b *bucket) error {
	aside, err := os.MkdirTemp(d.path("tmp"), "bucket-*")
	if err != nil {
		return err
	}
	for _, name := range []string{"objects", "uploads"} {
		if err = os.Mkdir(filepath.Join(aside, name), 0o700); err != nil {
			break
		}
	}
	if err == nil {
		err = d.writeRecord(filepath.Join(aside, "bucket"), b.record) // syncs aside as well
	}
	if err == nil {
		err = os.Rename(aside, b.dir)
	}
	if err != nil {
		os.RemoveAll(aside)
		return err
	}
	return syncDir(filepath.Dir(b.dir))
}

func (d *Dir) writeRecord(path string, r bucketRecord) error {
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return d.writeFile(path, append(content, '\n'))
}

// DeleteBucket implements [BucketStore].
func (d *Dir) DeleteBucket(ctx context.Context, name string) error {
	if ctx.Err() != nil {
		return cancelled(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	b := d.buckets[name]
	if b == nil {
		return noSuchBucket(name)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	found, err := holdsObject(b.objects())
	if err != nil {
		return storageError(err, "look for objects in bucket "+name)
	}
	if found {
		return errs.New(errs.Conflict, CodeBucketNotEmpty, "The bucket you tried to delete is not empty: %s. Delete its objects first.", name)
	}
	// The rename deletes; the rest is cleaning up, at the latest by Open.
	aside := d.path("tmp", "deleted-"+newID())
	if err := os.Rename(b.dir, aside); err != nil {
		return storageError(err, "delete bucket "+name)
	}
	b.gone = true
	delete(d.buckets, name)
	os.RemoveAll(aside)
	if err := syncDir(d.path("buckets")); err != nil {
		return storageError(err, "delete bucket "+name)
	}
	return nil
}

// Bucket implements [BucketStore].
func (d *Dir) Bucket(ctx context.Context, name string) (BucketInfo, error) {
	b, err := d.bucket(ctx, name)
	if err != nil {
		return BucketInfo{}, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.record.info(), nil
}

// Buckets implements [BucketStore].
func (d *Dir) Buckets(ctx context.Context) ([]BucketInfo, error) {
	if ctx.Err() != nil {
		return nil, cancelled(ctx)
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	infos := make([]BucketInfo, 0, len(d.buckets))
	for _, b := range d.buckets {
		b.mu.RLock()
		infos = append(infos, b.record.info())
		b.mu.RUnlock()
	}
	slices.SortFunc(infos, func(a, b BucketInfo) int { return strings.Compare(a.Name, b.Name) })
	return infos, nil
}

// Website implements [WebsiteStore].
func (d *Dir) Website(ctx context.Context, name string) (Website, error) {
	b, err := d.bucket(ctx, name)
	if err != nil {
		return Website{}, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.record.Website == nil {
		return Website{}, errs.New(errs.NotFound, CodeNoSuchWebsite, "The specified bucket does not have a website configuration: %s", name)
	}
	return *b.record.Website, nil
}

// SetWebsite implements [WebsiteStore].
func (d *Dir) SetWebsite(ctx context.Context, name string, site Website) error {
	if site.Index == "" || strings.Contains(site.Index, "/") {
		return errs.New(errs.Invalid, CodeInvalidArgument, "The IndexDocument Suffix is not well formed: %q must be a file name without a slash, such as index.html.", site.Index)
	}
	if site.Error != "" {
		if err := CheckKey(site.Error); err != nil {
			return err
		}
	}
	return d.changeRecord(ctx, name, func(r *bucketRecord) { r.Website = &site })
}

// DeleteWebsite implements [WebsiteStore].
func (d *Dir) DeleteWebsite(ctx context.Context, name string) error {
	return d.changeRecord(ctx, name, func(r *bucketRecord) { r.Website = nil })
}

// BucketPolicy implements [PolicyStore].
func (d *Dir) BucketPolicy(ctx context.Context, name string) (string, error) {
	b, err := d.bucket(ctx, name)
	if err != nil {
		return "", err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.record.Policy == "" {
		return "", errs.New(errs.NotFound, CodeNoSuchPolicy, "The bucket policy does not exist: %s", name)
	}
	return b.record.Policy, nil
}

// SetBucketPolicy implements [PolicyStore].
func (d *Dir) SetBucketPolicy(ctx context.Context, name, policy string) error {
	return d.changeRecord(ctx, name, func(r *bucketRecord) { r.Policy = policy })
}

// DeleteBucketPolicy implements [PolicyStore].
func (d *Dir) DeleteBucketPolicy(ctx context.Context, name string) error {
	return d.changeRecord(ctx, name, func(r *bucketRecord) { r.Policy = "" })
}

// changeRecord changes what is kept of a bucket, on disk first.
func (d *Dir) changeRecord(ctx context.Context, name string, change func(*bucketRecord)) error {
	b, err := d.bucket(ctx, name)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone {
		return noSuchBucket(name)
	}
	record := b.record
	change(&record)
	if err := d.writeRecord(filepath.Join(b.dir, "bucket"), record); err != nil {
		return storageError(err, "write the record of bucket "+name)
	}
	b.record = record
	return nil
}

// holdsObject reports whether a folder holds an object at any depth. Folders
// without any are left by a removal that was cut short.
func holdsObject(dir string) (bool, error) {
	f, err := os.Open(dir)
	if err != nil {
		return false, unlessGone(err)
	}
	defer f.Close()
	for {
		entries, err := f.ReadDir(64)
		for _, e := range entries {
			parsed, ok := ours(e)
			if ok && parsed.kind == objectEntry {
				return true, nil
			}
			if ok {
				if found, err := holdsObject(filepath.Join(dir, e.Name())); found || err != nil {
					return found, err
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, unlessGone(err)
		}
	}
}

// unlessGone passes over that a folder went while it was read.
func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
