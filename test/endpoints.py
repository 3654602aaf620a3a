"""The life of endpoints with boto3: deploy, invoke, update, weights, asynchronous
inference, data capture, delete. It takes the path of a fastText model that knows
the labels __label__red and __label__blue, and prints "ok" at the end;
HELIOGRAPH_CONTROL is the server."""

import json
import sys
import time

import boto3

from house import URL, refused

s3 = boto3.client("s3", endpoint_url=URL)
maker = boto3.client("sagemaker", endpoint_url=URL)
runtime = boto3.client("sagemaker-runtime", endpoint_url=URL)
IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"
ROLE = "arn:aws:iam::000000000000:role/SageMakerRole"
BUCKET, NAME = "python", "Python-1"


def variant(name, weight):
    return {"VariantName": name, "ModelName": NAME, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large", "InitialVariantWeight": weight}


def in_service(name):
    maker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return maker.describe_endpoint(EndpointName=name)


def invoke(**more):
    body = json.dumps({"instances": ["red", "blue"], "configuration": {"k": 1}})
    return runtime.invoke_endpoint(**{"EndpointName": NAME, "ContentType": "application/json", "Body": body, **more})


def content(location):
    key = location.removeprefix(f"s3://{BUCKET}/")
    s3.get_waiter("object_exists").wait(Bucket=BUCKET, Key=key, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()


s3.create_bucket(Bucket=BUCKET)
s3.upload_file(sys.argv[1], BUCKET, "model.bin")
maker.create_model(ModelName=NAME, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.bin"})
maker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant("AllTraffic", 1)])
assert maker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)["EndpointArn"] == "arn:aws:sagemaker:us-east-1:000000000000:endpoint/python-1"
in_service(NAME)
answer = invoke()
assert answer["InvokedProductionVariant"] == "AllTraffic" and answer["ContentType"] == "application/json"
assert [one["label"] for one in json.loads(answer["Body"].read())] == [["__label__red"], ["__label__blue"]]
fault = refused(invoke, "ModelError", "content-type text/csv not supported", ContentType="text/csv")
assert fault["OriginalStatusCode"] == 415, fault
refused(invoke, "ValidationError", "not found", EndpointName="gone")

# A shadow variant and data capture, step by step; an update that fails; weights.
maker.create_endpoint_config(
    EndpointConfigName="shadowed",
    ProductionVariants=[variant("front", 1)],
    ShadowProductionVariants=[variant("behind", 1)],
    DataCaptureConfig={
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{BUCKET}/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
    },
)
linear = {"Type": "LINEAR", "WaitIntervalInSeconds": 0, "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 25}}
maker.update_endpoint(
    EndpointName=NAME, EndpointConfigName="shadowed", DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": linear}}
)
updated = in_service(NAME)
assert updated["EndpointConfigName"] == "shadowed" and updated["DataCaptureConfig"]["CaptureStatus"] == "Started", updated
assert updated["ShadowProductionVariants"][0]["VariantName"] == "behind", updated
assert updated["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"] == linear, updated
assert invoke(InferenceId="mine")["InvokedProductionVariant"] == "front"
refused(invoke, "ValidationError", "no variant called behind", TargetVariant="behind")
s3.put_object(Bucket=BUCKET, Key="broken", Body=b"nothing of use")
maker.create_model(ModelName="broken", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/broken"})
maker.create_endpoint_config(EndpointConfigName="broken", ProductionVariants=[{**variant("front", 1), "ModelName": "broken"}])
maker.update_endpoint(EndpointName=NAME, EndpointConfigName="broken")
back = in_service(NAME)
assert back["EndpointConfigName"] == "shadowed" and "rolled back" in back["FailureReason"], back
maker.update_endpoint_weights_and_capacities(EndpointName=NAME, DesiredWeightsAndCapacities=[{"VariantName": "behind", "DesiredWeight": 0.5}])
assert in_service(NAME)["ShadowProductionVariants"][0]["CurrentWeight"] == 0.5
lines = []
for _ in range(60):
    files = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"captured/{NAME}/behind/").get("Contents", [])
    lines = [json.loads(l) for f in files for l in content(f"s3://{BUCKET}/{f['Key']}").splitlines()]
    if lines:
        break
    time.sleep(0.25)
assert lines[0]["eventMetadata"]["inferenceId"] == "mine" and "red" in lines[0]["captureData"]["endpointInput"]["data"], lines

# An endpoint that answers into objects.
maker.create_endpoint_config(
    EndpointConfigName="later",
    ProductionVariants=[variant("AllTraffic", 1)],
    AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/out"}},
)
maker.create_endpoint(EndpointName="later", EndpointConfigName="later")
in_service("later")
s3.put_object(Bucket=BUCKET, Key="in.jsonl", Body=b'{"source": "red"}\n{"source": "blue"}\n')
ask = {"EndpointName": "later", "InputLocation": f"s3://{BUCKET}/in.jsonl"}
accepted = runtime.invoke_endpoint_async(ContentType="application/jsonlines", InferenceId="id-7", **ask)
assert accepted["InferenceId"] == "id-7" and accepted["ResponseMetadata"]["HTTPStatusCode"] == 202, accepted
answer = content(accepted["OutputLocation"])
assert "__label__red" in answer.splitlines()[0] and "__label__blue" in answer.splitlines()[1], answer
refused(runtime.invoke_endpoint_async, "ValidationError", "InputLocation", EndpointName="later", InputLocation="s3://bucket")

pages = maker.get_paginator("list_endpoints").paginate(SortBy="Name", SortOrder="Descending", PaginationConfig={"PageSize": 1})
assert [e["EndpointName"] for p in pages for e in p["Endpoints"]] == [NAME, "later"]
for name in (NAME, "later"):
    maker.delete_endpoint(EndpointName=name)
    maker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
refused(maker.describe_endpoint, "ValidationException", "Could not find endpoint", EndpointName=NAME)
for name in (NAME, "shadowed", "broken", "later"):
    maker.delete_endpoint_config(EndpointConfigName=name)
for name in (NAME, "broken"):
    maker.delete_model(ModelName=name)
print("ok")
