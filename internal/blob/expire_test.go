package blob_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
)

func TestExpireUploads(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, filepath.Join(t.TempDir(), "blobs"))
	begin := func(bucket, key string) blob.UploadRef {
		up, err := d.CreateUpload(t.Context(), bucket, key, blob.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return up.UploadRef
	}
	part := func(ref blob.UploadRef, number int) {
		if _, err := d.PutPart(t.Context(), ref, number, strings.NewReader("part"), blob.Checks{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"first", "second"} {
		if err := d.CreateBucket(t.Context(), name, "us-east-1"); err != nil {
			t.Fatal(err)
		}
	}
	bare, old, busy := begin("first", "bare"), begin("second", "old"), begin("second", "busy")
	part(old, 1)
	part(busy, 1)
	time.Sleep(2 * time.Millisecond) // the clock must move on
	before := time.Now()
	part(busy, 2)
	fresh := begin("second", "old")

	if n, err := blob.ExpireUploads(t.Context(), d, before); n != 2 || err != nil {
		t.Errorf("%d uploads expired (%v), want 2", n, err)
	}
	for ref, there := range map[blob.UploadRef]bool{bare: false, old: false, busy: true, fresh: true} {
		if _, err := d.ListParts(t.Context(), ref, 0, 0); (err == nil) != there {
			t.Errorf("%s: %v, want it there: %v", ref.Key, err, there)
		}
	}
	if n, err := blob.ExpireUploads(t.Context(), d, time.Now().Add(time.Hour)); n != 2 || err != nil {
		t.Errorf("then %d uploads expired (%v), want the other 2", n, err)
	}
}
