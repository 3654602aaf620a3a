package audit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func openFor(t testing.TB, dir string) (*Trail, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	trail, err := Open(Options{Dir: dir, Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return trail, &log
}

// TestDiskFails takes the file away from under the trail, as a disk does that
// fails or is full, and gives it back.
func TestDiskFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	trail, log := openFor(t, dir)
	entry := Entry{Action: "s3:GetObject"}
	if err := trail.Record(t.Context(), &entry); err != nil {
		t.Fatal(err)
	}
	good := trail.file
	readOnly, err := os.Open(good.Name())
	if err != nil {
		t.Fatal(err)
	}
	if err := trail.sync(0); err != nil {
		t.Fatal(err)
	}
	trail.file = readOnly
	taken := 0
	for ; err == nil; taken++ { // until the buffer is full
		err = trail.Record(t.Context(), &entry)
	}
	if taken > bufferBytes/100 {
		t.Fatalf("%d entries were taken that could not be written", taken)
	}
	for range 2 {
		if err := trail.Record(t.Context(), &entry); err == nil {
			t.Fatal("an entry that could not be written was taken")
		}
	}
	if err := trail.sync(0); err == nil {
		t.Error("what could not be written is on the disk")
	}
	if trail.Err() == nil {
		t.Error("the trail says that all is well")
	}
	trail.file = good
	if err := trail.Record(t.Context(), &entry); err != nil || trail.Err() != nil {
		t.Fatal(err, trail.Err())
	}
	trail.spill()
	if text := log.String(); strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, "calls fail until it can") || !strings.Contains(text, "lost=3") {
		t.Errorf("the log has:\n%s", text)
	}
	// A file that the disk did not confirm is left.
	other, err := os.Open(os.DevNull) // can't be synced
	if err != nil {
		t.Fatal(err)
	}
	durable := Entry{Action: "sagemaker:CreateModel", Durable: true}
	trail.file = other
	if err := trail.syncLocked(); err == nil {
		t.Error("a failed sync was taken for one")
	}
	trail.file = good
	if err := trail.Record(t.Context(), &durable); err != nil {
		t.Fatal(err)
	}
	if err := trail.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Verify(dir, VerifyOptions{})
	if err != nil || r.Problem != nil || r.Files != 2 || !strings.Contains(strings.Join(r.Notes, "\n"), "3 entries could not be written") {
		t.Errorf("%+v %v", r, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, fileName(r.Last.Seq-2)))
	if err != nil || !strings.Contains(string(text), "the disk did not confirm") {
		t.Errorf("%s %v", text, err)
	}
}

// FuzzOpen opens a trail whose last file and position may be anything: it must
// go on, and what it writes then must be found.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	trail, _ := openFor(f, dir)
	for range 3 {
		if err := trail.Record(f.Context(), &Entry{Action: "s3:GetObject"}); err != nil {
			f.Fatal(err)
		}
	}
	if err := trail.Close(); err != nil {
		f.Fatal(err)
	}
	file, _ := os.ReadFile(filepath.Join(dir, fileName(1)))
	line := bytes.LastIndexByte(file[:len(file)-1], '\n') + 1
	head, _ := os.ReadFile(filepath.Join(dir, headFile))
	f.Add(file, head, []byte{})
	f.Add(file[:len(file)-5], head, []byte{})
	f.Add(file[:10], head, []byte{})
	f.Add(append(bytes.Clone(file), "rubbish\n"...), head, []byte{})
	f.Add(bytes.Replace(file, []byte(`"seq":2`), []byte(`"seq":18446744073709551615`), 1), head[:100], []byte{})
	f.Add([]byte(`{"previous":"","seq":1,"hash":"`+strings.Repeat("0", 64)+"\"}\n"), []byte("{}"), []byte{})
	f.Add([]byte{}, []byte{}, []byte{})
	f.Add(file[:line], head, file[line:])
	f.Add(file[:line+20], []byte{}, file)
	f.Fuzz(func(t *testing.T, file, head, buffer []byte) {
		dir := t.TempDir()
		for name, content := range map[string][]byte{fileName(1): file, headFile: head, bufferFile: buffer} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Verify(dir, VerifyOptions{Key: make(ed25519.PublicKey, ed25519.PublicKeySize)}); err != nil {
			t.Fatal(err)
		}
		trail, _ := openFor(t, dir)
		if err := trail.Record(t.Context(), &Entry{Action: "mark", Durable: true}); err != nil {
			t.Fatal(err)
		}
		page, err := trail.Find(t.Context(), Query{Action: "mark"})
		if err != nil || len(page.Entries) == 0 {
			t.Fatal(page, err)
		}
		if err := trail.Close(); err != nil {
			t.Fatal(err)
		}
		trail, _ = openFor(t, dir)
		if err := trail.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestPlainText puts each byte at each place of a text.
func TestPlainText(t *testing.T) {
	t.Parallel()
	text := []byte("a text of 21 bytes...")
	for at := range text {
		for c := range 256 {
			changed := bytes.Clone(text)
			changed[at] = byte(c)
			want, err := json.Marshal(string(changed))
			if err != nil {
				t.Fatal(err)
			}
			if got := appendString(nil, string(changed)); !bytes.Equal(got, want) {
				t.Fatalf("got %s, want %s", got, want)
			}
			if isPlain(string(changed)) != plain[c] {
				t.Fatalf("%q is not what is plain", changed)
			}
		}
	}
}
