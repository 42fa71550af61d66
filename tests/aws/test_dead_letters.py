"""The dead-letter queue in S3: where letters lie, what is in them, and that a batch done again replaces its own."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ctc.aws.clients import client
from ctc.aws.dead_letter_summary import PARTS, SUMMARY, DeadLetterSummary
from ctc.aws.dead_letters import DeadLetters, Replayed, expire_letters
from ctc.errors import StoreError
from ctc.model import to_us
from ctc.quality.letters import OTHER, Refused
from ctc.settings import Settings

MIDNIGHT = to_us(datetime(2026, 1, 6, tzinfo=UTC))
RUN = "6f1c1f0e-0000-4000-8000-000000000001"
pytestmark = [pytest.mark.emulator, pytest.mark.contract]


def refused(category: str, raw: bytes, position: int = 0, arrival_us: int = MIDNIGHT) -> Refused:
    reasons, rules = ("first reason", "second"), ("not_json", "wrong_type")
    return Refused(category, reasons, raw, "BTC-USDT", "shardId-000000000001", "49", position, arrival_us, rules)  # type: ignore[arg-type]


class Bucket:
    def __init__(self, settings: Settings) -> None:
        self._s3: Any = client("s3", settings)
        self._name = settings.lake.raw_bucket
        self._s3.create_bucket(Bucket=self._name)

    def files(self) -> dict[str, list[dict[str, Any]]]:
        found = self._s3.list_objects_v2(Bucket=self._name).get("Contents", [])
        return {item["Key"]: self._lines(item["Key"]) for item in found}

    def _lines(self, key: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._s3.get_object(Bucket=self._name, Key=key)["Body"].read().splitlines()]


def put(settings: Settings, letters: list[Refused], batch_id: int = 7, symbol: str = "BTC-USDT") -> None:
    DeadLetters(settings).put(RUN, batch_id, symbol, msgspec.msgpack.encode(letters))


def test_letters_lie_by_category_and_day_of_arrival(emulator: Settings) -> None:
    bucket = Bucket(emulator)
    put(
        emulator,
        [refused("malformed", b"a"), refused("invalid", b"b"), refused("incomplete", b"c"), refused("invalid", b"d", 1, MIDNIGHT - 1)],
    )
    assert {key: [base64.b64decode(letter["raw_base64"]) for letter in letters] for key, letters in bucket.files().items()} == {
        f"dlq/malformed/dt=2026-01-06/{RUN}-000000007-BTC-USDT.ndjson": [b"a"],
        f"dlq/incomplete/dt=2026-01-06/{RUN}-000000007-BTC-USDT.ndjson": [b"c"],
        f"dlq/invalid/dt=2026-01-06/{RUN}-000000007-BTC-USDT.ndjson": [b"b"],
        f"dlq/invalid/dt=2026-01-05/{RUN}-000000007-BTC-USDT.ndjson": [b"d"],
    }


def test_letter_says_why_and_where(emulator: Settings) -> None:
    bucket = Bucket(emulator)
    raw = bytes(range(256))
    put(emulator, [refused("malformed", raw, 12)])
    ((letter,),) = bucket.files().values()
    assert base64.b64decode(letter.pop("raw_base64")) == raw
    assert letter == {
        "id": refused("malformed", raw, 12).id,
        "category": "malformed",
        "rules": ["not_json", "wrong_type"],
        "reasons": ["first reason", "second"],
        "symbol": "BTC-USDT",
        "source": "lines",
        "exchange": None,
        "received_at": None,
        "cut_from": None,
        "partition_key": "BTC-USDT",
        "shard": "shardId-000000000001",
        "sequence_number": "49",
        "position": 12,
        "arrived_at": "2026-01-06T00:00:00Z",
    }


def test_frame_keeps_its_exchange_and_when_it_was_received(emulator: Settings) -> None:
    Bucket(emulator)
    received = datetime(2026, 1, 5, 23, 59, tzinfo=UTC)
    frame = Refused("malformed", ("why",), b"{", "binance", "s", "5", 0, MIDNIGHT, ("frame_unreadable",), "frames", "binance", received, 9)
    put(emulator, [frame], symbol="producer")
    (letter,) = DeadLetters(emulator).find()
    assert (letter.source, letter.exchange, letter.received_at, letter.cut_from) == ("frames", "binance", received, 9)
    assert (letter.symbol, letter.raw, letter.id) == (OTHER, b"{", frame.id)


def test_letters_are_found_by_category_and_day_newest_first(emulator: Settings) -> None:
    Bucket(emulator)
    hour = 3_600_000_000
    put(emulator, [refused("invalid", b"%d" % n, n, MIDNIGHT + (n - 3) * hour) for n in range(6)])
    put(emulator, [refused("malformed", b"x", 9, MIDNIGHT)], batch_id=8)
    found = DeadLetters(emulator).find
    assert [letter.raw for letter in found(categories=["invalid"])] == [b"5", b"4", b"3", b"2", b"1", b"0"]
    assert [letter.raw for letter in found(categories=["invalid"], day="2026-01-05")] == [b"2", b"1", b"0"]
    assert {letter.raw for letter in found(day="2026-01-06")} == {b"3", b"4", b"5", b"x"}
    assert list(found(day="2026-01-07")) == []


def test_marks_tell_what_was_sent_again_and_the_first_time_stays(emulator: Settings) -> None:
    Bucket(emulator)
    store, first, later = DeadLetters(emulator), datetime(2026, 1, 6, tzinfo=UTC), datetime(2026, 1, 7, tzinfo=UTC)
    store.mark([])
    assert store.replayed() == {}
    store.mark([Replayed("b", later, "again")])
    store.mark([Replayed("a", first, "1 trade"), Replayed("b", first, "1 trade")])
    assert store.replayed() == {name: Replayed(name, first, "1 trade") for name in ("a", "b")}
    assert list(store.find()) == []


def test_letters_expire_after_seven_days(emulator: Settings) -> None:
    Bucket(emulator)
    expire_letters(emulator)
    expire_letters(emulator)
    (rule,) = client("s3", emulator).get_bucket_lifecycle_configuration(Bucket=emulator.lake.raw_bucket)["Rules"]
    assert (rule["Status"], rule["Filter"], rule["Expiration"]) == ("Enabled", {"Prefix": "dlq/"}, {"Days": 7})


def test_letters_expire_beside_the_buckets_other_rules(emulator: Settings) -> None:
    Bucket(emulator)
    store: Any = client("s3", emulator)
    old = {"ID": "historical", "Status": "Enabled", "Filter": {"Prefix": "historical/"}, "Expiration": {"Days": 90}}
    store.put_bucket_lifecycle_configuration(Bucket=emulator.lake.raw_bucket, LifecycleConfiguration={"Rules": [old]})
    expire_letters(emulator)
    rules = store.get_bucket_lifecycle_configuration(Bucket=emulator.lake.raw_bucket)["Rules"]
    assert {rule["Filter"]["Prefix"]: rule["Expiration"]["Days"] for rule in rules} == {"historical/": 90, "dlq/": 7}


class TestSummary:
    """`dlq_summary.json`."""

    def read(self, settings: Settings) -> list[dict[str, Any]]:
        body = client("s3", settings).get_object(Bucket=settings.lake.raw_bucket, Key=SUMMARY)["Body"].read()
        return list(json.loads(body)["days"])

    def test_counts_by_day_category_reason_and_symbol(self, emulator: Settings) -> None:
        Bucket(emulator)
        foreign = msgspec.structs.replace(refused("invalid", b"c"), key="../x", rules=("symbol_not_allowed",))
        letters = [refused("malformed", b"a"), refused("malformed", b"b"), foreign, refused("malformed", b"d", 0, MIDNIGHT - 1)]
        assert DeadLetterSummary(emulator).add(RUN, 3, letters)
        today, yesterday = self.read(emulator)
        assert (today["date"], today["letters"], today["categories"]) == ("2026-01-06", 3, {"invalid": 1, "malformed": 2})
        assert today["groups"] == [
            {"category": "malformed", "reason": "not_json", "symbol": "BTC-USDT", "letters": 2},
            {"category": "malformed", "reason": "wrong_type", "symbol": "BTC-USDT", "letters": 2},
            {"category": "invalid", "reason": "symbol_not_allowed", "symbol": "other", "letters": 1},
        ]
        assert (yesterday["date"], yesterday["letters"]) == ("2026-01-05", 1)

    @pytest.mark.parametrize("fresh", [False, True])
    def test_batch_that_comes_twice_counts_once(self, emulator: Settings, fresh: bool) -> None:
        Bucket(emulator)
        summary = DeadLetterSummary(emulator)
        for batch_id, added in ((3, True), (3, False), (2, False), (4, True), (4, False)):
            summary = DeadLetterSummary(emulator) if fresh else summary
            assert summary.add(RUN, batch_id, [refused("malformed", b"a")]) is added
        (day,) = self.read(emulator)
        assert day["letters"] == 2

    def test_runs_add_up_and_a_summary_that_was_lost_is_made_again(self, emulator: Settings) -> None:
        Bucket(emulator)
        DeadLetterSummary(emulator).add(RUN, 3, [refused("malformed", b"a")])
        DeadLetterSummary(emulator).add("other-run", 3, [refused("malformed", b"b")])
        store: Any = client("s3", emulator)
        store.delete_object(Bucket=emulator.lake.raw_bucket, Key=SUMMARY)
        DeadLetterSummary(emulator).add(RUN, 3, [refused("malformed", b"a")])
        (day,) = self.read(emulator)
        assert day["letters"] == 2
        assert len(store.list_objects_v2(Bucket=emulator.lake.raw_bucket, Prefix=PARTS)["Contents"]) == 2

    def test_days_past_the_retention_leave_it(self, emulator: Settings) -> None:
        Bucket(emulator)
        day_us = 86_400_000_000
        DeadLetterSummary(emulator).add(RUN, 1, [refused("malformed", b"a", n, MIDNIGHT + n * day_us) for n in range(10)])
        DeadLetterSummary(emulator).add("other-run", 1, [refused("malformed", b"a", 0, MIDNIGHT + 10 * day_us)])
        assert [day["date"] for day in self.read(emulator)] == [f"2026-01-{n:02}" for n in range(16, 8, -1)]


def test_batch_done_again_replaces_its_own_files_only(emulator: Settings) -> None:
    bucket = Bucket(emulator)
    put(emulator, [refused("malformed", b"a")])
    before = bucket.files()
    put(emulator, [refused("malformed", b"a")])
    assert bucket.files() == before
    put(emulator, [refused("malformed", b"b")], batch_id=8)
    put(emulator, [refused("malformed", b"c")], symbol="ETH-USDT")
    assert len(bucket.files()) == 3


@pytest.mark.parametrize("symbol", ["../../x y?#%", "ÿ" * 256, "a/b", "\u0000\n"])
def test_any_partition_key_makes_a_name(emulator: Settings, symbol: str) -> None:
    bucket = Bucket(emulator)
    put(emulator, [refused("malformed", b"a")], symbol=symbol)
    put(emulator, [refused("malformed", b"b")], symbol=symbol + "2")
    names = list(bucket.files())
    assert len(names) == 2
    assert all(name.startswith(f"dlq/malformed/dt=2026-01-06/{RUN}-") and name.count("/") == 3 and len(name) < 250 for name in names)


def test_missing_bucket_is_a_store_error_that_names_it(emulator: Settings) -> None:
    with pytest.raises(StoreError, match=emulator.lake.raw_bucket):
        put(emulator, [refused("malformed", b"a")])


def test_newest_reads_the_newest_files_only(emulator: Settings) -> None:
    Bucket(emulator)
    day_us = 86_400_000_000
    for batch in range(4):
        put(emulator, [refused("invalid", b"%d" % batch, batch, MIDNIGHT + batch)], batch_id=batch)
    put(emulator, [refused("malformed", b"next day", 9, MIDNIGHT + day_us)], batch_id=0)
    box = DeadLetters(emulator)
    assert [letter.raw for letter in box.newest(3)] == [b"next day", b"3", b"2"]
    assert [letter.raw for letter in box.newest(1, "invalid")] == [b"3"]
    assert len(box.newest(99)) == 5
