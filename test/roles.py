"""Execution roles with boto3: who may hand them on, and what jobs, models and
endpoints may touch with them. It prints "ok" at the end; HELIOGRAPH_CONTROL is the
server, and the environment's key may do everything."""

import json
import time

import boto3

from house import ACCOUNT, URL, policy, refused

IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"
CANNOT = "Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume the role."


def clients(**key):
    session = boto3.Session(**key)
    return [session.client(name, endpoint_url=URL) for name in ("iam", "s3", "sagemaker", "sagemaker-runtime")]


iam, s3, maker, runtime = clients()


def role(name, *statements, service="sagemaker.amazonaws.com"):
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(*statements))
    return arn


def drop(name):
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)


def job(name, arn, source="s3://roles/mine/", output="s3://roles/out/", epochs="2"):
    return dict(
        TrainingJobName=name, RoleArn=arn, AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={"mode": "supervised", "epochs": epochs, "min_count": "1", "vector_dim": "8", "buckets": "100", "threads": "1"},
        InputDataConfig=[{"ChannelName": "train", "ContentType": "text/plain", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}}}],
        OutputDataConfig={"S3OutputPath": output}, StoppingCondition={"MaxRuntimeInSeconds": 3600},
        ResourceConfig={"InstanceType": "ml.c5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1})


def wait(describe, field, busy, **arguments):
    for _ in range(1200):
        answer = describe(**arguments)
        if answer[field] not in busy:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{arguments} is still {answer[field]}")


def ended(name):
    return wait(maker.describe_training_job, "TrainingJobStatus", ("InProgress", "Stopping"), TrainingJobName=name)


s3.create_bucket(Bucket="roles")
text = "__label__billing my card was charged\n__label__technical the app shows an error\n" * 200
for key in ("mine/train", "theirs/train"):
    s3.put_object(Bucket="roles", Key=key, Body=text.encode())

# A role that may read one prefix and write another.
trainer = role("trainer",
               ("Allow", "s3:GetObject", "arn:aws:s3:::roles/mine/*"),
               ("Allow", "s3:ListBucket", "arn:aws:s3:::roles", {"StringLike": {"s3:prefix": "mine/*"}}),
               ("Allow", "s3:PutObject", "arn:aws:s3:::roles/out/*"))
maker.create_training_job(**job("within", trainer))
refused(maker.create_training_job, "ValidationException", "s3:ListBucket", **job("theirs", trainer, source="s3://roles/theirs/"))
refused(maker.create_training_job, "ValidationException", "s3:PutObject", **job("elsewhere", trainer, output="s3://roles/mine/"))
done = ended("within")
assert done["TrainingJobStatus"] == "Completed", done["FailureReason"]
artifact = done["ModelArtifacts"]["S3ModelArtifacts"]

# Roles that SageMaker can't act as.
lambdas = role("lambdas", service="lambda.amazonaws.com")
for arn in (lambdas, trainer + "x"):
    refused(maker.create_training_job, "ValidationException", f"Could not assume role {arn}. {CANNOT}", **job("no-role", arn))
    refused(maker.create_model, "ValidationException", CANNOT, ModelName="no-role", ExecutionRoleArn=arn,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": artifact})
refused(maker.create_training_job, "ValidationException", "Cross-account pass role is not allowed.", **job("cross", trainer.replace(ACCOUNT, "111111111111")))

# Who may hand a role on.
iam.create_user(UserName="maker")
key = iam.create_access_key(UserName="maker")["AccessKey"]
_, _, mine, _ = clients(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
iam.put_user_policy(UserName="maker", PolicyName="p", PolicyDocument=policy(("Allow", "sagemaker:*", "*")))
refused(mine.create_training_job, "AccessDeniedException", f"user/maker is not authorized to perform: iam:PassRole on resource: {trainer}", **job("passed", trainer))
refused(mine.create_model, "AccessDeniedException", "iam:PassRole", ModelName="passed", ExecutionRoleArn=trainer, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": artifact})
iam.put_user_policy(UserName="maker", PolicyName="p", PolicyDocument=policy(("Allow", "sagemaker:*", "*"), (
    "Allow", "iam:PassRole", trainer, {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}})))
mine.create_training_job(**job("passed", trainer))
assert ended("passed")["TrainingJobStatus"] == "Completed"
refused(mine.create_training_job, "AccessDeniedException", "iam:PassRole", **job("other", f"arn:aws:iam::{ACCOUNT}:role/SageMakerRole"))

# A model is read with its role, when it is made and when it is deployed.
refused(maker.create_model, "ValidationException", "Could not access model data at " + artifact, ModelName="m", ExecutionRoleArn=trainer,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": artifact})
reads, captures = ("Allow", "s3:GetObject", "arn:aws:s3:::roles/out/*"), ("Allow", "s3:PutObject", "arn:aws:s3:::roles/captured/*")
server = role("server", reads, captures)
maker.create_model(ModelName="m", ExecutionRoleArn=server, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": artifact})
maker.create_endpoint_config(
    EndpointConfigName="c", ProductionVariants=[{"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}],
    DataCaptureConfig={"EnableCapture": True, "InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://roles/captured/",
                       "CaptureOptions": [{"CaptureMode": "Input"}]})


def deploy(name):
    maker.create_endpoint(EndpointName=name, EndpointConfigName="c")
    return wait(maker.describe_endpoint, "EndpointStatus", ("Creating",), EndpointName=name)


def invoke(name):
    answer = runtime.invoke_endpoint(EndpointName=name, ContentType="application/json", Body=json.dumps({"instances": ["my card"]}))
    assert json.loads(answer["Body"].read())[0]["label"] == ["__label__billing"]


def captured(name):
    return s3.list_objects_v2(Bucket="roles", Prefix=f"captured/{name}/")["KeyCount"]


assert deploy("e")["EndpointStatus"] == "InService"
invoke("e")
for _ in range(600):
    if captured("e"):
        break
    time.sleep(0.05)
else:
    raise AssertionError("nothing was captured")
iam.put_role_policy(RoleName="server", PolicyName="p", PolicyDocument=policy(captures))
failed = deploy("unread")
assert failed["EndpointStatus"] == "Failed" and 'Could not access model data' in failed["FailureReason"] and "s3:GetObject" in failed["FailureReason"], failed
before = captured("e")
drop("server")
invoke("e")  # an endpoint in service goes on without its role, and touches nothing any more
time.sleep(6)
assert captured("e") == before

# A running job fails when its role is deleted.
maker.create_training_job(**job("long", trainer, epochs="1000000"))
wait(maker.describe_training_job, "SecondaryStatus", ("Starting", "Pending", "Downloading"), TrainingJobName="long")
drop("trainer")
failed = ended("long")
assert failed["TrainingJobStatus"] == "Failed" and f"Could not assume role {trainer}. {CANNOT}" in failed["FailureReason"], failed["FailureReason"]
print("ok")
