package training_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
	"github.com/heliograph/heliograph/internal/training"
)

// files returns the files of an archive and their names in order.
func (h *house) files(key string) (names []string, files map[string][]byte) {
	h.t.Helper()
	object, err := h.blobs.Open(h.t.Context(), "data", key)
	if err != nil {
		h.t.Fatal(err)
	}
	defer object.Close()
	zip, err := gzip.NewReader(object)
	if err != nil {
		h.t.Fatal(err)
	}
	files = map[string][]byte{}
	for archive := tar.NewReader(zip); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return names, files
		} else if err != nil {
			h.t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			h.t.Fatal(err)
		}
		names, files[header.Name] = append(names, header.Name), content
	}
}

// vectorSpec is a small job of a word-vector mode.
func vectorSpec(name, mode string, parameters ...string) training.Spec {
	s := spec(name, append([]string{"mode", mode, "learning_rate", "0.05"}, parameters...)...)
	return s
}

// pairs are word pairs as lists of similarities have them, one of which is unknown.
const pairs = "# word 1\tword 2\tscore\ninvoice\tcard\t8.5\ncrash\terror\t8\nhours\tshop\t7\ninvoice\tcrash\t2\ncard\thours\t1.5\ninvoices\tcards\t9\n"

func TestVectorModes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("train", text(2000, 1))
	h.put("eval/EN-PAIRS-ALL.txt", pairs)
	h.put("eval/EN-PAIRS-SIM.txt", pairs[strings.Index(pairs, "crash"):])
	for _, c := range []struct {
		mode     string
		subwords bool
	}{{"cbow", false}, {"skipgram", false}, {"skipgram", true}, {"batch_skipgram", false}} {
		t.Run(fmt.Sprintf("%s, subwords %v", c.mode, c.subwords), func(t *testing.T) {
			t.Parallel()
			name := fmt.Sprintf("vectors-%s-%v", strings.ReplaceAll(c.mode, "_", "-"), c.subwords)
			s := vectorSpec(name, c.mode, "sampling_threshold", "0.01")
			if c.subwords {
				s.HyperParameters["subwords"] = "True"
			}
			s.InputDataConfig = append(s.InputDataConfig, channel("evaluation", "s3://data/eval/"))
			h.create(s)
			job := h.waitDone(name)
			log := h.logOf(job)
			if job.TrainingJobStatus != training.Completed {
				t.Fatalf("%s\n%s", job.FailureReason, log)
			}
			names, files := h.files("output/" + name + "/output/model.tar.gz")
			if got := strings.Join(names, " "); got != "vectors.bin eval.json vectors.txt" {
				t.Errorf("the archive holds %s", got)
			}
			model, err := fasttext.Load(bytes.NewReader(files["vectors.bin"]))
			if err != nil || model.Supervised() {
				t.Fatalf("vectors.bin: %v", err)
			}
			checkVectorsText(t, files["vectors.txt"], model)
			unknown := model.WordVector(nil, "invoices")
			some := false
			for _, v := range unknown {
				some = some || v != 0
			}
			if some != c.subwords {
				t.Errorf("an unknown word has the vector %v", unknown)
			}
			var report map[string]any
			if err := json.Unmarshal(files["eval.json"], &report); err != nil {
				t.Fatal(err)
			}
			all, _ := report["EN-PAIRS-ALL.txt"].(map[string]any)
			mean, _ := report["mean_rho"].(float64)
			notFound := 1.0
			if c.subwords {
				notFound = 0
			}
			if len(report) != 3 || all["total_pairs"] != 6.0 || all["not_found"] != notFound || !bytes.HasPrefix(files["eval.json"], []byte("{\n    \"EN-PAIRS-ALL.txt\": {\n        \"not_found\"")) {
				t.Errorf("eval.json: %s", files["eval.json"])
			}
			if len(job.FinalMetricDataList) != 1 || job.FinalMetricDataList[0].MetricName != "train:mean_rho" || job.FinalMetricDataList[0].Value != mean {
				t.Errorf("metrics %v, mean_rho %v", job.FinalMetricDataList, mean)
			}
			for _, want := range []string{
				"BlazingText training using " + c.mode + " mode.\n", "Number of words:  ", "##### Alpha: 0.0000  Progress: 100.00%  Million Words/sec: ",
				"Training finished!\nAverage throughput in Million words/sec: ", "Evaluating word embeddings....\nVectors read from: /opt/ml/model/vectors.txt \n{\n",
				fmt.Sprintf("#mean_rho: %v\n", mean),
			} {
				if !strings.Contains(log, want) {
					t.Errorf("the log lacks %q:\n%s", want, log)
				}
			}
		})
	}
}

// checkVectorsText holds vectors.txt against the model: word2vec's form, the
// most frequent words first.
func checkVectorsText(t *testing.T, content []byte, model *fasttext.Model) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Scan()
	if want := fmt.Sprintf("%d %d", model.Words(), model.Args().Dim); lines.Text() != want {
		t.Errorf("vectors.txt begins with %q, not %q", lines.Text(), want)
	}
	before := int64(1 << 60)
	for i := range model.Words() {
		word, count := model.Word(i)
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), word+" ") || len(strings.Fields(lines.Text())) != 1+model.Args().Dim {
			t.Fatalf("line %d of vectors.txt is %q", i+2, lines.Text())
		}
		if word != "</s>" && count > before {
			t.Errorf("%s is more frequent than the word before it", word)
		}
		if word != "</s>" {
			before = count
		}
	}
	if lines.Scan() {
		t.Errorf("vectors.txt goes on: %q", lines.Text())
	}
}

func TestVectorsWithoutEvaluation(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("train", "a b c\n")
	h.put("empty", "\n")
	h.put("bad.txt", "one two\n")
	h.create(vectorSpec("plain", "skipgram"))
	job := h.waitDone("plain")
	names, _ := h.files("output/plain/output/model.tar.gz")
	if got := strings.Join(names, " "); got != "vectors.bin vectors.txt" || len(job.FinalMetricDataList) != 0 || !strings.Contains(h.logOf(job), "The vectors are not evaluated") {
		t.Errorf("%s: %v\n%s", got, job.FinalMetricDataList, h.logOf(job))
	}

	s := vectorSpec("wordless", "cbow", "min_count", "3")
	s.InputDataConfig = []training.Channel{channel("train", "s3://data/empty")}
	h.create(s)
	if job := h.waitDone("wordless"); !strings.HasPrefix(job.FailureReason, "ClientError: No words are left to learn from") {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}

	s = vectorSpec("bad-pairs", "cbow")
	s.InputDataConfig = append(s.InputDataConfig, channel("evaluation", "s3://data/bad.txt"))
	h.create(s)
	if job := h.waitDone("bad-pairs"); !strings.HasPrefix(job.FailureReason, "ClientError: The file bad.txt of the channel evaluation can't be read: ") {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
}

// batch_skipgram may ask for several instances; it runs on this one.
func TestManyInstances(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("train", text(50, 1))
	s := vectorSpec("spread", "batch_skipgram", "evaluation", "False")
	s.ResourceConfig.InstanceCount = 2
	h.create(s)
	if job := h.waitDone("spread"); job.TrainingJobStatus != training.Completed || !strings.Contains(h.logOf(job), "The job asks for 2 instances. It runs on this machine alone.") {
		t.Errorf("%s\n%s", job.FailureReason, h.logOf(job))
	}
}
