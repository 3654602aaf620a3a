package training_test

import (
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/training"
)

func TestManifestFile(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("parts/b.txt", text(20, 1))
	h.put("parts/a/a.txt", text(30, 2))
	h.put("parts/unused.txt", text(40, 3))
	h.put("list", `[{"prefix": "s3://data/parts/"}, "b.txt", "a/a.txt"]`)
	h.put("stale", `[{"prefix": "s3://data/parts/"}, "b.txt", "gone.txt"]`)
	s := spec("listed")
	source := s.InputDataConfig[0].DataSource.S3DataSource
	source.S3DataType, source.S3Uri, source.S3DataDistributionType = "ManifestFile", "s3://data/list", "ShardedByS3Key"
	s.InputDataConfig[0].InputMode = "Pipe"
	h.create(s)
	job := h.waitDone("listed")
	log := h.logOf(job)
	if job.TrainingJobStatus != training.Completed || !strings.Contains(log, "Number of train examples: 50\n") {
		t.Errorf("%s: %s\n%s", job.TrainingJobStatus, job.FailureReason, log)
	}
	if b, a := strings.Index(log, "data/train/b.txt . File size"), strings.Index(log, "data/train/a/a.txt . File size"); b < 0 || a < b {
		t.Errorf("the objects are not read in the manifest's order:\n%s", log)
	}
	source.S3Uri, s.TrainingJobName = "s3://data/stale", "stale"
	if _, err := h.Create(h.ctx, s); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), `No S3 objects found under S3 URL "s3://data/parts/gone.txt"`) {
		t.Errorf("a manifest with an object that is not there: %v", err)
	}
}

// A model that is not to be compressed is files under a prefix.
func TestUncompressedModel(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("train", text(50, 1))
	for mode, files := range map[string][]string{"supervised": {"model.bin"}, "cbow": {"vectors.bin", "vectors.txt"}} {
		s := vectorSpec("plain-"+mode, mode)
		s.OutputDataConfig.CompressionType = "NONE"
		h.create(s)
		job := h.waitDone(s.TrainingJobName)
		prefix := "output/plain-" + mode + "/output/model/"
		if job.S3ModelArtifacts != "s3://data/"+prefix {
			t.Errorf("%s: artifacts %q: %s", mode, job.S3ModelArtifacts, job.FailureReason)
		}
		page, err := h.blobs.List(t.Context(), "data", blob.ListOptions{Prefix: prefix})
		if err != nil || len(page.Objects) != len(files) {
			t.Fatalf("%s: %v, %v", mode, page.Objects, err)
		}
		for i, name := range files {
			if page.Objects[i].Key != prefix+name || page.Objects[i].Size < 100 {
				t.Errorf("%s: %+v", mode, page.Objects[i])
			}
		}
		object, err := h.blobs.Open(t.Context(), "data", prefix+files[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fasttext.Load(object); err != nil {
			t.Errorf("%s: %v", files[0], err)
		}
		object.Close()
	}
}

func TestAugmentedManifest(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("texts/long", "the app\nshows an error __label__trap\n")
	h.put("good", strings.Repeat(`{"source":"my card was charged","label":1,"other":{}}`+"\n"+
		`{"label":[2,"__label__3"],"source":"the app shows\nan error","label-metadata":{"type":"x"}}`+"\n\n", 20)+`{"source":"hello","label":"4"}`)
	h.put("refs", `{"source-ref":"s3://data/texts/long","label":5}`+"\n"+`{"source-ref":"s3://data/texts/long","label":6}`)
	h.put("unlabelled", `{"source":"a b"}`)
	h.put("bad-label", `{"source":"a b","label":1}`+"\n"+`{"source":"a b","label":{"a":1}}`)
	h.put("no-json", `__label__a b`)
	h.put("lost", `{"source-ref":"s3://data/texts/short","label":5}`)
	for _, c := range []struct {
		name       string
		attributes []string
		want       string // in the log, or the reason of the failure
	}{
		{"good", []string{"source", "label"}, "Number of labels:  4\n"},
		{"good", []string{"label", "source"}, "Number of train examples: 41\n"},
		{"refs", []string{"source-ref", "label"}, "Number of words:  6\n"}, // </s> among them, the trap not
		{"unlabelled", []string{"source", "label"}, `ClientError: Line 1 of the augmented manifest s3://data/unlabelled in the channel train can't be used: it has no attribute "label".`},
		{"bad-label", []string{"source", "label"}, `ClientError: Line 2 of the augmented manifest s3://data/bad-label in the channel train can't be used: the attribute "label" is neither a number`},
		{"no-json", []string{"source", "label"}, `ClientError: Line 1 of the augmented manifest s3://data/no-json in the channel train can't be used: it is not a JSON object`},
		{"lost", []string{"source-ref", "label"}, `No S3 objects found under S3 URL "s3://data/texts/short"`},
	} {
		t.Run(c.name+" "+c.attributes[0], func(t *testing.T) {
			t.Parallel()
			s := spec("augmented-" + c.name + "-" + c.attributes[0])
			s.AlgorithmSpecification.TrainingInputMode = "Pipe"
			s.InputDataConfig[0].RecordWrapperType, s.InputDataConfig[0].ContentType = "RecordIO", "application/x-recordio"
			source := s.InputDataConfig[0].DataSource.S3DataSource
			source.S3DataType, source.S3Uri, source.AttributeNames = "AugmentedManifestFile", "s3://data/"+c.name, c.attributes
			h.create(s)
			job := h.waitDone(s.TrainingJobName)
			if log := h.logOf(job); !strings.Contains(log, c.want) || (job.TrainingJobStatus == training.Failed) != (job.FailureReason != "") {
				t.Errorf("%s\n%s", job.TrainingJobStatus, log)
			}
		})
	}
}
