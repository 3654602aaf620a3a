"""Tags of sessions with boto3: a role whose sessions read the folder that they are
tagged with, and no other. It prints "ok" at the end."""

import json

import boto3

from house import ACCOUNT, URL, policy, refused

iam, s3, sts = (boto3.client(name, endpoint_url=URL) for name in ("iam", "s3", "sts"))
s3.create_bucket(Bucket="teams")
for key in ("red/a", "blue/a"):
    s3.put_object(Bucket="teams", Key=key, Body=key.encode())


def role(name, actions, **condition):
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": actions}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": {**trust, "Condition": condition}}),
                          Tags=[{"Key": "team", "Value": "blue"}])["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(
        ("Allow", "s3:GetObject", "arn:aws:s3:::teams/${aws:PrincipalTag/team}/*"), ("Allow", "sts:*", "*")))
    return arn


def assume(client, arn, **more):
    c = client.assume_role(RoleArn=arn, RoleSessionName="work", **more)["Credentials"]
    session = boto3.Session(c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])
    return [session.client(name, endpoint_url=URL) for name in ("s3", "sts")]


def reads(client, team):
    other = {"red": "blue", "blue": "red"}[team]
    assert client.get_object(Bucket="teams", Key=team + "/a")["Body"].read().decode() == team + "/a"
    refused(client.get_object, "AccessDenied", Bucket="teams", Key=other + "/a")


tagged = role("tagged", ["sts:AssumeRole", "sts:TagSession"], StringNotLikeIfExists={"aws:RequestTag/team": "gr*"})
bare = role("bare", "sts:AssumeRole")
red = [{"Key": "team", "Value": "red"}]
reads(assume(sts, tagged)[0], "blue")  # as the role is
reads(assume(sts, tagged, Tags=red)[0], "red")
reads(assume(sts, bare)[0], "blue")
refused(sts.assume_role, "AccessDenied", "sts:TagSession", RoleArn=bare, RoleSessionName="work", Tags=red)
refused(sts.assume_role, "AccessDenied", "sts:AssumeRole", RoleArn=tagged, RoleSessionName="work", Tags=[{"Key": "team", "Value": "green"}])

_, first = assume(sts, tagged, Tags=red, TransitiveTagKeys=["team"])
reads(assume(first, tagged)[0], "red")
refused(first.assume_role, "InvalidParameterValue", "transitive", RoleArn=tagged, RoleSessionName="work", Tags=[{"Key": "team", "Value": "blue"}])
_, first = assume(sts, tagged, Tags=red)
reads(assume(first, tagged)[0], "blue")
print("ok")
