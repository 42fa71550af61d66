"""The step `publish-metrics`: a day's figures to CloudWatch, once (PRD 11.2).

CloudWatch has no memory, so what was published of a day lies beside the history's files. A crash between the two publishes the same
figures at the same moment again, which changes no average, minimum or maximum.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from ctc.aws.clients import client, translating
from ctc.aws.cloudwatch import dimension
from ctc.aws.historical import PREFIX
from ctc.daily.checks import Checked
from ctc.settings import Settings

NAMESPACE = "CryptoPulse/Batch"
OLDEST = timedelta(days=13)  # CloudWatch takes no points older than two weeks: an older day's stand here


class Published(msgspec.Struct, frozen=True):
    """Figures by metric; `new` is False where they had been published before."""

    date: date
    figures: dict[str, int]
    new: bool


def publish(settings: Settings, checked: Checked) -> Published:
    """Publish a day's figures, at the day's end (or `OLDEST`); other figures than before are published again. Raises StoreError."""
    figures = {
        "TradesInLake": checked.trades,
        "TradesInHistory": checked.historical,
        "AlertsReprocessed": checked.alerts,
        "ChecksFailed": len(checked.failed),
        "ChecksPassed": len(checked.checks) - len(checked.failed),
    }
    store: Any = client("s3", settings)
    key = f"{PREFIX}_daily/{checked.date.isoformat()}.json"
    body = msgspec.json.encode(figures)
    if _read(settings, store, key) == body:
        return Published(checked.date, figures, False)
    end = datetime(checked.date.year, checked.date.month, checked.date.day, tzinfo=UTC) + timedelta(days=1)
    at = max(end, datetime.now(UTC) - OLDEST)
    points = [
        {"MetricName": name, "Unit": "Count", "Value": value, "Timestamp": at, "Dimensions": [dimension(settings)]}
        for name, value in figures.items()
    ]
    with translating(f"publishing the figures of {checked.date} to CloudWatch", settings):
        client("cloudwatch", settings).put_metric_data(Namespace=NAMESPACE, MetricData=points)
    with translating(f"noting what was published of {checked.date}", settings):
        store.put_object(Bucket=settings.lake.raw_bucket, Key=key, Body=body)
    return Published(checked.date, figures, True)


def _read(settings: Settings, store: Any, key: str) -> bytes | None:
    with translating(f"reading s3://{settings.lake.raw_bucket}/{key}", settings):
        try:
            return bytes(store.get_object(Bucket=settings.lake.raw_bucket, Key=key)["Body"].read())
        except store.exceptions.NoSuchKey:
            return None
