"""The dead-letter queue in S3: where letters lie, what is in them, and that a batch done again replaces its own."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ctc.aws.clients import client
from ctc.aws.dead_letters import DeadLetters
from ctc.errors import StoreError
from ctc.model import to_us
from ctc.settings import Settings
from ctc.spark.lake import Refused

MIDNIGHT = to_us(datetime(2026, 1, 6, tzinfo=UTC))
RUN = "6f1c1f0e-0000-4000-8000-000000000001"
pytestmark = pytest.mark.emulator


def refused(category: str, raw: bytes, position: int = 0, arrival_us: int = MIDNIGHT) -> Refused:
    return Refused(category, ("first reason", "second"), raw, "BTC-USDT", "shardId-000000000001", "49", position, arrival_us)


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
        "reasons": ["first reason", "second"],
        "partition_key": "BTC-USDT",
        "shard": "shardId-000000000001",
        "sequence_number": "49",
        "position": 12,
        "arrived_at": "2026-01-06T00:00:00Z",
    }


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
