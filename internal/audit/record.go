package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// pending is an entry on its way into the file.
type pending struct {
	body []byte // the line up to its seq
	seq  uint64
	done bool // written, or not to be written: err says it
	err  error
}

var pendings = sync.Pool{New: func() any { return new(pending) }}

var errClosed = errors.New("the audit trail is closed")

// Record appends an entry. Its Seq and Hash are the trail's to choose. Entries
// that arrive while others are being written go to the file together, by the
// hand of the first who gets there.
func (t *Trail) Record(_ context.Context, e *Entry) error {
	p := pendings.Get().(*pending)
	defer pendings.Put(p)
	p.body, p.done, p.err = e.appendBody(p.body[:0]), false, nil
	t.queueMu.Lock()
	t.queue = append(t.queue, p)
	t.queueMu.Unlock()

	t.writeMu.Lock()
	if !p.done {
		t.queueMu.Lock()
		t.batch, t.queue = t.queue, t.batch[:0]
		t.queueMu.Unlock()
		t.write(t.batch)
	}
	seq, err := p.seq, p.err
	t.writeMu.Unlock()
	if err == nil && e.Durable {
		err = t.sync(seq)
	}
	return err
}

// write appends a batch to the file with one write. The writer calls it.
func (t *Trail) write(batch []*pending) {
	err := errClosed
	if t.file != nil {
		if t.doubtful.Load() || t.size >= t.opt.MaxBytes || t.opt.Now().Sub(t.began) >= t.opt.MaxAge {
			t.rotate()
		}
		err = t.append(batch)
	}
	for _, p := range batch {
		p.done, p.err = true, err
	}
	clear(batch) // those who wait own them again
}

func (t *Trail) append(batch []*pending) error {
	end := t.end // only the writer changes it
	buf := t.buf[:0]
	if t.lost > 0 {
		e := Entry{Time: t.opt.Now(), Trail: Resumed, Detail: fmt.Sprintf("%d entries could not be written since %s; their calls were not carried out",
			t.lost, t.lostFrom.UTC().Format(time.RFC3339))}
		buf = t.line(buf, e.appendBody(nil), &end)
	}
	for _, p := range batch {
		buf = t.line(buf, p.body, &end)
		p.seq = end.Seq
	}
	if cap(buf) <= 1<<20 {
		t.buf = buf
	}
	if err := t.put(buf); err != nil {
		// What may be there of it is gone over by the next.
		if t.lost == 0 {
			t.lostFrom = t.opt.Now()
			t.opt.Log.Error("the audit trail can't be written; calls fail until it can", "error", err)
		}
		t.lost += len(batch)
		t.endMu.Lock()
		t.fault = err
		t.endMu.Unlock()
		return fmt.Errorf("audit trail: %w", err)
	}
	t.size += int64(len(buf))
	if t.lost > 0 {
		t.opt.Log.Warn("the audit trail can be written again", "lost", t.lost, "since", t.lostFrom)
		t.lost = 0
	}
	end.offset = t.size
	t.endMu.Lock()
	t.end, t.fault = end, nil
	if t.used == 0 {
		t.inFile = end
	}
	t.endMu.Unlock()
	return nil
}

// line appends a whole line and moves end to it.
func (t *Trail) line(buf, body []byte, end *Point) []byte {
	at := len(buf)
	end.Seq++
	buf = append(buf, body...)
	buf = strconv.AppendUint(buf, end.Seq, 10)
	t.digest.Reset()
	t.digest.Write(end.Hash[:])
	t.digest.Write(buf[at:])
	t.digest.Sum(end.Hash[:0])
	buf = append(buf, hashMember...)
	buf = hex.AppendEncode(buf, end.Hash[:])
	return append(buf, '"', '}', '\n')
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
	line := t.line(nil, first.appendBody(nil), &at)
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
