package iam

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/keyring"
	"github.com/heliograph/heliograph/internal/store"
)

// maxKeysPerUser is IAM's quota: one in use, and one to change over to.
const maxKeysPerUser = 2

// AccessKey is an access key of a user without its secret, which is shown by
// the call that makes it and never again.
type AccessKey struct {
	ID      string
	User    string // name of the user
	Active  bool
	Created time.Time
	Used    KeyUse
}

// KeyUse is when and for what a key signed last. It is up to a minute old after
// the server was killed. The zero KeyUse: never.
type KeyUse struct {
	At              time.Time `json:",omitzero"`
	Service, Region string    `json:",omitempty"`
}

// accessKeys are the keys of all users. Secrets are sealed in the database. What
// Verify asked for stays in memory, opened, until anything changes.
type accessKeys struct {
	db      *store.DB
	ring    *keyring.Ring
	records *store.Collection[keyDoc]
	now     func() time.Time

	mu         sync.RWMutex
	known      map[string]*userKey
	generation int // counts changes, so that nothing read before one is remembered after it

	useMu sync.Mutex
	uses  map[string]KeyUse // not yet written
}

// keyDoc is a key's record. Its Status is the user's name in lower case, by which
// a user's keys are found.
type keyDoc struct {
	User     string
	Inactive bool `json:",omitempty"`
	Sealed   []byte
	Used     KeyUse `json:",omitzero"`
}

// userKey is a key in use.
type userKey struct {
	key  Key
	user string
}

// keyPurpose is what the keyring seals secrets of access keys for.
const keyPurpose = "access key"

// maxKnownKeys bounds the secrets in memory.
const maxKnownKeys = 10_000

func newAccessKeys(db *store.DB, ring *keyring.Ring, now func() time.Time) *accessKeys {
	return &accessKeys{db: db, ring: ring, now: now, records: store.NewCollection[keyDoc](db, "access key"),
		known: map[string]*userKey{}, uses: map[string]KeyUse{}}
}

// create makes a key for a user, whom the caller has found, and returns it with
// its secret.
func (a *accessKeys) create(ctx context.Context, user string) (AccessKey, Key, error) {
	key := newKey()
	var r store.Record[keyDoc]
	err := a.db.Tx(ctx, func(ctx context.Context) error {
		n, err := a.records.Count(ctx, store.Query{Status: strings.ToLower(user)})
		if err != nil {
			return err
		}
		if n >= maxKeysPerUser {
			return errs.New(errs.Conflict, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: %d", maxKeysPerUser)
		}
		// Sealed within the transaction, so that reseal sees it if a rotation came in between.
		sealed, err := a.ring.Seal(keyPurpose, key.ID, []byte(key.Secret))
		if err != nil {
			return err
		}
		r, err = a.records.Create(ctx, store.Record[keyDoc]{Name: key.ID, Status: strings.ToLower(user), Doc: keyDoc{User: user, Sealed: sealed}})
		return err
	})
	return a.public(r), key, err
}

// get returns the key of that id.
func (a *accessKeys) get(ctx context.Context, id string) (AccessKey, error) {
	r, err := a.records.Get(ctx, id)
	return a.public(r), a.missing(err, id)
}

// list returns the keys of a user, the oldest first.
func (a *accessKeys) list(ctx context.Context, user string) (all []AccessKey, err error) {
	q := store.Query{Status: strings.ToLower(user), Limit: 1000}
	records, _, err := a.records.List(ctx, q)
	for _, r := range records {
		all = append(all, a.public(r))
	}
	return all, err
}

// setActive lets a user's key sign, or not. Sessions made with it end with it.
func (a *accessKeys) setActive(ctx context.Context, user, id string, active bool) error {
	_, err := a.records.Update(ctx, id, func(r *store.Record[keyDoc]) error {
		if !strings.EqualFold(r.Doc.User, user) {
			return a.missing(errs.New(errs.NotFound, "", ""), id)
		}
		r.Doc.Inactive = !active
		return nil
	})
	a.forget()
	return a.missing(err, id)
}

// remove deletes a user's key for good. Sessions made with it end.
func (a *accessKeys) remove(ctx context.Context, user, id string) error {
	_, err := a.records.Delete(ctx, id, func(r store.Record[keyDoc]) error {
		if !strings.EqualFold(r.Doc.User, user) {
			return a.missing(errs.New(errs.NotFound, "", ""), id)
		}
		return nil
	})
	a.forget()
	return a.missing(err, id)
}

// rename gives the keys of one user's name to another name. If it is part of a
// transaction, forget is to be called after that.
func (a *accessKeys) rename(ctx context.Context, from, to string) error {
	defer a.forget()
	return a.db.Tx(ctx, func(ctx context.Context) error {
		keys, err := a.list(ctx, from)
		if err != nil {
			return err
		}
		for _, k := range keys {
			_, err := a.records.Update(ctx, k.ID, func(r *store.Record[keyDoc]) error {
				r.Status, r.Doc.User = strings.ToLower(to), to
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// forget drops what is in memory; the next use of a key reads it anew.
func (a *accessKeys) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.known)
	a.generation++
}

// find returns a key that may sign. One that does not exist or is inactive is
// Unauthenticated with code CodeUnknownKey.
func (a *accessKeys) find(ctx context.Context, id string) (*userKey, error) {
	a.mu.RLock()
	k, generation := a.known[id], a.generation
	a.mu.RUnlock()
	if k != nil {
		return k, nil
	}
	r, err := a.records.Get(ctx, id)
	if errs.Is(err, errs.NotFound) || err == nil && (r.Name != id || r.Doc.Inactive) {
		return nil, unknownKey()
	} else if err != nil {
		return nil, err
	}
	secret, err := a.ring.Open(keyPurpose, r.Name, r.Doc.Sealed)
	if err != nil {
		return nil, unreadable(r.Name, err)
	}
	k = &userKey{key: Key{ID: r.Name, Secret: string(secret)}, user: r.Doc.User}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.generation == generation {
		if len(a.known) >= maxKnownKeys {
			clear(a.known)
		}
		a.known[r.Name] = k
	}
	return k, nil
}

func unreadable(id string, err error) error {
	return fmt.Errorf("the secret of access key %s: %w; heliograph.db, keyring.json and the master key belong together, restore them from one backup", id, err)
}

// used notes a key's use; flush writes it.
func (a *accessKeys) used(id, service, region string) {
	a.useMu.Lock()
	defer a.useMu.Unlock()
	u, ok := a.uses[id]
	if !ok || u.Service != service || u.Region != region {
		// Parts of a request's header; the map must not keep that alive.
		id, u.Service, u.Region = strings.Clone(id), strings.Clone(service), strings.Clone(region)
	}
	u.At = a.now().UTC().Truncate(time.Second)
	a.uses[id] = u
}

// flush writes the uses since the last one.
func (a *accessKeys) flush(ctx context.Context) error {
	a.useMu.Lock()
	uses := a.uses
	a.uses = map[string]KeyUse{}
	a.useMu.Unlock()
	var faults []error
	for id, u := range uses {
		_, err := a.records.Update(ctx, id, func(r *store.Record[keyDoc]) error {
			r.Doc.Used = u
			return nil
		})
		if err != nil && !errs.Is(err, errs.NotFound) {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// public is a key without its secret, with uses that are not written yet.
func (a *accessKeys) public(r store.Record[keyDoc]) AccessKey {
	k := AccessKey{ID: r.Name, User: r.Doc.User, Active: !r.Doc.Inactive, Created: r.Created, Used: r.Doc.Used}
	a.useMu.Lock()
	defer a.useMu.Unlock()
	if u, ok := a.uses[r.Name]; ok {
		k.Used = u
	}
	return k
}

func (a *accessKeys) missing(err error, id string) error {
	if errs.Is(err, errs.NotFound) {
		return errs.New(errs.NotFound, "NoSuchEntity", "The Access Key with id %s cannot be found.", clip(id))
	}
	return err
}

// each calls fn with every key's record.
func (a *accessKeys) each(ctx context.Context, fn func(store.Record[keyDoc]) error) error {
	q := store.Query{Order: store.ByName, Limit: 1000}
	for {
		page, next, err := a.records.List(ctx, q)
		if err != nil {
			return err
		}
		for _, r := range page {
			if err := fn(r); err != nil {
				return err
			}
		}
		if q.Token = next; next == "" {
			return nil
		}
	}
}

// check opens every secret, so that a database and a keyring that don't belong
// together are noticed at start.
func (a *accessKeys) check(ctx context.Context) error {
	return a.each(ctx, func(r store.Record[keyDoc]) error {
		if _, err := a.ring.Open(keyPurpose, r.Name, r.Doc.Sealed); err != nil {
			return unreadable(r.Name, err)
		}
		return nil
	})
}

// reseal seals every secret under the keyring's current version, all in one
// transaction, and returns how many were under another.
func (a *accessKeys) reseal(ctx context.Context) (n int, err error) {
	defer a.forget()
	err = a.db.Tx(ctx, func(ctx context.Context) error {
		var stale []string
		err := a.each(ctx, func(r store.Record[keyDoc]) error {
			if a.ring.Stale(r.Doc.Sealed) {
				stale = append(stale, r.Name)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, id := range stale {
			if err := a.resealOne(ctx, id); err != nil {
				return err
			}
		}
		n = len(stale)
		return nil
	})
	return n, err
}

func (a *accessKeys) resealOne(ctx context.Context, id string) error {
	_, err := a.records.Update(ctx, id, func(r *store.Record[keyDoc]) error {
		secret, err := a.ring.Open(keyPurpose, r.Name, r.Doc.Sealed)
		if err != nil {
			return unreadable(r.Name, err)
		}
		r.Doc.Sealed, err = a.ring.Seal(keyPurpose, r.Name, secret)
		return err
	})
	return err
}

func unknownKey() error {
	return unauthenticated(CodeUnknownKey, "The AWS Access Key Id you provided does not exist in our records.")
}
