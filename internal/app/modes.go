package app

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// closeToOthers takes the data directory and what lies in it from the group and
// others, who have no business there: it holds keys, the audit trail and
// everybody's objects. It repairs what it may, and says so. What it may not is
// refused if it can be written to, since then nothing in it could be trusted; that
// others can read the directory itself is only said, as volumes that an
// orchestrator mounts are so, and what is secret has a mode of its own.
func closeToOthers(dir string, log *slog.Logger) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	paths := []string{dir}
	for _, e := range entries {
		if e.Type().IsDir() || e.Type().IsRegular() {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	for _, path := range paths {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) || path != dir && filepath.Base(path) == "lost+found" {
			continue
		} else if err != nil {
			return fmt.Errorf("data directory: %w", err)
		}
		mode := info.Mode().Perm()
		if mode&0o077 == 0 {
			continue
		}
		err = os.Chmod(path, mode&^0o077)
		switch {
		case err == nil:
			log.Warn("others could use a part of the data directory; its mode is repaired", "path", path, "was", fmt.Sprintf("%04o", mode), "is", fmt.Sprintf("%04o", mode&^0o077))
		case mode&0o002 != 0:
			return fmt.Errorf("data directory: everybody may write to %s (mode %04o), and it can't be changed: %w; run as its owner: chmod go-rwx %s", path, mode, err, path)
		default:
			log.Warn("others can use a part of the data directory, and its mode can't be changed", "path", path, "mode", fmt.Sprintf("%04o", mode), "error", err)
		}
	}
	return nil
}
