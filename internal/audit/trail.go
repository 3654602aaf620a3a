// Package audit keeps the audit trail: who asked for what, from where, and what
// was decided, as lines of JSON in files that show what was changed in them.
//
// It guarantees: Record returns after the entry was handed to the operating
// system, and for a durable one after it is on disk, or with an error; entries
// are in one order, each with the hash of all before it, so that a line that was
// changed, added, moved or taken out is found by Verify; the last position that
// is on disk is kept apart and signed, so that a trail that was cut short is
// found too. A crash may leave half a line at the end: it is set aside at the
// next start, and the trail says so. A full disk fails the calls whose entries
// find no room, after a reserve is used up, and heals when there is room.
//
// It does not hide anything from somebody who can read the data directory, and
// somebody who can write to it and has the signing key can write another trail;
// compare a position that was noted elsewhere (see Point) against that.
package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of Options.
const (
	DefaultMaxBytes = 64 << 20
	DefaultMaxAge   = 24 * time.Hour
	DefaultKeep     = 128
	DefaultKeepFor  = 90 * 24 * time.Hour
)

// syncEvery is how long an entry that is not durable may be kept from the disk
// by the operating system.
const syncEvery = time.Second

// Options are what a Trail is made of. Dir and Key are required.
type Options struct {
	Dir      string
	Key      ed25519.PrivateKey // signs positions
	MaxBytes int64              // of a file, about; 0: DefaultMaxBytes
	MaxAge   time.Duration      // of a file when another is begun; 0: DefaultMaxAge
	Keep     int                // files, the current one among them; 0: DefaultKeep
	KeepFor  time.Duration      // of a file after its last entry; 0: DefaultKeepFor
	Log      *slog.Logger       // nil: slog.Default()
	Now      func() time.Time   // nil: time.Now
}

// Trail writes one trail. It is safe for concurrent use; one process at a time
// may have a folder open for writing.
type Trail struct {
	opt Options

	writeMu  sync.Mutex  // held by the writer; guards the next group
	file     *os.File    // nil: closed
	size     int64       // bytes of whole lines in file and buffer
	spilled  int64       // bytes of them in file
	memory   []byte      // the buffer; nil where there is none
	used     int         // bytes of lines in it
	began    time.Time   // when file was begun
	reserved int64       // up to where the disk has set room aside for file
	lost     int         // entries that could not be written since
	lostFrom time.Time   // then
	retryAt  time.Time   // when to try again to begin a file
	doubtful atomic.Bool // the disk may have lost what file.Sync was to keep

	endMu   sync.Mutex // guards what readers see
	end     Point      // the last entry
	inFile  Point      // the last that is in file and not in the buffer
	current uint64     // first entry of file
	fault   error      // why the last write failed, nil if it didn't

	syncMu sync.Mutex // held while file is synced or exchanged; taken after writeMu
	synced Point
	head   *os.File
}

// Point is a position in the trail: everything up to the entry Seq, whose hash
// is Hash. Who notes one elsewhere can show later that nothing before was changed.
type Point struct {
	Seq  uint64
	Hash [sha256.Size]byte

	offset int64 // end of the entry's line in its file
}

func (p Point) String() string { return fmt.Sprintf("%d:%x", p.Seq, p.Hash) }

// Open opens the trail in a folder, which it makes if need be, and says in the
// trail that it did and what it found.
func Open(o Options) (*Trail, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.MaxAge == 0 {
		o.MaxAge = DefaultMaxAge
	}
	if o.Keep == 0 {
		o.Keep = DefaultKeep
	}
	if o.KeepFor == 0 {
		o.KeepFor = DefaultKeepFor
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if len(o.Key) != ed25519.PrivateKeySize {
		return nil, errors.New("audit trail: there is no key to sign it with")
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("audit trail: %w", err)
	}
	t := &Trail{opt: o}
	if err := t.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("audit trail in %s: %w", o.Dir, err), t.release())
	}
	return t, nil
}

// Run keeps the trail until ctx ends: what the operating system still holds is
// brought to the disk every second, and files past their time are removed.
func (t *Trail) Run(ctx context.Context) error {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := t.sync(0); err != nil {
			t.opt.Log.Error("the audit trail can't be brought to the disk", "error", err)
		}
		if n%60 == 0 {
			t.Retire(ctx)
		}
	}
}

// Close says in the trail that the server ends, and closes it. Record fails
// from then on. To close it again does nothing.
func (t *Trail) Close() error {
	err := t.Record(context.Background(), &Entry{Time: t.opt.Now(), Trail: Stopped, Durable: true})
	if errors.Is(err, errClosed) {
		return nil
	}
	t.writeMu.Lock()
	defer t.writeMu.Unlock()
	t.syncMu.Lock()
	defer t.syncMu.Unlock()
	if t.file != nil {
		err = errors.Join(err, t.spill())
		err = errors.Join(err, t.syncLocked(), t.file.Truncate(t.spilled)) // which gives back what was set aside
	}
	return errors.Join(err, t.release())
}

func (t *Trail) release() (err error) {
	for _, f := range []*os.File{t.file, t.head} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	if t.memory != nil {
		err = errors.Join(err, closeMemory(t.memory))
	}
	t.file, t.head, t.memory = nil, nil, nil
	return err
}

// Err is why the last entry could not be written, nil if it was.
func (t *Trail) Err() error {
	t.endMu.Lock()
	defer t.endMu.Unlock()
	return t.fault
}

// End is the position of the last entry.
func (t *Trail) End() Point {
	t.endMu.Lock()
	defer t.endMu.Unlock()
	return t.end
}

// fileName is the name of the file whose first entry is seq.
func fileName(seq uint64) string { return fmt.Sprintf("trail-%016d.jsonl", seq) }

// firstSeq is its inverse, 0 for other names.
func firstSeq(name string) (seq uint64) {
	if n, err := fmt.Sscanf(name, "trail-%016d.jsonl", &seq); n != 1 || err != nil || fileName(seq) != name {
		return 0
	}
	return seq
}

// files are the first entries of the trail's files in a folder, in order.
func files(dir string) (all []uint64, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if seq := firstSeq(e.Name()); seq > 0 {
			all = append(all, seq)
		}
	}
	slices.Sort(all)
	return all, err
}
