package serving

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
)

// newLibraryOf is a library over a store with one model in it.
func newLibraryOf(t *testing.T) (*library, artifact) {
	t.Helper()
	args := fasttext.SupervisedDefaults()
	args.Dim, args.Bucket, args.Thread = 4, 10, 1
	m, err := fasttext.Train(t.Context(), strings.NewReader("__label__a x\n__label__b y\n"), fasttext.TrainOptions{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := m.Save(&file); err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.Open(filepath.Join(t.TempDir(), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	if err := blobs.CreateBucket(t.Context(), "models", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := blobs.Put(t.Context(), "models", "m", &file, blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	return newLibrary(t.TempDir(), blobs, 1<<20, 2), artifact{location: location{"models", "m"}}
}

func TestModelsAreShared(t *testing.T) {
	t.Parallel()
	l, a := newLibraryOf(t)
	holds := make([]*hold, 10)
	var all sync.WaitGroup
	for i := range holds {
		all.Go(func() {
			h, err := l.acquire(t.Context(), a)
			if err != nil {
				t.Error(err)
				return
			}
			holds[i] = h
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	for _, h := range holds {
		if h.model != holds[0].model {
			t.Error("the same artifact is in memory twice")
		}
	}
	for i, h := range holds {
		if !l.shelf.has(h.artifact.Digest, h.artifact.ModelBytes) {
			t.Fatalf("the file went with the hold before number %d", i)
		}
		h.release()
		h.release() // a second time is no other hold's loss
	}
	if l.shelf.has(holds[0].artifact.Digest, holds[0].artifact.ModelBytes) || len(l.entries) != 0 || len(l.known) != 0 {
		t.Errorf("after the last release: %d in memory, %d known", len(l.entries), len(l.known))
	}
}

func TestNoMemoryLeft(t *testing.T) {
	t.Parallel()
	l, a := newLibraryOf(t)
	l.free = func() int64 { return 100 }
	_, err := l.acquire(t.Context(), a)
	if text, passing := reason(a.location, err); !errs.Is(err, errs.Unavailable) || !passing || !strings.Contains(text, "memory") {
		t.Errorf("without memory: %v: %s", err, text)
	}
	l.free = freeMemory
	h, err := l.acquire(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	h.release()
}

func TestAcquireEndsWithItsContext(t *testing.T) {
	t.Parallel()
	l, a := newLibraryOf(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.acquire(ctx, a); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	files, err := os.ReadDir(l.shelf.dir)
	if err != nil || len(files) != 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}
