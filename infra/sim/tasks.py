"""Stand-ins for the daily batch's functions and for EMR Serverless, for `make infra-sim` only: they do nothing but answer.

They show that the state machine's definition runs; the batch's own functions are in ctc/daily/handlers.py. The Spark job ends as the date
says that the execution was given: on the 13th it fails.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

Event = dict[str, Any]


def load(event: Event, context: Any) -> Event:
    """The day before the scheduled moment."""
    until = datetime.fromisoformat(event["scheduled"].replace("Z", "+00:00")).replace(hour=0, minute=0, second=0, microsecond=0)
    since = until - timedelta(days=1)
    return {"date": f"{since:%Y-%m-%d}", "since": since.isoformat(), "until": until.isoformat()}


def submit(event: Event, context: Any) -> Event:
    """What `startJobRun` answers."""
    return {"ApplicationId": event["ApplicationId"], "JobRunId": event["Name"]}


def poll(event: Event, context: Any) -> Event:
    """What `getJobRun` answers."""
    return {"JobRun": {"State": "FAILED" if event["JobRunId"].endswith("-13") else "SUCCESS"}}


def done(event: Event, context: Any) -> Event:
    """Any other step."""
    return {"done": True}
