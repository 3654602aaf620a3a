package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// maxLine bounds a line, in bytes: twelve texts of maxText, of which each byte
// may need six.
const maxLine = 256 << 10

const (
	hashMember = `,"hash":"`
	hashTail   = len(hashMember) + 2*sha256.Size + len(`"}`)
	seqMember  = `,"seq":`
)

// tail reads seq and hash from the end of a line, and returns what the hash is
// over besides the hash before. It doesn't look at the rest of the line.
func tail(line []byte) (body []byte, p Point, err error) {
	if len(line) <= hashTail {
		return nil, p, errors.New("the line is too short for an entry")
	}
	body = line[:len(line)-hashTail]
	rest := line[len(body):]
	sum := rest[len(hashMember) : len(rest)-len(`"}`)]
	if !bytes.HasPrefix(rest, []byte(hashMember)) || !bytes.HasSuffix(rest, []byte(`"}`)) {
		return nil, p, errors.New("the line does not end in a hash")
	}
	if _, err := hex.Decode(p.Hash[:], sum); err != nil || bytes.ContainsAny(sum, "ABCDEF") {
		return nil, p, errors.New("the line does not end in a hash")
	}
	at := bytes.LastIndex(body, []byte(seqMember))
	if at < 0 {
		return nil, p, errors.New("the line has no seq")
	}
	digits := body[at+len(seqMember):]
	if p.Seq, err = strconv.ParseUint(string(digits), 10, 64); err != nil || strconv.FormatUint(p.Seq, 10) != string(digits) {
		return nil, p, errors.New("the line's seq is not a number")
	}
	return body, p, nil
}

// next checks that line follows the entry at before, and returns its position.
func next(before Point, line []byte) (Point, error) {
	body, p, err := tail(line)
	if err != nil {
		return p, err
	}
	if p.Seq != before.Seq+1 {
		return p, fmt.Errorf("it is entry %d where entry %d belongs: entries were taken out, put in or moved", p.Seq, before.Seq+1)
	}
	h := sha256.New()
	h.Write(before.Hash[:])
	h.Write(body)
	if !bytes.Equal(h.Sum(nil), p.Hash[:]) {
		return p, errors.New("its hash does not fit: the entry, or one before it, was changed")
	}
	return p, nil
}

// decode reads an entry.
func decode(line []byte) (e Entry, err error) {
	if err := json.Unmarshal(line, &e); err != nil {
		return e, fmt.Errorf("the line is not an entry: %w", err)
	}
	return e, nil
}

// lines reads a file line by line.
type lines struct {
	r      *bufio.Reader
	offset int64 // behind the last line
	number int
}

func newLines(r io.Reader, offset int64) *lines {
	return &lines{r: bufio.NewReaderSize(r, maxLine), offset: offset}
}

var errTorn = errors.New("the line has no end")

// next returns the next line without its end, valid until the call after. It is
// io.EOF at the end, errTorn if what is left is no whole line.
func (l *lines) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	l.number++
	switch {
	case err == io.EOF && len(line) == 0:
		return nil, io.EOF
	case err == io.EOF || errors.Is(err, bufio.ErrBufferFull):
		return nil, errTorn
	case err != nil:
		return nil, err
	}
	l.offset += int64(len(line))
	return line[:len(line)-1], nil
}
