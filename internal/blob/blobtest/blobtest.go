// Package blobtest is the conformance suite of blob.Store: what it asserts is
// what callers may rely on, whichever backend they got.
package blobtest

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
)

// Run runs the suite. open returns an empty store, which open also closes, by
// t.Cleanup; each test gets one of its own.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	tests := []struct {
		name string
		test func(*testing.T, *fixture)
	}{
		{"Buckets", testBuckets},
		{"BucketNames", testBucketNames},
		{"DeleteBucket", testDeleteBucket},
		{"PutAndOpen", testPutAndOpen},
		{"Metadata", testMetadata},
		{"Keys", testKeys},
		{"BadKeys", testBadKeys},
		{"Missing", testMissing},
		{"Delete", testDelete},
		{"OpenObjectOutlivesItsName", testOutlive},
		{"FailedBody", testFailedBody},
		{"Digests", testDigests},
		{"Conditions", testConditions},
		{"ConditionsRace", testConditionsRace},
		{"ConcurrentPuts", testConcurrentPuts},
		{"PutAndDeleteRace", testPutAndDeleteRace},
		{"Copy", testCopy},
		{"List", testList},
		{"ListOrder", testListOrder},
		{"ListPages", testListPages},
		{"ListRandom", testListRandom},
		{"Upload", testUpload},
		{"UploadErrors", testUploadErrors},
		{"UploadChecksums", testUploadChecksums},
		{"UploadRepeatedCompletion", testRepeatedCompletion},
		{"ListUploads", testListUploads},
		{"Website", testWebsite},
		{"BucketPolicy", testBucketPolicy},
		{"Cancelled", testCancelled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{Store: open(t), ctx: t.Context()}
			if err := f.CreateBucket(f.ctx, bucket, "eu-west-1"); err != nil {
				t.Fatalf("create the bucket: %v", err)
			}
			tt.test(t, f)
		})
	}
}

// bucket exists in each fixture.
const bucket = "test-bucket"

type fixture struct {
	blob.Store
	ctx context.Context
}

func (f *fixture) mustPut(t *testing.T, key, content string) blob.ObjectInfo {
	t.Helper()
	info, err := f.Put(f.ctx, bucket, key, strings.NewReader(content), blob.PutOptions{})
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	return info
}

func (f *fixture) mustGet(t *testing.T, key string) string {
	t.Helper()
	o, err := f.Open(f.ctx, bucket, key)
	if err != nil {
		t.Fatalf("open %q: %v", key, err)
	}
	defer o.Close()
	b, err := io.ReadAll(o)
	if err != nil {
		t.Fatalf("read %q: %v", key, err)
	}
	if o.Info().Size != int64(len(b)) {
		t.Fatalf("%q has the size %d and %d bytes", key, o.Info().Size, len(b))
	}
	return string(b)
}

func (f *fixture) mustList(t *testing.T, opt blob.ListOptions) blob.ListPage {
	t.Helper()
	page, err := f.List(f.ctx, bucket, opt)
	if err != nil {
		t.Fatalf("list %+v: %v", opt, err)
	}
	return page
}

// allKeys pages through a listing with pages of max entries.
func (f *fixture) allKeys(t *testing.T, opt blob.ListOptions) (keys, prefixes []string) {
	t.Helper()
	for pages := 0; ; pages++ {
		if pages > 10000 {
			t.Fatalf("listing %+v does not end", opt)
		}
		page := f.mustList(t, opt)
		for _, o := range page.Objects {
			keys = append(keys, o.Key)
		}
		prefixes = append(prefixes, page.CommonPrefixes...)
		if !page.Truncated {
			return keys, prefixes
		}
		opt.After = page.Next
	}
}

// wantCode asserts an error's code and that its kind is not Internal.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if errs.CodeOf(err) != code {
		t.Fatalf("error is %v with code %q, want code %q", err, errs.CodeOf(err), code)
	}
	if errs.KindOf(err) == errs.Internal {
		t.Fatalf("error %v is internal", err)
	}
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// random returns n bytes that compress and repeat badly, the same for each seed.
func random(n int, seed uint64) []byte {
	var key [32]byte
	copy(key[:], fmt.Sprint("blobtest", seed))
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b)
	return b
}

// failing returns its bytes, then an error.
type failing struct {
	io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err == io.EOF {
		err = f.err
	}
	return n, err
}

func newFailing(content []byte, err error) io.Reader { return &failing{bytes.NewReader(content), err} }
