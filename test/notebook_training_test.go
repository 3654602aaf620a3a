//go:build e2e

package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

const notebookStatic = `"mode": "supervised", "epochs": "10", "min_count": "2", "vector_dim": "10",
	"early_stopping": "True", "patience": "4", "min_epochs": "5"`

// notebookInput are the channels as TrainingInput gives them.
const notebookInput = `[
	{"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://` + notebookBucket + `/blazingtext/train", "S3DataDistributionType": "FullyReplicated"}},
	 "ContentType": "text/plain", "ChannelName": "train"},
	{"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://` + notebookBucket + `/blazingtext/validation", "S3DataDistributionType": "FullyReplicated"}},
	 "ContentType": "text/plain", "ChannelName": "validation"}]`

// fit is Estimator.fit: create, describe and tail the log until the end.
func (n notebook) fit(job string) {
	// Before the first job there is no log group, which the SDK takes for "not yet".
	if status, out := n.raw("logs", "Logs_20140328.DescribeLogStreams", `{"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamNamePrefix": "`+job+`/"}`); status != 400 ||
		out.text("__type") != "ResourceNotFoundException" {
		n.Errorf("streams before the first job: %d %s", status, out)
	}
	body := `{"AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": "` + notebookImage + `"},
		"OutputDataConfig": {"S3OutputPath": "s3://` + notebookBucket + `/blazingtext/output"}, "TrainingJobName": "` + job + `",
		"StoppingCondition": {"MaxRuntimeInSeconds": 360000},
		"ResourceConfig": {"VolumeSizeInGB": 30, "InstanceCount": 1, "InstanceType": "ml.c4.4xlarge"},
		"RoleArn": "` + notebookRole + `", "InputDataConfig": ` + notebookInput + `,
		"HyperParameters": {` + notebookStatic + `, "learning_rate": "0.05", "word_ngrams": "2"},
		"Tags": [{"Key": "project", "Value": "notebook"}],
		"DebugHookConfig": {"S3OutputPath": "s3://` + notebookBucket + `/blazingtext/output", "CollectionConfigurations": []},
		"ProfilerConfig": {"S3OutputPath": "s3://` + notebookBucket + `/blazingtext/output", "DisableProfiler": false}}`
	n.reads("CreateTrainingJob", n.call("CreateTrainingJob", body), "TrainingJobArn", `"`+notebookARN+`training-job/`+job+`"`)
	n.refused("CreateTrainingJob", body, "ResourceInUse", "already exists")

	describe := `{"TrainingJobName": "` + job + `"}`
	log := n.tail("/aws/sagemaker/TrainingJobs", job, func() bool {
		return !strings.Contains("InProgress Stopping", n.call("DescribeTrainingJob", describe).text("TrainingJobStatus"))
	})
	for _, want := range []string{"Arguments: train\n", "\nTraining finished.\n", "#train_accuracy: ", "#validation_accuracy: ", "Number of validation examples: 700\n"} {
		if strings.Count(log, want) != 1 {
			n.Errorf("the log has not one %q:\n%s", want, log)
		}
	}
	described := n.call("DescribeTrainingJob", describe)
	n.reads("DescribeTrainingJob", described,
		"TrainingJobName", `"`+job+`"`, "TrainingJobArn", `"`+notebookARN+`training-job/`+job+`"`,
		"TrainingJobStatus", `"Completed"`, "SecondaryStatus", `"Completed"`,
		"CreationTime", epoch, "TrainingStartTime", epoch, "TrainingEndTime", epoch, "LastModifiedTime", epoch,
		"ResourceConfig", `{"InstanceCount":1,"InstanceType":"ml.c4.4xlarge","VolumeSizeInGB":30}`,
		"StoppingCondition.MaxRuntimeInSeconds", `360000`,
		"ModelArtifacts.S3ModelArtifacts", `"s3://`+notebookBucket+`/blazingtext/output/`+job+`/output/model\.tar\.gz"`,
		"TrainingTimeInSeconds", `[1-9]\d*`, "BillableTimeInSeconds", `[1-9]\d*`,
		"DebugHookConfig.S3OutputPath", `".+"`, "ProfilingStatus", `"\w+"`,
		"EnableManagedSpotTraining", `false`, "EnableNetworkIsolation", `false`, "EnableInterContainerTrafficEncryption", `false`,
		"FinalMetricDataList.0.MetricName", `"train:accuracy"`, "FinalMetricDataList.0.Timestamp", epoch,
		"FinalMetricDataList.1.MetricName", `"validation:accuracy"`, "FinalMetricDataList.1.Value", `(1|0\.\d+)`)
	n.lacks("DescribeTrainingJob", described, "FailureReason", "TuningJobArn")

	// The lines that fit prints are made of the transitions: the status, and a message.
	var printed []string
	transitions, _ := described.at("SecondaryStatusTransitions").([]any)
	for i := range transitions {
		at := fmt.Sprint("SecondaryStatusTransitions.", i, ".")
		n.reads("DescribeTrainingJob", described, at+"StartTime", epoch, at+"EndTime", epoch, at+"StatusMessage", `".+"`)
		printed = append(printed, described.text(at+"Status")+" - "+described.text(at+"StatusMessage"))
	}
	for _, want := range []string{"Starting - ", "Downloading - Downloading input data", "Training - Training image download completed. Training in progress.",
		"Uploading - Uploading generated training model", "Completed - Training job completed"} {
		if !slices.ContainsFunc(printed, func(line string) bool { return strings.HasPrefix(line, want) }) {
			n.Errorf("fit prints %q, without %q", printed, want)
		}
	}
}

// fitWithOptions is fit with what an Estimator can be given besides: spot instances,
// checkpoints, an augmented manifest in Pipe mode, an environment, no output path.
func (n notebook) fitWithOptions() {
	const job = "options-2026-11-22-14-08-11-002"
	n.put("/"+notebookBucket+"/manifest.jsonl", notebookAccount,
		[]byte(strings.Repeat(`{"source": "the river and the lake", "label": 1}`+"\n"+`{"source": "the player and the league", "label": [2, 3]}`+"\n", 20)))
	n.call("CreateTrainingJob", `{"AlgorithmSpecification": {"TrainingInputMode": "Pipe", "TrainingImage": "`+notebookImage+`"},
		"OutputDataConfig": {"S3OutputPath": "s3://`+notebookBucket+`/"}, "TrainingJobName": "`+job+`",
		"StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200}, "EnableManagedSpotTraining": true,
		"CheckpointConfig": {"S3Uri": "s3://`+notebookBucket+`/checkpoints"}, "EnableNetworkIsolation": true, "EnableInterContainerTrafficEncryption": true,
		"ResourceConfig": {"VolumeSizeInGB": 30, "InstanceCount": 1, "InstanceType": "ml.c5.xlarge"}, "RoleArn": "`+notebookRole+`",
		"InputDataConfig": [{"DataSource": {"S3DataSource": {"S3DataType": "AugmentedManifestFile", "S3Uri": "s3://`+notebookBucket+`/manifest.jsonl",
			"S3DataDistributionType": "FullyReplicated", "AttributeNames": ["source", "label"]}}, "ContentType": "application/x-recordio",
			"RecordWrapperType": "RecordIO", "InputMode": "Pipe", "ChannelName": "train"}],
		"HyperParameters": {"mode": "supervised", "min_count": "1"}, "Environment": {"STAGE": "test"},
		"RetryStrategy": {"MaximumRetryAttempts": 2}, "ProfilerConfig": {"DisableProfiler": true}}`)
	described := n.until("DescribeTrainingJob", `{"TrainingJobName": "`+job+`"}`, "TrainingJobStatus", "InProgress|Stopping")
	n.reads("DescribeTrainingJob", described, "TrainingJobStatus", `"Completed"`, "EnableManagedSpotTraining", `true`, "EnableNetworkIsolation", `true`,
		"EnableInterContainerTrafficEncryption", `true`, "CheckpointConfig.S3Uri", `".+"`, "Environment", `{"STAGE":"test"}`, "BillableTimeInSeconds", `[1-9]\d*`,
		"StoppingCondition", `{"MaxRuntimeInSeconds":3600,"MaxWaitTimeInSeconds":7200}`, "RetryStrategy.MaximumRetryAttempts", `2`,
		"ModelArtifacts.S3ModelArtifacts", `"s3://`+notebookBucket+`/+`+job+`/output/model\.tar\.gz"`)
	// Stop after the end is refused; the SDK takes this code for the end.
	n.refused("StopTrainingJob", `{"TrainingJobName": "`+job+`"}`, "ValidationException", "")
}

// analytics is Estimator.training_job_analytics.dataframe, which asks for the
// metrics that the job's definitions name, minute by minute.
func (n notebook) analytics(job string) {
	described := n.call("DescribeTrainingJob", `{"TrainingJobName": "`+job+`"}`)
	ends := must(strconv.ParseFloat(fmt.Sprint(described.at("TrainingEndTime")), 64)) + 60
	for i, metric := range []string{"train:accuracy", "validation:accuracy", "train:mean_rho"} {
		body := fmt.Sprintf(`{"Namespace": "/aws/sagemaker/TrainingJobs", "MetricName": %q, "Dimensions": [{"Name": "TrainingJobName", "Value": %q}],
			"StartTime": %s, "EndTime": %.3f, "Period": 60, "Statistics": ["Average"]}`, metric, job, described.at("TrainingStartTime"), ends)
		res, content := n.send("POST", "monitoring", "/", map[string]string{"Content-Type": "application/x-amz-json-1.0",
			"X-Amz-Target": "GraniteServiceVersion20100801.GetMetricStatistics", "X-Amzn-Query-Mode": "true"}, body)
		var out reply
		decoder := json.NewDecoder(strings.NewReader(content))
		decoder.UseNumber()
		if err := decoder.Decode(&out.value); err != nil || res.StatusCode != 200 {
			n.Fatalf("%s: %d %s", metric, res.StatusCode, content)
		}
		if metric == "train:mean_rho" { // which only word vectors have: the SDK warns
			n.reads(metric, out, "Datapoints", `\[\]`)
			continue
		}
		n.reads(metric, out, "Label", `"`+metric+`"`, "Datapoints.0.Timestamp", epoch)
		final := fmt.Sprint(described.at(fmt.Sprint("FinalMetricDataList.", i, ".Value")))
		if got := fmt.Sprint(out.at("Datapoints.0.Average")); math.Abs(must(strconv.ParseFloat(got, 64))-must(strconv.ParseFloat(final, 64))) > 1e-6 {
			n.Errorf("%s is %s, and finally %s", metric, got, final)
		}
	}
}

// attach is Estimator.attach, which reads without defaults.
func (n notebook) attach(job string) {
	described := n.call("DescribeTrainingJob", `{"TrainingJobName": "`+job+`"}`)
	n.reads("DescribeTrainingJob", described,
		"RoleArn", `"`+notebookRole+`"`, "OutputDataConfig.KmsKeyId", `""`,
		"OutputDataConfig.S3OutputPath", `"s3://`+notebookBucket+`/blazingtext/output"`,
		"AlgorithmSpecification.TrainingImage", `"`+notebookImage+`"`, "AlgorithmSpecification.TrainingInputMode", `"File"`,
		"AlgorithmSpecification.EnableSageMakerMetricsTimeSeries", `(true|false)`,
		"AlgorithmSpecification.MetricDefinitions.0", `{"Name":"train:accuracy","Regex":".+"}`,
		"AlgorithmSpecification.MetricDefinitions.1", `{"Name":"validation:accuracy","Regex":".+"}`,
		"AlgorithmSpecification.MetricDefinitions.2", `{"Name":"train:mean_rho","Regex":".+"}`,
		"InputDataConfig.0.ChannelName", `"train"`, "InputDataConfig.1.DataSource.S3DataSource.S3Uri", `"s3://.+/validation"`)
	var sent map[string]any
	if err := json.Unmarshal([]byte("{"+notebookStatic+`, "learning_rate": "0.05", "word_ngrams": "2"}`), &sent); err != nil {
		n.Fatal(err)
	}
	if got, _ := described.at("HyperParameters").(map[string]any); !maps.Equal(got, sent) {
		n.Errorf("the hyperparameters are %v", got)
	}
	tags := n.call("ListTags", `{"ResourceArn": "`+described.text("TrainingJobArn")+`", "MaxResults": 50}`)
	n.reads("ListTags", tags, "Tags", `\[{"Key":"project","Value":"notebook"}\]`)
	n.lacks("ListTags", tags, "NextToken", "nextToken")
}
