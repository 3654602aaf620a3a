package iam

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// directory is the users, groups, roles and managed policies of the account. A
// change is one transaction; what was compiled from the records is forgotten
// when it is on disk.
type directory struct {
	db       *store.DB
	users    table[userDoc]
	groups   table[entityDoc]
	roles    table[roleDoc]
	policies *store.Collection[policyDoc]
}

func newDirectory(db *store.DB) *directory {
	return &directory{
		db:       db,
		users:    table[userDoc]{UserEntity, store.NewCollection[userDoc](db, "iam-user"), func(d *userDoc) *entityDoc { return &d.entityDoc }},
		groups:   table[entityDoc]{GroupEntity, store.NewCollection[entityDoc](db, "iam-group"), func(d *entityDoc) *entityDoc { return d }},
		roles:    table[roleDoc]{RoleEntity, store.NewCollection[roleDoc](db, "iam-role"), func(d *roleDoc) *entityDoc { return &d.entityDoc }},
		policies: store.NewCollection[policyDoc](db, "iam-policy"),
	}
}

// change runs fn in one transaction and forgets what was compiled before it.
func (s *Service) change(ctx context.Context, fn func(ctx context.Context) error) error {
	if s.dir == nil {
		return errs.New(errs.Unsupported, "ServiceFailure", "This server keeps no users, groups, roles and policies.")
	}
	defer s.compiled.forget()
	defer s.access.forget()
	return s.dir.db.Tx(ctx, fn)
}

// compiled remembers the rights of principals until something changes. An entry
// made from records read before a change is of an older generation than the
// change, and so it is never used after it.
type compiled struct {
	generation atomic.Uint64
	mu         sync.RWMutex
	of         uint64 // generation of entries
	entries    map[Entity]any
}

// maxCompiled bounds the entries; there are at most as many as users and roles.
const maxCompiled = 10_000

func (c *compiled) forget() { c.generation.Add(1) }

// get returns what is remembered of e, or what make returns, which is then
// remembered unless it is an error.
func get[T any](c *compiled, e Entity, make func() (T, error)) (T, error) {
	now := c.generation.Load()
	c.mu.RLock()
	entry, ok := c.entries[e].(T)
	ok = ok && c.of == now
	c.mu.RUnlock()
	if ok {
		return entry, nil
	}
	made, err := make()
	if err != nil {
		return made, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of != now || c.entries == nil || len(c.entries) >= maxCompiled {
		if c.of > now {
			return made, nil
		}
		c.of, c.entries = now, map[Entity]any{}
	}
	c.entries[e] = made
	return made, nil
}
