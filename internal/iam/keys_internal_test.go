package iam

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/keyring"
	"github.com/heliograph/heliograph/internal/store"
)

// house is a service over a real store and keyring in a directory of its own.
type house struct {
	*Service
	dir string
	db  *store.DB
}

func newHouse(t testing.TB, dir string) *house {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(dir, "heliograph.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	ring, err := keyring.Open(t.Context(), dir, keyring.Source{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{RootKey: Key{ID: "AKIAEXAMPLEEXAMPLE00", Secret: strings.Repeat("s", 40)},
		AccountID: "000000000000", Region: "us-east-1", DB: db, Keyring: ring})
	if err != nil {
		t.Fatal(err)
	}
	return &house{s, dir, db}
}

func (h *house) root(t testing.TB) context.Context {
	return WithPrincipal(t.Context(), h.RootPrincipal())
}

// acting is the context of a service that acts as a role.
func (h *house) acting(t testing.TB, service, role string) context.Context {
	t.Helper()
	ctx, err := h.ForService(service, "test").Assume(t.Context(), role, "")
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

func mustCreateKey(t *testing.T, h *house, user string) Key {
	t.Helper()
	k, key, err := h.access.create(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	if k.ID != key.ID || k.User != user || !k.Active || k.Created.IsZero() || !strings.HasPrefix(k.ID, "AKIA") || len(key.Secret) != 40 {
		t.Fatalf("got %+v", k)
	}
	return key
}

func TestAccessKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	ctx := t.Context()
	first, second := mustCreateKey(t, h, "Ada"), mustCreateKey(t, h, "Ada")
	if _, _, err := h.access.create(ctx, "ada"); errs.CodeOf(err) != "LimitExceeded" {
		t.Errorf("a third key: %v", err)
	}
	mustCreateKey(t, h, "bob")
	if keys, err := h.access.list(ctx, "ADA"); err != nil || len(keys) != 2 || keys[0].ID != first.ID || keys[1].ID != second.ID {
		t.Errorf("listed %v, %v", keys, err)
	}
	find := func(want string) {
		t.Helper()
		k, err := h.access.find(ctx, first.ID)
		switch {
		case want == "":
			if errs.CodeOf(err) != CodeUnknownKey {
				t.Errorf("found %v, %v", k, err)
			}
		case err != nil || k.key != first || k.user != want:
			t.Errorf("found %v, %v", k, err)
		}
	}
	find("Ada")
	find("Ada")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(h.access.setActive(ctx, "Ada", first.ID, false))
	find("")
	must(h.access.setActive(ctx, "Ada", first.ID, true))
	find("Ada")
	must(h.access.rename(ctx, "Ada", "Lovelace"))
	find("Lovelace")
	for name, err := range map[string]error{
		"disable another's": h.access.setActive(ctx, "bob", first.ID, false),
		"remove another's":  h.access.remove(ctx, "bob", first.ID),
		"remove none":       h.access.remove(ctx, "bob", "AKIANOBODY"),
	} {
		if errs.CodeOf(err) != "NoSuchEntity" {
			t.Errorf("%s: %v", name, err)
		}
	}
	find("Lovelace")
	must(h.access.remove(ctx, "lovelace", first.ID))
	find("")
	if _, err := h.access.find(ctx, strings.ToLower(second.ID)); errs.CodeOf(err) != CodeUnknownKey {
		t.Errorf("an id in other case: %v", err)
	}
}

func TestAccessKeyUse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	key := mustCreateKey(t, h, "ada")
	h.access.used(key.ID, "s3", "us-east-1")
	h.access.used(key.ID, "sagemaker", "us-east-1")
	check := func(when string) {
		t.Helper()
		k, err := h.access.get(t.Context(), key.ID)
		if err != nil || k.Used.Service != "sagemaker" || k.Used.Region != "us-east-1" || time.Since(k.Used.At) > time.Hour {
			t.Errorf("%s: %+v, %v", when, k.Used, err)
		}
	}
	check("before it is written")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Run(ctx); err != nil { // ends at once, and writes
		t.Fatal(err)
	}
	check("written")
	h = newHouse(t, h.dir)
	check("after a restart")
}

func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	key := mustCreateKey(t, h, "ada")
	if err := h.db.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(h.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if text, err := os.ReadFile(filepath.Join(h.dir, f.Name())); err != nil || bytes.Contains(text, []byte(key.Secret)) {
			t.Errorf("%s holds the secret, or can't be read: %v", f.Name(), err)
		}
	}
	if text, err := json.Marshal(AccessKey{}); err != nil || bytes.Contains(text, []byte("ecret")) {
		t.Errorf("a key without its secret is %s, %v", text, err)
	}
}

func TestRotateKeyring(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	keys := []Key{mustCreateKey(t, h, "a"), mustCreateKey(t, h, "b"), mustCreateKey(t, h, "c")}
	check := func(h *house, when string) {
		t.Helper()
		for _, key := range keys {
			if k, err := h.access.find(t.Context(), key.ID); err != nil || k.key != key {
				t.Errorf("%s: %v, %v", when, k, err)
			}
		}
	}
	if _, err := h.RotateKeyring(h.acting(t, "lambda.amazonaws.com", h.RoleARN(FunctionRole)), RotateOptions{}); !errs.Is(err, errs.Denied) {
		t.Errorf("by somebody: %v", err)
	}
	r, err := h.RotateKeyring(h.root(t), RotateOptions{EndSessions: true})
	if err != nil || r.Version != 2 || r.Resealed != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	if s := h.cfg.Keyring.Status(); len(s.Versions) != 1 || s.Current != 2 {
		t.Errorf("the old data key is there: %+v", s)
	}
	check(h, "rotated")

	// A crash after the new data key, and one between secrets.
	if _, err := h.cfg.Keyring.Add(); err != nil {
		t.Fatal(err)
	}
	check(h, "cut off")
	if err := h.access.resealOne(t.Context(), keys[1].ID); err != nil {
		t.Fatal(err)
	}
	h.db.Close()
	h = newHouse(t, h.dir)
	check(h, "cut off between secrets")
	if err := h.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h.cfg.Keyring.Unfinished() {
		t.Error("the rotation is not completed")
	}
	if err := h.cfg.Keyring.Forget(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	h.access.forget()
	check(h, "completed")

	// Another keyring is noticed.
	if err := os.Remove(filepath.Join(h.dir, keyring.File)); err != nil {
		t.Fatal(err)
	}
	h.db.Close()
	h = newHouse(t, h.dir)
	if err := h.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "belong together") {
		t.Errorf("with another keyring: %v", err)
	}
}
