package training_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/training"
)

func compress(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	if _, err := zip.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestBadData has one case for each thing that can be wrong with the data.
func TestBadData(t *testing.T) {
	t.Parallel()
	zipped := func(s *training.Spec) { s.InputDataConfig[0].CompressionType = "Gzip" }
	set := func(name, value string) func(*training.Spec) {
		return func(s *training.Spec) { s.HyperParameters[name] = value }
	}
	good := text(300, 1)
	packed := compress(t, good)
	for _, c := range []struct {
		name   string
		data   string
		change func(*training.Spec)
		want   string // FailureReason, or its beginning if it ends in …; "" if the job completes
		log    string
	}{
		{"empty file", "", nil, "ClientError: The channel train is empty: its objects hold no text. Upload lines such as \"__label__billing my card was charged twice\".", ""},
		{"empty gzip file", compress(t, ""), zipped, "ClientError: The channel train is empty: …", ""},
		{"no labels", "my card was charged twice\nthe app crashed\n", nil,
			"ClientError: No labels were found in the channel train: no line has both words and a token that begins with \"__label__\". Put a label such as __label__billing in front of each line.", ""},
		{"labels alone", "__label__a\n__label__b\n", set("min_count", "3"),
			"ClientError: No words are left to learn from in the channel train: none occurs at least min_count (3) times. Lower min_count, or give more text.", ""},
		{"one label", strings.Repeat("__label__only some words here\n", 20), nil, "", "There is only one label in the channel train"},
		{"a line of 10 MB", good + "__label__billing " + strings.Repeat("word ", 2<<20) + "\n", set("epochs", "1"), "", "Training finished."},
		{"a word of 10 MB", good + "__label__billing " + strings.Repeat("w", 10<<20) + "\n", set("epochs", "1"), "", "Training finished."},
		{"a line without end", good + strings.Repeat("endless ", (65<<20)/8), nil,
			"ClientError: Line 301 of s3://data/train in the channel train is longer than 64.0 MiB. Put one text on a line, and end lines with a newline.", ""},
		{"invalid UTF-8", good + "__label__billing caf\xe9 \xff\xfe\n", nil, "", "3 bytes of the channel train are not valid UTF-8. They were kept as they are."},
		{"NUL bytes", strings.ReplaceAll(good, "please", "ple\x00ase"), nil, "", "Training finished."},
		{"truncated gzip", packed[:len(packed)/2], zipped,
			"ClientError: The object s3://data/train of the channel train is a gzip file that ends early, after …", ""},
		{"gzip header alone", packed[:4], zipped, "ClientError: The object s3://data/train of the channel train is a gzip file that ends early, after 0 bytes of text. …", ""},
		{"damaged gzip", packed[:100] + "\x00\x00\x00\x00" + packed[104:], zipped, "ClientError: The object s3://data/train of the channel train is a damaged gzip file …", ""},
		{"gzip that isn't", good, zipped, "ClientError: The object s3://data/train of the channel train is not compressed with gzip, as the channel's CompressionType says. …", ""},
		{"gzip unannounced", packed, nil, "ClientError: The object s3://data/train of the channel train is compressed with gzip. Set the channel's CompressionType to Gzip.", ""},
		{"gzip", packed, zipped, "", "#train_accuracy: 1.0000"},
		{"two gzip members", packed + packed, zipped, "", "Number of train examples: 600"},
		{"diverging", good, set("learning_rate", "1e30"), "ClientError: The training diverged: a weight is not a number any more. Lower learning_rate, which is 1e+30.", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			h.run(h.Service)
			h.put("train", c.data)
			s := spec("bad-data")
			if c.change != nil {
				c.change(&s)
			}
			h.create(s)
			job := h.waitDone("bad-data")
			log := h.logOf(job)
			if c.want == "" {
				if job.TrainingJobStatus != training.Completed || !strings.Contains(log, c.log) {
					t.Errorf("%s: %s\n%s", job.TrainingJobStatus, job.FailureReason, log)
				}
				return
			}
			begin, cut := strings.CutSuffix(c.want, "…")
			if job.TrainingJobStatus != training.Failed || job.SecondaryStatus != training.Failed ||
				job.FailureReason != c.want && (!cut || !strings.HasPrefix(job.FailureReason, begin)) {
				t.Errorf("%s: %s\nwant %s", job.TrainingJobStatus, job.FailureReason, c.want)
			}
			if !strings.HasSuffix(log, job.FailureReason+"\n") || !strings.Contains(log, " ERROR ") {
				t.Errorf("the log doesn't end with the reason:\n%s", log)
			}
			if len(job.FailureReason) > 1024 || job.S3ModelArtifacts != "" || job.TrainingEndTime.IsZero() {
				t.Errorf("%+v", job)
			}
		})
	}
}

// Objects under a prefix are read in order of their keys, each with a newline
// at its end, and named in the log as SageMaker lays them out.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("exact", text(30, 1))
	h.put("folder/", "")
	h.put("folder/b.txt", strings.TrimSuffix(text(30, 2), "\n"))
	h.put("folder/a.txt", strings.TrimSuffix(text(20, 3), "\n"))
	h.put("folder/deep/c.txt", text(10, 4))
	h.put("part-1", text(5, 5))
	h.put("part-2", text(6, 6))
	for i := range 70 { // more than are held open at once
		h.put(fmt.Sprintf("many/%03d", i), text(1, uint64(i)))
	}
	for _, c := range []struct {
		name, uri string
		files     []string
		examples  int
	}{
		{"exact", "s3://data/exact", []string{"exact"}, 30},
		{"folder", "s3://data/folder", []string{"a.txt", "b.txt", "deep/c.txt"}, 60},
		{"folder-slash", "s3://data/folder/", []string{"a.txt", "b.txt", "deep/c.txt"}, 60},
		{"half-a-name", "s3://data/par", []string{"part-1", "part-2"}, 11},
		{"below", "s3://data/folder/d", []string{"deep/c.txt"}, 10},
		{"many", "s3://data/many/", []string{"000", "069"}, 70},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := spec("prefix-" + c.name)
			s.InputDataConfig[0].DataSource.S3DataSource.S3Uri = c.uri
			h.create(s)
			job := h.waitDone(s.TrainingJobName)
			log := h.logOf(job)
			if want := fmt.Sprintf("Number of train examples: %d\n", c.examples); job.TrainingJobStatus != training.Completed || !strings.Contains(log, want) {
				t.Errorf("%s: %s; want %q\n%s", job.TrainingJobStatus, job.FailureReason, want, log)
			}
			at := 0
			for _, name := range c.files {
				line := "Processing /opt/ml/input/data/train/" + name + " . File size: "
				i := strings.Index(log[at:], line)
				if i < 0 {
					t.Fatalf("no %q in its place in the log:\n%s", line, log)
				}
				at += i
			}
		})
	}
}

func TestValidationWithoutKnownLabels(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("train", text(30, 1))
	h.put("validation", "__label__unheard of words\n")
	s := spec("strangers")
	s.InputDataConfig = append(s.InputDataConfig, channel("validation", "s3://data/validation"))
	h.create(s)
	job := h.waitDone("strangers")
	if want := `ClientError: No line of the channel validation has both words and a label that the training data has. Labels are tokens that begin with "__label__".`; job.FailureReason != want {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
}

// A model that would not fit is refused before it is made, though its size
// depends on the text.
func TestTextThatNeedsTooMuchMemory(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *training.Options) { o.MaxMemoryBytes = 1 << 20 })
	h.run(h.Service)
	var many strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&many, "__label__a word%d\n", i)
	}
	h.put("train", many.String())
	h.create(spec("many-words", "vector_dim", "100", "buckets", "1"))
	if job := h.waitDone("many-words"); !strings.HasPrefix(job.FailureReason, "ClientError: The model would take 7.6 MiB: 20001 words, 1 labels and 1 buckets, times vector_dim 100. ") {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
	h.put("train", strings.Repeat("__label__a too much text for so little memory\n", 30000))
	h.create(spec("much-text"))
	if job := h.waitDone("much-text"); !strings.HasPrefix(job.FailureReason, "ClientError: The channel train holds more than 1.0 MiB of text") {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
}

// vanishing deletes an object, or overwrites it, when a job is about to read it.
type vanishing struct {
	*blob.Dir
	before func()
}

func (v *vanishing) Open(ctx context.Context, bucket, key string) (blob.Object, error) {
	v.before()
	return v.Dir.Open(ctx, bucket, key)
}

func TestDataDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("train", text(30, 1))
	h.opts.Blobs = &vanishing{h.blobs, func() {
		if err := h.blobs.Delete(context.Background(), "data", "train"); err != nil {
			t.Error(err)
		}
	}}
	h.Service = h.newService()
	h.run(h.Service)
	h.create(spec("late"))
	if job := h.waitDone("late"); job.FailureReason != "ClientError: Data download failed: the object s3://data/train was deleted while the job started. Create the job again." {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
}
