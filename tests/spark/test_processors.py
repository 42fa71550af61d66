"""The two stateful operators as Spark calls them: state in and out as one blob, rows by name."""

from __future__ import annotations

from typing import Any

import pytest
from log_strategies import SYMBOL, T0, make_trade, small_settings
from pyspark.sql import Row

from ctc.codec import encode_line, pack
from ctc.detect.fold import ALL_DETECTORS
from ctc.spark.detect import OUTCOMES, DetectProcessor, decode_outcomes
from ctc.spark.lake import LakeProcessor

SETTINGS = small_settings()


class Handle:
    """One key's state, kept between batches."""

    def __init__(self) -> None:
        self.blob: tuple[bytes] | None = None

    def getValueState(self, name: str, schema: str) -> Handle:  # noqa: N802 - Spark's name
        assert schema == "blob binary"
        return self

    def get(self) -> Any:
        return None if self.blob is None else (bytearray(self.blob[0]),)

    def update(self, value: tuple[bytes]) -> None:
        self.blob = value


def record(number: int, *trades: tuple[int, str]) -> Row:
    lines = [
        encode_line(make_trade(T0 + each * 1_000, "100", size, trade_id=each, exchange="binance", side="buy")) for each, size in trades
    ]
    return Row(shardId="s", sequenceNumber=str(number), data=bytearray(pack(lines)), arrival_us=T0 + number, partitionKey=SYMBOL)


def batch(processor: Any, handle: Handle, rows: list[Row], symbol: str = SYMBOL) -> list[Row]:
    processor.init(handle)
    return list(processor.handleInputRows((symbol,), iter(rows), None))


def test_lake_goes_on_from_its_state() -> None:
    handle = Handle()
    (row,) = batch(LakeProcessor(SETTINGS), handle, [record(1, (1, "2"), (2, "2"))])
    assert (row.symbol, row.trades, row.duplicates) == (SYMBOL, 2, 0)
    (row,) = batch(LakeProcessor(SETTINGS), handle, [record(2, (2, "2"), (3, "2"))])
    assert (row.trades, row.duplicates) == (1, 1)


def test_detect_goes_on_from_its_state_and_tells_what_fired() -> None:
    handle = Handle()
    (row,) = batch(DetectProcessor(SETTINGS, ALL_DETECTORS), handle, [record(100, (1, "2")), record(99, (2, "20")), record(98, (3, "2"))])
    assert [column.split()[0] for column in OUTCOMES.split(", ")] == row.__fields__
    (alert,) = decode_outcomes(row.outcomes).alerts
    assert (alert.rule, alert.sequence_number) == ("whale.single", "99")
    assert row.fired_us == [T0 + 99]
    (row,) = batch(DetectProcessor(SETTINGS, ALL_DETECTORS), handle, [record(101, (2, "20"))])
    assert decode_outcomes(row.outcomes).alerts == []
    assert decode_outcomes(row.outcomes).snapshot.duplicates == 1
    assert row.fired_us == []


def test_detect_leaves_foreign_keys_to_the_lake() -> None:
    handle = Handle()
    assert batch(DetectProcessor(SETTINGS, ALL_DETECTORS), handle, [record(1, (1, "2"))], "DOGE-USDT") == []
    assert handle.blob is None


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x28\xb5\x2f\xfd", b"[" * 100_000])
def test_poison_stops_no_operator(data: bytes) -> None:
    poison = Row(shardId="s", sequenceNumber="5", data=bytearray(data), arrival_us=T0, partitionKey=SYMBOL)
    for processor in (LakeProcessor(SETTINGS), DetectProcessor(SETTINGS, ALL_DETECTORS)):
        (row,) = batch(processor, Handle(), [poison, record(6, (1, "2"))])
        trades = decode_outcomes(row.outcomes).snapshot.trades if "outcomes" in row.__fields__ else row.trades
        assert trades == 1
