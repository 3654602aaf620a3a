//go:build e2e

package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
)

// TestWordVectorsWithBoto3 runs the example of word vectors in all modes.
func TestWordVectorsWithBoto3(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	train, _ := ontologyFiles(t)
	pairs := filepath.Join(t.TempDir(), "pairs.txt")
	if err := os.WriteFile(pairs, []byte("river\tlake\t9\nsinger\talbum\t7\nfilm\tnovel\t4\nriver\tfootballer\t1\nmoth\tparliament\t0.5\nking\tqueen\t8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := command(t, s.clientEnv(), "/usr/bin/python3", "../examples/word-vectors/journey.py", train, pairs)
	for pattern, times := range map[string]int{
		`(?m)^Completed $`: 3,
		`BlazingText training using (skipgram|cbow|batch_skipgram) mode`:                          3,
		`(?m)^holds vectors.bin eval.json vectors.txt$`:                                           3,
		`(?m)^vectors.txt begins with \d+ 50$`:                                                    3,
		`(?m)^train:mean_rho [01-]\.?\d*`:                                                         3,
		`(?m)^found vectors-\S+ \[\{'Key': 'mode', 'Value': '(skipgram|cbow|batch_skipgram)'\}\]`: 3,
		`(?m)^tags \[\{'Key': 'chosen', 'Value': 'yes'\}\]$`:                                      1,
		`(?m)^rivers? 50 values, not all zero: True$`:                                             2,
		`(?m)^3 jobs were completed$`:                                                             1,
	} {
		if n := len(regexp.MustCompile(pattern).FindAllString(out, -1)); n != times {
			t.Errorf("%d lines match %s, want %d", n, pattern, times)
		}
	}
	if t.Failed() {
		t.Logf("output:\n%s", out)
	}
}

// processesOf returns the training processes of a server.
func processesOf(t *testing.T, parent int) (pids []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) && fields[0] != "Z" {
			pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}

// learning waits until a job's process trains, and returns it.
func learning(t *testing.T, s *server, name string) int {
	t.Helper()
	waitJob(t, s, name, func(job *sagemaker.DescribeTrainingJobOutput) bool {
		return job.SecondaryStatus == types.SecondaryStatusTraining
	})
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if pids := processesOf(t, s.cmd.Process.Pid); len(pids) == 1 {
			return pids[0]
		}
	}
	t.Fatal("no process trains")
	return 0
}

// TestTrainingProcess kills a training's process, which fails its job and
// harms nothing else, and the server, which takes the process with it.
func TestTrainingProcess(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data, "serve")
	uploadOntology(t, s, "processes")
	client := sagemaker.NewFromConfig(s.sdk())
	long := map[string]string{"mode": "supervised", "epochs": "10000000", "vector_dim": "10"}
	for _, name := range []string{"victim", "next"} {
		if _, err := client.CreateTrainingJob(t.Context(), trainingJob(name, "s3://processes/train", "s3://processes/out", long)); err != nil {
			t.Fatal(err)
		}
		pid := learning(t, s, name)
		for _, file := range []string{"environ", "cmdline"} {
			if text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/" + file); err != nil || strings.Contains(string(text), secret) || strings.Contains(string(text), keyID) {
				t.Errorf("the process's %s is %q, %v", file, text, err)
			}
		}
		if name == "next" {
			break
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		job := waitJob(t, s, name, func(job *sagemaker.DescribeTrainingJobOutput) bool {
			return job.TrainingJobStatus != types.TrainingJobStatusInProgress
		})
		if job.TrainingJobStatus != types.TrainingJobStatusFailed || !strings.HasPrefix(aws.ToString(job.FailureReason), "AlgorithmError: The training process was killed") {
			t.Errorf("%s: %s", job.TrainingJobStatus, aws.ToString(job.FailureReason))
		}
	}
	pid := learning(t, s, "next")
	s.kill()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err != nil || strings.Contains(string(stat), ") Z ") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d goes on although its server was killed", pid)
		}
	}
	s = start(t, data, "serve")
	learning(t, s, "next")
	if _, err := sagemaker.NewFromConfig(s.sdk()).StopTrainingJob(t.Context(), &sagemaker.StopTrainingJobInput{TrainingJobName: aws.String("next")}); err != nil {
		t.Fatal(err)
	}
	waitJob(t, s, "next", func(job *sagemaker.DescribeTrainingJobOutput) bool {
		return job.TrainingJobStatus == types.TrainingJobStatusStopped
	})
}

// TestTagsAndSearchWithAWS goes through the aws command, as a script would.
func TestTagsAndSearchWithAWS(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	uploadOntology(t, s, "tags-aws")
	client := sagemaker.NewFromConfig(s.sdk())
	for _, name := range []string{"one", "two"} {
		if _, err := client.CreateTrainingJob(t.Context(), trainingJob(name, "s3://tags-aws/train", "s3://tags-aws/out", nil)); err != nil {
			t.Fatal(err)
		}
	}
	job := waitJob(t, s, "one", func(job *sagemaker.DescribeTrainingJobOutput) bool {
		return job.TrainingJobStatus != types.TrainingJobStatusInProgress
	})
	waitJob(t, s, "two", func(job *sagemaker.DescribeTrainingJobOutput) bool {
		return job.TrainingJobStatus != types.TrainingJobStatusInProgress
	})
	deployAs(t, s, "one", *job.ModelArtifacts.S3ModelArtifacts)
	put(t, s.s3(), "tags-aws", "in/a", requestLines(3))
	transform := transformJob("one", "tags-aws", "in/")
	transform.ModelName = aws.String("one")
	if _, err := client.CreateTransformJob(t.Context(), transform); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateHyperParameterTuningJob(t.Context(), tuningJob("one", "tags-aws", types.HyperParameterTuningJobStrategyTypeRandom, 1)); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"training-job", "model", "endpoint-config", "endpoint", "transform-job", "hyper-parameter-tuning-job"} {
		arn := "arn:aws:sagemaker:us-east-1:000000000000:" + kind + "/one"
		s.mustAWS("sagemaker", "add-tags", "--resource-arn", arn, "--tags", "Key=team,Value=triage", "Key=stage,Value=test")
		s.mustAWS("sagemaker", "delete-tags", "--resource-arn", arn, "--tag-keys", "stage")
		var listed struct{ Tags []types.Tag }
		if err := json.Unmarshal([]byte(s.mustAWS("sagemaker", "list-tags", "--resource-arn", arn)), &listed); err != nil {
			t.Fatal(err)
		}
		if len(listed.Tags) != 1 || *listed.Tags[0].Key != "team" || *listed.Tags[0].Value != "triage" {
			t.Errorf("the tags of %s are %v", arn, listed.Tags)
		}
	}
	if out, err := s.aws("sagemaker", "list-tags", "--resource-arn", "arn:aws:sagemaker:us-east-1:000000000000:model/two"); err == nil || !strings.Contains(out, "(ValidationException)") {
		t.Errorf("tags of nothing: %v\n%s", err, out)
	}
	var found struct {
		Results []struct {
			TrainingJob struct{ TrainingJobName string }
		}
	}
	out := s.mustAWS("sagemaker", "search", "--resource", "TrainingJob", "--search-expression", `{"Filters":[{"Name":"Tags.team","Operator":"Equals","Value":"triage"}]}`)
	if err := json.Unmarshal([]byte(out), &found); err != nil || len(found.Results) != 1 || found.Results[0].TrainingJob.TrainingJobName != "one" {
		t.Errorf("search found %s", out)
	}
	if _, err := client.DeleteTrainingJob(t.Context(), &sagemaker.DeleteTrainingJobInput{TrainingJobName: aws.String("two")}); err != nil {
		t.Error(err)
	}
	if list := s.mustAWS("sagemaker", "list-training-jobs"); strings.Contains(list, `"two"`) || !strings.Contains(list, `"one"`) {
		t.Errorf("after one job was deleted there are %s", list)
	}
}
