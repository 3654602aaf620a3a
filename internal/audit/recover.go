package audit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// What happens to the trail itself, as Entry.Trail says it.
const (
	Begun     = "begun"     // the first entry of all
	Continued = "continued" // the first entry of another file
	Started   = "started"   // a server opened the trail
	Stopped   = "stopped"   // it closed it
	Recovered = "recovered" // what a crash left behind the last whole line was set aside
	Resumed   = "resumed"   // entries could not be written for a while
	Removed   = "removed"   // a file is past its time and will be removed
	Damaged   = "damaged"   // entries that were there are missing or changed
)

// open finds the end of the trail and goes on there.
func (t *Trail) open() error {
	public := t.opt.Key.Public().(ed25519.PublicKey)
	if err := keepPublicKey(t.opt.Dir, public); err != nil {
		return err
	}
	known, _, err := readHead(t.opt.Dir, public)
	note := ""
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		note = err.Error()
	}
	left, err := t.openBuffer()
	if err != nil {
		return err
	}
	all, err := t.begunFiles()
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return t.openNew(known, note)
	}
	last := all[len(all)-1]
	path := filepath.Join(t.opt.Dir, fileName(last))
	if t.file, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
		return err
	}
	end, fault := scan(t.file, last, known)
	if fault != nil && !errors.As(fault, new(*lineError)) {
		return fault
	}
	if again, err := t.replay(end, left); err != nil {
		return err
	} else if again.Seq > end.Seq {
		end, fault = again, nil
	}
	switch {
	case end.Seq < known.Seq: // what was on the disk is not there as it was
		return t.openDamaged(last, end, known, fault)
	case fault != nil:
		detail, err := t.setAside(last, end, fault)
		if err != nil {
			return err
		}
		note = join(note, detail)
		t.goOn(last, end)
		return t.start(Recovered, note)
	}
	t.goOn(last, end)
	if note != "" {
		return t.start(Damaged, note)
	}
	return t.start(Started, "")
}

// goOn makes the file that is there the one that is written to.
func (t *Trail) goOn(first uint64, end Point) {
	began := t.opt.Now()
	if line, err := newLines(io.NewSectionReader(t.file, 0, maxLine), 0).next(); err == nil {
		if e, err := decode(line); err == nil {
			began = e.Time
		}
	}
	t.adopt(&begun{t.file, end}, began)
	t.current = first
}

// begunFiles lists the files without one that a crash kept from getting its
// first line, which it removes.
func (t *Trail) begunFiles() ([]uint64, error) {
	all, err := files(t.opt.Dir)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	path := filepath.Join(t.opt.Dir, fileName(all[len(all)-1]))
	content, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	if info, err := content.Stat(); err != nil || info.Size() > maxLine {
		return all, err
	}
	if _, err := newLines(content, 0).next(); err != io.EOF && !errors.Is(err, errTorn) {
		return all, nil
	}
	return all[:len(all)-1], os.Remove(path)
}

// openNew begins a trail, or one whose files are gone.
func (t *Trail) openNew(known Point, note string) error {
	first := Entry{Time: t.opt.Now(), Trail: Begun, Detail: "signed with " + base64.StdEncoding.EncodeToString(t.opt.Key.Public().(ed25519.PublicKey))}
	if known.Seq > 0 || note != "" {
		first.Trail = Damaged
		first.Detail = join(note, fmt.Sprintf("%d entries were on the disk and their files are gone", known.Seq))
		t.opt.Log.Error("the audit trail is damaged", "detail", first.Detail)
	}
	first.Previous = hex.EncodeToString(known.Hash[:])
	next, err := t.begin(&first, known)
	if err != nil {
		return err
	}
	t.adopt(next, t.opt.Now())
	return t.sync(0)
}

// openDamaged leaves the last file as evidence and begins another behind what
// is known to have been there.
func (t *Trail) openDamaged(last uint64, end, known Point, fault error) error {
	detail := fmt.Sprintf("%s is good up to entry %d, and entries up to %d were on the disk", fileName(last), end.Seq, known.Seq)
	if fault != nil {
		detail += ": " + fault.Error()
	}
	t.opt.Log.Error("the audit trail is damaged; it goes on in another file", "detail", detail)
	next, err := t.begin(&Entry{Time: t.opt.Now(), Trail: Damaged, Detail: detail, Previous: hex.EncodeToString(known.Hash[:])}, known)
	if err != nil {
		return err
	}
	if err := t.file.Close(); err != nil {
		return err
	}
	t.adopt(next, t.opt.Now())
	return t.sync(0)
}

// start says what the trail was opened as.
func (t *Trail) start(what, detail string) error {
	if what != Started {
		t.opt.Log.Warn("the audit trail was not as it was left", "found", what, "detail", detail)
	}
	t.synced = Point{} // whether it is on the disk is not known
	if err := t.append(newDraft(&Entry{Time: t.opt.Now(), Trail: what, Detail: detail})); err != nil {
		return err
	}
	return t.sync(0)
}

// setAside moves what is behind the last whole line to a file of its own.
func (t *Trail) setAside(last uint64, end Point, fault error) (detail string, err error) {
	info, err := t.file.Stat()
	if err != nil {
		return "", err
	}
	rest := make([]byte, min(info.Size()-end.offset, 16<<20))
	if _, err := t.file.ReadAt(rest, end.offset); err != nil && err != io.EOF {
		return "", err
	}
	detail = fmt.Sprintf("what was behind entry %d was no entry: %v", end.Seq, fault)
	if rest = bytes.TrimRight(rest, "\x00"); len(rest) > 0 { // a file system may leave zeros
		name := fmt.Sprintf("torn-%016d-%d.bin", end.Seq+1, t.opt.Now().Unix())
		if err := writeFile(filepath.Join(t.opt.Dir, name), rest); err != nil {
			return "", err
		}
		detail += "; they are in " + name
	}
	return detail, t.file.Truncate(end.offset)
}

// lineError is a line that is not what it should be.
type lineError struct {
	number int // in its file, 1 for the first; 0 if it is not known
	err    error
}

func (e *lineError) Error() string {
	if e.number == 0 {
		return e.err.Error()
	}
	return fmt.Sprintf("line %d: %v", e.number, e.err)
}

func (e *lineError) Unwrap() error { return e.err }

// scan finds the last good entry of a file. It begins behind the known one if
// that is in the file, and otherwise at the file's beginning, whose word on the
// hash before it takes.
func scan(f *os.File, first uint64, known Point) (end Point, err error) {
	number := 1
	if known.Seq >= first && isAt(f, known) {
		end, number = known, 0
	} else if end, err = beginning(f, first); err != nil {
		return end, err
	}
	if _, err := f.Seek(end.offset, io.SeekStart); err != nil {
		return end, err
	}
	for l := newLines(f, end.offset); ; {
		line, err := l.next()
		if err == io.EOF {
			return end, nil
		}
		at := 0
		if number > 0 {
			at = number + l.number
		}
		if errors.Is(err, errTorn) {
			return end, &lineError{at, err}
		} else if err != nil {
			return end, err
		}
		p, err := next(end, line)
		if err != nil {
			return end, &lineError{at, err}
		}
		p.offset = l.offset
		end = p
	}
}

// isAt reports whether the entry p is where p says.
func isAt(f *os.File, p Point) bool {
	want := fmt.Appendf(nil, `%s%d%s%x"}`+"\n", seqMember, p.Seq, hashMember, p.Hash)
	got := make([]byte, len(want))
	n, _ := f.ReadAt(got, p.offset-int64(len(want)))
	return p.offset >= int64(len(want)) && bytes.Equal(got[:n], want)
}

// beginning checks a file's first line.
func beginning(f io.ReaderAt, first uint64) (Point, error) {
	l := newLines(io.NewSectionReader(f, 0, maxLine), 0)
	line, err := l.next()
	before := Point{Seq: first - 1}
	if err == nil {
		var e Entry
		if e, err = decode(line); err == nil {
			if err = parseHash(&before, e.Previous); err == nil {
				p, err := next(before, line)
				if err == nil {
					p.offset = l.offset
					return p, nil
				}
				return before, &lineError{1, err}
			}
		}
	}
	if err == io.EOF {
		err = errTorn
	}
	return before, &lineError{1, err}
}

func parseHash(p *Point, text string) error {
	sum, err := hex.DecodeString(text)
	if err != nil || len(sum) != len(p.Hash) {
		return errors.New("the first line of a file must name the hash before it")
	}
	copy(p.Hash[:], sum)
	return nil
}

// keepPublicKey writes the public key where checks find it.
func keepPublicKey(dir string, key ed25519.PublicKey) error {
	path, text := filepath.Join(dir, PublicKeyFile), base64.StdEncoding.EncodeToString(key)+"\n"
	if old, err := os.ReadFile(path); err == nil && string(old) == text {
		return nil
	}
	return writeFile(path, []byte(text))
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
