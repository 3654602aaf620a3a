package backup_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/heliograph/heliograph/internal/backup"
	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/store"
)

// FuzzRestore restores anything: it must fail or give what was backed up, and
// leave nothing anywhere else.
func FuzzRestore(f *testing.F) {
	dir := f.TempDir()
	db, err := store.Open(f.Context(), filepath.Join(dir, "records.db"))
	if err != nil {
		f.Fatal(err)
	}
	blobs, err := blob.Open(filepath.Join(dir, "blob"))
	if err != nil {
		f.Fatal(err)
	}
	db.Close()
	blobs.Close()
	target := filepath.Join(f.TempDir(), "b.tar.gz")
	if _, err := backup.Write(f.Context(), layout(dir), target); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(target)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("heliograph-backup"))
	f.Add(bytes.Repeat([]byte{0}, 1024))
	f.Fuzz(func(t *testing.T, content []byte) {
		top := t.TempDir()
		file := filepath.Join(top, "b")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := backup.Restore(t.Context(), file, layout(filepath.Join(top, "data")))
		entries, readErr := os.ReadDir(top)
		want := 1
		if err == nil {
			want = 2
		}
		if readErr != nil || len(entries) != want {
			t.Errorf("after %v there are %v (%v)", err, entries, readErr)
		}
	})
}
