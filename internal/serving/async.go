package serving

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// asyncDoc is what the record of an asynchronous request holds. The record goes
// when answer or failure has been put.
type asyncDoc struct {
	Endpoint         string
	Created          time.Time // of the endpoint: another of the same name is not asked
	Input            location
	ContentType      string `json:",omitempty"`
	CustomAttributes string `json:",omitempty"`
	InferenceID      string `json:",omitempty"`
	Output           location
	Failure          *location `json:",omitempty"`
	Role             string    `json:",omitempty"`
	Expires          time.Time
	Timeout          int // seconds
}

// InvokeAsync records a request whose answer is put where the output says. It is
// answered although the server is killed meanwhile. The errors are those of Invoke.
func (s *Service) InvokeAsync(ctx context.Context, in InvokeAsyncInput) (out InvokeAsyncOutput, err error) {
	l := s.table.lookup(in.Endpoint)
	if l == nil {
		return out, s.absent(ctx, "sagemaker:InvokeEndpointAsync", in.Endpoint)
	}
	if err := s.opt.Auth.Authorize(ctx, "sagemaker:InvokeEndpointAsync", l.arn); err != nil {
		return out, err
	}
	if err := in.check(); err != nil {
		return out, err
	}
	variants, _, err := s.variantFor(ctx, l, "")
	if err != nil {
		return out, err
	}
	if variants.async == nil {
		return out, invalid("Endpoint %s is not for asynchronous inference: its config has no AsyncInferenceConfig. Use InvokeEndpoint.", l.name)
	}
	id := newID()
	doc := asyncDoc{
		Endpoint: l.name, Created: l.created, Input: locationOf(in.InputLocation), ContentType: in.ContentType,
		CustomAttributes: in.CustomAttributes, InferenceID: in.InferenceID, Role: variants.role,
		Expires: time.Now().UTC().Add(seconds(in.TTL, defaultTTL*time.Second)),
		Timeout: int(seconds(in.Timeout, defaultTimeout*time.Second) / time.Second),
	}
	if doc.InferenceID == "" {
		doc.InferenceID = newID()
	}
	doc.Output, doc.Failure = variants.async.places(&in, id)
	if _, err := s.requests.Create(ctx, store.Record[asyncDoc]{Name: id, Status: "Pending", Doc: doc}); err != nil {
		return out, err
	}
	s.backlog.add(l, waiting{id, doc.Expires})
	out = InvokeAsyncOutput{InferenceID: doc.InferenceID, OutputLocation: doc.Output.String()}
	if doc.Failure != nil {
		out.FailureLocation = doc.Failure.String()
	}
	return out, nil
}

// backlog is the asynchronous requests that wait, by endpoint and in the order of
// their arrival. The records hold what they are.
type backlog struct {
	wake chan struct{}

	mu      sync.Mutex
	waiting map[*live][]waiting
	running map[*live]int
}

type waiting struct {
	id      string
	expires time.Time
}

func newBacklog() *backlog {
	return &backlog{wake: make(chan struct{}, 1), waiting: map[*live][]waiting{}, running: map[*live]int{}}
}

func (b *backlog) add(l *live, w waiting) {
	b.mu.Lock()
	b.waiting[l] = append(b.waiting[l], w)
	b.mu.Unlock()
	b.notify()
}

func (b *backlog) notify() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// drop forgets what waits for an endpoint and returns it.
func (b *backlog) drop(l *live) []waiting {
	b.mu.Lock()
	defer b.mu.Unlock()
	dropped := b.waiting[l]
	delete(b.waiting, l)
	return dropped
}

// take removes what can be begun now: as much as each endpoint may answer at once,
// and what has expired.
func (b *backlog) take(now time.Time) map[*live][]waiting {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := map[*live][]waiting{}
	for l, queue := range b.waiting {
		limit := 0
		if set := l.state.Load().choose(); set != nil {
			limit = set.asyncLimit
		}
		n := 0
		for n < len(queue) && (b.running[l]+n < limit || now.After(queue[n].expires)) {
			n++
		}
		if n == 0 {
			continue
		}
		taken[l] = queue[:n]
		b.running[l] += n
		if b.waiting[l] = queue[n:]; n == len(queue) {
			delete(b.waiting, l)
		}
	}
	return taken
}

func (b *backlog) done(l *live) {
	b.mu.Lock()
	if b.running[l]--; b.running[l] == 0 {
		delete(b.running, l)
	}
	b.mu.Unlock()
	b.notify()
}

// restoreBacklog finds the requests that wait since before the server started.
func (s *Service) restoreBacklog(ctx context.Context) error {
	for q := (store.Query{Order: store.ByCreated, Limit: 1000}); ; {
		page, next, err := s.requests.List(ctx, q)
		if err != nil {
			return err
		}
		for _, r := range page {
			l := s.table.lookup(r.Doc.Endpoint)
			if l == nil || !l.created.Equal(r.Doc.Created) || l.state.Load().status == Deleting {
				s.forgetRequest(ctx, r.Name)
				continue
			}
			s.backlog.add(l, waiting{r.Name, r.Doc.Expires})
		}
		if q.Token = next; next == "" {
			return nil
		}
	}
}

// runBacklog answers requests as their turns come, until ctx ends.
func (s *Service) runBacklog(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	slots := make(chan struct{}, s.opt.AsyncConcurrency)
	for {
		for l, requests := range s.backlog.take(time.Now()) {
			for _, w := range requests {
				all.Go(func() {
					defer s.backlog.done(l)
					select {
					case slots <- struct{}{}:
						defer func() { <-slots }()
					case <-ctx.Done():
						return
					}
					if again := s.answerAsync(ctx, l, w.id); again > 0 && ctx.Err() == nil {
						time.AfterFunc(again, func() { s.backlog.add(l, w) })
					}
				})
			}
		}
		timer := time.NewTimer(pollPause) // requests expire, and models get loaded
		select {
		case <-s.backlog.wake:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// answerAsync answers a request, or puts the reason why it can't be answered. If
// that could not be done now, it returns after which time to try again.
func (s *Service) answerAsync(ctx context.Context, l *live, id string) (again time.Duration) {
	r, err := s.requests.Get(ctx, id)
	if errs.Is(err, errs.NotFound) {
		return 0 // the endpoint was deleted
	} else if err != nil {
		return asyncRetry
	}
	doc := &r.Doc
	ctx = s.opt.AsRole(ctx, doc.Role)
	result, put := "expired", error(nil)
	if time.Now().After(doc.Expires) {
		put = s.putFailure(ctx, doc, "The request waited for longer than its RequestTTLSeconds and was not answered.")
	} else {
		var answering error
		answering, put = s.tryAsync(ctx, l, doc)
		result = "ok"
		if answering != nil && put == nil {
			result = "failed"
			put = s.putFailure(ctx, doc, errs.MessageOf(answering))
		}
	}
	if put != nil {
		if ctx.Err() != nil {
			return asyncRetry
		}
		s.opt.Log.Error("the outcome of an asynchronous request could not be put", "endpoint", l.name, "request", id, "error", put)
		if kind := errs.KindOf(put); (kind == errs.Internal || kind == errs.Unavailable) && time.Now().Before(doc.Expires) {
			return asyncRetry
		}
		result = "failed" // for good: the bucket is gone, or the role may not write there
		s.journal.printf(l.name, "async", "The outcome of request %s (%s) could not be put: %s", id, doc.InferenceID, errs.MessageOf(put))
	}
	if !s.forgetRequest(ctx, id) {
		return asyncRetry
	}
	s.meters.async.Inc(l.name, result)
	return 0
}

// asyncRetry is the pause before a request is tried again whose outcome could not be put.
const asyncRetry = 5 * time.Second

func (s *Service) forgetRequest(ctx context.Context, id string) bool {
	_, err := s.requests.Delete(ctx, id, nil)
	if err != nil && !errs.Is(err, errs.NotFound) {
		if ctx.Err() == nil {
			s.opt.Log.Error("the record of an asynchronous request could not be removed", "request", id, "error", err)
		}
		return false
	}
	return true
}

func (s *Service) putFailure(ctx context.Context, doc *asyncDoc, text string) error {
	if doc.Failure == nil {
		return nil
	}
	return s.put(ctx, *doc.Failure, strings.NewReader(text), doc, "text/plain")
}

func (s *Service) put(ctx context.Context, at location, r io.Reader, doc *asyncDoc, contentType string) error {
	if err := s.opt.Auth.Authorize(ctx, "s3:PutObject", objectARN(at.Bucket, at.Key)); err != nil {
		return err
	}
	opt := blob.PutOptions{ContentType: contentType, Metadata: map[string]string{"inference-id": doc.InferenceID}}
	if doc.CustomAttributes != "" {
		opt.Metadata["custom-attributes"] = doc.CustomAttributes
	}
	_, err := s.opt.Objects.Put(ctx, at.Bucket, at.Key, r, opt)
	return err
}

// tryAsync runs the model over the input and puts the answer. It tells what is the
// request's fault, or the model's, from what keeps the answer from being put.
func (s *Service) tryAsync(ctx context.Context, l *live, doc *asyncDoc) (answering, put error) {
	_, v, err := s.variantFor(ctx, l, "")
	if err != nil {
		if ctx.Err() != nil || errs.Is(err, errs.Unavailable) {
			return nil, errs.Wrap(err, errs.Unavailable, "", "%s", errs.MessageOf(err))
		}
		return err, nil
	}
	start := time.Now()
	defer func() {
		if put == nil {
			v.meter.observe(answering, time.Since(start))
		}
	}()
	if err := s.opt.Auth.Authorize(ctx, "s3:GetObject", objectARN(doc.Input.Bucket, doc.Input.Key)); err != nil {
		return err, nil
	}
	object, err := s.opt.Objects.Open(ctx, doc.Input.Bucket, doc.Input.Key)
	switch {
	case errs.Is(err, errs.NotFound), errs.Is(err, errs.Invalid):
		return errs.Wrap(err, errs.Invalid, "ValidationError", "Could not download the input from %s: there is no such object.", doc.Input), nil
	case err != nil:
		return nil, err
	}
	defer object.Close()
	contentType := doc.ContentType
	if contentType == "" {
		contentType = object.Info().ContentType
	}
	running, cancel := context.WithTimeout(ctx, time.Duration(doc.Timeout)*time.Second)
	defer cancel()
	answer, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := s.answerStream(running, l, v, contentType, object, out)
		out.CloseWithError(err)
		done <- err
	}()
	put = s.put(ctx, doc.Output, answer, doc, contentType)
	answer.CloseWithError(errors.Join(errUnread, put)) // ends the answering if the put gave up
	if answering = <-done; answering != nil && !errors.Is(answering, errUnread) {
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errs.Is(answering, errs.Unavailable): // too many requests at once
			return nil, answering
		case running.Err() != nil:
			answering = s.modelError(l, v, &refusal{0, timedOut})
		}
		return answering, nil
	}
	return nil, put
}

var errUnread = errors.New("nobody reads the answer any more")

// answerStream is invoke for a body and an answer of any length: JSON Lines are
// answered block by block, other bodies as a whole.
func (s *Service) answerStream(ctx context.Context, l *live, v *variant, contentType string, body io.Reader, w io.Writer) error {
	in := InvokeInput{ContentType: contentType, maxAnswer: maxAsyncAnswer}
	answer := func(block []byte, firstLine int) error {
		in.Body, in.firstLine = block, firstLine
		deadline, _ := ctx.Deadline()
		out, err := s.invoke(ctx, l, v, in, deadline)
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

// dropBacklog forgets the requests that wait for an endpoint that is deleted.
func (s *Service) dropBacklog(ctx context.Context, l *live) {
	for _, w := range s.backlog.drop(l) {
		s.forgetRequest(ctx, w.id)
	}
}
