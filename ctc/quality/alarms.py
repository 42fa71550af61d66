"""The alarms on data quality as data: what makes them (boto3 here, Terraform later) reads them from here."""

from __future__ import annotations

from typing import Literal

import msgspec

NAMESPACE = "CryptoPulse/Quality"
LAKE = "Lake"  # the dimension of every metric: the lake's database, so that two lakes of one account stay apart


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudWatch alarm: `datapoints` of the last `periods` must break the threshold."""

    name: str
    metric: str
    description: str
    statistic: Literal["Average"]
    period_s: int
    periods: int
    datapoints: int
    comparison: Literal["LessThanThreshold", "GreaterThanThreshold"]
    threshold: int
    missing: Literal["notBreaching", "missing", "ignore", "breaching"]


# No record in a minute breaks no rule: silence is for /health to tell. Taking it for good also means that five minutes of bad
# records are needed, where `missing` would let one bad minute among empty ones raise the alarm.
QUALITY_SCORE = Alarm(
    name="quality-score",
    metric="QualityScore",
    description="Less than 95 % of the records passed all checks, for 5 minutes (PRD 9.3)",
    statistic="Average",
    period_s=60,
    periods=5,
    datapoints=5,
    comparison="LessThanThreshold",
    threshold=95,
    missing="notBreaching",
)
ALARMS = (QUALITY_SCORE,)
