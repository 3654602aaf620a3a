package transform_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/transform"
)

// labelsIn replaces every answer in an output by the letter of its best label, so
// that tests can say what they expect.
func labelsIn(text string) string {
	var b strings.Builder
	for text != "" {
		i := strings.Index(text, `{"prob": [`)
		if j := strings.Index(text, `{"label": [`); j >= 0 && (i < 0 || j < i) {
			i = j
		}
		if i < 0 {
			break
		}
		end := i + strings.Index(text[i:], "}") + 1
		at := i + strings.Index(text[i:], "__label__") + len("__label__")
		b.WriteString(text[:i] + text[at:at+1])
		text = text[end:]
	}
	return b.String() + text
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Run)
	for i, test := range []struct {
		name   string
		input  string
		change func(*transform.Spec)
		want   string // with labelsIn
	}{
		{"json lines", `{"source":"one"}` + "\n" + `{"source":"two","k":1}` + "\n", nil, "a\nb\n"},
		{"no newline at the end", `{"source":"one"}` + "\n" + `{"source":"two"}`, nil, "a\nb\n"},
		{"carriage returns and blank lines", "\r\n" + `{"source":"one"}` + "\r\n\r\n  \n" + `{"source":"two"}` + "\r\n\n", nil, "a\nb\n"},
		{"an empty object", "", nil, ""},
		{"blank lines only", "\n\n", nil, ""},
		{"single records", `{"source":"one"}` + "\n" + `{"source":"two"}` + "\n", func(s *transform.Spec) { s.BatchStrategy = "SingleRecord" }, "a\nb\n"},
		{"not split", `{"source":"one"}` + "\n" + `{"source":"two"}` + "\n", func(s *transform.Spec) { s.TransformInput.SplitType = "None" }, "a\nb\n"},
		{"gzip", gzipped(t, `{"source":"two"}`+"\n"+`{"source":"one"}`), func(s *transform.Spec) { s.TransformInput.CompressionType = "Gzip" }, "b\na\n"},
		{"plain text", "one\n\ntwo\r\n", func(s *transform.Spec) { s.TransformInput.ContentType = "text/plain" }, "a\na\nb\n"},
		{"a JSON document", "{\"instances\":\n[\"one\",\"two\"]}\n", func(s *transform.Spec) {
			s.TransformInput.ContentType, s.TransformInput.SplitType, s.TransformOutput.AssembleWith = "application/json", "", ""
		}, "[a, b]"},
		{"JSON on lines", `{"instances":["one"]}` + "\n" + `{"instances":["two","one"]}` + "\n", func(s *transform.Spec) {
			s.TransformInput.ContentType = "application/json; charset=utf-8"
		}, "[a]\n[b, a]\n"},
		{"JSON on lines, not assembled", `{"instances":["one"]}` + "\n" + `{"instances":["two"]}` + "\n", func(s *transform.Spec) {
			s.TransformInput.ContentType, s.TransformOutput.AssembleWith = "application/json", "None"
		}, "[a][b]"},
		{"joined", `{"source":"one","id":7.50}` + "\n" + `{ "id" : "x", "source":"two" }` + "\n", processing("", "", "Input"),
			`{"source":"one","id":7.50,"SageMakerOutput":a}` + "\n" + `{"id":"x","source":"two","SageMakerOutput":b}` + "\n"},
		{"joined and filtered", `{"source":"one","id":1,"more":[1,2]}` + "\n" + `{"source":"two","id":2}` + "\n", processing("$", "$['id','SageMakerOutput']", "Input"),
			`{"id":1,"SageMakerOutput":a}` + "\n" + `{"id":2,"SageMakerOutput":b}` + "\n"},
		{"filtered before", `{"id":1,"data":{"source":"two"}}` + "\n" + `{"data":{"source":"one"},"id":2}`, processing("$.data", "$", "None"), "b\na\n"},
		{"a part of the answer", `{"source":"one"}` + "\n", processing("$", "$.label[0]", "None"), `"__label__a"` + "\n"},
		{"an input that is no object", `["x",{"source":"one"}]` + "\n", processing("$[1]", "$", "Input"), `{"SageMakerInput":["x",{"source":"one"}],"SageMakerOutput":a}` + "\n"},
		{"a joined document", `{"instances": ["one", "two"], "id": 5}`, func(s *transform.Spec) {
			processing("$['instances']", "$", "Input")(s)
			s.DataProcessing.InputFilter = "$"
			s.TransformInput.ContentType, s.TransformInput.SplitType, s.TransformOutput.AssembleWith = "application/json", "None", "None"
		}, `{"instances":["one", "two"],"id":5,"SageMakerOutput":[a, b]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			name := fmt.Sprintf("outputs-%d", i)
			h.put(name+"/in", test.input)
			s := spec(name)
			s.TransformInput.DataSource.S3DataSource.S3Uri = "s3://data/" + name + "/in"
			if test.change != nil {
				test.change(&s)
			}
			h.create(s)
			job := h.waitDone(name)
			if job.TransformJobStatus != transform.Completed {
				t.Fatalf("%s: %s", job.TransformJobStatus, job.FailureReason)
			}
			got, ok := h.get("out/" + name + "/in.out")
			if !ok {
				t.Fatalf("there is no output; there are %q", h.keys("out/"+name))
			}
			if labelsIn(got) != test.want {
				t.Errorf("output:\n%s\nwhich means\n%s\nwant\n%s", got, labelsIn(got), test.want)
			}
		})
	}
}

func processing(in, out, join string) func(*transform.Spec) {
	return func(s *transform.Spec) {
		s.DataProcessing = &transform.DataProcessing{InputFilter: in, OutputFilter: out, JoinSource: join}
	}
}

func TestWhereOutputsGo(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Run)
	for _, key := range []string{"in/a", "in/b/c.jsonl", "in/b/d", "in/", "in-too/e"} {
		if strings.HasSuffix(key, "/") {
			h.put(key, "")
		} else {
			h.put(key, `{"source":"one"}`)
		}
	}
	h.put("lists/some", `[{"prefix": "s3://data/in/"}, "b/d", "a"]`)
	for i, test := range []struct {
		kind, uri, path string
		want            []string
	}{
		{"S3Prefix", "s3://data/in/", "", []string{"a.out", "b/c.jsonl.out", "b/d.out"}},
		{"S3Prefix", "s3://data/in", "/", []string{"a.out", "b/c.jsonl.out", "b/d.out", "in-too/e.out"}},
		{"S3Prefix", "s3://data/in/b/c.jsonl", "/deep/path//", []string{"deep/path/c.jsonl.out"}},
		{"ManifestFile", "s3://data/lists/some", "", []string{"a.out", "b/d.out"}},
	} {
		name := fmt.Sprintf("where-%d", i)
		h.complete(spec(name, func(s *transform.Spec) {
			*s.TransformInput.DataSource.S3DataSource = transform.S3DataSource{S3DataType: test.kind, S3Uri: test.uri}
			s.TransformOutput.S3OutputPath += test.path
		}))
		prefix := "out/" + name + "/"
		got := h.keys(prefix)
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], prefix)
		}
		if fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s %s: outputs %q, want %q", test.kind, test.uri, got, test.want)
		}
	}
}

// TestOrder transforms more than fits into memory queues, with lines of all
// lengths, and holds each answer against its line.
func TestOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Run)
	var text strings.Builder
	const n = 60_000
	for i := range n {
		word := "one"
		if i%3 == 0 {
			word = "two"
		}
		filler := strings.Repeat("x", i%97)
		if i%20_000 == 19_999 {
			filler = strings.Repeat("y", 900_000) // several batches long
		}
		fmt.Fprintf(&text, `{"id":%d,"source":"%s","filler":"%s"}`+"\n", i, word, filler)
	}
	h.put("in/big", text.String())
	h.complete(spec("order", processing("$", "$['id','SageMakerOutput']", "Input")))
	out, _ := h.get("out/order/big.out")
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != n {
		t.Fatalf("%d lines of output for %d records", len(lines), n)
	}
	for i, line := range lines {
		var got struct {
			ID              int `json:"id"`
			SageMakerOutput struct{ Label []string }
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		want := "__label__a"
		if i%3 == 0 {
			want = "__label__b"
		}
		if got.ID != i || got.SageMakerOutput.Label[0] != want {
			t.Fatalf("line %d is %s, want id %d and %s", i, line, i, want)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Run)
	good := `{"source":"one"}` + "\n"
	one := 1
	for i, test := range []struct {
		name   string
		input  string
		change func(*transform.Spec)
		want   string // in FailureReason
	}{
		{"a bad record", good + good + `{"text":"one"}` + "\n", nil, `ClientError: data/fail-0/in: 400: Customer Error: Unable to decode payload: Incorrect data format. (caused by ValueError): line 3 has no "source"`},
		{"a bad record far down", strings.Repeat(good, 40_000) + "\n" + good + "{\n" + good, nil, "in line 40003, byte"},
		{"not JSON", "one\n", nil, "in line 1, byte 0"},
		{"not UTF-8", good + "{\"source\":\"\xff\"}\n", nil, "not UTF-8"},
		{"another content type", "1,2\n", func(s *transform.Spec) { s.TransformInput.ContentType = "text/csv" }, "ClientError: data/fail-4/in: 415: content-type text/csv not supported"},
		{"no content type", good, func(s *transform.Spec) { s.TransformInput.ContentType = "" }, "415: content-type application/octet-stream not supported"},
		{"a line that is too long", good + `{"source":"` + strings.Repeat("x", 1<<20) + `"}`, func(s *transform.Spec) { s.MaxPayloadInMB = &one },
			"Too much data for max payload size: line 2 is longer than MaxPayloadInMB (1)"},
		{"an object that is too large", strings.Repeat(good, 70_000), func(s *transform.Spec) { s.MaxPayloadInMB, s.TransformInput.SplitType = &one, "None" },
			"Too much data for max payload size: the object is larger than MaxPayloadInMB (1)"},
		{"gzip, unsaid", gzipped(t, good), nil, "Set CompressionType to Gzip"},
		{"gzip, said only", good, func(s *transform.Spec) { s.TransformInput.CompressionType = "Gzip" }, "not compressed with gzip"},
		{"a gzip file that ends early", gzipped(t, strings.Repeat(good, 1000))[:60], func(s *transform.Spec) { s.TransformInput.CompressionType = "Gzip" }, "ends early"},
		{"a filter that finds nothing", good, processing("$.text", "$", "None"), `line 1: the InputFilter $.text can't be applied: there is no member "text"`},
		{"an output filter that finds nothing", good + good, processing("$", "$.prob[7]", "None"), "line 1: the OutputFilter $.prob[7] can't be applied: the index 7 is outside of an array of 1"},
		{"a string twice encoded", `"{}"` + "\n", nil, "AlgorithmError: data/fail-13/in: 500: TypeError: string indices must be integers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			name := fmt.Sprintf("fail-%d", i)
			h.put(name+"/in", test.input)
			s := spec(name)
			s.TransformInput.DataSource.S3DataSource.S3Uri = "s3://data/" + name + "/in"
			if test.change != nil {
				test.change(&s)
			}
			h.create(s)
			job := h.waitDone(name)
			if job.TransformJobStatus != transform.Failed || !strings.Contains(job.FailureReason, test.want) {
				t.Errorf("%s: %s\nwant Failed with %s", job.TransformJobStatus, job.FailureReason, test.want)
			}
			if !strings.HasSuffix(job.FailureReason, "See job logs for more information") {
				t.Errorf("the reason %q does not point to the log", job.FailureReason)
			}
			if log := h.dataLog(job); !strings.Contains(log, "[sagemaker logs]: data/"+name+"/in: ") {
				t.Errorf("the log does not name the object:\n%s", log)
			}
			if keys := h.keys("out/" + name); len(keys) > 0 {
				t.Errorf("a failed object left %q", keys)
			}
		})
	}
}

func TestGoesOnBehindAFailure(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Run)
	h.put("in/a", `{"source":"one"}`)
	h.put("in/b", `nonsense`)
	h.put("in/c", `{"source":"two"}`)
	h.create(spec("partly"))
	job := h.waitDone("partly")
	if job.TransformJobStatus != transform.Failed || !strings.Contains(job.FailureReason, "data/in/b: ") || !strings.Contains(job.FailureReason, "1 of 3 objects failed") {
		t.Errorf("%s: %s", job.TransformJobStatus, job.FailureReason)
	}
	if got, want := fmt.Sprint(h.keys("out/")), "[out/partly/a.out out/partly/c.out]"; got != want {
		t.Errorf("outputs %s, want %s", got, want)
	}
}

func TestRefusedAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("in/a", `{"source":"one"}`)
	h.put("lists/bad", `["in/a"]`)
	number := func(n int) *int { return &n }
	for _, test := range []struct {
		name   string
		change func(*transform.Spec)
		want   string
	}{
		{"no name", func(s *transform.Spec) { s.TransformJobName = "" }, "Value null at 'transformJobName' failed to satisfy constraint: Member must not be null"},
		{"a bad name", func(s *transform.Spec) { s.TransformJobName = "a_b" }, "Value 'a_b' at 'transformJobName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"},
		{"no model", func(s *transform.Spec) { s.ModelName = "nobody" }, `Could not find model "arn:aws:sagemaker:us-east-1:000000000000:model/nobody".`},
		{"no data source", func(s *transform.Spec) { s.TransformInput.DataSource.S3DataSource = nil }, "'transformInput.dataSource.s3DataSource'"},
		{"no objects", func(s *transform.Spec) { s.TransformInput.DataSource.S3DataSource.S3Uri = "s3://data/nothing/" }, `No S3 objects found under S3 URL "s3://data/nothing/"`},
		{"no bucket", func(s *transform.Spec) { s.TransformInput.DataSource.S3DataSource.S3Uri = "s3://elsewhere/" }, "The specified bucket does not exist"},
		{"no bucket for outputs", func(s *transform.Spec) { s.TransformOutput.S3OutputPath = "s3://elsewhere/out" }, `The S3 bucket "elsewhere" given in S3OutputPath does not exist`},
		{"no manifest", func(s *transform.Spec) {
			*s.TransformInput.DataSource.S3DataSource = transform.S3DataSource{S3DataType: "ManifestFile", S3Uri: "s3://data/lists/none"}
		}, "There is no manifest"},
		{"a bad manifest", func(s *transform.Spec) {
			*s.TransformInput.DataSource.S3DataSource = transform.S3DataSource{S3DataType: "ManifestFile", S3Uri: "s3://data/lists/bad"}
		}, `the first element is not {"prefix": "s3://…"}`},
		{"https", func(s *transform.Spec) { s.TransformOutput.S3OutputPath = "https://data/out" }, "s3://bucket/key"},
		{"RecordIO", func(s *transform.Spec) { s.TransformInput.SplitType = "RecordIO" }, "The SplitType RecordIO is not offered"},
		{"a split of its own", func(s *transform.Spec) { s.TransformInput.SplitType = "Word" }, "Member must satisfy enum value set: [None, Line, RecordIO, TFRecord]"},
		{"too large a payload", func(s *transform.Spec) { s.MaxPayloadInMB = number(101) }, "cannot be greater than 100"},
		{"too much at once", func(s *transform.Spec) { s.MaxPayloadInMB, s.MaxConcurrentTransforms = number(50), number(3) }, "cannot exceed 100"},
		{"too many retries", func(s *transform.Spec) {
			s.ModelClientConfig = &transform.ModelClientConfig{InvocationsMaxRetries: number(4)}
		}, "Member must have value less than or equal to 3"},
		{"single records of whole objects", func(s *transform.Spec) { s.BatchStrategy, s.TransformInput.SplitType = "SingleRecord", "" }, "set SplitType to Line"},
		{"no instance", func(s *transform.Spec) { s.TransformResources = transform.Resources{} }, "transformResources.instanceCount"},
		{"a filter that is no path", processing("data", "", ""), "must begin with $"},
		{"a deep scan", processing("", "$..id", ""), "the deep scan (..) is not offered"},
		{"processing of plain text", func(s *transform.Spec) {
			processing("", "", "Input")(s)
			s.TransformInput.ContentType = "text/plain"
		}, "DataProcessing works on records of the ContentType application/jsonlines or application/json"},
		{"data capture", func(s *transform.Spec) { s.DataCaptureConfig = json.RawMessage(`{"DestinationS3Uri":"s3://data/c"}`) }, "DataCaptureConfig is not offered"},
	} {
		s := spec("refused", test.change)
		_, err := h.Create(h.ctx, s)
		if err == nil || !strings.Contains(errs.MessageOf(err), test.want) || errs.Is(err, errs.Internal) {
			t.Errorf("%s: error %v, want %s", test.name, err, test.want)
		}
	}
	if jobs := len(h.keys("out/")); jobs != 0 {
		t.Errorf("refused jobs left %d outputs", jobs)
	}
	if _, err := h.Describe(h.ctx, "refused"); errs.MessageOf(err) != "Requested resource not found." {
		t.Errorf("a refused job is on record: %v", err)
	}
}

// shortBlobs is a store whose disk is full after a few bytes of each output.
type shortBlobs struct{ transform.Blobs }

func (b shortBlobs) Put(_ context.Context, _, _ string, r io.Reader, _ blob.PutOptions) (blob.ObjectInfo, error) {
	if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
		return blob.ObjectInfo{}, err
	}
	return blob.ObjectInfo{}, errs.New(errs.Unavailable, blob.CodeInsufficientStorage, "The storage has no room for this write.")
}

// TestFullDisk wants each object to fail for what really went wrong, and not for
// what came of it.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *transform.Options) { o.Blobs = shortBlobs{o.Blobs} })
	h.run(h.Run)
	const objects = 40
	for i := range objects {
		h.put(fmt.Sprintf("in/%d", i), strings.Repeat(`{"source":"one"}`+"\n", 30_000))
	}
	h.create(spec("full"))
	job := h.waitDone("full")
	if job.TransformJobStatus != transform.Failed || !strings.Contains(job.FailureReason, "no room") || !strings.Contains(job.FailureReason, "40 of 40 objects failed") {
		t.Errorf("%s: %s", job.TransformJobStatus, job.FailureReason)
	}
	if log := h.dataLog(job); strings.Count(log, ": InternalServerError: The storage has no room") != objects {
		t.Errorf("not all of %d objects tell of the full disk:\n%s", objects, log)
	}
}

// panicking is a model with a bug that one text shows.
type panicking struct{ transform.Models }

func (m panicking) Load(ctx context.Context, dataURL string) (transform.Predictor, error) {
	model, err := m.Models.Load(ctx, dataURL)
	return panickingPredictor{model}, err
}

type panickingPredictor struct{ transform.Predictor }

func (p panickingPredictor) Predict(ctx context.Context, in transform.Payload) ([]byte, error) {
	if bytes.Contains(in.Body, []byte("bug")) {
		panic("a bug")
	}
	return p.Predictor.Predict(ctx, in)
}

// TestPanic wants a bug that one object shows to end neither the server nor the
// other objects.
func TestPanic(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *transform.Options) { o.Models = panicking{o.Models} })
	h.run(h.Run)
	h.put("in/a", `{"source":"one"}`)
	h.put("in/b", strings.Repeat(`{"source":"one"}`+"\n", 30_000)+`{"source":"bug"}`)
	h.put("in/c", `{"source":"two"}`)
	h.create(spec("bug"))
	job := h.waitDone("bug")
	if job.TransformJobStatus != transform.Failed || !strings.Contains(job.FailureReason, "AlgorithmError: data/in/b: The transform ended in an internal fault") {
		t.Errorf("%s: %s", job.TransformJobStatus, job.FailureReason)
	}
	if got, want := fmt.Sprint(h.keys("out/")), "[out/bug/a.out out/bug/c.out]"; got != want {
		t.Errorf("outputs %s, want %s", got, want)
	}
}
