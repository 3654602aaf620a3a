package audit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Retire removes the oldest files while there are too many, or while they are
// past their time. That a file goes is in the trail, on the disk, before it does.
func (t *Trail) Retire(ctx context.Context) {
	for ctx.Err() == nil {
		all, err := files(t.opt.Dir)
		if err != nil {
			t.opt.Log.Error("old files of the audit trail can't be looked for", "error", err)
			return
		}
		if len(all) < 2 {
			return
		}
		path := filepath.Join(t.opt.Dir, fileName(all[0]))
		info, err := os.Stat(path)
		if err != nil || len(all) <= t.opt.Keep && t.opt.Now().Sub(info.ModTime()) < t.opt.KeepFor {
			return
		}
		if err := t.remove(ctx, path, all[0], all[1], info.ModTime()); err != nil {
			t.opt.Log.Error("an old file of the audit trail can't be removed", "file", path, "error", err)
			return
		}
	}
}

// remove removes the file from first up to the one that begins with after.
func (t *Trail) remove(ctx context.Context, path string, first, after uint64, last time.Time) error {
	f, err := os.Open(filepath.Join(t.opt.Dir, fileName(after)))
	if err != nil {
		return err
	}
	line, err := newLines(f, 0).next()
	f.Close()
	if err != nil {
		return err
	}
	e, err := decode(line)
	if err != nil {
		return err
	}
	end := Point{Seq: after - 1}
	if err := parseHash(&end, e.Previous); err != nil {
		return err
	}
	err = t.Record(ctx, &Entry{Time: t.opt.Now(), Trail: Removed, Durable: true,
		Detail: fmt.Sprintf("%s with the entries from %d on, the last of %s, is removed; it ends with %v", fileName(first), first, last.UTC().Format(time.RFC3339), end)})
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	t.opt.Log.Info("a file of the audit trail was past its time and is removed", "file", fileName(first))
	return nil
}
