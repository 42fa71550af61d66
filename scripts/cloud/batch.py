"""Runs the daily batch's state machine on the emulator, to its end and into its failure, and reads what people are told."""

from __future__ import annotations

import json
import time
from typing import Any

from ctc.aws.clients import client
from ctc.errors import SetupError
from ctc.settings import Settings

WITHIN_S = 120.0
GOOD, BAD = "2026-11-12T02:00:00Z", "2026-11-14T02:00:00Z"  # infra/sim/tasks.py fails the job of a 13th


def run_both(settings: Settings, machine: str, topic: str) -> tuple[list[str], list[str]]:
    """The states that each execution went through: one to success, one whose Spark job fails. SetupError when they did otherwise."""
    states, sqs = client("stepfunctions", settings), client("sqs", settings)
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns = client("sns", settings)
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)["SubscriptionArn"]
    try:
        good, bad = execute(states, machine, GOOD), execute(states, machine, BAD)
        told = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages", [])
        expect(good["status"] == "SUCCEEDED", f"the batch that should succeed: {good}")
        expect(bad["status"] == "FAILED", f"the batch whose Spark job fails: {bad}")
        expect(any("SparkJobFailed" in message["Body"] for message in told), f"nobody was told of the failure: {told}")
    finally:
        sns.unsubscribe(SubscriptionArn=subscription)
        sqs.delete_queue(QueueUrl=queue)
    return good["states"], bad["states"]


def execute(states: Any, machine: str, scheduled: str) -> dict[str, Any]:
    """Start it, wait for its end; how it ended and where it went."""
    started = states.start_execution(stateMachineArn=machine, input=json.dumps({"scheduled": scheduled}))["executionArn"]
    deadline = time.monotonic() + WITHIN_S
    while (found := states.describe_execution(executionArn=started))["status"] == "RUNNING":
        expect(time.monotonic() < deadline, f"{started} did not end within {WITHIN_S:.0f} s")
    events = states.get_execution_history(executionArn=started)["events"]
    names = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    return {"status": found["status"], "states": names, "error": found.get("error"), "cause": found.get("cause")}


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SetupError(otherwise)
