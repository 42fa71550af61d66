"""The Kinesis writer: within PutRecords' limits, exact about what was refused, errors of ours."""

from __future__ import annotations

from typing import Any

import pytest
from fakes_kinesis import FakeKinesis

from ctc.aws.clients import client
from ctc.aws.kinesis import KinesisWriter
from ctc.errors import PartialWrite, StreamError, Throttled
from ctc.ports import Record
from ctc.settings import load_profile


def writer(fake: FakeKinesis) -> KinesisWriter:
    return KinesisWriter(client("kinesis", load_profile("sim", {"aws.endpoint": fake.endpoint})), "trades")


def records(count: int, size: int = 10) -> list[Record]:
    return [Record(f"K{index}", bytes([index % 256]) * size) for index in range(count)]


def test_writer_sends_all_in_order() -> None:
    with FakeKinesis() as fake:
        writer(fake).put(records(3))
        assert [(stream, key, data[:1]) for stream, key, data in fake.taken] == [("trades", f"K{i}", bytes([i])) for i in range(3)]


@pytest.mark.parametrize(("count", "size", "calls"), [(1201, 10, [500, 500, 201]), (11, 900_000, [5, 5, 1]), (0, 1, [])])
def test_writer_keeps_to_the_limits_of_a_call(count: int, size: int, calls: list[int]) -> None:
    with FakeKinesis() as fake:
        writer(fake).put(records(count, size))
        assert fake.calls == calls


def test_writer_names_the_refused_across_calls() -> None:
    def script(number: int, stream: str, entries: list[dict[str, str]]) -> Any:
        return {1: {3, 7}, 2: {0}}.get(number)

    with FakeKinesis(script) as fake:
        with pytest.raises(PartialWrite) as caught:
            writer(fake).put(records(600))
        assert caught.value.failed == (3, 7, 500)
        assert len(fake.taken) == 597


def test_writer_is_throttled_when_nothing_was_taken() -> None:
    with FakeKinesis(lambda number, stream, entries: set(range(len(entries)))) as fake, pytest.raises(Throttled, match="slow down"):
        writer(fake).put(records(4))


def test_writer_that_is_cut_short_names_the_rest() -> None:
    slow = (400, {"__type": "LimitExceededException", "message": "slow"})
    with FakeKinesis(lambda number, stream, entries: slow if number > 1 else None) as fake:
        with pytest.raises(PartialWrite) as caught:
            writer(fake).put(records(502))
        assert caught.value.failed == (500, 501)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ((400, {"__type": "ResourceNotFoundException", "message": "no stream"}), StreamError, "it is not there"),
        ((400, {"__type": "ValidationException", "message": "bad"}), StreamError, "bad"),
        ((500, {"__type": "InternalFailure", "message": "oops"}), Throttled, "trying again"),
    ],
)
def test_writer_raises_errors_of_ours(answer: Any, error: type[Exception], words: str) -> None:
    with FakeKinesis(lambda number, stream, entries: answer) as fake, pytest.raises(error, match=words):
        writer(fake).put(records(1))


def test_writer_takes_silence_for_something_to_try_again() -> None:
    with FakeKinesis() as fake:
        found = writer(fake)
    with pytest.raises(Throttled, match="does not answer"):
        found.put(records(1))


def test_writer_refuses_a_record_no_call_can_take() -> None:
    with FakeKinesis() as fake, pytest.raises(StreamError, match="max_pack_bytes"):
        writer(fake).put(records(1, 1 << 20))
