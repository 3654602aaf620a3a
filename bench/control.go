package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/heliograph/heliograph/internal/store"
	jobs "github.com/heliograph/heliograph/internal/training"
)

const (
	controlJobs      = 10_000
	controlEndpoints = 1_000
	controlCalls     = 100 // of each kind in one run
	controlGoal      = 5 * time.Millisecond
)

// A controlCall is one row of the table.
type controlCall struct {
	what   string
	action string
	body   func(i int) string // of the i-th call
	after  string             // an action on the same name that is not measured
}

// control measures calls of the SageMaker API on a server that has many records: copies of a job that was trained and of
// an endpoint that is in service. What changes records is measured beside a file's write and fsync, which it can't do without.
func control(ctx context.Context, b *bench) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	data := filepath.Join(b.dir, "control")
	if err := seedRecords(ctx, b, data); err != nil {
		return err
	}
	ours, err := startServe(ctx, b, data)
	if err != nil {
		return err
	}
	t := newTable(os.Stdout, append([]column{wordsIn("call", 52)}, append(figuresIn("median ms", "p99 ms", "fsync ms"), wordsIn("goal", 0))...)...)
	for _, call := range controlTable() {
		var medians, p99s, syncs []float64
		for run := range b.runs {
			took, err := callMany(ctx, ours.address, call, run*controlCalls)
			if err != nil {
				return fmt.Errorf("%s: %w", call.what, err)
			}
			sync, err := syncedWrites(filepath.Join(b.dir, "synced"), 1024, 20)
			if err != nil {
				return err
			}
			medians, p99s = append(medians, percentile(took, 0.5)), append(p99s, percentile(took, 0.99))
			syncs = append(syncs, percentile(sync, 0.5))
		}
		took := median(medians)
		said := b.board.add(verdict{row: "control calls, 10,000 jobs and 1,000 endpoints on record", goal: fmt.Sprintf("under %v", controlGoal),
			what: call.what, figure: figure(took) + " ms", met: took < controlGoal.Seconds()*1e3})
		t.row(call.what, figure(took), figure(median(p99s)), figure(median(syncs)), said)
	}
	return ours.stop()
}

func controlTable() []controlCall {
	same := func(body string) func(int) string { return func(int) string { return body } }
	named := func(format string) func(int) string {
		return func(i int) string { return fmt.Sprintf(format, i) }
	}
	hour := time.Now().Add(-time.Hour).Unix()
	return []controlCall{
		{"DescribeTrainingJob", "DescribeTrainingJob", named(`{"TrainingJobName":"job-%05d"}`), ""},
		{"DescribeEndpoint", "DescribeEndpoint", named(`{"EndpointName":"endpoint-%05d"}`), ""},
		{"ListTrainingJobs", "ListTrainingJobs", same(`{}`), ""},
		{"ListTrainingJobs, 100", "ListTrainingJobs", same(`{"MaxResults":100}`), ""},
		{"ListTrainingJobs, 100 by name", "ListTrainingJobs", same(`{"MaxResults":100,"SortBy":"Name","SortOrder":"Ascending"}`), ""},
		{"ListTrainingJobs, 100 by status", "ListTrainingJobs", same(`{"MaxResults":100,"SortBy":"Status"}`), ""},
		{"ListTrainingJobs of a status that none has", "ListTrainingJobs", same(`{"StatusEquals":"Failed"}`), ""},
		{"ListTrainingJobs whose name contains, one does", "ListTrainingJobs", same(`{"NameContains":"job-09999"}`), ""},
		{"ListTrainingJobs changed since, all are", "ListTrainingJobs", same(fmt.Sprintf(`{"LastModifiedTimeAfter":%d}`, hour)), ""},
		{"ListTrainingJobs changed before, none is", "ListTrainingJobs", same(fmt.Sprintf(`{"LastModifiedTimeBefore":%d}`, hour)), ""},
		{"ListTrainingJobs changed before, by name", "ListTrainingJobs", same(fmt.Sprintf(`{"LastModifiedTimeBefore":%d,"SortBy":"Name"}`, hour)), ""},
		{"ListEndpoints, 100", "ListEndpoints", same(`{"MaxResults":100}`), ""},
		{"ListEndpoints, InService", "ListEndpoints", same(`{"StatusEquals":"InService"}`), ""},
		{"ListModels", "ListModels", same(`{}`), ""},
		{"Search", "Search", same(`{"Resource":"TrainingJob"}`), ""},
		{"Search by status and name", "Search", same(`{"Resource":"TrainingJob","SearchExpression":{"Filters":[{"Name":"TrainingJobStatus","Value":"Completed"},{"Name":"TrainingJobName","Operator":"Contains","Value":"-0999"}]}}`), ""},
		{"Search by creation time", "Search", same(`{"Resource":"TrainingJob","SortBy":"CreationTime","SearchExpression":{"Filters":[{"Name":"CreationTime","Operator":"GreaterThan","Value":"2020-01-01T00:00:00Z"}]}}`), ""},
		{"Search by a name and a hyperparameter", "Search", same(`{"Resource":"TrainingJob","SearchExpression":{"Filters":[{"Name":"TrainingJobName","Operator":"Contains","Value":"-0999"},{"Name":"HyperParameters.epochs","Value":"1"}]}}`), ""},
		{"Search by a tag alone, of all jobs", "Search", same(`{"Resource":"TrainingJob","SearchExpression":{"Filters":[{"Name":"Tags.team","Value":"red"}]}}`), ""},
		{"Search by a tag that all jobs have", "Search", same(`{"Resource":"TrainingJob","SearchExpression":{"Filters":[{"Name":"Tags.team","Value":"blue"}]}}`), ""},
		{"Search by a hyperparameter that all jobs have", "Search", same(`{"Resource":"TrainingJob","SearchExpression":{"Filters":[{"Name":"HyperParameters.epochs","Value":"1.0"}]}}`), ""},
		{"CreateTrainingJob", "CreateTrainingJob", func(i int) string { return trainingRequest(fmt.Sprintf("new-%05d", i)) }, "StopTrainingJob"},
		{"DeleteTrainingJob", "DeleteTrainingJob", named(`{"TrainingJobName":"job-%05d"}`), ""},
		{"CreateModel", "CreateModel", named(`{"ModelName":"new-%05d","PrimaryContainer":{"Image":"blazingtext","ModelDataUrl":"s3://bench/model.bin"}}`), ""},
		{"DeleteModel", "DeleteModel", named(`{"ModelName":"new-%05d"}`), ""},
		{"CreateEndpoint", "CreateEndpoint", named(`{"EndpointName":"new-%05d","EndpointConfigName":"bench"}`), ""},
		{"DeleteEndpoint", "DeleteEndpoint", named(`{"EndpointName":"new-%05d"}`), ""},
	}
}

func trainingRequest(name string) string {
	return fmt.Sprintf(`{"TrainingJobName":%q,"RoleArn":"arn:aws:iam::000000000000:role/SageMakerRole",
		"AlgorithmSpecification":{"TrainingImage":"blazingtext","TrainingInputMode":"File"},
		"HyperParameters":{"mode":"supervised","epochs":"1","vector_dim":"2"},"Tags":[{"Key":"team","Value":"blue"}],
		"InputDataConfig":[{"ChannelName":"train","DataSource":{"S3DataSource":{"S3DataType":"S3Prefix","S3Uri":"s3://bench/train","S3DataDistributionType":"FullyReplicated"}}}],
		"OutputDataConfig":{"S3OutputPath":"s3://bench/out"},"ResourceConfig":{"InstanceType":"ml.c5.xlarge","InstanceCount":1,"VolumeSizeInGB":5},
		"StoppingCondition":{"MaxRuntimeInSeconds":600}}`, name)
}

// seedRecords trains one job, deploys one endpoint, and copies their records while the server is stopped.
func seedRecords(ctx context.Context, b *bench, data string) error {
	s, err := startServe(ctx, b, data)
	if err != nil {
		return err
	}
	if err := deployGenerated(ctx, b, s.address); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := (generator{labels: 3, words: 200, rows: 300, least: 5, most: 10, seed: 1}).write(&text); err != nil {
		return err
	}
	if _, err := roundTrip(ctx, s.address, http.MethodPut, "/bench/train", "s3", "", text.Bytes()); err != nil {
		return err
	}
	const name = "template"
	if _, err := callControl(ctx, s.address, "CreateTrainingJob", trainingRequest(name)); err != nil {
		return err
	}
	for state := (struct{ TrainingJobStatus, FailureReason string }{}); state.TrainingJobStatus != "Completed"; time.Sleep(20 * time.Millisecond) {
		answer, err := callControl(ctx, s.address, "DescribeTrainingJob", fmt.Sprintf(`{"TrainingJobName":%q}`, name))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(answer, &state); err != nil {
			return err
		}
		if state.TrainingJobStatus == "Failed" {
			return fmt.Errorf("the job to be copied failed: %s", state.FailureReason)
		}
	}
	if err := s.stop(); err != nil {
		return err
	}
	db, err := store.Open(ctx, filepath.Join(data, "heliograph.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := copyRecords(ctx, db, "training job", name, "job", controlJobs); err != nil {
		return err
	}
	return copyRecords(ctx, db, "endpoint", "bench", "endpoint", controlEndpoints)
}

// copied is a document as it is on record.
type copied struct{ json.RawMessage }

// RecordTerms are those that a training job is found by.
func (c copied) RecordTerms() []store.Term {
	var spec jobs.Spec
	if json.Unmarshal(c.RawMessage, &spec) != nil {
		return nil
	}
	return spec.RecordTerms()
}

func copyRecords(ctx context.Context, db *store.DB, kind, from, to string, n int) error {
	records := store.NewCollection[copied](db, kind)
	r, err := records.Get(ctx, from)
	if err != nil {
		return err
	}
	doc := string(r.Doc.RawMessage)
	return db.Tx(ctx, func(ctx context.Context) error {
		for i := range n {
			r.Name = fmt.Sprintf("%s-%05d", to, i)
			r.Doc = copied{json.RawMessage(strings.ReplaceAll(doc, "template", r.Name))}
			if _, err := records.Create(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// callMany times calls one after the other; no two runs give the same numbers.
func callMany(ctx context.Context, address string, c controlCall, first int) (took []time.Duration, err error) {
	for i := range controlCalls {
		body := c.body(first + i)
		start := time.Now()
		if _, err := callControl(ctx, address, c.action, body); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
		if c.after != "" {
			if _, err := callControl(ctx, address, c.after, body); err != nil {
				return nil, err
			}
		}
	}
	slices.Sort(took)
	return took, nil
}

// percentile returns the time in milliseconds within which that part of the ascending times lies.
func percentile(took []time.Duration, part float64) float64 {
	return took[int(part*float64(len(took)-1))].Seconds() * 1e3
}

func callControl(ctx context.Context, address, action, body string) ([]byte, error) {
	return roundTrip(ctx, address, http.MethodPost, "/", "sagemaker", action, []byte(body))
}

// roundTrip sends one signed request and returns the body of a good answer.
func roundTrip(ctx context.Context, address, method, path, service, action string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if action != "" {
		request.Header.Set("Content-Type", "application/x-amz-json-1.1")
		request.Header.Set("X-Amz-Target", "SageMaker."+action)
	} else {
		request.Header.Set("X-Amz-Content-Sha256", hash)
	}
	key := aws.Credentials{AccessKeyID: benchKeyID, SecretAccessKey: benchSecret}
	if err := v4.NewSigner().SignHTTP(ctx, key, request, hash, service, "us-east-1", time.Now()); err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s%s: %s\n%.500s", method, path, action, answer.Status, text)
	}
	return text, err
}

// startServe starts the server under measurement on a data directory.
func startServe(ctx context.Context, b *bench, data string) (*server, error) {
	return startServer(ctx, "control listener ready on http://", b.heliograph, "serve",
		"--data", data, "--control-listen", "127.0.0.1:0", "--public-listen", "127.0.0.1:0")
}

// syncedWrites times a plain write of a new file with fsync, ascending.
func syncedWrites(path string, size, n int) (took []time.Duration, err error) {
	body := bytes.Repeat([]byte("heliograph"), size/10+1)[:size]
	for range n {
		start := time.Now()
		if err := writeSynced(path, body); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	slices.Sort(took)
	return took, nil
}

func writeSynced(path string, body []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(body); err != nil {
		return err
	}
	return file.Sync()
}
