"""What Terraform sends again is answered again; what anyone else sends again is done again, as AWS would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ctc.aws.clients import client
from ctc.settings import Settings
from sim import ministack_resends
from sim.ministack_resends import answering_again

TERRAFORM = "APN/1.0 HashiCorp/1.0 Terraform/1.11.4 (+https://www.terraform.io) terraform-provider-aws/5.100.0"


@pytest.fixture
def table(emulator: Settings) -> Iterator[str]:
    """A name for a table that is not there yet."""
    yield emulator.tables.alerts
    client("dynamodb", emulator).delete_table(TableName=emulator.tables.alerts)


def create(settings: Settings, name: str, invocation: str, agent: str = TERRAFORM) -> httpx.Response:
    """One attempt at making a table."""
    table = (
        f'{{"TableName": "{name}", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{{"AttributeName": "id", "KeyType": "HASH"}}],'
        f' "AttributeDefinitions": [{{"AttributeName": "id", "AttributeType": "S"}}]}}'
    )
    headers = {
        "User-Agent": agent,
        "Amz-Sdk-Invocation-Id": f"{name}-{invocation}",
        "X-Amz-Target": "DynamoDB_20120810.CreateTable",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260115/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
    }
    with httpx.Client(trust_env=False, timeout=30) as http:
        return http.post(f"{settings.aws.endpoint}/", content=table, headers=headers)


@pytest.mark.emulator
def test_terraforms_second_attempt_gets_the_first_ones_answer(emulator: Settings, table: str) -> None:
    first, second = (create(emulator, table, "one") for _ in range(2))
    assert first.status_code == 200
    assert (second.status_code, second.content) == (200, first.content)
    assert create(emulator, table, "another").status_code == 400  # there it is


@pytest.mark.emulator
def test_refused_call_is_tried_again(emulator: Settings, table: str) -> None:
    assert create(emulator, table, "one").status_code == 200
    assert create(emulator, table, "another").status_code == 400
    client("dynamodb", emulator).delete_table(TableName=table)
    assert create(emulator, table, "another").status_code == 200


@pytest.mark.emulator
def test_others_are_not_answered_from_memory(emulator: Settings, table: str) -> None:
    assert [create(emulator, table, "one", "Boto3/1.43").status_code for _ in range(2)] == [200, 400]


class Exchange:
    """One HTTP request to an ASGI application, and what it said."""

    def __init__(self, invocation: str) -> None:
        self.scope = {"type": "http", "headers": [(b"User-Agent", TERRAFORM.encode()), (b"amz-sdk-invocation-id", invocation.encode())]}
        self.said: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: dict[str, Any]) -> None:
        self.said.append(message)


class Slow:
    """An application that answers with how often it was called, once it may."""

    def __init__(self) -> None:
        self.done = 0
        self.may = asyncio.Event()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.done += 1
        number = self.done
        await self.may.wait()
        if number == 1 and scope.get("fails"):
            raise RuntimeError("it fails once")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % number})


async def both(app: Any, slow: Slow, **scope: Any) -> list[list[dict[str, Any]]]:
    """The same call twice, the second while the first one runs."""
    exchanges = [Exchange("same"), Exchange("same")]
    tasks = [asyncio.create_task(app({**each.scope, **scope}, each.receive, each.send)) for each in exchanges]
    await asyncio.sleep(0)
    slow.may.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    return [each.said for each in exchanges]


def test_call_that_still_runs_is_waited_for() -> None:
    slow = Slow()
    first, second = asyncio.run(both(answering_again(slow), slow))
    assert first == second
    assert [first[1]["body"], slow.done] == [b"1", 1]


def test_call_that_failed_is_done_by_the_one_that_waited() -> None:
    slow = Slow()
    first, second = asyncio.run(both(answering_again(slow), slow, fails=True))
    assert (first, second[1]["body"]) == ([], b"2")


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ministack_resends, "KEPT", 2)
    slow = Slow()
    slow.may.set()
    app = answering_again(slow)

    async def calls() -> None:
        for name in ("a", "b", "c", "c", "a"):
            each = Exchange(name)
            await app(each.scope, each.receive, each.send)

    asyncio.run(calls())
    assert slow.done == 4  # "c" from memory, "a" no longer
