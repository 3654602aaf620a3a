package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/heliograph/heliograph/internal/backup"
)

// layout is where things are in the data directory.
func (c Config) layout() backup.Layout {
	return backup.Layout{Data: c.Data, Database: filepath.Base(c.databaseFile()), Blobs: filepath.Base(c.blobDir()), Trail: filepath.Base(AuditDir(c.Data))}
}

// Backup copies the data directory of cfg, which a server may be using, to the
// file or into the folder target.
func Backup(ctx context.Context, cfg Config, target string) (backup.Summary, error) {
	return backup.Write(ctx, cfg.layout(), target)
}

// Restore puts a backup into the data directory of cfg, which must be empty.
func Restore(ctx context.Context, cfg Config, from string) (backup.Summary, error) {
	return backup.Restore(ctx, from, cfg.layout())
}

// refuseUnfinishedRestore reports a directory that holds only some of a backup.
func refuseUnfinishedRestore(data string) error {
	if _, err := os.Lstat(filepath.Join(data, backup.PartialDir)); err == nil {
		return fmt.Errorf("data directory %s: a restore into it was cut off. Remove what is in it, and run heliograph restore again", data)
	}
	return nil
}
