//go:build e2e

package test

import (
	"fmt"
	"strings"
)

// tune is HyperparameterTuner: fit, analytics, attach, best_estimator and deploy.
func (n notebook) tune() {
	const name = "blazingtext-261122-1408"
	const output = "s3://" + notebookBucket + "/tuned"
	n.reads("CreateHyperParameterTuningJob", n.call("CreateHyperParameterTuningJob", `{"HyperParameterTuningJobName": "`+name+`",
		"HyperParameterTuningJobConfig": {"Strategy": "Bayesian",
			"ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2}, "TrainingJobEarlyStoppingType": "Off",
			"HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:accuracy"},
			"ParameterRanges": {"ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "0.05", "MaxValue": "0.15", "ScalingType": "Auto"}],
				"CategoricalParameterRanges": [], "IntegerParameterRanges": [{"Name": "word_ngrams", "MinValue": "1", "MaxValue": "3", "ScalingType": "Auto"}]}},
		"TrainingJobDefinition": {"StaticHyperParameters": {`+notebookStatic+`}, "RoleArn": "`+notebookRole+`",
			"OutputDataConfig": {"S3OutputPath": "`+output+`"}, "StoppingCondition": {"MaxRuntimeInSeconds": 360000},
			"HyperParameterTuningResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.c4.4xlarge", "VolumeSizeInGB": 30},
			"AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": "`+notebookImage+`"},
			"InputDataConfig": `+notebookInput+`}, "Tags": [{"Key": "project", "Value": "notebook"}]}`),
		"HyperParameterTuningJobArn", `"`+notebookARN+`hyper-parameter-tuning-job/`+name+`"`)

	described := n.until("DescribeHyperParameterTuningJob", `{"HyperParameterTuningJobName": "`+name+`"}`, "HyperParameterTuningJobStatus", "InProgress|Stopping")
	const child = `"` + name + `-\d{3}-[0-9a-f]{8}"`
	n.reads("DescribeHyperParameterTuningJob", described,
		"HyperParameterTuningJobName", `"`+name+`"`, "HyperParameterTuningJobArn", `".+"`, "HyperParameterTuningJobStatus", `"Completed"`,
		"CreationTime", epoch, "HyperParameterTuningEndTime", epoch, "LastModifiedTime", epoch,
		"TrainingJobStatusCounters", `{"Completed":4,"InProgress":0,"NonRetryableError":0,"RetryableError":0,"Stopped":0}`,
		"ObjectiveStatusCounters", `{"Failed":0,"Pending":0,"Succeeded":4}`,
		"BestTrainingJob.TrainingJobName", child, "BestTrainingJob.TrainingJobStatus", `"Completed"`,
		"BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric", `{"MetricName":"validation:accuracy",("Type":"Maximize",)?"Value":(1|0\.\d+)}`,
		"BestTrainingJob.TunedHyperParameters", `{"learning_rate":"0\.\d+","word_ngrams":"[123]"}`,
		// attach reads these without defaults.
		"HyperParameterTuningJobConfig.Strategy", `"Bayesian"`, "HyperParameterTuningJobConfig.ResourceLimits.MaxNumberOfTrainingJobs", `4`,
		"HyperParameterTuningJobConfig.ResourceLimits.MaxParallelTrainingJobs", `2`, "HyperParameterTuningJobConfig.TrainingJobEarlyStoppingType", `"Off"`,
		"HyperParameterTuningJobConfig.HyperParameterTuningJobObjective", `{"MetricName":"validation:accuracy","Type":"Maximize"}`,
		"HyperParameterTuningJobConfig.ParameterRanges.CategoricalParameterRanges", `\[\]`,
		"HyperParameterTuningJobConfig.ParameterRanges.ContinuousParameterRanges.0", `{"MaxValue":"0.15","MinValue":"0.05","Name":"learning_rate","ScalingType":"Auto"}`,
		"HyperParameterTuningJobConfig.ParameterRanges.IntegerParameterRanges.0", `{"MaxValue":"3","MinValue":"1","Name":"word_ngrams","ScalingType":"Auto"}`,
		"TrainingJobDefinition.StaticHyperParameters._tuning_objective_metric", `"validation:accuracy"`,
		"TrainingJobDefinition.StaticHyperParameters.mode", `"supervised"`,
		"TrainingJobDefinition.AlgorithmSpecification.TrainingImage", `"`+notebookImage+`"`,
		"TrainingJobDefinition.AlgorithmSpecification.TrainingInputMode", `"File"`,
		"TrainingJobDefinition.AlgorithmSpecification.MetricDefinitions.1.Name", `"validation:accuracy"`,
		"TrainingJobDefinition.ResourceConfig", `{"InstanceCount":1,"InstanceType":"ml.c4.4xlarge","VolumeSizeInGB":30}`,
		"TrainingJobDefinition.StoppingCondition.MaxRuntimeInSeconds", `360000`,
		"TrainingJobDefinition.OutputDataConfig.S3OutputPath", `"`+output+`"`, "TrainingJobDefinition.RoleArn", `"`+notebookRole+`"`)
	n.lacks("DescribeHyperParameterTuningJob", described, "FailureReason", "TrainingJobDefinitions", "WarmStartConfig")

	// analytics().dataframe() makes a row of each summary.
	summaries := n.call("ListTrainingJobsForHyperParameterTuningJob", `{"HyperParameterTuningJobName": "`+name+`", "MaxResults": 100}`)
	for i := range 4 {
		at := fmt.Sprint("TrainingJobSummaries.", i, ".")
		n.reads("ListTrainingJobsForHyperParameterTuningJob", summaries, at+"TrainingJobName", child, at+"TrainingJobStatus", `"Completed"`,
			at+"TunedHyperParameters", `{"learning_rate":"0\.\d+","word_ngrams":"[123]"}`, at+"FinalHyperParameterTuningJobObjectiveMetric.Value", `(1|0\.\d+)`,
			at+"TrainingStartTime", epoch, at+"TrainingEndTime", epoch)
	}
	if summaries.at("TrainingJobSummaries.4") != nil {
		n.Error("there are more than four summaries")
	}
	n.lacks("ListTrainingJobsForHyperParameterTuningJob", summaries, "NextToken")

	// best_estimator attaches to the best training job, and deploy makes a model of it.
	best := described.text("BestTrainingJob.TrainingJobName")
	job := n.call("DescribeTrainingJob", `{"TrainingJobName": "`+best+`"}`)
	n.reads("DescribeTrainingJob", job, "TuningJobArn", `"`+described.text("HyperParameterTuningJobArn")+`"`, "OutputDataConfig.KmsKeyId", `""`,
		"HyperParameters._tuning_objective_metric", `"validation:accuracy"`, "HyperParameters.learning_rate", `"0\.\d+"`,
		"ModelArtifacts.S3ModelArtifacts", `"`+output+`/`+best+`/output/model\.tar\.gz"`)
	n.reads("ListTags", n.call("ListTags", `{"ResourceArn": "`+job.text("TrainingJobArn")+`", "MaxResults": 50}`), "Tags", `\[{"Key":"project","Value":"notebook"}\]`)
	n.deploy(best, name)
	n.predict(name)
	n.remove(name, name)
	n.refused("StopHyperParameterTuningJob", `{"HyperParameterTuningJobName": "`+name+`"}`, "ValidationException", "")
}

// transform is Estimator.transformer, Transformer.transform and attach.
func (n notebook) transform(job string) {
	const name = "blazingtext-2026-11-22-14-20-11-042"
	model := job // transformer() names the model after the training job
	artifacts := n.call("DescribeTrainingJob", `{"TrainingJobName": "`+job+`"}`).text("ModelArtifacts.S3ModelArtifacts")
	n.call("CreateModel", `{"ModelName": "`+model+`", "ExecutionRoleArn": "`+notebookRole+`",
		"PrimaryContainer": {"Image": "`+notebookImage+`", "Environment": {}, "ModelDataUrl": "`+artifacts+`"}, "EnableNetworkIsolation": false}`)
	n.reads("DescribeModel", n.call("DescribeModel", `{"ModelName": "`+model+`"}`), "PrimaryContainer.Image", `"`+notebookImage+`"`,
		"PrimaryContainer.ModelDataUrl", `"`+artifacts+`"`, "ExecutionRoleArn", `"`+notebookRole+`"`, "CreationTime", epoch, "ModelArn", `".+"`)
	n.put("/"+notebookBucket+"/requests/today.jsonl", notebookAccount,
		[]byte(`{"source": "river lake mountain tributary glacier"}`+"\n"+`{"source": "footballer league player olympics"}`+"\n"))
	n.reads("CreateTransformJob", n.call("CreateTransformJob", `{"TransformJobName": "`+name+`", "ModelName": "`+model+`",
		"TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://`+notebookBucket+`/requests"}},
			"ContentType": "application/jsonlines", "SplitType": "Line"},
		"TransformOutput": {"S3OutputPath": "s3://`+notebookBucket+`/`+name+`", "Accept": "application/jsonlines", "AssembleWith": "Line"},
		"TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m4.xlarge"}, "BatchStrategy": "SingleRecord",
		"DataProcessing": {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}}`),
		"TransformJobArn", `"`+notebookARN+`transform-job/`+name+`"`)
	described := n.until("DescribeTransformJob", `{"TransformJobName": "`+name+`"}`, "TransformJobStatus", "InProgress|Stopping")
	n.reads("DescribeTransformJob", described, "TransformJobStatus", `"Completed"`, "TransformJobName", `"`+name+`"`, "TransformJobArn", `".+"`,
		"ModelName", `"`+model+`"`, "TransformResources", `{"InstanceCount":1,"InstanceType":"ml.m4.xlarge"}`, "BatchStrategy", `"SingleRecord"`,
		"TransformOutput.AssembleWith", `"Line"`, "TransformOutput.Accept", `"application/jsonlines"`, "TransformOutput.S3OutputPath", `"s3://.+/`+name+`"`,
		"TransformInput.SplitType", `"Line"`, "TransformInput.ContentType", `"application/jsonlines"`,
		"CreationTime", epoch, "TransformStartTime", epoch, "TransformEndTime", epoch)
	n.lacks("DescribeTransformJob", described, "FailureReason")
	n.tail("/aws/sagemaker/TransformJobs", name, func() bool { return true })
	out := lines(n.object("/" + notebookBucket + "/" + name + "/today.jsonl.out"))
	if len(out) != 2 || !strings.Contains(out[0], "__label__NaturalPlace") || !strings.Contains(out[1], "__label__Athlete") {
		n.Errorf("the output is %q", out)
	}
	n.call("DeleteModel", `{"ModelName": "`+model+`"}`)
}
