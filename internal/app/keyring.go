package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/keyring"
	"github.com/heliograph/heliograph/internal/store"
)

// KeyringStatus tells which keys seal the secrets in the data directory of cfg,
// whose server may run.
func KeyringStatus(ctx context.Context, cfg Config) (keyring.Status, error) {
	if err := mustHaveData(cfg); err != nil {
		return keyring.Status{}, err
	}
	ring, err := keyring.Read(ctx, cfg.Data, cfg.masterKey())
	if err != nil {
		return keyring.Status{}, err
	}
	return ring.Status(), nil
}

// RotateKeyring seals the secrets in the data directory of cfg anew. Its server
// must not run.
func RotateKeyring(ctx context.Context, cfg Config, o iam.RotateOptions) (r iam.Rotation, err error) {
	if err := mustHaveData(cfg); err != nil {
		return r, err
	}
	lock, err := blob.Open(cfg.blobDir())
	if err != nil {
		return r, fmt.Errorf("data directory %s: %w", cfg.Data, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	db, err := store.Open(ctx, cfg.databaseFile())
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	ring, err := keyring.Open(ctx, cfg.Data, cfg.masterKey())
	if err != nil {
		return r, err
	}
	return iam.RotateOffline(ctx, db, ring, o)
}

// mustHaveData refuses a directory that no server has used, instead of making one.
func mustHaveData(cfg Config) error {
	if _, err := os.Stat(cfg.databaseFile()); err != nil {
		return fmt.Errorf("%s is no data directory of a server: %w", cfg.Data, err)
	}
	return nil
}
