//go:build e2e

package test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"

	"github.com/heliograph/heliograph/fasttext"
)

// What a reader of the recipe's file may differ by: the accuracy that is printed with three digits, and probabilities.
const (
	recipeAccuracy    = 0.001
	recipeProbability = 1e-3
)

// printedPrecision is what the verb test prints as precision at 1.
var printedPrecision = regexp.MustCompile(`P@1\t(\S+)`)

func recipePrecision(t *testing.T, printed string) float64 {
	t.Helper()
	m := printedPrecision.FindStringSubmatch(printed)
	if m == nil {
		t.Fatalf("test printed %q", printed)
	}
	return must(strconv.ParseFloat(m[1], 64))
}

// oneLabel leaves out the lines of a corpus that have several labels.
func oneLabel(t *testing.T, path string) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(string(must(os.ReadFile(path)))) {
		if strings.Count(line, "__label__") == 1 {
			b.WriteString(line)
		}
	}
	single := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(single, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return single
}

// The original measures the recipe's models as we do, gives the same probabilities, and loads them quantised.
func TestOracleRecipe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		of       func(*testing.T, string) string
		loss     fasttext.Loss
		accuracy float64
	}{
		{"one label", oneLabel, fasttext.Softmax, 0.8},
		{"several labels", func(_ *testing.T, path string) string { return path }, fasttext.OneVsAll, 0.8},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			train, held := c.of(t, oracleCorpus(t, "train.txt", 1500, 11)), c.of(t, oracleCorpus(t, "held.txt", 1000, 12))
			f, err := os.Open(train)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			m, report, err := fasttext.TrainRecipe(t.Context(), f, fasttext.RecipeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if m.Args().Loss != c.loss {
				t.Errorf("the loss is %v, want %v", m.Args().Loss, c.loss)
			}
			out := filepath.Join(t.TempDir(), "model")
			if err := m.SaveFile(out + ".bin"); err != nil {
				t.Fatal(err)
			}
			sameBytesAfterLoadAndSave(t, out+".bin")
			plain := recipeReadAlike(t, out+".bin", held)
			if plain < c.accuracy || math.Abs(plain-report.Accuracy) > 0.1 {
				t.Errorf("the accuracy is %.3f; of those held out while choosing it was %.3f", plain, report.Accuracy)
			}

			ourFasttext(t, "", "quantize", "-input", train, "-output", out, "-verbose", "0")
			if small := recipeReadAlike(t, out+".ftz", held); small < plain-0.05 {
				t.Errorf("quantised, the accuracy is %.3f and not %.3f", small, plain)
			}
		})
	}
}

// recipeReadAlike holds the original's reading of a model against ours, and returns the accuracy.
func recipeReadAlike(t *testing.T, model, held string) float64 {
	t.Helper()
	got, _ := ourFasttext(t, "", "test", model, held)
	ours, theirs := recipePrecision(t, got), recipePrecision(t, originalFasttext(t, "", "test", model, held))
	if math.Abs(ours-theirs) > recipeAccuracy+1e-9 {
		t.Errorf("%s: the accuracy is %.4f, and as the original measures it %.4f", filepath.Base(model), ours, theirs)
	}
	for _, in := range []string{held, "-"} {
		args := []string{"predict-prob", model, in, "1"}
		got, _ := ourFasttext(t, oracleQueries, args...)
		sameFields(t, strings.Join(args, " "), got, originalFasttext(t, oracleQueries, args...), recipeProbability)
	}
	return ours
}

// A training job by the recipe leaves an archive that an endpoint answers from as the original does from the file in it.
func TestOracleRecipeJob(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	defer s.stop()
	train := oneLabel(t, oracleCorpus(t, "train.txt", 800, 13))
	client, bucket := s.s3(), "recipe"
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket})
	if err == nil {
		_, err = client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("train"), Body: bytes.NewReader(must(os.ReadFile(train)))})
	}
	if err == nil {
		jobs := sagemaker.NewFromConfig(s.sdk())
		_, err = jobs.CreateTrainingJob(t.Context(), trainingJob("recipe", "s3://recipe/train", "s3://recipe/output", map[string]string{"recipe": "linear"}))
	}
	if err != nil {
		t.Fatal(err)
	}
	job := waitJob(t, s, "recipe", func(j *sagemaker.DescribeTrainingJobOutput) bool { return j.TrainingEndTime != nil })
	if job.ModelArtifacts == nil || job.ModelArtifacts.S3ModelArtifacts == nil {
		t.Fatalf("%s: %s", job.TrainingJobStatus, aws.ToString(job.FailureReason))
	}
	artifacts := *job.ModelArtifacts.S3ModelArtifacts
	deployAs(t, s, "recipe", artifacts)
	serving := sagemaker.NewFromConfig(s.sdk())
	if err := sagemaker.NewEndpointInServiceWaiter(serving, func(o *sagemaker.EndpointInServiceWaiterOptions) { o.MinDelay = 50 * time.Millisecond }).Wait(
		t.Context(), &sagemaker.DescribeEndpointInput{EndpointName: aws.String("recipe")}, time.Minute); err != nil {
		t.Fatal(err)
	}

	model := unpackModel(t, client, strings.TrimPrefix(artifacts, "s3://recipe/"))
	texts := []string{"why is my card payment late", "login überweisung 画面 пакет unseen-word z q", "delivery box", "opening hours of the shop please ?"}
	want := strings.Split(originalFasttext(t, strings.Join(texts, "\n")+"\n", "predict-prob", model, "-", "2"), "\n")
	answer, err := sagemakerruntime.NewFromConfig(s.sdk()).InvokeEndpoint(t.Context(), &sagemakerruntime.InvokeEndpointInput{
		EndpointName: aws.String("recipe"), ContentType: aws.String("application/json"),
		Body: must(json.Marshal(map[string]any{"instances": texts, "configuration": map[string]int{"k": 2}})),
	})
	if err != nil {
		t.Fatal(err)
	}
	var found []struct {
		Label []string
		Prob  []float64
	}
	if err := json.Unmarshal(answer.Body, &found); err != nil || len(found) != len(texts) {
		t.Fatalf("the endpoint answers %s (%v)", answer.Body, err)
	}
	for i, f := range found {
		fields := strings.Fields(want[i])
		if len(fields) != 4 || len(f.Label) != 2 || len(f.Prob) != 2 {
			t.Fatalf("%q: the endpoint answers %v, the original %q", texts[i], f, want[i])
		}
		for n := range f.Label {
			if p := must(strconv.ParseFloat(fields[2*n+1], 64)); f.Label[n] != fields[2*n] || math.Abs(f.Prob[n]-p) > recipeProbability {
				t.Errorf("%q: the endpoint answers %v, the original %q", texts[i], f, want[i])
			}
		}
	}
}

// unpackModel writes the model.bin of an archive in the bucket recipe to a file.
func unpackModel(t *testing.T, client *s3.Client, key string) string {
	t.Helper()
	object, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("recipe"), Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer object.Body.Close()
	archive := tar.NewReader(must(gzip.NewReader(object.Body)))
	head, err := archive.Next()
	if err != nil || head.Name != "model.bin" {
		t.Fatalf("the archive begins with %+v (%v)", head, err)
	}
	path := filepath.Join(t.TempDir(), "model.bin")
	file := must(os.Create(path))
	_, err = io.Copy(file, archive)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}
