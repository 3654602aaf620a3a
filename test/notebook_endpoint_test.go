//go:build e2e

package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// deploy is Estimator.deploy; endpoint, config and model have one name.
func (n notebook) deploy(job, name string) {
	artifacts := n.call("DescribeTrainingJob", `{"TrainingJobName": "`+job+`"}`).text("ModelArtifacts.S3ModelArtifacts")
	create := `{"ModelName": "` + name + `", "ExecutionRoleArn": "` + notebookRole + `",
		"PrimaryContainer": {"Image": "` + notebookImage + `", "Environment": {}, "ModelDataUrl": "` + artifacts + `"}, "EnableNetworkIsolation": false}`
	n.reads("CreateModel", n.call("CreateModel", create), "ModelArn", `"`+notebookARN+`model/`+name+`"`)
	// The SDK goes on after this phrase.
	n.refused("CreateModel", create, "ValidationException", "Cannot create already existing model")
	config := `{"EndpointConfigName": "` + name + `", "ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "` + name + `",
		"InitialVariantWeight": 1, "InitialInstanceCount": 1, "InstanceType": "ml.m4.xlarge"}], "Tags": [{"Key": "project", "Value": "notebook"}],
		"DataCaptureConfig": {"EnableCapture": true, "InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://` + notebookBucket + `/captured",
			"CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
			"CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}}}`
	n.reads("CreateEndpointConfig", n.call("CreateEndpointConfig", config), "EndpointConfigArn", `"`+notebookARN+`endpoint-config/`+name+`"`)
	n.refused("CreateEndpointConfig", config, "ValidationException", "Cannot create already existing endpoint configuration")
	n.refused("DescribeEndpoint", `{"EndpointName": "`+name+`"}`, "ValidationException", "Could not find")
	endpoint := `{"EndpointName": "` + name + `", "EndpointConfigName": "` + name + `", "Tags": []}`
	n.reads("CreateEndpoint", n.call("CreateEndpoint", endpoint), "EndpointArn", `"`+notebookARN+`endpoint/`+name+`"`)
	n.refused("CreateEndpoint", endpoint, "ValidationException", "Cannot create already existing endpoint")
	n.inService(name, name)
}

// inService waits as deploy and update_endpoint do, and checks the description.
func (n notebook) inService(name, config string) reply {
	n.Helper()
	described := n.until("DescribeEndpoint", `{"EndpointName": "`+name+`"}`, "EndpointStatus", "Creating|Updating")
	n.reads("DescribeEndpoint", described,
		"EndpointName", `"`+name+`"`, "EndpointArn", `"`+notebookARN+`endpoint/`+name+`"`, "EndpointConfigName", `"`+config+`"`,
		"EndpointStatus", `"InService"`, "CreationTime", epoch, "LastModifiedTime", epoch,
		"ProductionVariants.0.VariantName", `"AllTraffic"`, "ProductionVariants.0.CurrentWeight", `1(\.0)?`, "ProductionVariants.0.DesiredWeight", `1(\.0)?`,
		"ProductionVariants.0.DeployedImages.0.SpecifiedImage", `"`+notebookImage+`"`, "ProductionVariants.0.DeployedImages.0.ResolvedImage", `".+"`)
	n.lacks("DescribeEndpoint", described, "FailureReason")
	return described
}

// predict is Predictor.predict with the JSON serializer.
func (n notebook) predict(name string) {
	res, body := n.send("POST", "sagemaker", "/endpoints/"+name+"/invocations", map[string]string{"Content-Type": "application/json", "Accept": "*/*"},
		`{"instances": ["river lake mountain tributary glacier", "footballer league player olympics"], "configuration": {"k": 2}}`)
	var labels []struct {
		Label []string
		Prob  []float64
	}
	if err := json.Unmarshal([]byte(body), &labels); res.StatusCode != 200 || err != nil {
		n.Fatalf("InvokeEndpoint: %d %s (%v)", res.StatusCode, body, err)
	}
	if len(labels) != 2 || len(labels[0].Label) != 2 || len(labels[1].Prob) != 2 || labels[0].Label[0] != "__label__NaturalPlace" || labels[1].Label[0] != "__label__Athlete" {
		n.Errorf("the labels are %+v", labels)
	}
	if res.Header.Get("X-Amzn-Invoked-Production-Variant") != "AllTraffic" || res.Header.Get("Content-Type") != "application/json" || res.Header.Get("X-Amzn-Requestid") == "" {
		n.Errorf("the headers are %v", res.Header)
	}
	// What happens without a serializer, and to those who encode twice.
	for contentType, status := range map[string]int{"application/octet-stream": 415, "application/json": 500} {
		res, body := n.send("POST", "sagemaker", "/endpoints/"+name+"/invocations", map[string]string{"Content-Type": contentType, "Accept": "*/*"}, `"{\"instances\": [\"river\"]}"`)
		var failed struct {
			OriginalStatusCode                     int
			Message, OriginalMessage, LogStreamArn string
		}
		if err := json.Unmarshal([]byte(body), &failed); res.StatusCode != 424 || err != nil || failed.OriginalStatusCode < 400 || failed.Message == "" || failed.OriginalMessage == "" ||
			!strings.HasPrefix(res.Header.Get("X-Amzn-Errortype"), "ModelError") {
			n.Errorf("%s: %d %s (%v)", contentType, res.StatusCode, body, err)
		} else if status == 415 && failed.OriginalStatusCode != status {
			n.Errorf("%s: the model's status is %d", contentType, failed.OriginalStatusCode)
		}
	}
	if res, body := n.send("POST", "sagemaker", "/endpoints/gone/invocations", map[string]string{"Content-Type": "application/json"}, "{}"); res.StatusCode != 400 ||
		!strings.HasPrefix(res.Header.Get("X-Amzn-Errortype"), "ValidationError") || !strings.Contains(body, "Endpoint gone of account "+notebookAccount+" not found.") {
		n.Errorf("no endpoint: %d %s %s", res.StatusCode, res.Header.Get("X-Amzn-Errortype"), body)
	}
}

// update is Predictor.update_endpoint: the new config is the old one's copy, with more instances.
func (n notebook) update(name, next string) {
	old := n.call("DescribeEndpoint", `{"EndpointName": "`+name+`"}`).text("EndpointConfigName")
	config := n.call("DescribeEndpointConfig", `{"EndpointConfigName": "`+old+`"}`)
	n.reads("DescribeEndpointConfig", config, "EndpointConfigName", `"`+old+`"`, "EndpointConfigArn", `".+"`, "CreationTime", epoch,
		"ProductionVariants.0.ModelName", `"`+name+`"`, "ProductionVariants.0.InitialInstanceCount", `1`, "ProductionVariants.0.InstanceType", `"ml.m4.xlarge"`,
		"ProductionVariants.0.InitialVariantWeight", `1(\.0)?`, "DataCaptureConfig.EnableCapture", "true", "DataCaptureConfig.CaptureOptions.1.CaptureMode", `"Output"`)
	n.lacks("DescribeEndpointConfig", config, "KmsKeyId", "AsyncInferenceConfig", "ExplainerConfig")
	tags := n.call("ListTags", `{"ResourceArn": "`+config.text("EndpointConfigArn")+`", "MaxResults": 50}`)
	n.reads("ListTags", tags, "Tags", `\[{"Key":"project","Value":"notebook"}\]`)
	variants := strings.Replace(reply{config.at("ProductionVariants")}.String(), `"InitialInstanceCount":1`, `"InitialInstanceCount":2`, 1)
	n.call("CreateEndpointConfig", fmt.Sprintf(`{"EndpointConfigName": %q, "ProductionVariants": %s, "Tags": %s, "DataCaptureConfig": %s}`,
		next, variants, reply{tags.at("Tags")}, reply{config.at("DataCaptureConfig")}))
	n.reads("UpdateEndpoint", n.call("UpdateEndpoint", `{"EndpointName": "`+name+`", "EndpointConfigName": "`+next+`"}`), "EndpointArn", `".+"`)
	n.reads("DescribeEndpoint", n.inService(name, next), "ProductionVariants.0.CurrentInstanceCount", `2`, "ProductionVariants.0.DesiredInstanceCount", `2`,
		"DataCaptureConfig", `{"CaptureStatus":"Started","CurrentSamplingPercentage":100,"DestinationS3Uri":"s3://.+/captured","EnableCapture":true.*}`)
}

// remove is Predictor.delete_model and delete_endpoint, in the SDK's order: the
// config goes before its endpoint.
func (n notebook) remove(name, config string) {
	if got := n.call("DescribeEndpoint", `{"EndpointName": "`+name+`"}`).text("EndpointConfigName"); got != config {
		n.Errorf("the endpoint's config is %s", got)
	}
	model := n.call("DescribeEndpointConfig", `{"EndpointConfigName": "`+config+`"}`).text("ProductionVariants.0.ModelName")
	n.call("DeleteModel", `{"ModelName": "`+model+`"}`)
	n.refused("DescribeModel", `{"ModelName": "`+model+`"}`, "ValidationException", "Could not find model")
	n.call("DeleteEndpointConfig", `{"EndpointConfigName": "`+config+`"}`)
	n.refused("DescribeEndpointConfig", `{"EndpointConfigName": "`+config+`"}`, "ValidationException", "Could not find endpoint configuration")
	n.call("DeleteEndpoint", `{"EndpointName": "`+name+`"}`)
	n.gone(name)
}

// gone waits until an endpoint is no more.
func (n notebook) gone(name string) {
	n.Helper()
	for {
		status, out := n.raw("sagemaker", "SageMaker.DescribeEndpoint", `{"EndpointName": "`+name+`"}`)
		if status == 400 && out.text("__type") == "ValidationException" && strings.Contains(out.text("message"), "Could not find") {
			return
		}
		if status != 200 || out.text("EndpointStatus") != "Deleting" {
			n.Fatalf("a deleted endpoint: %d %s", status, out)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// serverless is deploy with a ServerlessInferenceConfig, which has no instances.
func (n notebook) serverless(model string) {
	const name = "serverless-2026-11-22-14-25-40-900"
	n.call("CreateEndpointConfig", `{"EndpointConfigName": "`+name+`", "ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "`+model+`",
		"InitialVariantWeight": 1, "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}]}`)
	n.call("CreateEndpoint", `{"EndpointName": "`+name+`", "EndpointConfigName": "`+name+`", "Tags": []}`)
	n.reads("DescribeEndpoint", n.inService(name, name), "ProductionVariants.0.CurrentServerlessConfig", `{"MaxConcurrency":5,"MemorySizeInMB":2048}`)
	n.predict(name)
	n.call("DeleteEndpointConfig", `{"EndpointConfigName": "`+name+`"}`)
	n.call("DeleteEndpoint", `{"EndpointName": "`+name+`"}`)
	n.gone(name)
}

// async is deploy with an AsyncInferenceConfig, and AsyncPredictor.predict_async:
// upload, invoke, and look for the output object.
func (n notebook) async(model string) {
	const name = "async-2026-11-22-14-28-02-311"
	n.call("CreateEndpointConfig", `{"EndpointConfigName": "`+name+`", "ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "`+model+`",
		"InitialVariantWeight": 1, "InitialInstanceCount": 1, "InstanceType": "ml.m4.xlarge"}],
		"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://`+notebookBucket+`/async-endpoint-outputs/`+name+`",
			"S3FailurePath": "s3://`+notebookBucket+`/async-endpoint-failures/`+name+`"}}}`)
	n.call("CreateEndpoint", `{"EndpointName": "`+name+`", "EndpointConfigName": "`+name+`", "Tags": []}`)
	n.inService(name, name)
	n.reads("DescribeEndpointConfig", n.call("DescribeEndpointConfig", `{"EndpointConfigName": "`+name+`"}`),
		"AsyncInferenceConfig.OutputConfig.S3OutputPath", `".+"`, "AsyncInferenceConfig.OutputConfig.S3FailurePath", `".+"`)

	input := "/" + notebookBucket + "/async-endpoint-inputs/" + name + "/1"
	n.put(input, "", []byte(`{"instances": ["river lake mountain tributary glacier"]}`))
	res, body := n.send("POST", "sagemaker", "/endpoints/"+name+"/async-invocations", map[string]string{
		"Content-Type": "application/x-amz-json-1.1", "X-Amzn-Sagemaker-Inputlocation": "s3:/" + input,
		"X-Amzn-Sagemaker-Content-Type": "application/json", "X-Amzn-Sagemaker-Accept": "*/*"}, "")
	var accepted struct{ InferenceId string }
	if err := json.Unmarshal([]byte(body), &accepted); res.StatusCode != 202 || err != nil || accepted.InferenceId == "" {
		n.Fatalf("InvokeEndpointAsync: %d %s (%v)", res.StatusCode, body, err)
	}
	failure, output := res.Header.Get("X-Amzn-Sagemaker-Failurelocation"), res.Header.Get("X-Amzn-Sagemaker-Outputlocation")
	if !strings.HasPrefix(failure, "s3://"+notebookBucket+"/async-endpoint-failures/") || !strings.HasPrefix(output, "s3://"+notebookBucket+"/async-endpoint-outputs/") {
		n.Fatalf("the locations are %q and %q", output, failure)
	}
	path := strings.TrimPrefix(output, "s3:/")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) { // the waiter object_exists
		res, _ := n.send("HEAD", "s3", path, nil, "")
		if res.StatusCode == http.StatusOK {
			break
		}
		if res.StatusCode != http.StatusNotFound || time.Now().After(deadline) {
			n.Fatalf("HEAD of the output: %d", res.StatusCode)
		}
	}
	if content := n.object(path); !strings.Contains(content, "__label__NaturalPlace") {
		n.Errorf("the output is %s", content)
	}
	n.call("DeleteEndpointConfig", `{"EndpointConfigName": "`+name+`"}`)
	n.call("DeleteEndpoint", `{"EndpointName": "`+name+`"}`)
	n.gone(name)
}
