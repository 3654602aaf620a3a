package backup_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/heliograph/heliograph/internal/audit"
	"github.com/heliograph/heliograph/internal/backup"
	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/store"
)

type doc struct{ N int }

// data is a data directory with a bucket, open as a server has it.
type data struct {
	t     *testing.T
	dir   string
	db    *store.DB
	rows  *store.Collection[doc]
	blobs *blob.Dir
	close func()
}

func layout(dir string) backup.Layout {
	return backup.Layout{Data: dir, Database: "records.db", Blobs: "blob", Trail: "audit"}
}

func open(t *testing.T, dir string) *data {
	t.Helper()
	d := &data{t: t, dir: dir}
	var err error
	if d.db, err = store.Open(t.Context(), filepath.Join(dir, "records.db")); err != nil {
		t.Fatal(err)
	}
	if d.blobs, err = blob.Open(filepath.Join(dir, "blob")); err != nil {
		t.Fatal(err)
	}
	d.rows = store.NewCollection[doc](d.db, "row")
	d.close = sync.OnceFunc(func() {
		if err := errors.Join(d.db.Close(), d.blobs.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(d.close)
	return d
}

func fresh(t *testing.T) *data {
	t.Helper()
	d := open(t, t.TempDir())
	for _, name := range []string{"bucket", "empty"} {
		if err := d.blobs.CreateBucket(t.Context(), name, "us-east-1"); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *data) put(key, content string) {
	d.t.Helper()
	if _, err := d.blobs.Put(d.t.Context(), "bucket", key, strings.NewReader(content), blob.PutOptions{Metadata: map[string]string{"k": "v"}}); err != nil {
		d.t.Fatal(err)
	}
}

func (d *data) get(key string) string {
	d.t.Helper()
	o, err := d.blobs.Open(d.t.Context(), "bucket", key)
	if err != nil {
		return err.Error()
	}
	defer o.Close()
	b, err := io.ReadAll(o)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

func (d *data) row(n int) {
	d.t.Helper()
	if _, err := d.rows.Create(d.t.Context(), store.Record[doc]{Name: fmt.Sprint(n), Doc: doc{n}}); err != nil {
		d.t.Fatal(err)
	}
}

func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"whole.tar", "whole.tar.gz", "folder/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := fresh(t)
			d.row(1)
			odd := "a//ü/" + strings.Repeat("X", 300) + "/."
			d.put("a", "one")
			d.put(odd, strings.Repeat("two", 100_000))
			up, err := d.blobs.CreateUpload(t.Context(), "bucket", "in-parts", blob.PutOptions{})
			if err != nil {
				t.Fatal(err)
			}
			part, err := d.blobs.PutPart(t.Context(), up.UploadRef, 1, strings.NewReader("part"), blob.Checks{})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(d.dir, "root.key"), []byte("secret"), 0o600); err != nil {
				t.Fatal(err)
			}
			target := filepath.Join(t.TempDir(), filepath.Base(name))
			if strings.HasSuffix(name, "/") {
				if err := os.Mkdir(target, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			made, err := backup.Write(t.Context(), layout(d.dir), target)
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(made.Path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the backup: %v, %v", info, err)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(made.Path), "*.partial*")); len(left) > 0 {
				t.Errorf("leftovers %q", left)
			}
			if _, err := backup.Write(t.Context(), layout(d.dir), made.Path); err == nil || !strings.Contains(err.Error(), "exists") {
				t.Errorf("a backup over a backup: %v", err)
			}

			place := filepath.Join(t.TempDir(), "new", "place")
			put, err := backup.Restore(t.Context(), made.Path, layout(place))
			if err != nil {
				t.Fatal(err)
			}
			if put.Files != made.Files || put.Bytes != made.Bytes || !put.Taken.Equal(made.Taken) || made.Taken.IsZero() {
				t.Errorf("written %+v, restored %+v", made, put)
			}
			r := open(t, place)
			if row, err := r.rows.Get(t.Context(), "1"); err != nil || row.Doc.N != 1 {
				t.Errorf("the record: %+v, %v", row, err)
			}
			if r.get("a") != "one" || r.get(odd) != strings.Repeat("two", 100_000) {
				t.Error("the objects are not the same")
			}
			if info, err := r.blobs.Stat(t.Context(), "bucket", "a"); err != nil || info.Metadata["k"] != "v" {
				t.Errorf("metadata: %+v, %v", info, err)
			}
			if _, err := r.blobs.CompleteUpload(t.Context(), up.UploadRef, []blob.Part{part}, blob.PutOptions{}); err != nil || r.get("in-parts") != "part" {
				t.Errorf("the upload can't be completed: %v", err)
			}
			r.put("b", "new")
			if _, err := r.blobs.Put(t.Context(), "empty", "b", strings.NewReader("new"), blob.PutOptions{}); err != nil {
				t.Errorf("the empty bucket: %v", err)
			}
			if key, err := os.ReadFile(filepath.Join(place, "root.key")); err != nil || string(key) != "secret" {
				t.Errorf("the key: %q, %v", key, err)
			}
			if _, err := backup.Restore(t.Context(), made.Path, layout(place)); !errors.Is(err, backup.ErrNotEmpty) {
				t.Errorf("a restore over data: %v", err)
			}
		})
	}
}

// TestUnderLoad writes while a backup is made. All that was acknowledged before
// is in it, and what came later is there whole or not at all.
func TestUnderLoad(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	const before = 300
	content := func(i int) string { return strings.Repeat(fmt.Sprint(i, " "), 1+i*7%500) }
	for i := range before {
		d.put(fmt.Sprintf("f%d/%d", i%7, i), content(i))
		d.row(i)
	}
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for worker := range 3 {
		load.Go(func() {
			for i := before + worker; ctx.Err() == nil; i += 3 {
				d.put(fmt.Sprintf("f%d/%d", i%7, i), content(i))
				d.row(i)
				if i%2 == 0 { // overwrites, and folders that come and go
					d.put(fmt.Sprintf("f%d/%d", i%before%7, i%before), content(i%before))
					if err := errors.Join(d.blobs.Delete(t.Context(), "bucket", "gone/"+fmt.Sprint(worker)), nil); err != nil {
						t.Error(err)
					}
					d.put("gone/"+fmt.Sprint(worker), "x")
				}
			}
		})
	}
	made, err := backup.Write(t.Context(), layout(d.dir), filepath.Join(t.TempDir(), "b.tar"))
	stop()
	load.Wait()
	if err != nil || len(made.Damaged) > 0 {
		t.Fatal(err, made.Damaged)
	}
	place := t.TempDir()
	if _, err := backup.Restore(t.Context(), made.Path, layout(place)); err != nil {
		t.Fatal(err)
	}
	r := open(t, place)
	for i := range before {
		if got := r.get(fmt.Sprintf("f%d/%d", i%7, i)); got != content(i) {
			t.Errorf("object %d is %.60q", i, got)
		}
	}
	// Records come first: of each there, the object is.
	for i := 0; ; i++ {
		if _, err := r.rows.Get(t.Context(), fmt.Sprint(i)); err != nil {
			if i < before {
				t.Errorf("record %d: %v", i, err)
			}
			if i >= before+30 || i < before {
				break
			}
			continue
		}
		if got := r.get(fmt.Sprintf("f%d/%d", i%7, i)); got != content(i) {
			t.Errorf("there is a record of object %d, which is %.60q", i, got)
		}
	}
}

// TestAuditTrailUnderLoad makes backups while entries are written, files of the
// trail are begun and old ones go: each holds a whole trail, with every entry that
// was recorded before.
func TestAuditTrailUnderLoad(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	mustOpen := func(dir string) *audit.Trail {
		trail, err := audit.Open(audit.Options{Dir: filepath.Join(dir, "audit"), Key: key, MaxBytes: 20_000, Keep: 20, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return trail
	}
	mustVerify := func(dir string, opt audit.VerifyOptions) {
		t.Helper()
		if r, err := audit.Verify(filepath.Join(dir, "audit"), opt); err != nil || r.Problem != nil {
			t.Errorf("the trail of the backup: %v %+v", err, r)
		}
	}
	trail := mustOpen(d.dir)
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	defer load.Wait()
	defer stop()
	for range 3 {
		load.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if err := trail.Record(t.Context(), &audit.Entry{Action: "s3:GetObject", Request: strings.Repeat("r", i%500), Durable: i%20 == 0}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	load.Go(func() {
		for ctx.Err() == nil {
			trail.Retire(ctx)
		}
	})
	for i := range 8 {
		before := trail.End()
		made, err := backup.Write(t.Context(), layout(d.dir), filepath.Join(t.TempDir(), fmt.Sprint(i, ".tar")))
		if err != nil {
			t.Error(err)
			break
		}
		place := t.TempDir()
		if _, err := backup.Restore(t.Context(), made.Path, layout(place)); err != nil {
			t.Error(err)
			break
		}
		mustVerify(place, audit.VerifyOptions{})
		if err := mustOpen(place).Close(); err != nil {
			t.Error(err)
		}
		mustVerify(place, audit.VerifyOptions{Points: []audit.Point{before}})
	}
	stop()
	load.Wait()
	if err := trail.Close(); err != nil {
		t.Error(err)
	}
	mustVerify(d.dir, audit.VerifyOptions{})
}

func TestRefusedBackups(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	d.put("a", strings.Repeat("content ", 1000))
	d.row(1)
	made, err := backup.Write(t.Context(), layout(d.dir), filepath.Join(t.TempDir(), "b.tar"))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(made.Path)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(whole, []byte("content content"), []byte("content contenT"), 1)
	var evil bytes.Buffer
	w := tar.NewWriter(&evil)
	for _, e := range []struct{ name, text string }{{"heliograph-backup", "heliograph backup 1\n2026-01-01T00:00:00Z\n"}, {"../outside", "x"}} {
		w.WriteHeader(&tar.Header{Name: e.name, Size: int64(len(e.text)), Mode: 0o600, Typeflag: tar.TypeReg})
		io.WriteString(w, e.text)
	}
	w.Close()
	link := bytes.Clone(evil.Bytes()[:1024])
	var linked bytes.Buffer
	w = tar.NewWriter(&linked)
	w.WriteHeader(&tar.Header{Name: "blob", Linkname: "/etc", Typeflag: tar.TypeSymlink})
	w.Close()
	cases := map[string]struct {
		content []byte
		want    string
	}{
		"changed":       {changed, "damaged"},
		"empty":         {nil, "no backup that heliograph has made"},
		"foreign":       {[]byte("something else"), "no backup that heliograph has made"},
		"another tar":   {linked.Bytes(), "no backup that heliograph has made"},
		"a way outside": {evil.Bytes(), `"../outside"`},
		"a link":        {append(link, linked.Bytes()...), "neither file nor folder"},
		"more behind":   {append(bytes.TrimRight(whole, "\x00"), append(make([]byte, 512-len(bytes.TrimRight(whole, "\x00"))%512), linked.Bytes()...)...), "something follows"},
	}
	for _, share := range []int{1, 5, 20, 50, 80, 99} {
		cases[fmt.Sprintf("cut at %d %%", share)] = struct {
			content []byte
			want    string
		}{whole[:len(bytes.TrimRight(whole, "\x00"))*share/100], ""}
	}
	for name, c := range cases {
		dir := t.TempDir()
		file, place := filepath.Join(dir, "b.tar"), filepath.Join(dir, "data")
		if err := os.WriteFile(file, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := backup.Restore(t.Context(), file, layout(place))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if _, err := os.Stat(place); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the directory is there after a restore that failed", name)
		}
	}
}

func TestDamagedBefore(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	d.put("a", "one")
	d.put("b", "two")
	path := filepath.Join(d.dir, "blob", "buckets", "bucket", "objects", "a#")
	if err := os.Truncate(path, 5); err != nil {
		t.Fatal(err)
	}
	made, err := backup.Write(t.Context(), layout(d.dir), filepath.Join(t.TempDir(), "b.tar"))
	if err != nil || len(made.Damaged) != 1 || !strings.Contains(made.Damaged[0], path) {
		t.Fatalf("%+v, %v", made, err)
	}
	place := t.TempDir()
	if _, err := backup.Restore(t.Context(), made.Path, layout(place)); err != nil {
		t.Fatal(err)
	}
	if r := open(t, place); r.get("b") != "two" {
		t.Error("the whole object is not there")
	}
}

func TestNoServerData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := filepath.Join(dir, "b.tar")
	if _, err := backup.Write(t.Context(), layout(filepath.Join(dir, "nothing")), target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a backup of nothing: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), "b.tar") }) {
		t.Errorf("it left %v (%v)", entries, err)
	}
}
