package blob_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/blob/blobtest"
	"github.com/heliograph/heliograph/internal/errs"
)

func mustOpen(t *testing.T, dir string) *blob.Dir {
	t.Helper()
	d, err := blob.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestDirConforms(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blob.Store { return mustOpen(t, filepath.Join(t.TempDir(), "new", "dir")) })
}

func mustPut(t *testing.T, d *blob.Dir, key, content string) {
	t.Helper()
	if _, err := d.Put(t.Context(), "data", key, strings.NewReader(content), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, d *blob.Dir, key string) (string, error) {
	t.Helper()
	o, err := d.Open(t.Context(), "data", key)
	if err != nil {
		return "", err
	}
	defer o.Close()
	b, err := io.ReadAll(o)
	return string(b), err
}

// files returns the paths below dir, with "/".
func files(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && path != dir {
			rel, _ := filepath.Rel(dir, path)
			paths = append(paths, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestDirKeepsEverythingOverARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := mustOpen(t, dir)
	if err := d.CreateBucket(t.Context(), "data", "eu-west-1"); err != nil {
		t.Fatal(err)
	}
	if err := d.CreateBucket(t.Context(), "gone", ""); err != nil {
		t.Fatal(err)
	}
	site := blob.Website{Index: "index.html", Error: "404.html"}
	if err := d.SetWebsite(t.Context(), "data", site); err != nil {
		t.Fatal(err)
	}
	mustPut(t, d, "a/b", "content")
	up, err := d.CreateUpload(t.Context(), "data", "big", blob.PutOptions{Metadata: map[string]string{"m": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	part, err := d.PutPart(t.Context(), up.UploadRef, 7, strings.NewReader("part seven"), blob.Checks{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.DeleteBucket(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	before, err := d.Bucket(t.Context(), "data")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	d = mustOpen(t, dir)
	if buckets, err := d.Buckets(t.Context()); err != nil || len(buckets) != 1 || buckets[0] != before {
		t.Errorf("buckets are %+v, %v; want only %+v", buckets, err, before)
	}
	if got, err := d.Website(t.Context(), "data"); err != nil || got != site {
		t.Errorf("website is %+v, %v", got, err)
	}
	if got, err := get(t, d, "a/b"); err != nil || got != "content" {
		t.Errorf("object is %q, %v", got, err)
	}
	parts := []blob.Part{{Number: 7, ETag: part.ETag}}
	if info, err := d.CompleteUpload(t.Context(), up.UploadRef, parts, blob.PutOptions{}); err != nil || info.Metadata["m"] != "1" {
		t.Errorf("completed after the restart: %+v, %v", info, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	d = mustOpen(t, dir) // the answer to the completion got lost in a restart
	if info, err := d.CompleteUpload(t.Context(), up.UploadRef, parts, blob.PutOptions{}); err != nil || info.Size != 10 {
		t.Errorf("repeated completion: %+v, %v", info, err)
	}
}

func TestDirLayout(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := mustOpen(t, dir)
	if err := d.CreateBucket(t.Context(), "data", ""); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"train.csv", "Models/v1/model.tar.gz", "a//b/", "../x", strings.Repeat("é", 45)} {
		mustPut(t, d, key, key)
	}
	got := files(t, filepath.Join(dir, "buckets", "data", "objects"))
	long := strings.Repeat("%c3%a9", 40) + "+"
	want := []string{
		"%2e%2e", "%2e%2e/x#", long, long + "/" + strings.Repeat("%c3%a9", 5) + "#",
		"^models", "^models/v1", "^models/v1/model.tar.gz#", "a", "a/%", "a/%/b", "a/%/b/#", "train.csv#",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("files are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, key := range []string{"a//b/", "../x"} {
		if err := d.Delete(t.Context(), "data", key); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range files(t, dir) {
		if strings.Contains(path, "objects/a") || strings.Contains(path, "%2e") || strings.HasPrefix(path, "tmp/") {
			t.Errorf("%s is left over", path)
		}
		if info, err := os.Stat(filepath.Join(dir, path)); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v, %v: others may look in", path, info.Mode(), err)
		}
	}
}

func TestOpenSweepsAndLocks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := mustOpen(t, dir)
	if _, err := blob.Open(dir); err == nil || !strings.Contains(err.Error(), "another process uses it") {
		t.Errorf("opened twice: %v", err)
	}
	d.Close()
	if err := os.WriteFile(filepath.Join(dir, "tmp", "put-123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, dir)
	if left := files(t, filepath.Join(dir, "tmp")); len(left) != 0 {
		t.Errorf("left in tmp: %q", left)
	}
}

func TestOpenRefusesWhatItCannotBe(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		file, content, want string
	}{
		"another format":   {"FORMAT", "heliograph blobs 2\n", `its format is "heliograph blobs 2\n"`},
		"something else":   {"holiday.jpg", "", `it holds "holiday.jpg" and no FORMAT file`},
		"a damaged record": {"buckets/data/bucket", "{", "read the record of bucket data"},
		"a moved record":   {"buckets/data/bucket", `{"name":"other"}`, `it is the record of bucket "other"`},
		"a file in place":  {"buckets", "", "not a directory"},
	} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, tt.file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, tt.file), []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := blob.Open(dir); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v, want %q and the directory", name, err, tt.want)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := blob.Open(file); err == nil {
		t.Error("opened a file")
	}
}

// TestDamage alters an object's file in each way a disk or a person can; it must
// be told apart from a missing object, name the file in the log, and not hinder
// replacing it.
func TestDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := mustOpen(t, dir)
	if err := d.CreateBucket(t.Context(), "data", ""); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "buckets", "data", "objects", "k#")
	mustPut(t, d, "k", "content")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damage := map[string]func() []byte{
		"empty":     func() []byte { return nil },
		"grown":     func() []byte { return append([]byte("x"), whole...) },
		"foreign":   func() []byte { return []byte(strings.Repeat("some text ", 100)) },
		"other key": func() []byte { b, _ := os.ReadFile(strings.Replace(path, "k#", "other#", 1)); return b },
	}
	for _, n := range []int{1, 8, 9, 30, len(whole) - 1} {
		damage["cut "+string(rune('0'+n%10))] = func() []byte { return whole[:len(whole)-n] }
	}
	for i := len("content"); i < len(whole); i++ {
		damage["flipped "+string(rune(i))] = func() []byte { b := []byte(string(whole)); b[i] ^= 4; return b }
	}
	mustPut(t, d, "other", "content")
	for name, altered := range damage {
		if err := os.WriteFile(path, altered(), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{
			func() error { _, err := get(t, d, "k"); return err }(),
			func() error { _, err := d.Stat(t.Context(), "data", "k"); return err }(),
			func() error { _, err := d.List(t.Context(), "data", blob.ListOptions{}); return err }(),
		} {
			if err == nil || errs.KindOf(err) != errs.Internal || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: error is %v, want an internal one that names the file", name, err)
			}
			if strings.Contains(errs.MessageOf(err), dir) {
				t.Errorf("%s: the caller learns the path: %s", name, errs.MessageOf(err))
			}
		}
	}
	mustPut(t, d, "k", "new")
	if got, err := get(t, d, "k"); got != "new" || err != nil {
		t.Errorf("after replacing: %q, %v", got, err)
	}
}

// TestLargeFolderStaysCurrent lists a folder that is old and large enough to be
// kept in memory, and changes it.
func TestLargeFolderStaysCurrent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := mustOpen(t, dir)
	if err := d.CreateBucket(t.Context(), "data", ""); err != nil {
		t.Fatal(err)
	}
	objects := filepath.Join(dir, "buckets", "data", "objects")
	mustPut(t, d, "z", "")
	for i := range 3000 { // entries that are listed only if pages reach them
		if err := os.Link(filepath.Join(objects, "z#"), filepath.Join(objects, strings.Repeat("y", 1+i%70)+"-"+strings.Repeat("x", 1+i/70)+"#")); err != nil {
			t.Fatal(err)
		}
	}
	mustPut(t, d, "a", "")
	mustPut(t, d, "b", "") // so that no page reaches the links
	age := func() {
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(objects, old, old); err != nil {
			t.Fatal(err)
		}
	}
	first := func() string {
		page, err := d.List(t.Context(), "data", blob.ListOptions{Max: 1})
		if err != nil {
			t.Fatal(err)
		}
		return page.Objects[0].Key
	}
	age()
	for range 2 { // read, then kept
		if got := first(); got != "a" {
			t.Errorf("first is %q", got)
		}
	}
	mustPut(t, d, "0", "")
	if got := first(); got != "0" {
		t.Errorf("after a put the first is %q", got)
	}
	age()
	first()
	if err := d.Delete(t.Context(), "data", "0"); err != nil {
		t.Fatal(err)
	}
	if got := first(); got != "a" {
		t.Errorf("after a delete the first is %q", got)
	}
}
