package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
)

const (
	transformLines = 1_000_000
	transformGoal  = 0.7 // of the speed of heliograph predict
)

// batchTransform measures a transform job of a million JSON Lines on a running
// server beside heliograph predict on the same file, with the same model.
func batchTransform(ctx context.Context, b *bench) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ours, err := startServer(ctx, "control listener ready on http://", b.heliograph, "serve",
		"--data", filepath.Join(b.dir, "transform"), "--control-listen", "127.0.0.1:0", "--public-listen", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := deployGenerated(ctx, b, ours.address); err != nil {
		return err
	}
	model, path := filepath.Join(b.dir, "invoke.bin"), filepath.Join(b.dir, "transform.jsonl")
	if err := writeFile(path, writeRecords); err != nil {
		return err
	}
	key := credentials.NewStaticCredentialsProvider(benchKeyID, benchSecret, "")
	objects := s3.New(s3.Options{BaseEndpoint: aws.String("http://" + ours.address), Region: "us-east-1", UsePathStyle: true, Credentials: key})
	jobs := sagemaker.New(sagemaker.Options{BaseEndpoint: aws.String("http://" + ours.address), Region: "us-east-1", Credentials: key})
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bench"), Key: aws.String("in"), Body: file}); err != nil {
		return err
	}

	t := newTable(os.Stdout, append(figuresIn("transform s", "CPU s", "predict s", "CPU s", "speed", "by CPU"), wordsIn("goal", 0))...)
	var took, cpus [2][]float64
	for run := range b.runs {
		before := cpuOf(ours.cmd.Process.Pid)
		seconds, err := transformOnce(ctx, jobs, fmt.Sprintf("run-%d", run))
		if err != nil {
			return err
		}
		took[0], cpus[0] = append(took[0], seconds), append(cpus[0], cpuOf(ours.cmd.Process.Pid)-before)
		predict := program{command: []string{b.heliograph}}
		s, _, err := predict.measure(ctx, "", filepath.Join(b.dir, "predicted"), "predict", "--raw", "--model", model, path)
		if err != nil {
			return err
		}
		took[1], cpus[1] = append(took[1], s.seconds), append(cpus[1], s.cpu)
	}
	speed, byCPU := median(ratios(took[1], took[0])), median(ratios(cpus[1], cpus[0]))
	v := verdict{row: "batch transform of 1 M lines", goal: "70 % of heliograph predict", figure: figure(speed), met: speed >= transformGoal}
	if !v.met && byCPU >= transformGoal {
		v.note = "by CPU " + figure(byCPU)
	}
	said := b.board.add(v)
	t.row(figure(median(took[0])), figure(median(cpus[0])), figure(median(took[1])), figure(median(cpus[1])), figure(speed), figure(byCPU), said)
	return ours.stop()
}

// transformOnce runs a job and returns how long it took.
func transformOnce(ctx context.Context, jobs *sagemaker.Client, name string) (seconds float64, err error) {
	_, err = jobs.CreateTransformJob(ctx, &sagemaker.CreateTransformJobInput{TransformJobName: &name, ModelName: aws.String("bench"),
		TransformInput: &types.TransformInput{ContentType: aws.String("application/jsonlines"), SplitType: types.SplitTypeLine,
			DataSource: &types.TransformDataSource{S3DataSource: &types.TransformS3DataSource{S3DataType: types.S3DataTypeS3Prefix, S3Uri: aws.String("s3://bench/in")}}},
		TransformOutput:    &types.TransformOutput{S3OutputPath: aws.String("s3://bench/out")},
		TransformResources: &types.TransformResources{InstanceCount: aws.Int32(1), InstanceType: types.TransformInstanceTypeMlM5Large}})
	if err != nil {
		return 0, err
	}
	for {
		job, err := jobs.DescribeTransformJob(ctx, &sagemaker.DescribeTransformJobInput{TransformJobName: &name})
		switch {
		case err != nil:
			return 0, err
		case job.TransformJobStatus == types.TransformJobStatusCompleted:
			return job.TransformEndTime.Sub(*job.CreationTime).Seconds(), nil
		case job.TransformJobStatus != types.TransformJobStatusInProgress:
			return 0, fmt.Errorf("transform job %s is %s: %s", name, job.TransformJobStatus, aws.ToString(job.FailureReason))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// writeRecords writes the million lines, of texts that the model knows.
func writeRecords(w io.Writer) error {
	var text bytes.Buffer
	if err := (generator{labels: 14, words: 120000, rows: 20000, least: 20, most: 100, seed: 1}).write(&text); err != nil {
		return err
	}
	var records [][]byte
	for line := range strings.Lines(text.String()) {
		_, source, _ := strings.Cut(strings.TrimSpace(line), " ")
		record, err := json.Marshal(map[string]string{"source": source})
		if err != nil {
			return err
		}
		records = append(records, append(record, '\n'))
	}
	out := bufio.NewWriter(w)
	for i := range transformLines {
		if _, err := out.Write(records[i%len(records)]); err != nil {
			return err
		}
	}
	return out.Flush()
}

// cpuOf returns the seconds of processor time that a process has used, where
// /proc tells; 0 elsewhere.
func cpuOf(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}
