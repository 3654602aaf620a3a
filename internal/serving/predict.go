package serving

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/heliograph/heliograph/fasttext"
)

// predict reads a request's body, runs the model and writes the answer, as
// BlazingText's own server does.
func (s *Service) predict(ctx context.Context, v *variant, in InvokeInput, deadline time.Time) ([]byte, error) {
	req := requests.Get().(*request)
	defer req.recycle()
	req.first = in.firstLine
	// The texts are parts of the body, which nobody changes before the answer.
	if err := req.read(in.ContentType, unsafe.String(unsafe.SliceData(in.Body), len(in.Body))); err != nil {
		return nil, err
	}
	limit := in.maxAnswer
	if limit == 0 {
		limit = s.opt.MaxResponseBytes
	}
	return v.answer(ctx, req, limit, deadline)
}

// read decodes a body by its content type.
func (r *request) read(contentType, body string) error {
	switch mediaType := mediaType(contentType); {
	case strings.EqualFold(mediaType, "application/json"):
		return r.readJSON(body)
	case strings.EqualFold(mediaType, "application/jsonlines"):
		return r.readLines(body)
	default:
		if mediaType == "" {
			mediaType = "application/octet-stream" // as HTTP has it
		}
		return refuse(415, "content-type %s not supported", clip(mediaType))
	}
}

// answer runs the model on every text of req and writes at most limit bytes. Many
// texts are shared among the processors.
func (v *variant) answer(ctx context.Context, req *request, limit int, deadline time.Time) ([]byte, error) {
	n := len(req.texts)
	if n < 2*textsPerPart || runtime.GOMAXPROCS(0) == 1 {
		w := &req.answer
		w.begin(v, req, n, limit)
		if err := v.answerPart(ctx, req, w, 0, n, deadline); err != nil {
			return nil, err
		}
		return w.end(), nil
	}
	parts := make([]answer, min(runtime.GOMAXPROCS(0), n/textsPerPart))
	faults := make([]error, len(parts))
	panics := make([]any, len(parts))
	var all sync.WaitGroup
	for i := range parts {
		from, to := n*i/len(parts), n*(i+1)/len(parts)
		all.Go(func() {
			defer func() { panics[i] = recover() }()
			own := &request{texts: req.texts, k: req.k, ks: req.ks, lines: req.lines} // and scratch
			w := &parts[i]
			w.begin(v, own, to-from, limit)
			if i > 0 {
				w.goOn()
			}
			faults[i] = v.answerPart(ctx, own, w, from, to, deadline)
		})
	}
	all.Wait()
	whole := &parts[0]
	for i := range parts {
		switch {
		case panics[i] != nil:
			panic(panics[i]) // for the one who asked
		case faults[i] != nil:
			return nil, faults[i]
		case i > 0:
			whole.buf = append(whole.buf, parts[i].buf...)
		}
		if len(whole.buf) > limit {
			return nil, tooLong(limit)
		}
	}
	return whole.end(), nil
}

// textsPerPart is how many texts are worth a processor of their own.
const textsPerPart = 100

func (v *variant) answerPart(ctx context.Context, req *request, w *answer, from, to int, deadline time.Time) error {
	for i := from; i < to; i++ {
		if i%checkEvery == checkEvery-1 {
			if err := ctx.Err(); err != nil {
				return err
			} else if time.Now().After(deadline) {
				return refuse(0, timedOut)
			}
		}
		text := req.texts[i]
		if v.model.Supervised() {
			req.predictions = v.model.Predict(req.predictions[:0], text, min(req.kOf(i), v.labels), 0)
			w.labels(req.predictions)
		} else {
			req.vector = v.model.WordVector(req.vector[:0], text)
			w.vector(text, req.vector)
		}
		if len(w.buf) > w.limit {
			return tooLong(w.limit)
		}
	}
	return nil
}

func tooLong(limit int) error {
	return refuse(413, "The answer is larger than %d bytes: send fewer instances in one request, or ask for fewer labels (k).", limit)
}

const timedOut = "Your invocation timed out while waiting for a response from container primary"

// MaxBody is the longest body of a request, in bytes: SageMaker's limit.
const MaxBody = 6_291_456

// mediaType is a content type without its parameters.
func mediaType(contentType string) string {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.TrimSpace(mediaType)
}

// An answer writes JSON as Python's json.dumps does: a space after each comma
// and colon, nothing but ASCII, and floats as their shortest decimal form.
type answer struct {
	buf   []byte
	lines bool
	limit int
	n     int // instances written
}

// begin makes room for the answer to n texts.
func (w *answer) begin(v *variant, req *request, n, limit int) {
	w.lines, w.limit, w.n = req.lines, limit, 0
	each := 64 * min(req.k, v.labels, 8)
	if !v.model.Supervised() {
		each = 24 * v.model.Args().Dim
	}
	w.buf = make([]byte, 0, min(64+(32+each)*n, 1<<20))
	if !w.lines {
		w.buf = append(w.buf, '[')
	}
}

// goOn makes w the middle of an answer instead of its beginning.
func (w *answer) goOn() { w.buf, w.n = w.buf[:0], 1 }

func (w *answer) open() {
	if w.n > 0 && !w.lines {
		w.buf = append(w.buf, ", "...)
	}
	w.n++
	w.buf = append(w.buf, '{')
}

func (w *answer) close() {
	w.buf = append(w.buf, '}')
	if w.lines {
		w.buf = append(w.buf, '\n')
	}
}

func (w *answer) end() []byte {
	if !w.lines {
		w.buf = append(w.buf, ']')
	}
	return w.buf
}

// labels writes one instance's labels and probabilities, in the order of
// members that BlazingText uses for the content type.
func (w *answer) labels(predictions []fasttext.Prediction) {
	w.open()
	if w.lines {
		w.probs(predictions)
		w.buf = append(w.buf, ", "...)
		w.names(predictions)
	} else {
		w.names(predictions)
		w.buf = append(w.buf, ", "...)
		w.probs(predictions)
	}
	w.close()
}

func (w *answer) names(predictions []fasttext.Prediction) {
	w.buf = append(w.buf, `"label": [`...)
	for i := range predictions {
		if i > 0 {
			w.buf = append(w.buf, ", "...)
		}
		w.buf = appendString(w.buf, predictions[i].Label)
	}
	w.buf = append(w.buf, ']')
}

func (w *answer) probs(predictions []fasttext.Prediction) {
	w.buf = append(w.buf, `"prob": [`...)
	for i := range predictions {
		if i > 0 {
			w.buf = append(w.buf, ", "...)
		}
		w.buf = appendFloat(w.buf, float64(predictions[i].Prob))
	}
	w.buf = append(w.buf, ']')
}

// vector writes one word and its vector.
func (w *answer) vector(word string, vector []float32) {
	w.open()
	w.buf = append(w.buf, `"vector": [`...)
	for i, x := range vector {
		if i > 0 {
			w.buf = append(w.buf, ", "...)
		}
		w.buf = appendFloat(w.buf, float64(x))
	}
	w.buf = append(w.buf, `], "word": `...)
	w.buf = appendString(w.buf, word)
	w.close()
}
