#!/usr/bin/env python3
"""Automatic model tuning as the SageMaker Python SDK's HyperparameterTuner does it, with boto3.

Only the endpoint URL says that this is not AWS:

    AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… ./tune.py dbpedia.train dbpedia.validation
"""

import json
import os
import sys
import time

import boto3

CONTROL = os.environ.get("HELIOGRAPH_CONTROL", "http://127.0.0.1:9000")
STRATEGY = os.environ.get("STRATEGY", "Bayesian")
IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"
ROLE = "arn:aws:iam::000000000000:role/SageMakerRole"


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


def tuning_job(prefix):
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": STRATEGY,
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 9, "MaxParallelTrainingJobs": 3},
            "TrainingJobEarlyStoppingType": "Off",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:accuracy"},
            "ParameterRanges": {
                "ContinuousParameterRanges": [
                    {"Name": "learning_rate", "MinValue": "0.05", "MaxValue": "0.15", "ScalingType": "Auto"}
                ],
                "CategoricalParameterRanges": [],
                "IntegerParameterRanges": [
                    {"Name": "vector_dim", "MinValue": "5", "MaxValue": "20", "ScalingType": "Auto"},
                    {"Name": "word_ngrams", "MinValue": "1", "MaxValue": "3", "ScalingType": "Auto"},
                ],
            },
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": {
                "mode": "supervised",
                "epochs": "9",
                "min_count": "2",
                "buckets": "10000",
            },
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "InputDataConfig": [channel("train", f"{prefix}/train"), channel("validation", f"{prefix}/validation")],
            "OutputDataConfig": {"S3OutputPath": f"{prefix}/output"},
            "HyperParameterTuningResourceConfig": {
                "InstanceType": "ml.c4.4xlarge",
                "InstanceCount": 1,
                "VolumeSizeInGB": 30,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 360000},
        },
    }


def main(train, validation):
    s3, sagemaker, runtime = (client(s) for s in ("s3", "sagemaker", "sagemaker-runtime"))
    name = time.strftime("blazingtext-%y%m%d-%H%M-", time.gmtime()) + f"{time.time_ns() // 1_000_000 % 1000:03d}"

    step(f"Make the bucket {name} and upload the data")
    s3.create_bucket(Bucket=name)
    s3.upload_file(train, name, "train/dbpedia.train")
    s3.upload_file(validation, name, "validation/dbpedia.validation")

    step(f"Tune {name}")
    sagemaker.create_hyper_parameter_tuning_job(HyperParameterTuningJobName=name, **tuning_job(f"s3://{name}"))
    while True:
        job = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        if job["HyperParameterTuningJobStatus"] not in ("InProgress", "Stopping"):
            break
        print(".", end="", flush=True)
        time.sleep(0.5)
    counters = job["TrainingJobStatusCounters"]
    print(f"\n{job['HyperParameterTuningJobStatus']}: {counters['Completed']} completed, {counters['Stopped']} stopped")
    if "FailureReason" in job:
        print(job["FailureReason"])

    step("Its training jobs, the best first")
    jobs = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, SortBy="FinalObjectiveMetricValue", SortOrder="Descending", MaxResults=100
    )["TrainingJobSummaries"]
    for found in jobs:
        metric = found["FinalHyperParameterTuningJobObjectiveMetric"]
        print(f"{metric['Value']:.4f}", found["TrainingJobStatus"], found["TrainingJobName"], found["TunedHyperParameters"])

    step("Deploy the best")
    best = sagemaker.describe_training_job(TrainingJobName=job["BestTrainingJob"]["TrainingJobName"])
    print(best["TrainingJobName"], "of", best["TuningJobArn"])
    sagemaker.create_model(
        ModelName=best["TrainingJobName"],
        ExecutionRoleArn=ROLE,
        PrimaryContainer={
            "Image": best["AlgorithmSpecification"]["TrainingImage"],
            "Environment": {},
            "ModelDataUrl": best["ModelArtifacts"]["S3ModelArtifacts"],
        },
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": best["TrainingJobName"],
                "InitialVariantWeight": 1,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m4.xlarge",
            }
        ],
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 600})
    answer = runtime.invoke_endpoint(
        EndpointName=name,
        ContentType="application/json",
        Body=json.dumps({"instances": ["a singer and painter born in the village , the greatest dancer"]}),
    )
    print(answer["Body"].read().decode())

    step("Clean up")
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_endpoint(EndpointName=name)
    sagemaker.delete_model(ModelName=best["TrainingJobName"])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: tune.py TRAIN VALIDATION")
    main(*sys.argv[1:])
