package audit

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// VerifyOptions say what to hold a trail against besides itself.
type VerifyOptions struct {
	// Key is the public key that was noted elsewhere; nil takes the one beside the
	// trail, which somebody who can write there may have exchanged.
	Key ed25519.PublicKey
	// Points are positions that were noted elsewhere and must be in the trail.
	Points []Point
}

// Report is what Verify found. The trail is as it was written if Problem is nil.
type Report struct {
	Files       int
	First, Last Point     // of the entries that were checked
	Head        Point     // up to here the trail is signed
	HeadTime    time.Time // when that was
	Notes       []string  // what is no proof of a change, but good to know
	Problem     *Problem  // the first thing that is wrong, or nil
}

// Problem is a place where a trail is not as it was written.
type Problem struct {
	File string
	Line int // 1 for the first of the file; 0 if no line is meant
	What string
}

func (p *Problem) Error() string {
	if p.Line == 0 {
		return p.File + ": " + p.What
	}
	return fmt.Sprintf("%s, line %d: %s", p.File, p.Line, p.What)
}

// Verify reads a whole trail, which may be in use, and looks for the first line
// that is not as it was written. The error is that of reading.
func Verify(dir string, opt VerifyOptions) (*Report, error) {
	if opt.Key == nil {
		var err error
		if opt.Key, err = ReadPublicKey(dir); err != nil {
			return nil, fmt.Errorf("audit trail: %w", err)
		}
	}
	v := &verifier{dir: dir, opt: opt, report: &Report{}, points: map[uint64]Point{}}
	for _, p := range opt.Points {
		v.points[p.Seq] = p
	}
	head, at, err := readHead(dir, opt.Key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.problem(headFile, 0, "it is gone, so whether the trail is whole can't be told")
	case err != nil:
		v.problem(headFile, 0, "%v", err)
	default:
		v.report.Head, v.report.HeadTime, v.points[head.Seq] = head, at, head
	}
	all, err := files(dir)
	if err != nil {
		return nil, fmt.Errorf("audit trail: %w", err)
	}
	for i, first := range all {
		if err := v.file(first, i == 0, i == len(all)-1); errors.Is(err, fs.ErrNotExist) && i == 0 {
			continue // it was past its time, and went away meanwhile
		} else if err != nil {
			return nil, fmt.Errorf("audit trail: %w", err)
		}
	}
	v.finish()
	return v.report, nil
}

type verifier struct {
	dir     string
	opt     VerifyOptions
	report  *Report
	points  map[uint64]Point // what must be there
	removed []string         // details of entries about removed files
	damaged *Problem         // the first entry that says so
}

func (v *verifier) problem(file string, line int, format string, args ...any) {
	if v.report.Problem == nil {
		v.report.Problem = &Problem{file, line, fmt.Sprintf(format, args...)}
	}
}

// file checks one file behind those before it.
func (v *verifier) file(first uint64, isFirst, isLast bool) error {
	name := fileName(first)
	f, err := os.Open(filepath.Join(v.dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	v.report.Files++
	end := v.report.Last
	for l := newLines(f, 0); ; {
		line, err := l.next()
		if err == io.EOF {
			break
		}
		if errors.Is(err, errTorn) {
			if isLast && end.Seq >= v.report.Head.Seq {
				v.report.Notes = append(v.report.Notes, name+" ends in half a line, which a server may just be writing or a crash has left; the next start sets it aside")
			} else {
				v.problem(name, l.number, "the line has no end: what followed it was cut off")
			}
			break
		}
		if err != nil {
			return err
		}
		if l.number == 1 {
			if end, err = v.join(name, first, line, isFirst, end); err != nil {
				v.problem(name, 1, "%v", err)
				break
			}
		}
		p, err := next(end, line)
		if err != nil {
			v.problem(name, l.number, "%v", err)
			break
		}
		end = p
		v.look(name, l.number, line, end)
	}
	v.report.Last = end
	if v.report.First.Seq == 0 {
		v.report.First = Point{Seq: first}
	}
	return nil
}

// join checks that a file's first line goes on where the file before ended, and
// returns the position before it.
func (v *verifier) join(name string, first uint64, line []byte, isFirst bool, end Point) (Point, error) {
	e, err := decode(line)
	if err != nil {
		return end, err
	}
	before := Point{Seq: first - 1}
	if err := parseHash(&before, e.Previous); err != nil {
		return end, err
	}
	switch {
	case isFirst && first == 1 && before.Hash != Point{}.Hash:
		return end, errors.New("it says that there was something before the first entry")
	case first == 1:
	case isFirst:
		v.points[before.Seq] = Point{Seq: before.Seq, Hash: before.Hash} // a removal has to name it
	case e.Trail == Damaged:
	case before.Seq != end.Seq:
		return end, fmt.Errorf("it begins with entry %d and the file before ends with entry %d: a file was taken out or cut short", first, end.Seq)
	case before.Hash != end.Hash:
		return end, errors.New("the hash before it is not that of the file before: one of the two was exchanged")
	}
	return before, nil
}

// look takes note of what an entry says of the trail, and holds the entry
// against the points.
func (v *verifier) look(name string, number int, line []byte, at Point) {
	if p, ok := v.points[at.Seq]; ok {
		delete(v.points, at.Seq)
		if p.Hash != at.Hash {
			v.problem(name, number, "entry %d is not the one that was noted: the trail was written anew", at.Seq)
		}
	}
	if !strings.Contains(string(line), `"trail":"`) {
		return
	}
	e, err := decode(line)
	if err != nil {
		v.problem(name, number, "%v", err)
		return
	}
	switch e.Trail {
	case Damaged:
		if v.damaged == nil {
			v.damaged = &Problem{name, number, "the server found the trail damaged when it started: " + e.Detail}
		}
	case Recovered, Resumed:
		v.report.Notes = append(v.report.Notes, fmt.Sprintf("entry %d (%s): %s", e.Seq, e.Trail, e.Detail))
	case Removed:
		v.removed = append(v.removed, e.Detail)
	}
}

// finish checks what only shows at the end.
func (v *verifier) finish() {
	r := v.report
	if r.Files == 0 {
		v.problem(v.dir, 0, "there is no trail")
		return
	}
	if first := r.First.Seq; first > 1 {
		before := v.points[first-1]
		delete(v.points, first-1)
		named := false
		for _, detail := range v.removed {
			named = named || strings.HasSuffix(detail, " "+before.String())
		}
		if !named {
			v.problem(fileName(first), 1, "the trail begins with entry %d, and no entry says that what was before it was past its time: files were taken away", first)
		} else {
			r.Notes = append(r.Notes, fmt.Sprintf("entries before %d were past their time and are removed", first))
		}
	}
	for _, p := range v.points {
		if p.Seq > r.Last.Seq {
			v.problem(headOr(p, r.Head), 0, "entry %d was in the trail and is missing: the trail is cut short after entry %d", p.Seq, r.Last.Seq)
		} else if p.Seq < r.First.Seq {
			r.Notes = append(r.Notes, fmt.Sprintf("entry %d that was noted is past its time and can't be compared", p.Seq))
		}
	}
	if v.damaged != nil && r.Problem == nil {
		r.Problem = v.damaged
	}
	if r.Last.Seq > r.Head.Seq && r.Problem == nil {
		r.Notes = append(r.Notes, fmt.Sprintf("entries after %d are not signed yet; a server signs every second", r.Head.Seq))
	}
}

func headOr(p, head Point) string {
	if p.Seq == head.Seq {
		return headFile
	}
	return "noted position"
}

// ParsePoint reads what Point.String writes.
func ParsePoint(text string) (p Point, err error) {
	seq, sum, _ := strings.Cut(text, ":")
	if _, err := fmt.Sscanf(seq, "%d", &p.Seq); err != nil {
		return p, fmt.Errorf("a position is SEQ:HASH, not %q", text)
	}
	b, err := hex.DecodeString(sum)
	if err != nil || len(b) != len(p.Hash) {
		return p, fmt.Errorf("a position is SEQ:HASH with a hash of 64 hexadecimal digits, not %q", text)
	}
	copy(p.Hash[:], b)
	return p, nil
}

// VerifyExport checks a file of entries that follow each other, as an export of
// everything in a time has them.
func VerifyExport(path string, opt VerifyOptions) (*Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	v := &verifier{opt: opt, report: &Report{Files: 1}, points: map[uint64]Point{}}
	for _, p := range opt.Points {
		v.points[p.Seq] = p
	}
	name, r := filepath.Base(path), v.report
	for l := newLines(f, 0); ; {
		line, err := l.next()
		if err == io.EOF {
			break
		}
		if errors.Is(err, errTorn) {
			v.problem(name, l.number, "the line has no end")
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		p, err := v.follow(l.number, line)
		if err != nil {
			v.problem(name, l.number, "%v", err)
			break
		}
		if r.Last = p; l.number == 1 {
			r.First = p
		}
		v.look(name, l.number, line, p)
	}
	if r.First.Seq == 0 {
		v.problem(name, 0, "it has no entries")
	}
	for _, p := range v.points {
		v.problem("noted position", 0, "entry %d is not in the export", p.Seq)
	}
	if v.damaged != nil && r.Problem == nil {
		r.Problem = v.damaged
	}
	return r, nil
}

// follow checks a line of an export. The hash of the first can be checked only
// if the line names the one before it.
func (v *verifier) follow(number int, line []byte) (Point, error) {
	if number > 1 {
		return next(v.report.Last, line)
	}
	_, p, err := tail(line)
	if err != nil {
		return p, err
	}
	e, err := decode(line)
	if err != nil {
		return p, err
	}
	if e.Previous == "" {
		v.report.Notes = append(v.report.Notes, fmt.Sprintf("the hash of entry %d, the first, can't be checked without the entry before it", p.Seq))
		return p, nil
	}
	before := Point{Seq: p.Seq - 1}
	if err := parseHash(&before, e.Previous); err != nil {
		return p, err
	}
	return next(before, line)
}
