"""Runs the daily batch's state machine on the emulator, to its end and into a job that fails, and reads what people are told."""

from __future__ import annotations

import json
import time
from collections import Counter
from threading import Event
from typing import Any, NamedTuple

from ctc.aws.clients import client
from ctc.errors import SetupError
from ctc.settings import Settings

WITHIN_S = 1800.0
# The day that a session to its end is about (sim.plan.FIXED_START), and one whose only file of history can't be read.
GOOD, BAD = "2026-01-16T02:00:00Z", "2026-01-14T02:00:00Z"
BROKEN = "historical/symbol=BTC-USDT/date=2026-01-13/broken.parquet"


class Ended(NamedTuple):
    """How an execution ended, the states that it went through, and its output."""

    status: str
    states: list[str]
    output: dict[str, Any]
    error: str

    def path(self) -> str:
        """The states in the order in which each was first entered, with how often where that was more than once."""
        return " > ".join(name if times == 1 else f"{name} ({times} times)" for name, times in Counter(self.states).items())


def run_both(settings: Settings, machine: str, topic: str) -> tuple[Ended, Ended]:
    """One execution to success, over the day of a session that has ended, and one whose Spark job fails. SetupError for other ends."""
    states, sqs = client("stepfunctions", settings), client("sqs", settings)
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns = client("sns", settings)
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)["SubscriptionArn"]
    client("s3", settings).put_object(Bucket=settings.lake.raw_bucket, Key=BROKEN, Body=b"no Parquet")
    try:
        good, bad = execute(states, machine, GOOD), execute(states, machine, BAD)
        told = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages", [])
        expect(good.status == "SUCCEEDED", f"the batch that should succeed: {good}")
        expect(good.output["load"]["trades"] > 0, f"the batch loaded no trades: {good}")
        expect(bad.status == "FAILED", f"the batch whose Spark job fails: {bad}")
        expect(any("SparkJobFailed" in message["Body"] for message in told), f"nobody was told of the failure: {told}")
    finally:
        sns.unsubscribe(SubscriptionArn=subscription)
        sqs.delete_queue(QueueUrl=queue)
    return good, bad


def execute(states: Any, machine: str, scheduled: str) -> Ended:
    """Start it, wait for its end."""
    started = states.start_execution(stateMachineArn=machine, input=json.dumps({"scheduled": scheduled}))["executionArn"]
    deadline, pause = time.monotonic() + WITHIN_S, Event()
    while (found := states.describe_execution(executionArn=started))["status"] == "RUNNING":
        expect(time.monotonic() < deadline, f"{started} did not end within {WITHIN_S:.0f} s")
        pause.wait(0.5)
    events = states.get_execution_history(executionArn=started)["events"]
    names = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    return Ended(found["status"], names, json.loads(found.get("output") or "{}"), f"{found.get('error', '')}: {found.get('cause', '')}")


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SetupError(otherwise)
