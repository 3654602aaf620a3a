package serving

import (
	"bytes"
	"context"
	"io"
	"strings"
	"time"
)

// answerStream is invoke for a body and an answer of any length: JSON Lines are
// answered block by block, other bodies as a whole.
func (s *Service) answerStream(ctx context.Context, l *live, v *variant, contentType string, body io.Reader, w io.Writer) error {
	in := InvokeInput{ContentType: contentType, maxAnswer: maxAsyncAnswer}
	answer := func(block []byte, firstLine int) error {
		in.Body, in.firstLine = block, firstLine
		deadline, _ := ctx.Deadline()
		out, _, err := s.invoke(ctx, l, v, in, time.Now(), deadline)
		if err != nil {
			return err
		}
		_, err = w.Write(out)
		return err
	}
	if !strings.EqualFold(mediaType(contentType), "application/jsonlines") {
		whole, err := io.ReadAll(io.LimitReader(body, maxAsyncBody+1))
		if err != nil {
			return err
		} else if len(whole) > maxAsyncBody {
			return invalid("The input is larger than %d bytes, the most for %s; larger ones can be sent as application/jsonlines.", maxAsyncBody, mediaType(contentType))
		}
		return answer(whole, 1)
	}
	return eachBlock(body, asyncBlock, MaxBody, func(text []byte, firstLine int) error {
		if firstLine > 1 && len(bytes.TrimSpace(text)) == 0 {
			return nil // empty lines at the end of a long body
		}
		return answer(text, firstLine)
	})
}

const (
	maxAsyncBody   = 64 << 20  // bytes of an asynchronous body that is not JSON Lines
	maxAsyncAnswer = 256 << 20 // bytes of the answer to such a body, or to a block of JSON Lines
	asyncBlock     = 1 << 20   // bytes of JSON Lines answered at once, but for longer lines
)

// eachBlock cuts text at the ends of lines into blocks of about that many bytes; a line may
// have at most that many.
func eachBlock(r io.Reader, block, longest int, each func(text []byte, firstLine int) error) error {
	buf, kept, line := make([]byte, block), 0, 1
	for {
		n, err := io.ReadFull(r, buf[kept:])
		end := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !end {
			return err
		}
		text := buf[:kept+n]
		cut := len(text)
		if !end {
			cut = lastLine(text)
		}
		if cut > 0 || end && line == 1 { // an empty body is the model's to refuse
			if err := each(text[:cut], line); err != nil {
				return err
			}
		}
		if end {
			return nil
		}
		line += bytes.Count(text[:cut], []byte("\n"))
		kept = copy(buf, text[cut:])
		if kept == len(buf) { // a longer line
			if kept >= longest {
				return invalid("Line %d of the input is longer than %d bytes.", line, longest)
			}
			buf = append(buf, make([]byte, min(len(buf), longest-len(buf)))...)
		}
	}
}

// lastLine returns how many bytes of the text are whole lines.
func lastLine(text []byte) int {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == '\n' {
			return i + 1
		}
	}
	return 0
}
