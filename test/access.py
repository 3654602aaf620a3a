"""Users, groups, roles, policies and sessions with boto3, within and without their
rights. It prints "ok" at the end; HELIOGRAPH_CONTROL is the server, and the
environment's key may do everything."""

import json

import boto3

from house import ACCOUNT, URL, policy, refused


class Caller:
    """The clients of one key."""

    def __init__(self, **key):
        session = boto3.Session(**key)
        self.iam, self.sts, self.s3, self.maker = (session.client(name, endpoint_url=URL) for name in ("iam", "sts", "s3", "sagemaker"))


root = Caller()
root.s3.create_bucket(Bucket="python-access")
for key in ("in/a.txt", "secret/b.txt"):
    root.s3.put_object(Bucket="python-access", Key=key, Body=key.encode())

# A user with the rights of a group.
made = root.iam.create_user(UserName="py-ann", Tags=[{"Key": "team", "Value": "support"}])["User"]
assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/py-ann" and made["UserId"].startswith("AIDA") and made["CreateDate"].year >= 2024, made
key = root.iam.create_access_key(UserName="py-ann")["AccessKey"]
ann = Caller(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
who = ann.sts.get_caller_identity()
assert who["Arn"] == made["Arn"] and who["UserId"] == made["UserId"] and who["Account"] == ACCOUNT, who
refused(ann.s3.get_object, "AccessDenied", f"{made['Arn']} is not authorized to perform: s3:GetObject", Bucket="python-access", Key="in/a.txt")
refused(ann.maker.list_training_jobs, "AccessDeniedException", "because no identity-based policy allows the sagemaker:ListTrainingJobs action")

reader = root.iam.create_policy(PolicyName="py-reader", PolicyDocument=policy(
    ("Allow", "s3:GetObject", "arn:aws:s3:::python-access/in/*"), ("Allow", ["sagemaker:List*", "sts:AssumeRole"], "*")))["Policy"]
root.iam.create_group(GroupName="py-readers")
root.iam.attach_group_policy(GroupName="py-readers", PolicyArn=reader["Arn"])
root.iam.add_user_to_group(GroupName="py-readers", UserName="py-ann")
assert ann.s3.get_object(Bucket="python-access", Key="in/a.txt")["Body"].read() == b"in/a.txt"
ann.maker.list_training_jobs()
refused(ann.s3.get_object, "AccessDenied", Bucket="python-access", Key="secret/b.txt")
refused(ann.s3.put_object, "AccessDenied", Bucket="python-access", Key="in/a.txt", Body=b"")
refused(ann.maker.delete_model, "AccessDeniedException", ModelName="any")
refused(ann.iam.create_user, "AccessDenied", "iam:CreateUser", UserName="py-eve")

# What the API says about it.
entities = root.iam.list_entities_for_policy(PolicyArn=reader["Arn"])
assert [g["GroupName"] for g in entities["PolicyGroups"]] == ["py-readers"] and entities["PolicyUsers"] == [], entities
answers = root.iam.simulate_principal_policy(PolicySourceArn=made["Arn"], ActionNames=["s3:GetObject"], ResourceArns=[
    "arn:aws:s3:::python-access/in/x", "arn:aws:s3:::python-access/secret/x"])["EvaluationResults"]
assert [a["EvalDecision"] for a in answers] == ["allowed", "implicitDeny"], answers
assert answers[0]["MatchedStatements"][0]["SourcePolicyId"] == "py-reader", answers
assert root.iam.get_policy_version(PolicyArn=reader["Arn"], VersionId="v1")["PolicyVersion"]["Document"]["Statement"][0]["Effect"] == "Allow"
assert [p["PolicyName"] for page in root.iam.get_paginator("list_policies").paginate(Scope="Local", PaginationConfig={"PageSize": 1}) for p in page["Policies"]] == ["py-reader"]
assert "py-ann" in [u["UserName"] for u in root.iam.list_users()["Users"]]
assert root.iam.list_user_policies(UserName="py-ann")["PolicyNames"] == []

# A deny is stronger, and a boundary is a bound.
root.iam.put_user_policy(UserName="py-ann", PolicyName="no-lists", PolicyDocument=policy(("Deny", "sagemaker:*", "*")))
refused(ann.maker.list_training_jobs, "AccessDeniedException", "with an explicit deny in an identity-based policy")
root.iam.delete_user_policy(UserName="py-ann", PolicyName="no-lists")
root.iam.put_user_permissions_boundary(UserName="py-ann", PermissionsBoundary="arn:aws:iam::aws:policy/AmazonS3FullAccess")
refused(ann.maker.list_training_jobs, "AccessDeniedException", "because no permissions boundary allows the sagemaker:ListTrainingJobs action")
root.iam.delete_user_permissions_boundary(UserName="py-ann")

# A role that the user may assume, and a session with less than the role's rights.
role = root.iam.create_role(RoleName="py-deployer", MaxSessionDuration=7200, AssumeRolePolicyDocument=json.dumps({
    "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": made["Arn"]}, "Action": "sts:AssumeRole"}]}))["Role"]
assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"AWS": made["Arn"]}, role
root.iam.put_role_policy(RoleName="py-deployer", PolicyName="all-objects", PolicyDocument=policy(("Allow", "s3:*", "arn:aws:s3:::python-access*")))


def session(**limits):
    c = ann.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="job-1", **limits)["Credentials"]
    return Caller(aws_access_key_id=c["AccessKeyId"], aws_secret_access_key=c["SecretAccessKey"], aws_session_token=c["SessionToken"])


whole, part = session(), session(Policy=policy(("Allow", "s3:GetObject", "*")))
assert whole.sts.get_caller_identity()["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/py-deployer/job-1"
whole.s3.put_object(Bucket="python-access", Key="secret/c.txt", Body=b"c")
assert part.s3.get_object(Bucket="python-access", Key="secret/c.txt")["Body"].read() == b"c"
refused(part.s3.put_object, "AccessDenied", "because no session policy allows the s3:PutObject action", Bucket="python-access", Key="secret/c.txt", Body=b"")
refused(whole.maker.list_training_jobs, "AccessDeniedException", "assumed-role/py-deployer/job-1")
refused(root.sts.assume_role, "AccessDenied", RoleArn=f"arn:aws:iam::{ACCOUNT}:role/nobody", RoleSessionName="nobody")

# The end: sessions end with their role, keys with their deletion.
refused(root.iam.delete_role, "DeleteConflict", "must delete policies first", RoleName="py-deployer")
root.iam.delete_role_policy(RoleName="py-deployer", PolicyName="all-objects")
root.iam.delete_role(RoleName="py-deployer")
refused(whole.s3.get_object, "InvalidToken", Bucket="python-access", Key="in/a.txt")
assert root.iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]["ServiceName"] == "sts"
root.iam.update_access_key(UserName="py-ann", AccessKeyId=key["AccessKeyId"], Status="Inactive")
refused(ann.s3.get_object, "InvalidAccessKeyId", Bucket="python-access", Key="in/a.txt")
refused(ann.iam.get_user, "InvalidClientTokenId")
root.iam.delete_access_key(UserName="py-ann", AccessKeyId=key["AccessKeyId"])
refused(root.iam.delete_user, "DeleteConflict", "must remove users from group first", UserName="py-ann")
root.iam.remove_user_from_group(GroupName="py-readers", UserName="py-ann")
root.iam.delete_user(UserName="py-ann")
refused(root.iam.get_user, "NoSuchEntity", "The user with name py-ann cannot be found.", UserName="py-ann")
print("ok")
