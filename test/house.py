"""What the checks with boto3 share."""

import json
import os

from botocore.exceptions import ClientError

URL = os.environ["HELIOGRAPH_CONTROL"]
ACCOUNT = "000000000000"


def refused(call, code, text="", **arguments):
    """Calls, wants an error of that code whose message has the text, and returns
    the answer."""
    try:
        call(**arguments)
    except ClientError as e:
        assert e.response["Error"]["Code"] == code and text in str(e), e
        return e.response
    raise AssertionError(f"{arguments} was not refused")


def policy(*statements):
    """A policy's text from (effect, action, resource) or (…, condition)."""
    return json.dumps({"Version": "2012-10-17", "Statement": [dict(zip(("Effect", "Action", "Resource", "Condition"), s)) for s in statements]})
