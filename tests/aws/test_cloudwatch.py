"""CloudWatch: what is published of a batch, when the alarm rings, and that it reaches whoever listens."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ctc.aws.clients import client
from ctc.aws.cloudwatch import CloudWatchMetrics, alarm_name, create_alarms, dimension, points, request
from ctc.errors import SetupError
from ctc.model import to_us
from ctc.quality.alarms import ALARMS, NAMESPACE, QUALITY_SCORE, Alarm
from ctc.quality.counts import Totals
from ctc.settings import Settings, load_profile

SIM = load_profile("sim")
EXTRA = 2  # datapoints beyond its periods that CloudWatch looks at, at least


def totals(processed: int, passed: int, failed: int = 0, at: datetime | None = None) -> Totals:
    when = at or datetime.now(UTC)
    return Totals(processed=processed, passed=passed, failed=failed, late=3, duplicates=4, arrived_us=to_us(when))


def state_of(alarm: Alarm, series: Sequence[float | None]) -> str:
    """The alarm's state after a series, oldest first, None where a period has no datapoint.

    As https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html has it: enough real datapoints
    in the evaluation range decide by themselves, the newest of them; else the missing ones are filled in.
    """
    window = list(series)[-(alarm.periods + EXTRA) :]
    window = [None] * (alarm.periods + EXTRA - len(window)) + window
    real = [value for value in window if value is not None]
    if not real and alarm.missing == "missing":
        return "INSUFFICIENT_DATA"
    below = alarm.comparison == "LessThanThreshold"
    breaking = [value < alarm.threshold if below else value > alarm.threshold for value in real[-alarm.periods :]]
    filled = breaking + [alarm.missing == "breaching"] * (alarm.periods - len(breaking))
    return "ALARM" if sum(filled) >= alarm.datapoints else "OK"


@pytest.mark.parametrize(
    ("series", "state"),
    [
        ([99.9] * 10, "OK"),
        ([94.9] * 5, "ALARM"),
        ([94.9] * 4, "OK"),
        ([94.9] * 4 + [99.0], "OK"),
        ([95.0] * 5, "OK"),
        ([94.9] * 4 + [95.0] + [94.9] * 4, "OK"),
        ([100.0] + [0.0] * 5, "ALARM"),
        ([0.0] * 5 + [100.0], "OK"),
        ([], "OK"),
        ([None] * 10, "OK"),
        ([None] * 6 + [0.0], "OK"),  # one bad minute among empty ones
        ([0.0, None, 0.0, None, 0.0], "OK"),  # three bad minutes
        ([0.0, 0.0, None, 0.0, 0.0, 0.0], "ALARM"),  # five bad ones, and a batch that came late
        ([0.0] * 5 + [None] * 3, "OK"),  # the stream went silent: no record breaks a rule
    ],
)
def test_alarm_rings_after_five_bad_minutes(series: list[float | None], state: str) -> None:
    assert state_of(QUALITY_SCORE, series) == state


def test_evaluator_can_tell_missing_data_apart() -> None:
    from msgspec.structs import replace

    assert state_of(replace(QUALITY_SCORE, missing="missing"), [None] * 7) == "INSUFFICIENT_DATA"
    assert state_of(replace(QUALITY_SCORE, missing="breaching"), [None] * 6 + [0.0]) == "ALARM"


def test_request_says_what_prd_asks() -> None:
    asked = request(QUALITY_SCORE, "arn:topic", SIM)
    assert (asked["Namespace"], asked["MetricName"], asked["Statistic"]) == ("CryptoPulse/Quality", "QualityScore", "Average")
    assert (asked["ComparisonOperator"], asked["Threshold"]) == ("LessThanThreshold", 95)
    assert asked["Period"] * asked["EvaluationPeriods"] == asked["Period"] * asked["DatapointsToAlarm"] == 300
    assert asked["TreatMissingData"] == "notBreaching"
    assert asked["AlarmActions"] == asked["OKActions"] == ["arn:topic"]
    published = {point["MetricName"]: point["Dimensions"] for point in points(totals(10, 9), SIM)}
    assert published["QualityScore"] == asked["Dimensions"] == [{"Name": "Lake", "Value": "crypto_pulse"}]


def test_points_are_prds_metrics() -> None:
    at = datetime(2026, 1, 15, 12, 0, 7, tzinfo=UTC)
    found = {point["MetricName"]: point for point in points(totals(200, 150, 40, at), SIM)}
    assert {name: point["Value"] for name, point in found.items() if "Value" in point} == {
        "RecordsProcessed": 200,
        "RecordsPassed": 150,
        "RecordsFailed": 40,
        "RecordsLate": 3,
        "RecordsDuplicate": 4,
    }
    assert (found["QualityScore"]["Values"], found["QualityScore"]["Counts"]) == ([75.0], [200])
    assert (found["FailureRate"]["Values"], found["FailureRate"]["Counts"]) == ([20.0], [200])
    assert {point["Timestamp"] for point in found.values()} == {at}


def test_batch_of_duplicates_alone_has_no_score() -> None:
    assert {"QualityScore", "FailureRate"} & {point["MetricName"] for point in points(totals(0, 0), SIM)} == set()


@pytest.mark.emulator
def test_score_of_a_minute_is_weighted_by_records(emulator: Settings) -> None:
    writer, now = CloudWatchMetrics(emulator), datetime.now(UTC)
    writer.publish(totals(990, 990, at=now))
    writer.publish(totals(10, 0, 10, at=now))
    asked: dict[str, Any] = {
        "Namespace": NAMESPACE,
        "Dimensions": [dimension(emulator)],
        "StartTime": now - timedelta(hours=1),
        "EndTime": now + timedelta(hours=1),
        "Period": 7200,
    }
    cloudwatch = client("cloudwatch", emulator)
    (score,) = cloudwatch.get_metric_statistics(MetricName="QualityScore", Statistics=["Average"], **asked)["Datapoints"]
    (processed,) = cloudwatch.get_metric_statistics(MetricName="RecordsProcessed", Statistics=["Sum"], **asked)["Datapoints"]
    assert (score["Average"], processed["Sum"]) == (99.0, 1000.0)


def test_cloudwatch_that_is_away_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    away = load_profile("sim", {"aws.endpoint": "http://127.0.0.1:9"})
    with pytest.raises(SetupError, match="does not answer"):
        CloudWatchMetrics(away).publish(totals(1, 1))


@pytest.mark.emulator
def test_alarm_is_made_once_and_reaches_a_queue(emulator: Settings) -> None:
    topic = create_alarms(emulator)
    assert create_alarms(emulator) == topic
    cloudwatch, sqs = client("cloudwatch", emulator), client("sqs", emulator)
    name = alarm_name(QUALITY_SCORE.name, emulator)
    (found,) = cloudwatch.describe_alarms(AlarmNames=[alarm_name(alarm.name, emulator) for alarm in ALARMS])["MetricAlarms"]
    assert (found["AlarmName"], found["MetricName"], found["Threshold"], found["EvaluationPeriods"]) == (name, "QualityScore", 95, 5)

    queue = sqs.create_queue(QueueName=f"{emulator.lake.database}-told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client("sns", emulator).subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    # Only a change is told, and MiniStack weighs the scores of every lake of the account: other tests' may have raised it before.
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="INSUFFICIENT_DATA", StateReason="a test")
    told: list[str] = []
    for state in ("ALARM", "OK"):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")
        told.append(_next(sqs, queue)["NewStateValue"])
    assert told == ["ALARM", "OK"]


def _next(sqs: Any, queue: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", ()):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            body: dict[str, Any] = json.loads(json.loads(message["Body"])["Message"])
            return body
    raise AssertionError("nothing was told")
