package blob_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/heliograph/heliograph/internal/blob"
)

// BenchmarkPut and BenchmarkWriteFile store the same bytes, as an object and as
// a plain file that is synced: the price of a store is their ratio.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{4 << 10, 100 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			d, err := blob.Open(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			if err := d.CreateBucket(b.Context(), "data", ""); err != nil {
				b.Fatal(err)
			}
			content := make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := d.Put(b.Context(), "data", "k", bytes.NewReader(content), blob.PutOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWriteFile(b *testing.B) {
	for _, size := range []int{4 << 10, 100 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "file")
			content := make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				f, err := os.Create(path)
				if err != nil {
					b.Fatal(err)
				}
				_, err = f.Write(content)
				if err == nil {
					err = f.Sync()
				}
				if e := f.Close(); err == nil {
					err = e
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
