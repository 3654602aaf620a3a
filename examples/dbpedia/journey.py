#!/usr/bin/env python3
"""The classic BlazingText notebook on the DBpedia ontology set, with boto3.

Only the endpoint URL says that this is not AWS:

    AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… ./journey.py dbpedia.train dbpedia.validation
"""

import json
import os
import sys
import time

import boto3

CONTROL = os.environ.get("HELIOGRAPH_CONTROL", "http://127.0.0.1:9000")
IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"


def client(service):
    return boto3.client(service, endpoint_url=CONTROL, region_name=os.environ.get("AWS_DEFAULT_REGION", "us-east-1"))


def step(text):
    print(f"\n== {text}", flush=True)


def channel(name, uri):
    return {
        "ChannelName": name,
        "ContentType": "text/plain",
        "DataSource": {
            "S3DataSource": {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated", "S3Uri": uri}
        },
    }


def main(train, validation):
    s3, sagemaker, runtime, logs = (client(s) for s in ("s3", "sagemaker", "sagemaker-runtime", "logs"))
    name = time.strftime("blazingtext-%Y-%m-%d-%H-%M-%S-", time.gmtime()) + f"{time.time_ns() // 1_000_000 % 1000:03d}"
    bucket = os.environ.get("BUCKET", name)

    step("Who am I, and which role do I use")
    identity = client("sts").get_caller_identity()
    role = client("iam").get_role(RoleName=identity["Arn"].split("/")[1])["Role"]["Arn"]
    print(identity["Account"], role)

    step(f"Make the bucket {bucket} and upload the data")
    s3.create_bucket(Bucket=bucket)
    prefix = f"s3://{bucket}/blazingtext/supervised"
    s3.upload_file(train, bucket, "blazingtext/supervised/train/dbpedia.train")
    s3.upload_file(validation, bucket, "blazingtext/supervised/validation/dbpedia.validation")
    for found in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        print(found["Size"], found["Key"])

    step(f"Train {name}")
    started = time.monotonic()
    sagemaker.create_training_job(
        TrainingJobName=name,
        RoleArn=role,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={
            "mode": "supervised",
            "epochs": "10",
            "min_count": "2",
            "learning_rate": "0.05",
            "vector_dim": "10",
            "early_stopping": "True",
            "patience": "4",
            "min_epochs": "5",
            "word_ngrams": "2",
        },
        InputDataConfig=[channel("train", f"{prefix}/train"), channel("validation", f"{prefix}/validation")],
        OutputDataConfig={"S3OutputPath": f"{prefix}/output"},
        ResourceConfig={"InstanceType": "ml.c4.4xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        StoppingCondition={"MaxRuntimeInSeconds": 360000},
    )
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 3600}
    )
    job = sagemaker.describe_training_job(TrainingJobName=name)
    print(f"{job['TrainingJobStatus']} after {time.monotonic() - started:.1f} s")
    for metric in job["FinalMetricDataList"]:
        print(f"{metric['MetricName']} = {metric['Value']:.4f}")

    step("Read the training log")
    group = "/aws/sagemaker/TrainingJobs"
    stream = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"][0]["logStreamName"]
    token = {}
    while True:
        page = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **token)
        if not page["events"]:
            break
        for event in page["events"]:
            print(event["message"])
        token = {"nextToken": page["nextForwardToken"]}

    step("Deploy the model")
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=role,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]},
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": name,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m4.xlarge",
                "InitialVariantWeight": 1,
            }
        ],
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 600})

    step("Ask it for the two likeliest classes")
    sentences = [
        "a family owned company that builds engines for small aircraft and sells them to flying clubs .",
        "a secondary school for girls in the north of the city , founded in 1911 .",
    ]
    answer = runtime.invoke_endpoint(
        EndpointName=name,
        ContentType="application/json",
        Body=json.dumps({"instances": sentences, "configuration": {"k": 2}}),
    )
    predictions = json.loads(answer["Body"].read())
    print(json.dumps(predictions, indent=2))

    step("Clean up")
    sagemaker.delete_endpoint(EndpointName=name)
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_model(ModelName=name)
    if not os.environ.get("KEEP"):
        for found in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=found["Key"])
        s3.delete_bucket(Bucket=bucket)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: journey.py TRAIN VALIDATION")
    main(*sys.argv[1:])
