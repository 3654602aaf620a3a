// Package blob keeps bytes by bucket and key, with S3's meaning of both.
//
// A [Store] guarantees: what a write acknowledged survives a kill and a power
// cut; a failed, short or cancelled write leaves nothing visible; a reader sees
// one whole version of an object, data and metadata together, and keeps it
// although the object is overwritten or deleted meanwhile; of concurrent writes
// to one key the last one wins as a whole; conditions are checked and acted on
// in one step; a listing shows every write that was acknowledged before it
// began, in byte order of the keys.
//
// It is not a place for records that change together or are queried: those
// belong in package store. It knows nothing of principals or permissions.
package blob

import (
	"context"
	"io"
	"maps"
	"slices"
	"time"
)

// Store is what every backend offers. A backend that can do more says so with
// further interfaces, which callers ask for by type assertion. All methods are
// safe for concurrent use; errors are *errs.Error with S3's codes (see the Code
// constants).
type Store interface {
	BucketStore
	ObjectStore
	UploadStore
	WebsiteStore
	PolicyStore
}

// BucketStore is the set of buckets, one flat space of names.
type BucketStore interface {
	// CreateBucket makes an empty bucket. It fails with InvalidBucketName or
	// BucketAlreadyOwnedByYou.
	CreateBucket(ctx context.Context, name, region string) error
	// DeleteBucket removes a bucket without objects; uploads that were never
	// completed go with it. It fails with NoSuchBucket or BucketNotEmpty.
	DeleteBucket(ctx context.Context, name string) error
	Bucket(ctx context.Context, name string) (BucketInfo, error)
	// Buckets returns all buckets in order of their names.
	Buckets(ctx context.Context) ([]BucketInfo, error)
}

// ObjectStore is the objects of the buckets.
type ObjectStore interface {
	// Put stores what r holds up to its end. An error from r, a digest that
	// differs (BadDigest) or a condition that fails (PreconditionFailed, and
	// NoSuchKey for IfMatch without an object) leaves the old object in place.
	Put(ctx context.Context, bucket, key string, r io.Reader, opt PutOptions) (ObjectInfo, error)
	// Open returns one version of an object for reading; the caller closes it.
	Open(ctx context.Context, bucket, key string) (Object, error)
	Stat(ctx context.Context, bucket, key string) (ObjectInfo, error)
	// Copy stores the version src as bucket/key, on the server's side where the
	// backend can. src must come from Open of the same store, must not be
	// read otherwise meanwhile, and stays open. Metadata comes from opt alone; see [ObjectInfo.PutOptions].
	Copy(ctx context.Context, src Object, bucket, key string, opt PutOptions) (ObjectInfo, error)
	// Delete removes an object. A key without object is no error.
	Delete(ctx context.Context, bucket, key string) error
	List(ctx context.Context, bucket string, opt ListOptions) (ListPage, error)
}

// UploadStore is the multipart uploads: objects that arrive in numbered parts
// and become visible when they are completed. An acknowledged part is as durable
// as an acknowledged object.
type UploadStore interface {
	// CreateUpload starts an upload. Of opt it keeps the metadata and the
	// checksum algorithms; the rest belongs to parts and completion.
	CreateUpload(ctx context.Context, bucket, key string, opt PutOptions) (Upload, error)
	// PutPart stores part number (1 to MaxParts), replacing an earlier one.
	PutPart(ctx context.Context, up UploadRef, number int, r io.Reader, check Checks) (Part, error)
	// ListParts returns the parts after the number after, at most max.
	ListParts(ctx context.Context, up UploadRef, after, max int) (PartPage, error)
	// CompleteUpload makes the named parts, in ascending order, one object. It
	// fails with InvalidPart, InvalidPartOrder or EntityTooSmall (a part but the
	// last under MinPartSize) and then leaves the upload as it was. Repeating a
	// completion that succeeded returns the object it made while that is there.
	CompleteUpload(ctx context.Context, up UploadRef, parts []Part, opt PutOptions) (ObjectInfo, error)
	AbortUpload(ctx context.Context, up UploadRef) error
	ListUploads(ctx context.Context, bucket string, opt ListUploadsOptions) (UploadPage, error)
}

// WebsiteStore keeps which buckets are hosted as sites, and how.
type WebsiteStore interface {
	// Website fails with NoSuchWebsiteConfiguration where there is none.
	Website(ctx context.Context, bucket string) (Website, error)
	SetWebsite(ctx context.Context, bucket string, site Website) error
	DeleteWebsite(ctx context.Context, bucket string) error
}

// PolicyStore keeps the policies of buckets, which say who else may use them. It
// does not understand them.
type PolicyStore interface {
	// BucketPolicy fails with NoSuchBucketPolicy where there is none.
	BucketPolicy(ctx context.Context, bucket string) (string, error)
	SetBucketPolicy(ctx context.Context, bucket, policy string) error
	DeleteBucketPolicy(ctx context.Context, bucket string) error
}

// Limits that S3 sets.
const (
	MaxKeyLength = 1024    // bytes of a key
	MaxParts     = 10000   // parts of an upload, also the highest part number
	MinPartSize  = 5 << 20 // bytes of each part but the last
)

// BucketInfo describes a bucket.
type BucketInfo struct {
	Name    string
	Region  string
	Created time.Time
}

// ObjectInfo describes one version of an object.
type ObjectInfo struct {
	Bucket, Key string
	Size        int64             // bytes
	ETag        string            // without quotes: the content's MD5 in hex, or "md5-n" for an object of n parts
	Modified    time.Time         // when the write was published, UTC
	ContentType string            // "" if the writer gave none
	Headers     map[string]string // lower case: cache-control, content-disposition, content-encoding, content-language, expires
	Metadata    map[string]string // the user's own, lower-case names without "x-amz-meta-"
	Checksums   map[string]string // by algorithm ("crc32"): base64 of the content's checksum, or "base64-n" made of n parts' checksums
	Parts       int               // number of parts it was uploaded in; 0 for a single Put
	PartSizes   []int64           // bytes of each part; empty for a single Put
}

// PutOptions returns options that give another object i's metadata, and ask for
// the same checksums.
func (i ObjectInfo) PutOptions() PutOptions {
	return PutOptions{
		ContentType: i.ContentType,
		Headers:     maps.Clone(i.Headers),
		Metadata:    maps.Clone(i.Metadata),
		Checks:      Checks{Algorithms: slices.Sorted(maps.Keys(i.Checksums))},
	}
}

// Object is one version of an object, open for reading. ReadAt may be used
// concurrently, Read and Seek not.
type Object interface {
	io.ReadSeekCloser
	io.ReaderAt
	Info() ObjectInfo
}

// Sender is an Object whose bytes can reach a connection without passing through
// this process.
type Sender interface {
	// SendTo writes the n bytes from off on to w. A failure to read is a
	// *fs.PathError or io.ErrUnexpectedEOF, any other is w's.
	SendTo(w io.Writer, off, n int64) error
}

// PutOptions says how to store an object. The zero value stores bytes alone,
// unconditionally.
type PutOptions struct {
	ContentType string
	Headers     map[string]string
	Metadata    map[string]string
	IfNoneMatch bool   // store only if the key has no object
	IfMatch     string // store only over an object with this ETag
	Checks
	// FullObject asks CompleteUpload for a checksum of the whole content where
	// the algorithm allows it (the CRCs), instead of one made of the parts'.
	FullObject bool
}

// Checks says what a body must be and which checksums to keep. Those that do
// not hold fail the write with BadDigest, SHA256 with XAmzContentSHA256Mismatch.
type Checks struct {
	MD5        []byte            // expected, 16 bytes; nil for none
	SHA256     []byte            // that was signed, 32 bytes; nil for none
	Checksums  map[string]string // expected by algorithm, base64; kept with the object
	Algorithms []string          // further checksums to compute and keep
	// Trailer returns expected checksums that arrive behind the body: it is
	// called once, after the reader's end. Name the algorithms in Algorithms.
	Trailer func() map[string]string
}

// ListOptions says what to list. The zero value lists the first 1000 keys.
type ListOptions struct {
	Prefix    string // only keys that start so
	Delimiter string // keys that hold it after Prefix are summed up as one common prefix
	After     string // only keys and common prefixes greater than this, in byte order
	Max       int    // keys and common prefixes together; 0 or more than 1000 means 1000
}

// ListPage is one page of a listing. Objects and CommonPrefixes are each in byte
// order.
type ListPage struct {
	Objects        []ObjectInfo
	CommonPrefixes []string
	Truncated      bool   // there is more
	Next           string // After for the next page, if Truncated
}

// UploadRef names a multipart upload; bucket and key must be those it was
// created with.
type UploadRef struct{ Bucket, Key, ID string }

// Upload describes a multipart upload.
type Upload struct {
	UploadRef
	Initiated time.Time
	Options   PutOptions // metadata, checksum algorithms and FullObject as given to CreateUpload
}

// Part is one part of an upload. CompleteUpload reads Number, ETag (an empty
// one matches any) and, where given, Checksums.
type Part struct {
	Number    int
	Size      int64
	ETag      string // the part's MD5 in hex, without quotes
	Modified  time.Time
	Checksums map[string]string
}

// PartPage is one page of an upload's parts, in ascending order.
type PartPage struct {
	Upload    Upload
	Parts     []Part
	Truncated bool
	Next      int // after for the next page, if Truncated
}

// ListUploadsOptions says which uploads to list.
type ListUploadsOptions struct {
	Prefix      string
	Delimiter   string
	AfterKey    string // only uploads of greater keys,
	AfterUpload string // or of this very key and with a greater id
	Max         int    // 0 or more than 1000 means 1000
}

// UploadPage is one page of uploads in order of key, then of initiation.
type UploadPage struct {
	Uploads        []Upload
	CommonPrefixes []string
	Truncated      bool
	NextKey        string // AfterKey and AfterUpload for the next page, if Truncated
	NextUpload     string
}

// Website is how a bucket is hosted as a site.
type Website struct {
	Index string // suffix for requests of a folder, e.g. "index.html"; no slash, not empty
	Error string // key of the page shown for errors, or ""
}
