package keyring_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/keyring"
)

func mustOpen(t *testing.T, dir string, source keyring.Source) *keyring.Ring {
	t.Helper()
	r, err := keyring.Open(t.Context(), dir, source)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustSeal(t *testing.T, r *keyring.Ring, purpose, context, secret string) []byte {
	t.Helper()
	sealed, err := r.Seal(purpose, context, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func check(t *testing.T, r *keyring.Ring, sealed []byte, want string) {
	t.Helper()
	if got, err := r.Open("test", "name", sealed); err != nil || string(got) != want {
		t.Errorf("opened %q, %v; want %q", got, err, want)
	}
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := mustOpen(t, dir, keyring.Source{})
	sealed := mustSeal(t, r, "test", "name", "the secret")
	check(t, r, sealed, "the secret")
	check(t, mustOpen(t, dir, keyring.Source{}), sealed, "the secret")
	if bytes.Contains(sealed, []byte("secret")) {
		t.Error("the secret can be read")
	}
	if again := mustSeal(t, r, "test", "name", "the secret"); bytes.Equal(again, sealed) {
		t.Error("the same secret is sealed the same twice")
	}
	if got, err := r.Open("other", "name", sealed); !errors.Is(err, keyring.ErrSealed) {
		t.Errorf("for another purpose: %q, %v", got, err)
	}
	if got, err := r.Open("test", "other", sealed); !errors.Is(err, keyring.ErrSealed) {
		t.Errorf("in another context: %q, %v", got, err)
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if got, err := r.Open("test", "name", changed); !errors.Is(err, keyring.ErrSealed) {
			t.Errorf("with byte %d changed: %q, %v", i, got, err)
		}
		if got, err := r.Open("test", "name", sealed[:i]); !errors.Is(err, keyring.ErrSealed) {
			t.Errorf("cut to %d bytes: %q, %v", i, got, err)
		}
	}
	if got, err := mustOpen(t, t.TempDir(), keyring.Source{}).Open("test", "name", sealed); !errors.Is(err, keyring.ErrSealed) {
		t.Errorf("by another ring: %q, %v", got, err)
	}
	for _, name := range []string{keyring.File, keyring.MasterFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestMasterKeyFromAnywhere(t *testing.T) {
	t.Parallel()
	key := keyring.NewMaster().Text()
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	raw, _ := base64.StdEncoding.DecodeString(key)
	sealed := mustSeal(t, mustOpen(t, dir, keyring.Source{Key: key}), "test", "name", "s")
	for name, source := range map[string]keyring.Source{
		"file":        {File: file},
		"command":     {Command: "cat '" + file + "'"},
		"hexadecimal": {Key: fmt.Sprintf("%x", raw)},
		"upper case":  {Key: fmt.Sprintf("  %X\n", raw)},
		"environment": {Key: key, Command: "false", File: "/nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := mustOpen(t, dir, source)
			check(t, r, sealed, "s")
			if text := fmt.Sprintf("%v %+v %#v %v %#v %v", source, source, source, r, r, r.Status()); strings.Contains(text, key) || strings.Contains(text, fmt.Sprintf("%x", raw)) {
				t.Errorf("the master key is shown: %s", text)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, keyring.MasterFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a master key from elsewhere was written into the data directory: %v", err)
	}
}

func TestBadMasterKeys(t *testing.T) {
	t.Parallel()
	key := keyring.NewMaster().Text()
	open, long := filepath.Join(t.TempDir(), "open"), filepath.Join(t.TempDir(), "long")
	if err := errors.Join(os.WriteFile(open, []byte(key), 0o644), os.WriteFile(long, bytes.Repeat([]byte("a"), 5000), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		source keyring.Source
		want   string
	}{
		"wrong key":              {keyring.Source{Key: keyring.NewMaster().Text()}, "not the master key"},
		"short":                  {keyring.Source{Key: key[:40]}, "32 random bytes"},
		"zeros":                  {keyring.Source{Key: strings.Repeat("0", 64)}, "all zeros"},
		"no key":                 {keyring.Source{}, "restore the file"},
		"no file":                {keyring.Source{File: "/nowhere/key"}, "/nowhere/key"},
		"a file for everybody":   {keyring.Source{File: open}, "chmod 600"},
		"a long file":            {keyring.Source{File: long}, "too long"},
		"a folder":               {keyring.Source{File: t.TempDir()}, "not a regular file"},
		"a command that fails":   {keyring.Source{Command: "echo no such vault >&2; exit 3"}, "no such vault"},
		"a talkative command":    {keyring.Source{Command: "head -c 100000 /dev/zero"}, "more than"},
		"a command of no output": {keyring.Source{Command: "true"}, "32 random bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			mustOpen(t, dir, keyring.Source{Key: key})
			before := tree(t, dir)
			_, err := keyring.Open(t.Context(), dir, c.source)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want something with %q", err, c.want)
			}
			if name == "wrong key" && !errors.Is(err, keyring.ErrWrongMaster) {
				t.Errorf("got %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), key) || c.source.Key != "" && strings.Contains(err.Error(), c.source.Key)) {
				t.Errorf("the error shows a key: %v", err)
			}
			if after := tree(t, dir); after != before {
				t.Errorf("the directory was changed from %s to %s", before, after)
			}
		})
	}
}

// tree is every file of a directory with its content.
func tree(t *testing.T, dir string) string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s: %s\n", f.Name(), text)
	}
	return b.String()
}

func TestRotate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := mustOpen(t, dir, keyring.Source{})
	old := mustSeal(t, r, "test", "name", "old")
	named, err := r.Secret("log")
	if err != nil || len(named) != 32 {
		t.Fatalf("got %x, %v", named, err)
	}
	if version, err := r.Add(); version != 2 || err != nil {
		t.Fatalf("got version %d, %v", version, err)
	}
	if !r.Stale(old) || !r.Unfinished() {
		t.Error("nothing is stale after a new data key")
	}
	young := mustSeal(t, r, "test", "name", "young")
	if r.Stale(young) {
		t.Error("what was just sealed is stale")
	}
	if err := r.Forget(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	r = mustOpen(t, dir, keyring.Source{}) // as after a crash
	check(t, r, old, "old")
	check(t, r, young, "young")
	if !r.Unfinished() {
		t.Error("an unfinished rotation is forgotten by a crash")
	}
	if err := r.Retire(); err != nil || r.Unfinished() {
		t.Fatal(err)
	}
	check(t, r, old, "old") // session tokens live on
	if err := r.Forget(time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	check(t, r, old, "old")
	if err := r.Forget(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*keyring.Ring{"at once": r, "opened again": mustOpen(t, dir, keyring.Source{})} {
		if got, err := r.Open("test", "name", old); !errors.Is(err, keyring.ErrSealed) {
			t.Errorf("%s: under a forgotten data key: %q, %v", name, got, err)
		}
		check(t, r, young, "young")
		if again, err := r.Secret("log"); err != nil || !bytes.Equal(again, named) {
			t.Errorf("%s: the named secret is %x, %v; it was %x", name, again, err, named)
		}
		if s := r.Status(); s.Current != 2 || len(s.Versions) != 1 || s.Next != "" {
			t.Errorf("%s: status %+v", name, s)
		}
	}
}

func TestChangeMasterFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := mustOpen(t, dir, keyring.Source{})
	sealed := mustSeal(t, r, "test", "name", "s")
	oldMaster, err := os.ReadFile(filepath.Join(dir, keyring.MasterFile))
	if err != nil {
		t.Fatal(err)
	}
	next := keyring.NewMaster()
	if err := r.ChangeMaster(next); err != nil {
		t.Fatal(err)
	}
	check(t, r, sealed, "s")
	if _, err := r.Add(); err != nil { // sealed under the new one
		t.Fatal(err)
	}
	r = mustOpen(t, dir, keyring.Source{})
	check(t, r, sealed, "s")
	if r.Status().Master != next.ID() {
		t.Errorf("status %+v", r.Status())
	}
	if _, err := keyring.Open(t.Context(), dir, keyring.Source{Key: string(oldMaster)}); !errors.Is(err, keyring.ErrWrongMaster) {
		t.Errorf("the old master key: %v", err)
	}
}

// TestChangeMasterCrash stops the change between its two files, with either
// master key in place.
func TestChangeMasterCrash(t *testing.T) {
	t.Parallel()
	old, next := keyring.NewMaster(), keyring.NewMaster()
	dir := t.TempDir()
	r := mustOpen(t, dir, keyring.Source{Key: old.Text()})
	sealed := mustSeal(t, r, "test", "name", "s")
	if err := r.ChangeMaster(next); err != nil { // a key that this package can't write stays
		t.Fatal(err)
	}
	check(t, r, sealed, "s")
	r = mustOpen(t, dir, keyring.Source{Key: old.Text()})
	check(t, r, sealed, "s")
	if s := r.Status(); s.Next != next.ID() || s.Master != old.ID() {
		t.Errorf("status %+v", s)
	}
	if _, err := r.Add(); err == nil {
		t.Error("a data key was added under one of two master keys")
	}
	third := keyring.NewMaster()
	if err := r.ChangeMaster(third); err != nil { // another one after all
		t.Fatal(err)
	}
	if _, err := keyring.Open(t.Context(), dir, keyring.Source{Key: next.Text()}); !errors.Is(err, keyring.ErrWrongMaster) {
		t.Errorf("the master key that was given up: %v", err)
	}
	r = mustOpen(t, dir, keyring.Source{Key: third.Text()})
	check(t, r, sealed, "s")
	if s := r.Status(); s.Next != "" || s.Master != third.ID() {
		t.Errorf("status %+v", s)
	}
	if _, err := keyring.Open(t.Context(), dir, keyring.Source{Key: old.Text()}); !errors.Is(err, keyring.ErrWrongMaster) {
		t.Errorf("the old master key: %v", err)
	}
}

// TestChangeMasterFileCrash stops the change before the file is replaced.
func TestChangeMasterFileCrash(t *testing.T) {
	t.Parallel()
	old := keyring.NewMaster()
	dir := t.TempDir()
	r := mustOpen(t, dir, keyring.Source{Key: old.Text()})
	sealed := mustSeal(t, r, "test", "name", "s")
	if err := r.ChangeMaster(keyring.NewMaster()); err != nil { // nobody knows it any more
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, keyring.MasterFile), []byte(old.Text()), 0o600); err != nil {
		t.Fatal(err)
	}
	r = mustOpen(t, dir, keyring.Source{})
	check(t, r, sealed, "s")
	if s := r.Status(); s.Next != "" || s.Master != old.ID() {
		t.Errorf("status %+v", s)
	}
	if _, err := r.Add(); err != nil {
		t.Errorf("the ring can't be rotated any more: %v", err)
	}
}

func TestDamagedRing(t *testing.T) {
	t.Parallel()
	key := keyring.NewMaster().Text()
	dir := t.TempDir()
	r := mustOpen(t, dir, keyring.Source{Key: key})
	if _, err := r.Add(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, keyring.File))
	if err != nil {
		t.Fatal(err)
	}
	damaged := map[string]string{"empty": "", "cut": string(whole[:len(whole)/2]), "longer": string(whole) + "{}", "huge": strings.Repeat(" ", 2<<20)}
	for name, fn := range map[string]func(m map[string]any){
		"format":            func(m map[string]any) { m["Format"] = 2 },
		"unknown member":    func(m map[string]any) { m["Extra"] = 1 },
		"no current":        func(m map[string]any) { m["Current"] = 3 },
		"no master":         func(m map[string]any) { m["Masters"] = []string{} },
		"another master":    func(m map[string]any) { m["Masters"] = []string{"0123456789abcdef"} },
		"no keys":           func(m map[string]any) { m["Keys"] = nil },
		"version twice":     func(m map[string]any) { k := m["Keys"].([]any); m["Keys"] = append(k, k[0]) },
		"versions swapped":  func(m map[string]any) { k := m["Keys"].([]any); swap(k, "Version") },
		"key not for it":    func(m map[string]any) { k := m["Keys"].([]any); swap(k, "Sealed") },
		"key not base64":    func(m map[string]any) { eachSealed(m, "%%") },
		"key of other text": func(m map[string]any) { eachSealed(m, "AAAA") },
	} {
		var m map[string]any
		if err := json.Unmarshal(whole, &m); err != nil {
			t.Fatal(err)
		}
		fn(m)
		text, _ := json.Marshal(m)
		damaged[name] = string(text)
	}
	for name, text := range damaged {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, keyring.File), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := keyring.Open(t.Context(), dir, keyring.Source{Key: key}); err == nil {
				t.Error("it was opened")
			} else if got := tree(t, dir); got != keyring.File+": "+text+"\n" {
				t.Errorf("it was changed to %s", got)
			}
		})
	}
}

func swap(keys []any, member string) {
	a, b := keys[0].(map[string]any), keys[1].(map[string]any)
	a[member], b[member] = b[member], a[member]
}

func eachSealed(m map[string]any, text string) {
	for _, k := range m["Keys"].([]any) {
		for id := range k.(map[string]any)["Sealed"].(map[string]any) {
			k.(map[string]any)["Sealed"].(map[string]any)[id] = text
		}
	}
}

func FuzzOpenSealed(f *testing.F) {
	r, err := keyring.Open(f.Context(), f.TempDir(), keyring.Source{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 1})
	f.Add(append([]byte{0, 0, 0, 1}, make([]byte, 28)...))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if got, err := r.Open("test", "name", sealed); err == nil {
			t.Errorf("opened %q of bytes that nobody sealed", got)
		}
	})
}

func FuzzParseMaster(f *testing.F) {
	f.Add(keyring.NewMaster().Text())
	f.Add(strings.Repeat("0", 64))
	f.Add(strings.Repeat("ab", 32))
	f.Fuzz(func(t *testing.T, text string) {
		m, err := keyring.ParseMaster(text)
		if err != nil {
			return
		}
		if again, err := keyring.ParseMaster(m.Text()); err != nil || again != m {
			t.Errorf("%q is read as a key that is not read again: %v", text, err)
		}
	})
}
