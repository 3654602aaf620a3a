package serving

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/telemetry"
)

// DataCaptureConfig says which requests and answers are kept, and where. Members
// carry the names of the SageMaker API.
type DataCaptureConfig struct {
	EnableCapture             *bool                     `json:",omitempty"` // default true
	InitialSamplingPercentage *int                      `json:",omitempty"`
	DestinationS3Uri          string                    `json:",omitempty"`
	KmsKeyId                  string                    `json:",omitempty"`
	CaptureOptions            []CaptureOption           `json:",omitempty"`
	CaptureContentTypeHeader  *CaptureContentTypeHeader `json:",omitempty"`
}

// CaptureOption is a side of an invocation.
type CaptureOption struct{ CaptureMode string } // Input, Output or InputAndOutput

// CaptureContentTypeHeader names the content types that are captured as text;
// what has another one is captured in base64.
type CaptureContentTypeHeader struct {
	CsvContentTypes  []string `json:",omitempty"`
	JsonContentTypes []string `json:",omitempty"`
}

// Enabled reports whether the config asks for capture.
func (d *DataCaptureConfig) Enabled() bool {
	return d != nil && (d.EnableCapture == nil || *d.EnableCapture)
}

func (d *DataCaptureConfig) check(c *constraints) {
	if d == nil {
		return
	}
	at := "dataCaptureConfig."
	needed(c, d.InitialSamplingPercentage, at+"initialSamplingPercentage", 0, 100)
	c.match(d.DestinationS3Uri, at+"destinationS3Uri", destinationPattern)
	c.matchOptional(d.KmsKeyId, at+"kmsKeyId", kmsPattern)
	switch n := len(d.CaptureOptions); {
	case n == 0:
		c.Add("[]", at+"captureOptions", "Member must have length greater than or equal to 1")
	case n > 32:
		c.Add(n, at+"captureOptions", "Member must have length less than or equal to 32")
	}
	for i, o := range d.CaptureOptions {
		c.Enum(o.CaptureMode, fmt.Sprintf("%scaptureOptions.%d.member.captureMode", at, i+1), "Input", "Output", "InputAndOutput")
	}
	if h := d.CaptureContentTypeHeader; h != nil {
		for name, types := range map[string][]string{"csvContentTypes": h.CsvContentTypes, "jsonContentTypes": h.JsonContentTypes} {
			if len(types) > 10 {
				c.Add(len(types), at+"captureContentTypeHeader."+name, "Member must have length less than or equal to 10")
			}
			for i, t := range types {
				c.match(t, fmt.Sprintf("%scaptureContentTypeHeader.%s.%d.member", at, name, i+1), contentTypePattern)
			}
		}
	}
}

// capture is the data capture of an endpoint as it serves.
type capture struct {
	endpoint      string
	to            folder
	arn           string  // of the endpoint
	role          string  // that puts the data
	part          float64 // of the requests, from 0 to 1
	input, output bool
	csv, json     []string // content types
}

// folder is where objects are put: a bucket, and a prefix that is empty or ends
// with a slash.
type folder struct{ bucket, prefix string }

// folderOf reads an s3:// address.
func folderOf(uri string) (f folder, ok bool) {
	rest, ok := strings.CutPrefix(uri, "s3://")
	f.bucket, f.prefix, _ = strings.Cut(rest, "/")
	if f.prefix = strings.Trim(f.prefix, "/"); f.prefix != "" {
		f.prefix += "/"
	}
	return f, ok && f.bucket != ""
}

// newCapture returns nil if nothing is to be captured.
func newCapture(l *live, role string, d *deployment) *capture {
	if !d.Capture.Enabled() {
		return nil
	}
	to, _ := folderOf(d.Capture.DestinationS3Uri) // it was checked when the config was made
	c := &capture{endpoint: l.name, arn: l.arn, to: to, role: role, part: float64(*d.Capture.InitialSamplingPercentage) / 100}
	for _, o := range d.Capture.CaptureOptions {
		c.input = c.input || o.CaptureMode != "Output"
		c.output = c.output || o.CaptureMode != "Input"
	}
	if h := d.Capture.CaptureContentTypeHeader; h != nil {
		c.csv, c.json = h.CsvContentTypes, h.JsonContentTypes
	}
	return c
}

// take keeps an invocation if it is among the sampled ones. It copies and never waits.
func (c *capture) take(r *recorder, variant string, in InvokeInput, contentType string, answer []byte) {
	if c == nil || c.part < 1 && rand.Float64() >= c.part {
		return
	}
	one := captured{id: in.InferenceID, attributes: in.CustomAttributes, at: time.Now().UTC(), inputType: in.ContentType, outputType: contentType}
	if c.input {
		one.input = bytes.Clone(in.Body)
	}
	if c.output {
		one.output = bytes.Clone(answer)
	}
	r.add(captureFile{c, variant, one.at.Truncate(time.Hour)}, one)
}

// captured is one invocation.
type captured struct {
	id, attributes        string
	at                    time.Time
	inputType, outputType string
	input, output         []byte
}

func (c captured) size() int { return len(c.input) + len(c.output) + 512 }

// captureFile is what goes into one file: a variant's invocations in one hour.
type captureFile struct {
	*capture
	variant string
	hour    time.Time
}

// The lines of a capture file.
type captureLine struct {
	CaptureData   captureData   `json:"captureData"`
	EventMetadata eventMetadata `json:"eventMetadata"`
	EventVersion  string        `json:"eventVersion"`
}

type captureData struct {
	EndpointInput  *captureSide `json:"endpointInput,omitempty"`
	EndpointOutput *captureSide `json:"endpointOutput,omitempty"`
}

type captureSide struct {
	ObservedContentType string `json:"observedContentType"`
	Mode                string `json:"mode"`
	Data                string `json:"data"`
	Encoding            string `json:"encoding"`
}

type eventMetadata struct {
	EventID          string   `json:"eventId"`
	InferenceID      string   `json:"inferenceId,omitempty"`
	CustomAttributes []string `json:"customAttributes,omitempty"`
	InferenceTime    string   `json:"inferenceTime"`
}

func (c *capture) line(one captured) ([]byte, error) {
	line := captureLine{EventVersion: "0", EventMetadata: eventMetadata{EventID: newID(), InferenceID: one.id, InferenceTime: one.at.Format(time.RFC3339)}}
	if one.attributes != "" {
		line.EventMetadata.CustomAttributes = []string{one.attributes}
	}
	if c.input {
		line.CaptureData.EndpointInput = c.side("INPUT", one.inputType, one.input)
	}
	if c.output {
		line.CaptureData.EndpointOutput = c.side("OUTPUT", one.outputType, one.output)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text) // ends the line
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(line)
	return text.Bytes(), err
}

func (c *capture) side(mode, contentType string, body []byte) *captureSide {
	side := &captureSide{ObservedContentType: contentType, Mode: mode}
	switch {
	case hasType(c.json, contentType):
		side.Data, side.Encoding = string(body), "JSON"
	case hasType(c.csv, contentType):
		side.Data, side.Encoding = string(body), "CSV"
	default:
		side.Data, side.Encoding = base64.StdEncoding.EncodeToString(body), "BASE64"
	}
	return side
}

func hasType(types []string, contentType string) bool {
	for _, t := range types {
		if strings.EqualFold(t, mediaType(contentType)) {
			return true
		}
	}
	return false
}

// newID returns a random UUID (version 4).
func newID() string {
	b := make([]byte, 16)
	crand.Read(b) // does not fail
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

const (
	maxPending  = 64 << 20 // bytes of captured invocations that wait to be written
	captureFull = 4 << 20  // bytes after which they are written before their time
)

// recorder writes what was captured, a file for each variant, hour and time of
// writing. What waits is lost if the process is killed; what there is no room
// for is dropped and counted.
type recorder struct {
	objects Objects
	roles   jobs.Roles
	auth    Authorizer
	log     *slog.Logger
	pause   time.Duration
	dropped *telemetry.Counter
	full    chan struct{}

	writing sync.Mutex // held by the one who writes
	mu      sync.Mutex
	pending map[captureFile][]captured
	size    int
}

func (r *recorder) add(file captureFile, one captured) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size+one.size() > maxPending {
		r.dropped.Inc(file.endpoint, file.variant)
		return
	}
	r.pending[file] = append(r.pending[file], one)
	if r.size += one.size(); r.size >= captureFull {
		select {
		case r.full <- struct{}{}:
		default:
		}
	}
}

// run writes from time to time until ctx ends.
func (r *recorder) run(ctx context.Context) {
	for {
		timer := time.NewTimer(r.pause)
		select {
		case <-timer.C:
		case <-r.full:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		if r.flush(ctx) != nil { // it will not be better at once
			select {
			case <-time.After(r.pause):
			case <-ctx.Done():
				return
			}
		}
	}
}

// flush writes everything that waits. What can't be written now, but perhaps
// later, waits on.
func (r *recorder) flush(ctx context.Context) (err error) {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	pending := r.pending
	r.pending, r.size = map[captureFile][]captured{}, 0
	r.mu.Unlock()
	for file, all := range pending {
		fault := r.write(ctx, file, all)
		if fault == nil {
			continue
		}
		err = errors.Join(err, fault)
		r.log.Error("captured data could not be written", "endpoint", file.endpoint, "variant", file.variant, "bucket", file.to.bucket, "error", fault)
		switch errs.KindOf(fault) {
		case errs.Unavailable, errs.Internal:
			for _, one := range all {
				r.add(file, one)
			}
		default: // the bucket is gone, or the role may not write there
			r.dropped.Add(float64(len(all)), file.endpoint, file.variant)
		}
	}
	return err
}

func (r *recorder) write(ctx context.Context, file captureFile, all []captured) error {
	var text bytes.Buffer
	for _, one := range all {
		line, err := file.line(one)
		if err != nil {
			return err
		}
		text.Write(line)
	}
	at := all[0].at
	key := fmt.Sprintf("%s%s/%s/%s/%s-%03d-%s.jsonl", file.to.prefix, file.endpoint, file.variant,
		file.hour.Format("2006/01/02/15"), at.Format("04-05"), at.Nanosecond()/int(time.Millisecond), newID())
	ctx, err := r.roles.Assume(ctx, file.role, file.arn)
	if err != nil {
		return err
	}
	if err := r.auth.Authorize(ctx, "s3:PutObject", objectARN(file.to.bucket, key)); err != nil {
		return err
	}
	_, err = r.objects.Put(ctx, file.to.bucket, key, &text, blob.PutOptions{ContentType: "application/jsonlines"})
	return err
}

func objectARN(bucket, key string) string { return "arn:aws:s3:::" + bucket + "/" + key }
