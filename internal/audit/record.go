package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// draft is a line in the making, behind the hash of the line before it: so what
// its own hash is over lies in one piece.
type draft struct{ text []byte }

var drafts = sync.Pool{New: func() any { return &draft{make([]byte, sha256.Size, 1024)} }}

// write makes the line of an entry, but for seq and hash.
func (d *draft) write(e *Entry) { d.text = e.appendBody(d.text[:sha256.Size]) }

func newDraft(e *Entry) *draft {
	d := &draft{make([]byte, sha256.Size)}
	d.write(e)
	return d
}

// end makes the line that of the entry after end, to which it moves end.
func (d *draft) end(end *Point) (line []byte) {
	copy(d.text, end.Hash[:])
	end.Seq++
	d.text = strconv.AppendUint(d.text, end.Seq, 10)
	end.Hash = sha256.Sum256(d.text)
	d.text = append(d.text, hashMember...)
	d.text = hex.AppendEncode(d.text, end.Hash[:])
	d.text = append(d.text, '"', '}', '\n')
	return d.text[sha256.Size:]
}

var errClosed = errors.New("the audit trail is closed")

// Record appends an entry. Its Seq and Hash are the trail's to choose.
func (t *Trail) Record(_ context.Context, e *Entry) error {
	d := drafts.Get().(*draft)
	defer drafts.Put(d) // of at most maxLine
	d.write(e)
	t.writeMu.Lock()
	err := t.write(d, e.Time)
	seq := t.end.Seq
	t.writeMu.Unlock()
	if err == nil && e.Durable {
		err = t.sync(seq)
	}
	return err
}

// write appends an entry of now, and before it one that says how many others
// could not be written.
func (t *Trail) write(d *draft, now time.Time) error {
	if t.file == nil {
		return errClosed
	}
	if t.doubtful.Load() || t.size >= t.opt.MaxBytes || now.Sub(t.began) >= t.opt.MaxAge {
		t.rotate()
	}
	if t.lost > 0 {
		if err := t.resume(); err != nil {
			t.lost++
			return err
		}
	}
	err := t.append(d)
	if err != nil {
		t.lost, t.lostFrom = 1, t.opt.Now()
		t.opt.Log.Error("the audit trail can't be written; calls fail until it can", "error", err)
	}
	return err
}

// resume writes that entries were lost.
func (t *Trail) resume() error {
	e := Entry{Time: t.opt.Now(), Trail: Resumed, Detail: fmt.Sprintf("%d entries could not be written since %s; their calls were not carried out",
		t.lost, t.lostFrom.UTC().Format(time.RFC3339))}
	if err := t.append(newDraft(&e)); err != nil {
		return err
	}
	t.opt.Log.Warn("the audit trail can be written again", "lost", t.lost, "since", t.lostFrom)
	t.lost = 0
	return nil
}

// append appends a line. What may be there of one that it couldn't is gone over
// by the next.
func (t *Trail) append(d *draft) error {
	end := t.end // only the writer changes it
	line := d.end(&end)
	err := t.put(line)
	if err != nil {
		err = fmt.Errorf("audit trail: %w", err)
	} else {
		t.size += int64(len(line))
		end.offset = t.size
	}
	t.endMu.Lock()
	defer t.endMu.Unlock()
	if t.fault = err; err != nil {
		return err
	}
	t.end = end
	if t.used == 0 {
		t.inFile = end
	}
	return nil
}

// rotate begins the next file. If it can't, this one goes on, and is tried to be
// left again later.
func (t *Trail) rotate() {
	now := t.opt.Now()
	if now.Before(t.retryAt) {
		return
	}
	t.syncMu.Lock()
	defer t.syncMu.Unlock()
	first := Entry{Time: now, Trail: Continued, Previous: hex.EncodeToString(t.end.Hash[:])}
	err := t.spill()
	if err == nil {
		err = t.syncLocked()
	}
	if t.doubtful.Load() && t.used == 0 {
		first.Detail = fmt.Sprintf("the disk did not confirm the entries from %d on", t.synced.Seq+1)
		err = nil
	}
	var next *begun
	if err == nil {
		next, err = t.begin(&first, t.end)
	}
	if err != nil {
		t.retryAt = now.Add(10 * time.Second)
		t.opt.Log.Error("the next file of the audit trail can't be begun; this one goes on", "error", err)
		return
	}
	_ = t.file.Truncate(t.size) // gives back what was set aside
	_ = t.file.Close()          // it is on the disk
	t.adopt(next, now)
	t.doubtful.Store(false)
}

// begun is a file with its first line.
type begun struct {
	file *os.File
	end  Point
}

// begin makes a file after the entry at and writes its first line.
func (t *Trail) begin(first *Entry, at Point) (*begun, error) {
	path := filepath.Join(t.opt.Dir, fileName(at.Seq+1))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	line := newDraft(first).end(&at)
	at.offset = int64(len(line))
	if _, err = f.Write(line); err == nil {
		err = errors.Join(f.Sync(), syncDir(t.opt.Dir))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return &begun{f, at}, nil
}

// adopt makes a file the one that is written to.
func (t *Trail) adopt(next *begun, now time.Time) {
	t.file, t.size, t.spilled, t.reserved, t.began = next.file, next.end.offset, next.end.offset, next.end.offset, now
	t.endMu.Lock()
	t.end, t.inFile, t.current = next.end, next.end, next.end.Seq
	t.endMu.Unlock()
}

// sync returns when the entry seq is on the disk, 0 for the last one.
func (t *Trail) sync(seq uint64) error {
	t.writeMu.Lock()
	if t.file == nil {
		t.writeMu.Unlock()
		return nil // Close has done it
	}
	err := t.spill()
	t.writeMu.Unlock()
	t.syncMu.Lock()
	defer t.syncMu.Unlock()
	if seq != 0 && t.synced.Seq >= seq || t.file == nil {
		return nil // whoever was here before brought this one along
	}
	if err == nil {
		err = t.syncLocked()
	}
	if err != nil {
		err = fmt.Errorf("audit trail: %w", err)
		t.endMu.Lock()
		t.fault = err
		t.endMu.Unlock()
	}
	return err
}

// syncLocked brings to the disk what is in the file.
func (t *Trail) syncLocked() error {
	t.endMu.Lock()
	end := t.inFile
	t.endMu.Unlock()
	switch {
	case t.synced.Seq == end.Seq:
		return nil
	case t.doubtful.Load():
		return errors.New("the disk failed before; another file has to be begun")
	}
	if err := t.file.Sync(); err != nil {
		t.doubtful.Store(true) // to sync again would say yes without having written
		return err
	}
	if err := t.writeHead(end); err != nil {
		return err
	}
	t.synced = end
	return nil
}
