"""Functions and their policies with boto3: who may call them, and how. It prints
"ok" at the end."""

import base64
import json

import boto3

from house import URL, policy, refused

root, iam = boto3.client("lambda", endpoint_url=URL), boto3.client("iam", endpoint_url=URL)
user = iam.create_user(UserName="function-ann")["User"]
key = iam.create_access_key(UserName="function-ann")["AccessKey"]
ann = boto3.client("lambda", endpoint_url=URL, aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])

# What there is.
pages = root.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1})
functions = {f["FunctionName"]: f for page in pages for f in page["Functions"]}
assert sorted(functions) == ["classify", "classify-json", "triage"], functions
arn = functions["classify"]["FunctionArn"]
root.get_waiter("function_active_v2").wait(FunctionName="classify")
assert root.get_function(FunctionName=arn)["Configuration"] == functions["classify"]
assert root.get_function_configuration(FunctionName="000000000000:function:classify")["Role"].endswith(":role/HeliographFunctionRole")
refused(root.get_function, "ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:000000000000:function:sing", FunctionName="sing")
try:
    root.get_function(FunctionName="sing")
except root.exceptions.ResourceNotFoundException as e:
    assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 404
refused(root.create_function, "UnknownOperationException", "built in", FunctionName="mine", Role=functions["classify"]["Role"], Code={"ZipFile": b"PK"},
        Runtime="python3.13", Handler="a.b")
refused(root.delete_function, "UnknownOperationException", "built in", FunctionName="classify")


# Calls. There is no endpoint, which the function's own answer says.
def call(client, **more):
    return client.invoke(FunctionName="classify", Payload=json.dumps({"body": "my invoice is wrong"}), **more)


out = call(root, LogType="Tail")
assert out["StatusCode"] == 200 and out["ExecutedVersion"] == "$LATEST" and "FunctionError" not in out, out
assert json.load(out["Payload"])["statusCode"] == 503
assert b"REPORT RequestId: " + out["ResponseMetadata"]["RequestId"].encode() in base64.b64decode(out["LogResult"])
assert call(root, InvocationType="Event")["StatusCode"] == 202
assert call(root, InvocationType="DryRun")["StatusCode"] == 204
refused(root.invoke, "InvalidRequestContentException", FunctionName="classify", Payload=b"{")
refused(root.invoke, "RequestTooLargeException", FunctionName="classify", Payload=b" " * (6 * 1024 * 1024 + 1))

# Who may.
for type in ("RequestResponse", "Event", "DryRun"):
    refused(ann.invoke, "AccessDeniedException", "is not authorized to perform: lambda:InvokeFunction on resource: " + arn, FunctionName="classify",
            InvocationType=type)
refused(root.get_policy, "ResourceNotFoundException", FunctionName="classify")
permission = {"FunctionName": "classify", "StatementId": "ann", "Action": "lambda:InvokeFunction", "Principal": user["Arn"]}
refused(ann.add_permission, "AccessDeniedException", **permission)
statement = json.loads(root.add_permission(**permission)["Statement"])
assert statement == {"Sid": "ann", "Effect": "Allow", "Principal": {"AWS": user["Arn"]}, "Action": "lambda:InvokeFunction", "Resource": arn}, statement
assert call(ann)["StatusCode"] == 200
shown = root.get_policy(FunctionName="classify")
assert json.loads(shown["Policy"]) == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}, shown
refused(root.add_permission, "ResourceConflictException", **permission)
refused(root.add_permission, "InvalidParameterValueException", "The provided principal was invalid", **{**permission, "StatementId": "x", "Principal": "ann"})
refused(root.add_permission, "PreconditionFailedException", **{**permission, "StatementId": "x", "RevisionId": "x"})
root.add_permission(FunctionName="classify", StatementId="bucket", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::b",
                    SourceAccount="000000000000")
refused(root.remove_permission, "PreconditionFailedException", FunctionName="classify", StatementId="ann", RevisionId=shown["RevisionId"])
root.remove_permission(FunctionName="classify", StatementId="ann")
refused(ann.invoke, "AccessDeniedException", FunctionName="classify")
iam.put_user_policy(UserName="function-ann", PolicyName="call", PolicyDocument=policy(("Allow", "lambda:InvokeFunction", arn)))
assert call(ann)["StatusCode"] == 200
refused(ann.invoke, "AccessDeniedException", FunctionName="triage")
print("ok")
