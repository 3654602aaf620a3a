"""Metrics and alarms with boto3, as Debian has it. Prints ok in the end."""

import datetime
import time

import boto3

from house import URL, refused

cloudwatch = boto3.client("cloudwatch", endpoint_url=URL)

assert cloudwatch.list_metrics(Namespace="Shop")["Metrics"] == []

now = datetime.datetime.now(datetime.timezone.utc)
checkout = [{"Name": "Page", "Value": "check out & pay"}]
cloudwatch.put_metric_data(Namespace="Shop", MetricData=[
    {"MetricName": "Orders", "Value": 3, "Unit": "Count", "Dimensions": checkout},
    {"MetricName": "Orders", "Value": 4, "Unit": "Count", "Dimensions": checkout, "Timestamp": now - datetime.timedelta(minutes=5)},
    {"MetricName": "Seconds", "Values": [0.1, 0.2, 5.0], "Counts": [50, 49, 1], "Unit": "Seconds"},
    {"MetricName": "Sets", "StatisticValues": {"SampleCount": 2, "Sum": 10, "Minimum": 4, "Maximum": 6}},
])
names = {m["MetricName"] for page in cloudwatch.get_paginator("list_metrics").paginate(Namespace="Shop") for m in page["Metrics"]}
assert names == {"Orders", "Seconds", "Sets"}, names

span = {"StartTime": now - datetime.timedelta(hours=1), "EndTime": now + datetime.timedelta(minutes=2)}
out = cloudwatch.get_metric_statistics(Namespace="Shop", MetricName="Orders", Dimensions=checkout, Period=60, Statistics=["Sum", "Average"], **span)
points = sorted(out["Datapoints"], key=lambda p: p["Timestamp"])
assert [p["Sum"] for p in points] == [4, 3] and points[0]["Unit"] == "Count" and "Maximum" not in points[0], out
assert points[1]["Timestamp"].second == 0 and abs(points[1]["Timestamp"] - now) < datetime.timedelta(minutes=2), out
out = cloudwatch.get_metric_statistics(Namespace="Shop", MetricName="Seconds", Period=3600, ExtendedStatistics=["p50", "p99.5"], **span)
p = out["Datapoints"][0]["ExtendedStatistics"]
assert abs(p["p50"] - 0.1) < 0.002 and abs(p["p99.5"] - 5) < 0.08, out
assert cloudwatch.get_metric_statistics(Namespace="Shop", MetricName="Nothing", Period=60, Statistics=["Sum"], **span)["Datapoints"] == []


def orders(**more):
    return {"Metric": {"Namespace": "Shop", "MetricName": "Orders", "Dimensions": checkout}, "Period": 60, "Stat": "Sum", **more}


pages = list(cloudwatch.get_paginator("get_metric_data").paginate(
    MetricDataQueries=[{"Id": "o", "MetricStat": orders(), "ReturnData": False}, {"Id": "twice", "Expression": "o * 2", "Label": "Twice"}],
    ScanBy="TimestampAscending", MaxDatapoints=1, **span))
assert [v for page in pages for r in page["MetricDataResults"] for v in r["Values"]] == [8, 6] and len(pages) == 2, pages
assert pages[0]["MetricDataResults"][0]["StatusCode"] == "PartialData" and pages[1]["MetricDataResults"][0]["Label"] == "Twice", pages

alarm = {"Namespace": "Shop", "MetricName": "Orders", "Dimensions": checkout, "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 5,
         "DatapointsToAlarm": 1, "Threshold": 100.0, "ComparisonOperator": "GreaterThanThreshold"}
topic = "arn:aws:sns:us-east-1:000000000000:topic"
for i in range(3):
    cloudwatch.put_metric_alarm(AlarmName=f"alarm-{i}", AlarmDescription="of a test", AlarmActions=[topic], Tags=[{"Key": "team", "Value": "red"}], **alarm)
cloudwatch.get_waiter("alarm_exists").wait(AlarmNames=["alarm-1"])
out = cloudwatch.describe_alarms(AlarmNames=["alarm-1"])["MetricAlarms"][0]
assert {k: out[k] for k in alarm} == alarm and out["StateValue"] == "INSUFFICIENT_DATA" and out["AlarmActions"] == [topic] and out["OKActions"] == [], out
assert out["AlarmArn"] == "arn:aws:cloudwatch:us-east-1:000000000000:alarm:alarm-1" and out["ActionsEnabled"] is True, out
names = [a["AlarmName"] for page in cloudwatch.get_paginator("describe_alarms").paginate(PaginationConfig={"PageSize": 2}) for a in page["MetricAlarms"]]
assert names == ["alarm-0", "alarm-1", "alarm-2"], names
assert len(cloudwatch.describe_alarms_for_metric(Namespace="Shop", MetricName="Orders", Dimensions=checkout)["MetricAlarms"]) == 3
cloudwatch.disable_alarm_actions(AlarmNames=["alarm-0"])
assert cloudwatch.describe_alarms(AlarmNames=["alarm-0"])["MetricAlarms"][0]["ActionsEnabled"] is False
cloudwatch.enable_alarm_actions(AlarmNames=["alarm-0"])

cloudwatch.set_alarm_state(AlarmName="alarm-2", StateValue="ALARM", StateReason="a drill", StateReasonData='{"drill": true}')
out = cloudwatch.describe_alarms(StateValue="ALARM", ActionPrefix="arn:aws:sns")["MetricAlarms"]
assert [(a["AlarmName"], a["StateReason"]) for a in out] == [("alarm-2", "a drill")], out
for deadline in range(100):
    items = [i for page in cloudwatch.get_paginator("describe_alarm_history").paginate(AlarmName="alarm-2") for i in page["AlarmHistoryItems"]]
    if any(i["HistoryItemType"] == "Action" for i in items):
        break
    time.sleep(0.1)
kinds = [i["HistoryItemType"] for i in items]
assert kinds.index("Action") < kinds.index("StateUpdate") < kinds.index("ConfigurationUpdate"), items
assert any(i["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM" for i in items), items

refused(cloudwatch.put_metric_data, "InvalidParameterValue", Namespace="AWS/Shop", MetricData=[{"MetricName": "x", "Value": 1}])
refused(cloudwatch.put_metric_data, "InvalidParameterValue", Namespace="Shop", MetricData=[{"MetricName": "x", "Value": 1, "Timestamp": now - datetime.timedelta(days=15)}])
refused(cloudwatch.get_metric_statistics, "InvalidParameterCombination", Namespace="Shop", MetricName="Orders", Period=60, Statistics=["Sum"],
        StartTime=now - datetime.timedelta(days=2), EndTime=now)
refused(cloudwatch.set_alarm_state, "InvalidFormat", AlarmName="alarm-2", StateValue="OK", StateReason="x", StateReasonData="{")
refused(cloudwatch.put_metric_alarm, "ValidationError", AlarmName="bad", **{**alarm, "Period": 61})
refused(cloudwatch.describe_alarm_history, "InvalidNextToken", NextToken="x")
refused(cloudwatch.delete_alarms, "ResourceNotFound", AlarmNames=["alarm-0", "unknown"])
assert len(cloudwatch.describe_alarms()["MetricAlarms"]) == 3
cloudwatch.delete_alarms(AlarmNames=["alarm-0", "alarm-1"])
print("ok")
