package transform

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
)

const (
	batchSize  = 256 << 10 // bytes of lines that one worker answers at a time
	lineAnswer = 16 << 20  // bytes of an answer to several lines; above that, they are asked in parts
	fullAnswer = 512 << 20 // bytes of an answer to one record or a whole object
	queued     = 64 << 20  // bytes of an object's batches in memory, or one batch
)

// Outputs carry the job that made them and the version they were made of, so that
// a job which starts again knows what it has finished.
const (
	metaJob    = "heliograph-transform-job"
	metaSource = "heliograph-source-etag"
)

// A batch is a part of an object on its way from reader to worker to writer.
type batch struct {
	body []byte
	line int // of body's beginning, from 1
	out  chan []byte
	err  error // why the answer is incomplete; to be read after out is closed
}

// file transforms one object. Reading, answering and writing go on at once; the
// output appears when it is whole.
func (t *task) file(ctx context.Context, in input) error {
	bucket, key := t.job.output(in)
	object, text, err := t.open(ctx, in)
	if err != nil {
		return err
	}
	defer object.Close()
	if err := t.Authorizer.Authorize(ctx, "s3:PutObject", jobs.ObjectARN(bucket, key)); err != nil {
		return jobs.ClientFailure(err, "The role %q may not write to s3://%s/%s. Allow it s3:PutObject there.", t.job.Model.RoleArn, bucket, key)
	}

	outer := ctx
	group, ctx := errgroup.WithContext(ctx)
	todo, inOrder := make(chan *batch), make(chan *batch, 4*t.Threads)
	memory := semaphore.NewWeighted(queued)
	pipe, out := io.Pipe()
	group.Go(func() error {
		defer close(todo)
		defer close(inOrder)
		err := caught(func() error { return t.read(ctx, text, memory, todo, inOrder) })
		if err != nil {
			// The writer must hear of it before the end, lest it publish what there is.
			last := batch{out: make(chan []byte), err: err}
			close(last.out)
			select {
			case inOrder <- &last:
			case <-ctx.Done():
			}
		}
		return nil
	})
	for range t.workers {
		group.Go(func() error {
			for b := range todo {
				b.err = caught(func() error { return t.answer(ctx, b) })
				close(b.out)
			}
			return nil
		})
	}
	group.Go(func() error {
		err := caught(func() error { return t.write(ctx, out, memory, inOrder) })
		if err != nil {
			out.CloseWithError(&unanswered{err})
		} else {
			out.Close()
		}
		return err
	})
	group.Go(func() error {
		err := caught(func() error {
			_, err := t.Blobs.Put(ctx, bucket, key, pipe, blob.PutOptions{
				ContentType: t.answerType(),
				Metadata:    map[string]string{metaJob: t.job.ID, metaSource: object.Info().ETag},
			})
			return err
		})
		if fault, ok := errors.AsType[*unanswered](err); ok {
			err = fault.error
		} else if errs.CodeOf(err) == blob.CodeNoSuchBucket {
			err = jobs.ClientFailure(err, "The bucket %q of the S3OutputPath does not exist. Create it and the job again.", bucket)
		}
		pipe.CloseWithError(err) // the writing, if it goes on, ends with the same
		return err
	})
	err = group.Wait()
	if outer.Err() != nil {
		return context.Cause(outer)
	}
	return err
}

// unanswered is why an output ends early: no fault of the store that reads it.
type unanswered struct{ error }

func (u *unanswered) Unwrap() error { return u.error }

// answerType is the content type of the output.
func (t *task) answerType() string {
	if t.contentType == typeText {
		return typeLines
	}
	return t.contentType
}

// open opens an object and returns its text, decompressed.
func (t *task) open(ctx context.Context, in input) (blob.Object, io.Reader, error) {
	if err := t.Authorizer.Authorize(ctx, "s3:GetObject", jobs.ObjectARN(in.bucket, in.key)); err != nil {
		return nil, nil, jobs.ClientFailure(err, "Data download failed: the role %q may not read %s. Allow it s3:GetObject there.", t.job.Model.RoleArn, in.uri())
	}
	object, err := t.Blobs.Open(ctx, in.bucket, in.key)
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) {
		return nil, nil, jobs.ClientFailure(err, "Data download failed: there is no object %s.", in.uri())
	} else if err != nil {
		return nil, nil, err
	}
	buffered := bufio.NewReaderSize(object, 1<<16)
	magic, _ := buffered.Peek(2)
	compressed := len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b
	switch gzipped := t.job.TransformInput.CompressionType == "Gzip"; {
	case compressed && !gzipped:
		err = jobs.ClientFailure(nil, "It is compressed with gzip. Set CompressionType to Gzip.")
	case gzipped && !compressed && len(magic) > 0:
		err = jobs.ClientFailure(nil, "It is not compressed with gzip, as the CompressionType says. Set CompressionType to None, or compress every object.")
	case gzipped && compressed:
		text, zerr := gzip.NewReader(buffered)
		if zerr == nil {
			return object, gunzipped{text}, nil
		}
		err = damagedGzip(zerr)
	default:
		return object, buffered, nil
	}
	object.Close()
	return nil, nil, err
}

// gunzipped words what can be wrong with compressed text.
type gunzipped struct{ io.Reader }

func (g gunzipped) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = damagedGzip(err)
	}
	return n, err
}

func damagedGzip(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return jobs.ClientFailure(err, "It is a gzip file that ends early; it was probably cut off. Upload it again.")
	}
	return jobs.ClientFailure(err, "It is a damaged gzip file. Upload it again.")
}

// read cuts text into batches and hands them out, to workers and, in the same
// order, to the writer.
func (t *task) read(ctx context.Context, text io.Reader, memory *semaphore.Weighted, todo, inOrder chan<- *batch) error {
	most := t.job.maxPayload()
	lines := splitter{r: text, target: min(batchSize, most), most: most}
	for number := 0; ; number++ {
		var b batch
		var err error
		switch {
		case t.lines():
			b.body, b.line, err = lines.next()
		case number == 0:
			b.line = 1
			if b.body, err = io.ReadAll(io.LimitReader(text, int64(most)+1)); err == nil && len(b.body) == 0 {
				err = io.EOF
			}
		default:
			err = io.EOF
		}
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, errLongLine):
			return jobs.ClientFailure(nil, "Too much data for max payload size: line %d is longer than MaxPayloadInMB (%d). Raise MaxPayloadInMB.", b.line, most>>20)
		case err != nil:
			return err
		case !t.lines() && len(b.body) > most:
			return jobs.ClientFailure(nil, "Too much data for max payload size: the object is larger than MaxPayloadInMB (%d). Set SplitType to Line, or raise MaxPayloadInMB.", most>>20)
		}
		b.out = make(chan []byte, 1)
		if err := memory.Acquire(ctx, weight(&b)); err != nil {
			return err
		}
		for _, to := range []chan<- *batch{inOrder, todo} {
			select {
			case to <- &b:
			case <-ctx.Done():
				memory.Release(weight(&b))
				return ctx.Err()
			}
		}
	}
}

func weight(b *batch) int64 { return min(int64(len(b.body)), queued) }

// write writes the answers in the order of the batches.
func (t *task) write(ctx context.Context, w io.Writer, memory *semaphore.Weighted, inOrder <-chan *batch) error {
	for b := range inOrder {
		for open := true; open; {
			select {
			case part, more := <-b.out:
				if open = more; more {
					if _, err := w.Write(part); err != nil {
						return err
					}
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		memory.Release(weight(b))
		if b.err != nil {
			return b.err
		}
	}
	return ctx.Err() // not nil if the reader gave up
}

// lines reports whether objects are cut at newlines.
func (t *task) lines() bool { return t.job.TransformInput.SplitType == "Line" }

// answer answers a batch, in parts if the whole would be large.
func (t *task) answer(ctx context.Context, b *batch) error {
	send := func(part []byte) error {
		select {
		case b.out <- part:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if t.contentType != typeLines && t.contentType != typeText {
		return t.answerDocuments(ctx, b, send)
	}
	// A blank line is no record of JSON Lines, but a text that is empty.
	json := t.contentType == typeLines
	for body, line, most := b.body, b.line, len(b.body); ; {
		if json {
			skipped := 0
			body, skipped = skipBlankLines(body)
			line += skipped
		}
		if len(body) == 0 {
			return nil
		}
		length, n := cutLines(body, most, json)
		limit := lineAnswer
		if n == 1 {
			limit = fullAnswer
		}
		answered, err := t.answerLines(ctx, body[:length], line, n, limit)
		if r, ok := errors.AsType[*Refusal](err); ok && r.Status == statusTooLarge && n > 1 {
			most = length / 2
			continue
		}
		if err != nil {
			return t.refused(err)
		}
		if err := send(answered); err != nil {
			return err
		}
		body, line = body[length:], line+n
	}
}

// answerLines answers n lines with as many.
func (t *task) answerLines(ctx context.Context, part []byte, line, n, limit int) ([]byte, error) {
	asked := part
	if p := t.processing; p != nil {
		var err error
		asked = make([]byte, 0, len(part))
		for i, rest := 0, part; len(rest) > 0; i++ {
			end := lineEnd(rest)
			if asked, err = p.filter(asked, rest[:end], line+i); err != nil {
				return nil, err
			}
			asked, rest = append(bytes.TrimRight(asked, "\r\n"), '\n'), rest[end:]
		}
	}
	answered, err := t.predict(ctx, asked, line, limit)
	if err != nil || t.processing == nil {
		return answered, err
	}
	if got := bytes.Count(answered, []byte{'\n'}); got != n {
		return nil, jobs.ClientFailure(nil, "Fail to join data: mismatched line count between the input and the output (%d and %d, from line %d on)", n, got, line)
	}
	joined := make([]byte, 0, len(answered)+len(part))
	for i := 0; len(part) > 0; i++ {
		record, answer := lineEnd(part), lineEnd(answered)
		if joined, err = t.processing.finish(joined, part[:record], answered[:answer], line+i); err != nil {
			return nil, err
		}
		joined = append(joined, '\n')
		part, answered = part[record:], answered[answer:]
	}
	return joined, nil
}

// answerDocuments answers records that the model takes one at a time: each line,
// or the whole object.
func (t *task) answerDocuments(ctx context.Context, b *batch, send func([]byte) error) error {
	var all []byte
	for body, line := b.body, b.line; len(body) > 0; {
		length, n := len(body), 0
		if t.lines() {
			rest, skipped := skipBlankLines(body)
			if body, line = rest, line+skipped; len(body) == 0 {
				break
			}
			length, n = cutLines(body, 0, true)
		}
		answered, err := t.answerDocument(ctx, body[:length], line)
		if err != nil {
			return t.refused(err)
		}
		if all = append(all, answered...); t.job.TransformOutput.AssembleWith == "Line" && !bytes.HasSuffix(all, []byte{'\n'}) {
			all = append(all, '\n')
		}
		if len(all) >= batchSize {
			if err := send(all); err != nil {
				return err
			}
			all = nil
		}
		body, line = body[length:], line+n
	}
	if len(all) == 0 {
		return nil
	}
	return send(all)
}

func (t *task) answerDocument(ctx context.Context, record []byte, line int) ([]byte, error) {
	p, asked := t.processing, record
	if p != nil {
		var err error
		if asked, err = p.filter(nil, record, line); err != nil {
			return nil, err
		}
	}
	answered, err := t.predict(ctx, asked, line, fullAnswer)
	if err != nil || p == nil {
		return answered, err
	}
	return p.finish(nil, record, answered, line)
}

// predict asks the model when there is a processor for it.
func (t *task) predict(ctx context.Context, body []byte, line, limit int) ([]byte, error) {
	for _, slots := range t.slots {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return t.model.Predict(ctx, Payload{ContentType: t.job.TransformInput.ContentType, Body: body, FirstLine: line,
		MaxAnswer: limit, Timeout: t.timeout})
}

// refused words what the model said to a request.
func (t *task) refused(err error) error {
	r, ok := errors.AsType[*Refusal](err)
	if !ok {
		return err
	}
	switch {
	case r.Status == 0:
		return &jobs.Failure{Class: "AlgorithmError", Reason: "Model container did not respond in " + t.timeout.Round(time.Second).String() +
			". Send fewer records in a request (MaxPayloadInMB), or raise InvocationsTimeoutInSeconds.", Cause: err}
	case r.Status < 500:
		return &jobs.Failure{Class: "ClientError", Reason: httpStatus(r.Status) + r.Message, Cause: err}
	default:
		return &jobs.Failure{Class: "AlgorithmError", Reason: httpStatus(r.Status) + r.Message, Cause: err}
	}
}
