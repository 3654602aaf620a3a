"""Policies of a bucket with boto3: for a user without rights of their own, for
everyone, and against everyone. It prints "ok" at the end."""

import json

import boto3
from botocore import UNSIGNED
from botocore.client import Config

from house import URL, refused

BUCKET = "python-policies"


def put(*statements):
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    root.put_bucket_policy(Bucket=BUCKET, Policy=text)
    assert root.get_bucket_policy(Bucket=BUCKET)["Policy"] == text


def statement(effect, principal, action, where="/*", **condition):
    s = {"Effect": effect, "Principal": principal, "Action": action, "Resource": f"arn:aws:s3:::{BUCKET}{where}"}
    return {**s, "Condition": condition} if condition else s


root, iam = boto3.client("s3", endpoint_url=URL), boto3.client("iam", endpoint_url=URL)
root.create_bucket(Bucket=BUCKET)
for key in ("open/a", "ann/a", "secret/a"):
    root.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
user = iam.create_user(UserName="policy-ann")["User"]
key = iam.create_access_key(UserName="policy-ann")["AccessKey"]
ann = boto3.client("s3", endpoint_url=URL, aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
anyone = boto3.client("s3", endpoint_url=URL, config=Config(signature_version=UNSIGNED))


def read(client, key):
    return client.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()


for client in (ann, anyone):
    refused(client.get_object, "AccessDenied", Bucket=BUCKET, Key="open/a")
    refused(client.get_bucket_policy, "AccessDenied", Bucket=BUCKET)
refused(root.get_bucket_policy, "NoSuchBucketPolicy", Bucket=BUCKET)
refused(root.put_bucket_policy, "MalformedPolicy", "Missing required field Principal", Bucket=BUCKET,
        Policy='{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}')
refused(root.put_bucket_policy, "MalformedPolicy", "Policy has invalid resource", Bucket=BUCKET,
        Policy='{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::another/*"}}')

# A user by name, lists of their folder only.
put(statement("Allow", {"AWS": user["Arn"]}, ["s3:GetObject", "s3:PutObject"], "/${aws:username}/*"),
    statement("Allow", {"AWS": user["Arn"]}, "s3:ListBucket", "", StringLike={"s3:prefix": "policy-ann/*"}),
    statement("Allow", {"AWS": user["Arn"]}, "s3:GetObject", "/ann/*", IpAddress={"aws:SourceIp": "127.0.0.0/8"}),
    statement("Allow", {"AWS": user["Arn"]}, "s3:GetObject", "/secret/*", IpAddress={"aws:SourceIp": "192.0.2.0/24"}))
assert root.get_bucket_policy_status(Bucket=BUCKET)["PolicyStatus"]["IsPublic"] is False
assert read(ann, "ann/a") == "ann/a"
ann.put_object(Bucket=BUCKET, Key="policy-ann/mine", Body=b"mine")
assert read(ann, "policy-ann/mine") == "mine"
assert [o["Key"] for o in ann.list_objects_v2(Bucket=BUCKET, Prefix="policy-ann/")["Contents"]] == ["policy-ann/mine"]
refused(ann.list_objects_v2, "AccessDenied", Bucket=BUCKET)
refused(ann.get_object, "AccessDenied", Bucket=BUCKET, Key="secret/a")
refused(ann.put_object, "AccessDenied", Bucket=BUCKET, Key="ann/a", Body=b"")
refused(anyone.get_object, "AccessDenied", Bucket=BUCKET, Key="ann/a")

# Everyone, but for a folder.
put(statement("Allow", "*", "s3:GetObject"), statement("Deny", "*", "s3:*", "/secret/*"))
assert root.get_bucket_policy_status(Bucket=BUCKET)["PolicyStatus"]["IsPublic"] is True
for client in (root, ann, anyone):
    assert read(client, "open/a") == "open/a"
    refused(client.get_object, "AccessDenied", "with an explicit deny in a resource-based policy", Bucket=BUCKET, Key="secret/a")
refused(anyone.put_object, "AccessDenied", Bucket=BUCKET, Key="open/a", Body=b"")
refused(anyone.list_objects_v2, "AccessDenied", Bucket=BUCKET)

# Nobody, and back.
put({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]})
refused(root.get_object, "AccessDenied", Bucket=BUCKET, Key="open/a")
refused(root.list_objects_v2, "AccessDenied", Bucket=BUCKET)
root.delete_bucket_policy(Bucket=BUCKET)
assert read(root, "secret/a") == "secret/a"
refused(anyone.get_object, "AccessDenied", Bucket=BUCKET, Key="open/a")
print("ok")
