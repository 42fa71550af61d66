"""CloudWatch: a batch's figures of data quality (PRD 9.3), and the alarms on them with the SNS topic that they tell.

`QualityScore` and `FailureRate` are published ready-made, weighted by their records: the average over a minute, whatever
batches and queries it comes from, is that minute's score.
"""

from __future__ import annotations

from typing import Any

from ctc.aws.clients import client, translating
from ctc.model import from_us
from ctc.quality.alarms import ALARMS, LAKE, NAMESPACE, Alarm
from ctc.quality.counts import Totals
from ctc.settings import Settings

READ_TIMEOUT_S = 5.0  # nobody waits for these figures


class CloudWatchMetrics:
    """`ctc.ports.MetricsWriter` on CloudWatch."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = client("cloudwatch", settings, READ_TIMEOUT_S)

    def publish(self, totals: Totals) -> None:
        """One point of each metric, at the newest arrival of the batch. Raises StoreError, Throttled or SetupError."""
        with translating("publishing quality to CloudWatch", self._settings):
            self._client.put_metric_data(Namespace=NAMESPACE, MetricData=points(totals, self._settings))


def points(totals: Totals, settings: Settings) -> list[dict[str, Any]]:
    """PutMetricData's points of a batch; no score of a batch without a record."""
    counts = {
        "RecordsProcessed": totals.processed,
        "RecordsPassed": totals.passed,
        "RecordsFailed": totals.failed,
        "RecordsLate": totals.late,
        "RecordsDuplicate": totals.duplicates,
    }
    always = {"Timestamp": from_us(totals.arrived_us), "Dimensions": [dimension(settings)]}
    found = [{"MetricName": name, "Unit": "Count", "Value": value, **always} for name, value in counts.items()]
    for name, part in (("QualityScore", totals.passed), ("FailureRate", totals.failed)):
        if totals.processed:
            value = 100 * part / totals.processed
            found.append({"MetricName": name, "Unit": "Percent", "Values": [value], "Counts": [totals.processed], **always})
    return found


def dimension(settings: Settings) -> dict[str, str]:
    """What every metric of this lake is marked with."""
    return {"Name": LAKE, "Value": settings.lake.database}


def create_alarms(settings: Settings) -> str:
    """Make the topic and the alarms that tell it; what is there is brought up to date. The topic's ARN."""
    with translating("creating the alarms in CloudWatch", settings):
        topic: str = client("sns", settings).create_topic(Name=alarm_name("alarms", settings))["TopicArn"]
        cloudwatch = client("cloudwatch", settings)
        for alarm in ALARMS:
            cloudwatch.put_metric_alarm(**request(alarm, topic, settings))
    return topic


def alarm_name(name: str, settings: Settings) -> str:
    """The lake's database before it: names are one space in an account and region."""
    return f"{settings.lake.database}-{name}"


def request(alarm: Alarm, topic: str, settings: Settings) -> dict[str, Any]:
    """PutMetricAlarm's arguments."""
    return {
        "AlarmName": alarm_name(alarm.name, settings),
        "AlarmDescription": alarm.description,
        "Namespace": NAMESPACE,
        "MetricName": alarm.metric,
        "Dimensions": [dimension(settings)],
        "Statistic": alarm.statistic,
        "Period": alarm.period_s,
        "EvaluationPeriods": alarm.periods,
        "DatapointsToAlarm": alarm.datapoints,
        "ComparisonOperator": alarm.comparison,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.missing,
        "AlarmActions": [topic],
        "OKActions": [topic],
    }
