"""The lake's lines by DuckDB: in the order of the log or of the exchanges' times, as of a snapshot, whatever files they lie in."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from samples_lake import START, trade_row

from ctc.arrow import arrow_schema
from ctc.aws import log, query
from ctc.aws.lakehouse import TableAppender, create_tables
from ctc.aws.log import BEAT, CLOSING, READ, SPACE, WARM_UP, Span, pinned, skipped_ids, sorted_lines
from ctc.errors import LakeError
from ctc.schema import HEARTBEATS, RAW_TRADES
from ctc.settings import Settings

pytestmark = pytest.mark.emulator

SYMBOL = "BTC-USDT"
NOWHERE = {"shard": None, "sequence_number": None, "position": None}
Row = dict[str, Any]


@pytest.fixture
def lake(emulator: Settings) -> Settings:
    create_tables(emulator)
    return emulator


def write(settings: Settings, batch: int, trades: list[Row], beats: list[Row]) -> None:
    for table, rows in ((RAW_TRADES, trades), (HEARTBEATS, beats)):
        found = pa.Table.from_pylist(rows, schema=arrow_schema(table))
        TableAppender(settings).append_once(table.name, found, query="lake", run="r1", batch_id=batch)


def trade(second: int, number: int, **changes: Any) -> Row:
    """A second of the day's, whose line is the number's of the log: three lines a record, of 9 to 11 digits, on two shards."""
    record, position = divmod(number, 3)
    place = {"shard": f"shardId-{record % 2}", "sequence_number": str(10**9 - 5 + record), "position": position}
    return trade_row(0, trade_id=second, timestamp=START + timedelta(seconds=second)) | place | changes


def beat(second: int, number: int, **changes: Any) -> Row:
    said = {"symbol": SYMBOL, "timestamp": START + timedelta(seconds=second), "producer": "p1", "venues": "[]", "peg": None, "final": False}
    return said | {name: trade(second, number)[name] for name in NOWHERE} | changes


def found(settings: Settings, span: Span, scratch: Path) -> list[Row]:
    return [row for batch in sorted_lines(settings, pinned(settings, span), SYMBOL, scratch) for row in batch.to_pylist()]


def expected(row: Row) -> Row:
    is_trade = "trade_id" in row
    line = {name: row[name] for name in (READ if is_trade else BEAT)}
    return {name: row[name] for name in NOWHERE} | {"trade": line if is_trade else None, "beat": None if is_trade else line}


def in_log(row: Row) -> tuple[str, int, int]:
    return row["shard"], int(row["sequence_number"]), row["position"]


def in_time(row: Row) -> tuple[datetime, bool, int]:
    return row["timestamp"], "trade_id" in row, row.get("trade_id", 0)


def mixed(lake: Settings) -> list[Row]:
    """Trades and heartbeats of the symbol, written in three commits in no order; other symbols' and history's beside them."""
    rng, seconds = random.Random(4), list(range(60))
    rng.shuffle(seconds)
    rows = [beat(second, number) if number % 7 == 0 else trade(second, number) for number, second in enumerate(seconds)]
    history = [trade(second, 0, **NOWHERE, is_backfilled=True) for second in range(60, 70)]
    others = [trade(5, 1, symbol="ETH-USDT"), beat(5, 2, symbol="ETH-USDT")]
    everything = [*rows, *history, *others]
    rng.shuffle(everything)
    for batch in range(3):
        part = everything[batch::3]
        write(lake, batch, [row for row in part if "trade_id" in row], [row for row in part if "trade_id" not in row])
    return [*rows, *history]


def test_lines_come_in_the_order_of_the_log_piece_by_piece(lake: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "PIECE", 7)
    rows = sorted((row for row in mixed(lake) if row["shard"]), key=in_log)
    batches = list(sorted_lines(lake, pinned(lake, Span()), SYMBOL, tmp_path))
    assert [row for batch in batches for row in batch.to_pylist()] == [expected(row) for row in rows]
    assert max(batch.num_rows for batch in batches) <= 7


def test_event_time_has_history_too_and_heartbeats_before_the_trades_of_their_moment(lake: Settings, tmp_path: Path) -> None:
    rows = mixed(lake)
    at_once = [trade(80, 300), beat(80, 301), trade(80, 302, exchange="aaa", trade_id=900)]
    write(lake, 3, [at_once[0], at_once[2]], [at_once[1]])
    wanted = [*sorted(rows, key=in_time), at_once[1], at_once[2], at_once[0]]
    assert found(lake, Span(order="event-time"), tmp_path) == [expected(row) for row in wanted]


def test_span_is_warmed_up_and_closed(lake: Settings, tmp_path: Path) -> None:
    hours = [trade(3600 * hour, hour) for hour in range(8)]
    write(lake, 0, hours, [])
    since, until = START + timedelta(hours=3), START + timedelta(hours=5)
    inside = [row for row in hours if since - WARM_UP <= row["timestamp"] < until + CLOSING]
    assert len(inside) == 4
    for order in ("log", "event-time"):
        assert len(found(lake, Span(since=since, until=until, order=order), tmp_path)) == 4


def test_span_means_the_snapshots_of_its_moment(lake: Settings, tmp_path: Path) -> None:
    write(lake, 0, [trade(1, 1)], [])
    before = pinned(lake, Span())
    assert set(before.versions) == {"raw_trades"}  # no heartbeat was there
    between = datetime.now(UTC)
    write(lake, 1, [trade(2, 2)], [beat(3, 3)])
    assert len(found(lake, Span(), tmp_path)) == 3
    assert len(found(lake, before, tmp_path)) == 2  # what is not named is as of now
    assert found(lake, Span(as_of=between), tmp_path) == [expected(trade(1, 1))]
    assert found(lake, Span(as_of=START), tmp_path) == []


def test_skipped_ids_are_told_with_the_trades_on_both_sides(lake: Settings, tmp_path: Path) -> None:
    """Each market by itself, wherever its trades lie; what has no place in the log counts."""
    ids = [1, 2, 5, 6, 9]
    rows = [trade(number, number) for number in ids] + [trade(20 + number, 30 + number, exchange="coinbase") for number in (1, 2, 4)]
    write(lake, 0, rows[::2], [])
    write(lake, 1, [*rows[1::2], trade(3, 0, **NOWHERE)], [])
    said = [row for batch in skipped_ids(lake, pinned(lake, Span(order="event-time")), SYMBOL, tmp_path) for row in batch.to_pylist()]
    start = START.timestamp() * 10**6
    sides = [(row["exchange"], row["before"], row["after"], row["since"] - start, row["until"] - start) for row in said]
    assert sorted(sides) == [
        ("binance", 3, 5, 3_000_000, 5_000_000), ("binance", 6, 9, 6_000_000, 9_000_000), ("coinbase", 22, 24, 22_000_000, 24_000_000)
    ]  # fmt: skip
    assert all(row[name] == rows[0][name] for row in said for name in SPACE[1:])


def test_what_has_no_room_in_memory_lies_in_the_folder_meanwhile(lake: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "SMALL", "96MB")
    count = 600_000
    one = pa.Table.from_pylist([trade(0, 0)], schema=arrow_schema(RAW_TRADES))
    rows = one.take(pa.array(np.zeros(count, np.int64)))
    places = np.arange(count)[::-1]
    rows = rows.set_column(rows.schema.get_field_index("position"), rows.schema.field("position"), pa.array(places, pa.int32()))
    TableAppender(lake).append_once(RAW_TRADES.name, rows, query="lake", run="r1", batch_id=0)
    seen, spilled = 0, 0
    for batch in sorted_lines(lake, pinned(lake, Span()), SYMBOL, tmp_path):
        assert batch.column("position").to_pylist() == list(range(seen, seen + batch.num_rows))
        seen += batch.num_rows
        spilled = max(spilled, sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()))
    assert seen == count
    assert spilled > 0


def test_what_can_not_be_read_is_named(emulator: Settings, lake: Settings, tmp_path: Path) -> None:
    elsewhere = msgspec.structs.replace(emulator, lake=msgspec.structs.replace(emulator.lake, database="nowhere"))
    with pytest.raises(LakeError, match="no table raw_trades"):
        pinned(elsewhere, Span())
    with pytest.raises(LakeError, match="raw_trades@7"):
        list(sorted_lines(lake, Span(versions={"raw_trades": 7}), SYMBOL, tmp_path))
