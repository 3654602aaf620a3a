package blob_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
)

// TestMain lets the test binary be the process that a test kills or confines.
func TestMain(m *testing.M) {
	switch os.Getenv("BLOB_TEST_CHILD") {
	case "write":
		writeUntilKilled(os.Getenv("BLOB_TEST_DIR"))
	case "confined":
		writeConfined(os.Getenv("BLOB_TEST_DIR"))
	default:
		os.Exit(m.Run())
	}
}

func child(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BLOB_TEST_CHILD="+role, "BLOB_TEST_DIR="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// version returns the content of version n of a key: it names itself, so a mix
// of versions or a cut one shows.
func version(key string, n int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	line := fmt.Appendf(nil, "%s %d\n", key, n)
	return bytes.Repeat(line, 1+r.IntN(200_000)/len(line))
}

// writeUntilKilled writes objects and parts from several goroutines, and prints
// what was acknowledged.
func writeUntilKilled(dir string) {
	ctx := context.Background()
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "writer:", err)
			os.Exit(1)
		}
	}
	d, err := blob.Open(dir)
	check(err)
	if err := d.CreateBucket(ctx, "data", ""); errs.KindOf(err) != errs.Conflict {
		check(err)
	}
	say := func(format string, args ...any) { // has been written when it returns
		_, err := fmt.Printf(format+"\n", args...)
		check(err)
	}
	for w := range 3 {
		go func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("w%d/%d/key", w, n%5)
				say("begin %s %d", key, n)
				_, err := d.Put(ctx, "data", key, bytes.NewReader(version(key, n)), blob.PutOptions{})
				check(err)
				say("put %s %d", key, n)
			}
		}()
	}
	for n := 0; ; n++ {
		key := fmt.Sprintf("multi/%d", n)
		up, err := d.CreateUpload(ctx, "data", key, blob.PutOptions{})
		check(err)
		part, err := d.PutPart(ctx, up.UploadRef, 1, bytes.NewReader(version(key, n)), blob.Checks{})
		check(err)
		say("part %s %s %d", key, up.ID, n)
		if n%2 == 0 {
			_, err = d.CompleteUpload(ctx, up.UploadRef, []blob.Part{part}, blob.PutOptions{})
			check(err)
			say("put %s %d", key, n)
		}
	}
}

// TestKill kills a writing process again and again: whatever it said was stored
// is there and whole, nothing half is visible, nothing is left over.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stored := map[string]int{}      // key: version acknowledged last
	begun := map[string]int{}       // key: version begun last
	parts := map[string][2]string{} // upload id: key, version
	partsSeen := 0
	for round := range 4 {
		cmd := child(t, "write", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		started := false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if !started {
				started = true
				time.AfterFunc(time.Duration(150+70*round)*time.Millisecond, func() { cmd.Process.Kill() })
			}
			var key, id string
			var n int
			switch line := lines.Text(); {
			case scan(line, "begin %s %d", &key, &n):
				begun[key] = n
			case scan(line, "put %s %d", &key, &n):
				stored[key] = n
			case scan(line, "part %s %s %d", &key, &id, &n):
				parts[id] = [2]string{key, fmt.Sprint(n)}
				partsSeen++
			default: // a line cut by the kill
			}
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the writer ended by itself: %v", err)
		}
		checkAfterKill(t, dir, stored, begun, parts)
	}
	if len(stored) == 0 || partsSeen == 0 {
		t.Fatalf("the writer stored %d objects and %d parts: too few to tell anything", len(stored), partsSeen)
	}
}

func scan(line, format string, args ...any) bool {
	n, err := fmt.Sscanf(line+"\n", format+"\n", args...)
	return err == nil && n == len(args)
}

func checkAfterKill(t *testing.T, dir string, stored, begun map[string]int, parts map[string][2]string) {
	t.Helper()
	d, err := blob.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if left := files(t, filepath.Join(dir, "tmp")); len(left) != 0 {
		t.Errorf("left in tmp: %q", left)
	}
	for key, n := range stored {
		got, err := get(t, d, key)
		if err != nil {
			t.Errorf("%s was acknowledged: %v", key, err)
			continue
		}
		// Whether a write under way at the kill came through is open.
		if got != string(version(key, n)) && got != string(version(key, begun[key])) {
			t.Errorf("%s is neither version %d nor %d: %.40q", key, n, begun[key], got)
		}
		stored[key] = versionOf(t, got)
	}
	page, err := d.List(t.Context(), "data", blob.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range page.Objects {
		got, err := get(t, d, o.Key)
		if err != nil || int64(len(got)) != o.Size || got != string(version(o.Key, versionOf(t, got))) {
			t.Errorf("%s is listed with %d bytes, but is not whole: %d bytes, %v", o.Key, o.Size, len(got), err)
		}
	}
	for id, p := range parts {
		ref := blob.UploadRef{Bucket: "data", Key: p[0], ID: id}
		found, err := d.ListParts(t.Context(), ref, 0, 0)
		if errs.CodeOf(err) == blob.CodeNoSuchUpload {
			if o, err := d.Stat(t.Context(), "data", p[0]); err != nil || o.Parts != 1 {
				t.Errorf("the part of upload %s (%s) was acknowledged and is neither there nor completed", id, p[0])
			}
			delete(parts, id)
			continue
		}
		var n int
		fmt.Sscan(p[1], &n)
		if want := fmt.Sprintf("%x", md5.Sum(version(p[0], n))); err != nil || len(found.Parts) != 1 || found.Parts[0].ETag != want {
			t.Errorf("the acknowledged part of upload %s: %+v, %v", id, found.Parts, err)
		}
		if _, err := d.CompleteUpload(t.Context(), ref, found.Parts, blob.PutOptions{}); err != nil {
			t.Errorf("complete upload %s: %v", id, err)
		}
		delete(parts, id)
	}
}

func versionOf(t *testing.T, content string) (n int) {
	t.Helper()
	var key string
	if _, err := fmt.Sscanf(content, "%s %d\n", &key, &n); err != nil {
		t.Errorf("no version's content: %.40q", content)
	}
	return n
}

// writeConfined writes under a limit on file sizes, the nearest thing to a full
// disk that needs no privilege.
func writeConfined(dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		fmt.Println("setrlimit:", err)
		return
	}
	d, err := blob.Open(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, size := range []int{2 << 20, 1<<20 - 10} { // the second fails with the footer
		_, err = d.Put(context.Background(), "data", "k", bytes.NewReader(make([]byte, size)), blob.PutOptions{})
		fmt.Println(errs.CodeOf(err), errs.KindOf(err))
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := mustOpen(t, dir)
	if err := d.CreateBucket(t.Context(), "data", ""); err != nil {
		t.Fatal(err)
	}
	mustPut(t, d, "k", "old")
	d.Close()
	out, err := child(t, "confined", dir).Output()
	if want := strings.Repeat("InsufficientStorage unavailable\n", 2); err != nil || string(out) != want {
		t.Fatalf("the writer said %q, %v; want %q", out, err, want)
	}
	if left := files(t, filepath.Join(dir, "tmp")); len(left) != 0 {
		t.Errorf("left in tmp: %q", left)
	}
	d = mustOpen(t, dir)
	if got, err := get(t, d, "k"); got != "old" || err != nil {
		t.Errorf("the object is %q, %v", got, err)
	}
}
