package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Query says which entries are wanted. Empty members ask for nothing. Texts are
// patterns in which * stands for any characters and ? for one; actions and
// operations are compared without regard to case.
type Query struct {
	From, To  time.Time // From included, To not
	Principal string
	Key       string
	Action    string
	Resource  string
	Operation string
	Request   string
	Source    string
	Error     string
	Decision  string
	Oldest    bool   // oldest first; otherwise newest first
	Limit     int    // entries of a page, at most; 0: 100
	Token     string // Page.Next of the page before
}

// Page is a part of what a query finds.
type Page struct {
	Entries []json.RawMessage // as they are in the trail; each decodes to an Entry
	// Next is the token of the next page. Newest first, "" is the end. Oldest first
	// there is always one, since more may come.
	Next string
	End  bool // there is no next page yet
}

// Bounds of a page.
const (
	MaxLimit     = 1000
	maxScan      = 64 << 20 // bytes looked at
	blockSize    = 1 << 20  // bytes read at once
	defaultLimit = 100
)

// ErrToken is a token that no page of this trail gave, or whose file is past its time.
var ErrToken = errors.New("the token of the next page is not one of this trail, or what it points to is past its time")

// Find returns a page of the trail's entries. A page may have fewer than Limit
// and even none although there are more: Next tells.
func (t *Trail) Find(ctx context.Context, q Query) (Page, error) {
	t.writeMu.Lock()
	if t.file != nil {
		if err := t.spill(); err != nil {
			t.opt.Log.Warn("the last entries of the audit trail can't be looked at", "error", err)
		}
	}
	t.writeMu.Unlock()
	t.endMu.Lock()
	current, size := t.current, t.inFile.offset
	t.endMu.Unlock()
	return find(ctx, t.opt.Dir, q, current, size)
}

// FindIn is Find for the trail of a server that may not be running.
func FindIn(ctx context.Context, dir string, q Query) (Page, error) { return find(ctx, dir, q, 0, 0) }

// find looks into the files of dir. Of the current one, if it is given, it
// looks at size bytes; of any other at the whole lines.
func find(ctx context.Context, dir string, q Query, current uint64, size int64) (Page, error) {
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	q.Limit = min(q.Limit, MaxLimit)
	all, err := files(dir)
	if err != nil {
		return Page{}, fmt.Errorf("audit trail: %w", err)
	}
	s := &search{ctx: ctx, q: q, dir: dir, files: all, current: current, size: size, left: maxScan}
	s.needle()
	if q.Oldest {
		return s.forward()
	}
	return s.backward()
}

type search struct {
	ctx     context.Context
	q       Query
	dir     string
	files   []uint64
	current uint64
	size    int64
	left    int // bytes that may still be looked at
	page    Page
	needles [][]byte
}

// needle finds out what a line that matches contains, so that few are decoded.
func (s *search) needle() {
	for member, value := range map[string]string{"principal": s.q.Principal, "key": s.q.Key, "resource": s.q.Resource, "request": s.q.Request,
		"source": s.q.Source, "error": s.q.Error, "decision": s.q.Decision} {
		literal, _, _ := strings.Cut(value, "*")
		literal, _, _ = strings.Cut(literal, "?")
		if value != "" {
			quoted := appendString(nil, literal)
			s.needles = append(s.needles, append([]byte(`"`+member+`":`), quoted[:len(quoted)-1]...))
		}
	}
}

// token is a place between two lines of a file.
func token(first uint64, offset int64) string {
	return strconv.FormatUint(first, 36) + "-" + strconv.FormatInt(offset, 36)
}

// start is the index of the file and the offset in it where to begin; -1 stands
// for the file's end.
func (s *search) start(otherwise int, at int64) (int, int64, error) {
	if s.q.Token == "" {
		return otherwise, at, nil
	}
	a, b, _ := strings.Cut(s.q.Token, "-")
	first, err1 := strconv.ParseUint(a, 36, 64)
	offset, err2 := strconv.ParseInt(b, 36, 64)
	if err1 != nil || err2 != nil || offset < 0 {
		return 0, 0, ErrToken
	}
	for i, f := range s.files {
		if f == first {
			return i, offset, nil
		}
	}
	return 0, 0, ErrToken
}

func (s *search) open(i int) (f *os.File, size int64, err error) {
	if f, err = os.Open(filepath.Join(s.dir, fileName(s.files[i]))); err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	if size = info.Size(); s.files[i] == s.current {
		return f, min(size, s.size), nil
	}
	return f, size, nil
}

// backward reads from the end to the beginning.
func (s *search) backward() (Page, error) {
	i, at, err := s.start(len(s.files)-1, -1)
	for ; err == nil && i >= 0; i-- {
		var done bool
		if done, err = s.fileBackward(i, at); done || errors.Is(err, fs.ErrNotExist) {
			err = nil // a file that went away was past its time, and so are those before it
			break
		}
		at = -1
	}
	s.page.End = s.page.Next == ""
	return s.page, err
}

func (s *search) fileBackward(i int, at int64) (done bool, err error) {
	f, size, err := s.open(i)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if at < 0 || at > size {
		at = size
	}
	block := make([]byte, 0, blockSize+maxLine)
	for at > 0 {
		if err := s.ctx.Err(); err != nil {
			return false, err
		}
		from := max(0, at-int64(cap(block)))
		block = block[:at-from]
		if _, err := f.ReadAt(block, from); err != nil {
			return false, fmt.Errorf("audit trail: %w", err)
		}
		head := 0 // the first whole line of the block
		if from > 0 {
			if head = bytes.IndexByte(block, '\n') + 1; head == 0 || head == len(block) {
				return false, fmt.Errorf("audit trail: %s has a line that is too long; run heliograph audit verify", fileName(s.files[i]))
			}
		}
		rest := block[:bytes.LastIndexByte(block, '\n')+1]
		for len(rest) > head {
			begin := bytes.LastIndexByte(rest[:len(rest)-1], '\n') + 1
			line := rest[begin : len(rest)-1]
			verdict := s.match(line)
			if verdict == before {
				return true, nil
			}
			if verdict == hit {
				s.page.Entries = append(s.page.Entries, bytes.Clone(line))
			}
			rest = rest[:begin]
			s.left -= len(line) + 1
			if len(s.page.Entries) == s.q.Limit || s.left <= 0 {
				if offset := from + int64(begin); offset > 0 {
					s.page.Next = token(s.files[i], offset)
				} else if i > 0 {
					s.page.Next = token(s.files[i-1], 1<<50)
				}
				return true, nil
			}
		}
		at = from + int64(head)
	}
	return false, nil
}

// forward reads from the beginning to the end.
func (s *search) forward() (Page, error) {
	if len(s.files) == 0 {
		return s.page, nil
	}
	i, at, err := s.start(s.firstFile(), 0)
	for ; err == nil && i < len(s.files); i++ {
		var done bool
		if done, err = s.fileForward(i, at); done {
			return s.page, nil
		}
		at = 0
	}
	s.page.End = true
	return s.page, err
}

// firstFile is the last file that begins before From.
func (s *search) firstFile() int {
	i := len(s.files) - 1
	for ; i > 0; i-- {
		if began, err := s.began(i); err == nil && !began.After(s.q.From) {
			break
		}
	}
	return i
}

func (s *search) began(i int) (time.Time, error) {
	f, _, err := s.open(i)
	if err != nil {
		return time.Time{}, err
	}
	defer f.Close()
	line, err := newLines(f, 0).next()
	if err != nil {
		return time.Time{}, err
	}
	e, err := decode(line)
	return e.Time, err
}

func (s *search) fileForward(i int, at int64) (done bool, err error) {
	f, size, err := s.open(i)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	defer f.Close()
	s.page.Next = token(s.files[i], at)
	for l := newLines(io.NewSectionReader(f, at, max(0, size-at)), at); ; {
		if err := s.ctx.Err(); err != nil {
			return false, err
		}
		line, err := l.next()
		if err == io.EOF || errors.Is(err, errTorn) {
			return false, nil
		} else if err != nil {
			return false, fmt.Errorf("audit trail: %w", err)
		}
		verdict := s.match(line)
		if verdict == behind {
			s.page.End = true
			return true, nil
		}
		if verdict == hit {
			s.page.Entries = append(s.page.Entries, bytes.Clone(line))
		}
		s.page.Next = token(s.files[i], l.offset)
		if s.left -= len(line) + 1; len(s.page.Entries) == s.q.Limit || s.left <= 0 {
			return true, nil
		}
	}
}

type verdict uint8

const (
	miss verdict = iota
	hit
	before // From
	behind // To
)

// slack is by how much the times of entries that were written together may be
// out of order.
const slack = time.Minute

func (s *search) match(line []byte) verdict {
	const member = `{"time":"`
	if len(line) > len(member)+len(timeFormat) && (!s.q.From.IsZero() || !s.q.To.IsZero()) {
		text, _, _ := bytes.Cut(line[len(member):len(member)+len(timeFormat)], []byte(`"`))
		at, err := time.Parse(time.RFC3339, string(text))
		switch {
		case err != nil:
		case !s.q.From.IsZero() && at.Before(s.q.From.Add(-slack)):
			return before
		case !s.q.To.IsZero() && !at.Before(s.q.To.Add(slack)):
			return behind
		case at.Before(s.q.From) || !s.q.To.IsZero() && !at.Before(s.q.To):
			return miss
		}
	}
	for _, n := range s.needles {
		if !bytes.Contains(line, n) {
			return miss
		}
	}
	e, err := decode(line)
	if err != nil {
		return miss // verify names it
	}
	for _, m := range [...]struct {
		pattern, value string
		fold           bool
	}{
		{s.q.Principal, e.Principal, false}, {s.q.Key, e.Key, false}, {s.q.Action, e.Action, true}, {s.q.Resource, e.Resource, false},
		{s.q.Operation, e.Operation, true}, {s.q.Request, e.Request, false}, {s.q.Source, e.Source, false}, {s.q.Error, e.Error, false},
		{s.q.Decision, e.Decision, false},
	} {
		if m.pattern != "" && !wild(m.pattern, m.value, m.fold) {
			return miss
		}
	}
	return hit
}

// wild reports whether s fits a pattern with * and ?. It only ever goes back to
// the last star.
func wild(pattern, s string, fold bool) bool {
	if fold {
		pattern, s = strings.ToLower(pattern), strings.ToLower(s)
	}
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == '?':
			_, n := utf8.DecodeRuneInString(s[i:])
			p++
			i += n
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
