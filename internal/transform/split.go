package transform

import (
	"bytes"
	"errors"
	"io"
)

// A splitter cuts text into batches of whole lines.
type splitter struct {
	r      io.Reader
	target int // bytes of a batch, if its lines are short
	most   int // bytes of a line

	carry []byte // begins the next batch
	line  int    // of the next batch's beginning, from 1
	ended bool
}

// errLongLine is a line of more than most bytes.
var errLongLine = errors.New("the line is too long")

// next returns a batch and the number of its first line. The last line may lack
// its newline. After the last batch the error is io.EOF.
func (s *splitter) next() (body []byte, line int, err error) {
	line = max(s.line, 1)
	if s.ended && len(s.carry) == 0 {
		return nil, line, io.EOF
	}
	buf := make([]byte, len(s.carry), max(s.target, 2*len(s.carry)))
	copy(buf, s.carry)
	s.carry = nil
	seen := 0 // bytes of buf known to hold no newline
	for {
		for len(buf) < cap(buf) && !s.ended {
			n, err := s.r.Read(buf[len(buf):cap(buf)])
			buf = buf[:len(buf)+n]
			if err == io.EOF {
				s.ended = true
			} else if err != nil {
				return nil, line, err
			}
		}
		end := bytes.LastIndexByte(buf[seen:], '\n')
		switch {
		case end >= 0:
			end += seen + 1
			body, s.carry = buf[:end:end], buf[end:]
			s.line = line + bytes.Count(body, []byte{'\n'})
			if s.ended && len(s.carry) <= s.most { // the rest is the last line
				body, s.carry = buf, nil
			}
			return body, line, nil
		case len(buf) > s.most:
			return nil, line, errLongLine
		case s.ended:
			s.line = line + 1
			if len(buf) == 0 {
				return nil, line, io.EOF
			}
			return buf, line, nil
		}
		seen = len(buf)
		grown := make([]byte, len(buf), min(2*cap(buf), s.most+1))
		copy(grown, buf)
		buf = grown
	}
}

// skipBlankLines takes lines of white space off the beginning of body.
func skipBlankLines(body []byte) (rest []byte, lines int) {
	for len(body) > 0 {
		end := lineEnd(body)
		if !blank(body[:end]) {
			break
		}
		body = body[end:]
		lines++
	}
	return body, lines
}

// cutLines returns the length and number of the whole lines at the beginning of
// body that fit into most bytes, but at least of one. With beforeBlank it ends
// before a line of white space.
func cutLines(body []byte, most int, beforeBlank bool) (length, lines int) {
	for length < len(body) {
		end := length + lineEnd(body[length:])
		if lines > 0 && (end > most || beforeBlank && blank(body[length:end])) {
			break
		}
		length = end
		lines++
	}
	return length, lines
}

// lineEnd returns the length of the first line with its newline.
func lineEnd(body []byte) int {
	if i := bytes.IndexByte(body, '\n'); i >= 0 {
		return i + 1
	}
	return len(body)
}

// blank reports whether a line is white space only; most lines are settled by
// their first byte.
func blank(line []byte) bool {
	return line[0] <= ' ' && len(bytes.TrimSpace(line)) == 0
}
