"""Throttles and failures are tried again with growing pauses, then given up in words; nothing waits here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from ctc.aws.kinesis_shards import KinesisShards
from ctc.errors import DataLoss, SetupError, StreamError
from ctc.settings import load_profile
from ctc.stream.shards import ExpiredIterator

SETTINGS = load_profile("sim", {"aws.endpoint": "http://127.0.0.1:9"})
AWAY = EndpointConnectionError(endpoint_url="http://127.0.0.1:9")


def error(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "said so"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetRecords")  # type: ignore[arg-type]


class Scripted:
    """A client whose every call gives the next of its answers."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        def call(**given: Any) -> Any:
            self.asked.append({"call": name, **given})
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def shards(*answers: Any, attempts: int = 12) -> tuple[KinesisShards, Scripted, list[float]]:
    pauses: list[float] = []
    made = KinesisShards(SETTINGS, "trades", attempts, pauses.append)
    made._client = scripted = Scripted(*answers)
    return made, scripted, pauses


ITERATOR = {"ShardIterator": "it"}


@pytest.mark.parametrize(
    "trouble", [error("ProvisionedThroughputExceededException"), error("LimitExceededException"), error("InternalFailure", 500), AWAY]
)
def test_trouble_that_passes_is_tried_again(trouble: Exception) -> None:
    made, scripted, pauses = shards(trouble, trouble, ITERATOR)
    assert made.iterator("s", "7") == "it"
    assert len(scripted.asked) == 3
    assert scripted.asked[0] == scripted.asked[2]
    assert scripted.asked[0]["StartingSequenceNumber"] == "7"
    assert 0 < pauses[0] <= 0.1 < 0.2 >= pauses[1] > 0


@pytest.mark.parametrize("trouble", [error("ThrottlingException"), AWAY])
def test_trouble_that_stays_is_given_up(trouble: Exception) -> None:
    made, scripted, pauses = shards(trouble)
    with pytest.raises(StreamError, match="trades: gave up after 12 attempts"):
        made.get("it", 10)
    assert len(scripted.asked) == 12
    assert len(pauses) == 11
    assert max(pauses) <= 5
    assert 15 < sum(pauses) < 45


@pytest.mark.parametrize("code", ["ExpiredIteratorException", "ResourceNotFoundException"])
def test_iterator_of_no_use_is_said_at_once(code: str) -> None:
    made, scripted, _ = shards(error(code))
    with pytest.raises(ExpiredIterator):
        made.get("it", 10)
    assert len(scripted.asked) == 1


@pytest.mark.parametrize(("code", "after"), [("ResourceNotFoundException", ""), ("InvalidArgumentException", "7")])
def test_place_that_kinesis_does_not_know_is_a_loss(code: str, after: str) -> None:
    made, _, _ = shards(error(code))
    with pytest.raises(DataLoss, match=r"trades/s: records behind .* are gone"):
        made.iterator("s", after)


@pytest.mark.parametrize(("code", "kind"), [("ValidationException", StreamError), ("AccessDeniedException", SetupError)])
def test_refusals_are_our_errors(code: str, kind: type[Exception]) -> None:
    made, scripted, _ = shards(error(code))
    for ask in (made.list, made.span, lambda: made.get("it", 1), lambda: made.iterator("s", "")):
        with pytest.raises(kind, match="trades"):
            ask()
    assert len(scripted.asked) == 4


def test_list_turns_every_page() -> None:
    def shard(number: int, **more: str) -> dict[str, Any]:
        return {"ShardId": f"s{number}", "SequenceNumberRange": {"StartingSequenceNumber": str(number)}, **more}

    made, scripted, _ = shards(
        {"Shards": [shard(3, ParentShardId="s1", AdjacentParentShardId="s2")], "NextToken": "t"}, {"Shards": [shard(1), shard(2)]}
    )
    assert [(each.id, each.parents) for each in made.list()] == [("s1", ()), ("s2", ()), ("s3", ("s1", "s2"))]
    assert scripted.asked[1] == {"call": "list_shards", "NextToken": "t"}


def test_span_is_the_retention_but_never_before_the_creation() -> None:
    def summary(created: datetime) -> dict[str, Any]:
        return {"StreamDescriptionSummary": {"RetentionPeriodHours": 24, "StreamCreationTimestamp": created}}

    made, scripted, _ = shards(summary(datetime(2024, 1, 1, tzinfo=UTC)))
    span = made.span()
    assert span.now_us - span.since_us == 24 * 3_600_000_000
    made.span()
    assert len(scripted.asked) == 1  # asked once a minute
    made, _, _ = shards(summary(datetime(2090, 1, 1, tzinfo=UTC)))
    assert made.span().since_us == 3_786_912_000_000_000
