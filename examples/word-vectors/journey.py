#!/usr/bin/env python3
"""BlazingText's word vectors, with boto3: train, look at what came out, find the job again, ask for vectors.

    AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… ./journey.py text.txt pairs.txt

text.txt has sentences, one a line. pairs.txt has two words and how similar people find them on each line, such as
WordSim-353; it is for eval.json and may be left out.
"""

import io
import json
import os
import sys
import tarfile
import time

import boto3

CONTROL = os.environ.get("HELIOGRAPH_CONTROL", "http://127.0.0.1:9000")
IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"


def client(service):
    return boto3.client(service, endpoint_url=CONTROL, region_name=os.environ.get("AWS_DEFAULT_REGION", "us-east-1"))


def step(text):
    print(f"\n== {text}", flush=True)


def channel(name, uri):
    return {"ChannelName": name, "ContentType": "text/plain",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated", "S3Uri": uri}}}


def finished(sagemaker, job):
    """Polls faster than boto3's waiter, which looks every two minutes."""
    while True:
        found = sagemaker.describe_training_job(TrainingJobName=job)
        if found["TrainingJobStatus"] not in ("InProgress", "Stopping"):
            return found
        time.sleep(0.1)


def main(text, pairs=None):
    s3, sagemaker, runtime, logs = (client(s) for s in ("s3", "sagemaker", "sagemaker-runtime", "logs"))
    identity = client("sts").get_caller_identity()
    role = client("iam").get_role(RoleName=identity["Arn"].split("/")[1])["Role"]["Arn"]
    name = time.strftime("vectors-%Y-%m-%d-%H-%M-%S-", time.gmtime()) + f"{time.time_ns() // 1_000_000 % 1000:03d}"

    step("Upload")
    s3.create_bucket(Bucket=name)
    s3.upload_file(text, name, "train")
    channels = [channel("train", f"s3://{name}/train")]
    if pairs:
        s3.upload_file(pairs, name, "evaluation/" + os.path.basename(pairs))
        channels.append(channel("evaluation", f"s3://{name}/evaluation/"))

    for mode, more in {"skipgram": {"subwords": "True", "buckets": "20000"}, "cbow": {}, "batch_skipgram": {"batch_size": "11"}}.items():
        job = f"{name}-{mode.replace('_', '-')}"
        step(f"Train {job}")
        sagemaker.create_training_job(
            TrainingJobName=job,
            RoleArn=role,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            HyperParameters={"mode": mode, "epochs": "5", "min_count": "2", "vector_dim": "50", "sampling_threshold": "0.001",
                             "learning_rate": "0.05", "window_size": "5", "evaluation": "True", **more},
            InputDataConfig=channels,
            OutputDataConfig={"S3OutputPath": f"s3://{name}/output"},
            ResourceConfig={"InstanceType": "ml.c4.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
            StoppingCondition={"MaxRuntimeInSeconds": 360000},
            Tags=[{"Key": "mode", "Value": mode}],
        )
        found = finished(sagemaker, job)
        print(found["TrainingJobStatus"], found.get("FailureReason", ""))
        stream = logs.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=job + "/")["logStreams"][0]
        for event in logs.get_log_events(logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=stream["logStreamName"], startFromHead=True)["events"]:
            print("  ", event["message"])
        for metric in found.get("FinalMetricDataList", []):
            print(metric["MetricName"], metric["Value"])
        bucket, key = found["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").split("/", 1)
        archive = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
            print("holds", *files.getnames())
            print("vectors.txt begins with", files.extractfile("vectors.txt").readline().decode().strip())

    step("Find jobs by what they are")
    best = sagemaker.search(
        Resource="TrainingJob",
        SearchExpression={"Filters": [{"Name": "TrainingJobName", "Operator": "Contains", "Value": name},
                                      {"Name": "HyperParameters.vector_dim", "Operator": "GreaterThan", "Value": "9"}]},
        SortBy="Metrics.train:mean_rho" if pairs else "CreationTime",
    )
    for result in best["Results"]:
        print("found", result["TrainingJob"]["TrainingJobName"], result["TrainingJob"]["Tags"])
    arn = sagemaker.describe_training_job(TrainingJobName=f"{name}-skipgram")["TrainingJobArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "chosen", "Value": "yes"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["mode"])
    print("tags", sagemaker.list_tags(ResourceArn=arn)["Tags"])

    step("Serve")
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role,
                           PrimaryContainer={"Image": IMAGE, "ModelDataUrl": f"s3://{name}/output/{name}-skipgram/output/model.tar.gz"})
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[
        {"VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m4.xlarge", "InitialVariantWeight": 1}])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    while (status := sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]) == "Creating":
        time.sleep(0.1)
    print("endpoint", status)
    answer = runtime.invoke_endpoint(EndpointName=name, ContentType="application/json", Body=json.dumps({"instances": ["river", "rivers"]}))
    for vector in json.loads(answer["Body"].read()):
        print(vector["word"], len(vector["vector"]), "values, not all zero:", any(vector["vector"]))

    step("Tidy up")
    sagemaker.delete_endpoint(EndpointName=name)
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_model(ModelName=name)
    print(len(sagemaker.list_training_jobs(NameContains=name, StatusEquals="Completed", SortBy="Name", SortOrder="Ascending")["TrainingJobSummaries"]), "jobs were completed")


if __name__ == "__main__":
    main(*sys.argv[1:])
