"""The batch part of `make bench`: other engines' rules against the reference, pieces of history, and all of it once, tiny."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench import rules_duckdb, rules_polars
from bench.batch import batch
from bench.history import market_of, pages_of, pieces_of
from bench.rules_duckdb import Found

from ctc.codec import read_record
from ctc.model import Alert, Position, to_us
from ctc.settings import Settings, load_profile
from ctc.spark.lake import LakeFold, from_ipc
from sim.day.log import SymbolLog
from sim.plan import FIXED_START, make_plan
from sim.reference import reference

MINUTES = 45
SMALL = load_profile(
    "sim",
    {
        "volume.baseline_bars": 15, "volume.min_bars": 5, "volume.z_threshold": "1.5", "volume.robust_threshold": "2.5",
        "volume.robust_cooldown_s": 120, "whales.threshold": "20000", "spread.threshold_pct": "0.03",
    },
)  # fmt: skip


def small_day(seed: int, folder: Path) -> Counter[Found]:
    """`raw_trades` and `heartbeats` of a simulated session as Parquet in the folder; what the reference says of its log."""
    plan = make_plan(seed, FIXED_START, MINUTES * 60, SMALL, rate=0.3)
    tables: dict[str, list[pa.Table]] = {"raw_trades": [], "heartbeats": []}
    said: Counter[Found] = Counter()
    for symbol in SMALL.session.symbols:
        log = SymbolLog(plan, symbol, SMALL, random.Random(seed))
        records = [record for written in log.minutes(MINUTES) for record in written.records]
        for row in LakeFold(symbol, SMALL, None).take([(*record, 0) for record in records]):
            tables["raw_trades"] += [from_ipc(row.trade_rows)] if row.trade_rows else []
            tables["heartbeats"] += [from_ipc(row.heartbeat_rows)] if row.heartbeat_rows else []
        lines = [
            (Position(shard, int(number), index), line)
            for shard, number, data in records
            for index, line in enumerate(read_record(data, frozenset({symbol})))
        ]
        said += Counter(short(alert) for alert in reference(lines, symbol, SMALL).alerts if alert.final)
    for name, parts in tables.items():
        pq.write_table(pa.concat_tables(parts), folder / f"{name}.parquet")
    return said


def short(alert: Alert) -> Found:
    return alert.rule.partition(".")[2], alert.exchange, alert.symbol, to_us(alert.window_start or alert.event_time)


def by_duckdb(folder: Path) -> Counter[Found]:
    with duckdb.connect() as connection:
        for name in ("raw_trades", "heartbeats"):
            connection.execute(f"create view {name} as select * from '{folder / name}.parquet'")
        return rules_duckdb.found(lambda sql: connection.execute(sql).to_arrow_table(), SMALL)


def by_polars(folder: Path) -> Counter[Found]:
    return rules_polars.found(pl.scan_parquet(folder / "raw_trades.parquet"), pl.scan_parquet(folder / "heartbeats.parquet"), SMALL)


@pytest.mark.parametrize("seed", [1, 2])
def test_other_engines_find_what_the_reference_finds(seed: int, tmp_path: Path) -> None:
    wanted = small_day(seed, tmp_path)
    assert {rule for rule, *_ in wanted} == {"z", "robust", "single", "split", "raw", "peg"}
    assert by_duckdb(tmp_path) == wanted
    assert by_polars(tmp_path) == wanted


@pytest.mark.parametrize("name", ["binance", "coinbase"])
def test_pieces_of_history_hold_every_row_of_the_pages(name: str) -> None:
    settings: Settings = load_profile("sim")
    market, reader = market_of(settings, name)
    pages = pages_of(settings, market, reader, 21_500)
    found: list[dict[str, Any]] = []
    for trades, files in pieces_of(settings, market, reader, pages):
        rows = [row for body in files for row in pq.read_table(pa.BufferReader(body)).to_pylist()]
        assert len(rows) == trades
        found += rows
    ids = sorted(row["trade_id"] for row in found)
    assert len(ids) == 22_000
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert all(row["is_backfilled"] for row in found)


@pytest.mark.spark
@pytest.mark.emulator
@pytest.mark.timeout(900)
def test_batch_measures_all_of_a_tiny_day(tmp_path: Path) -> None:
    said: list[str] = []
    rows = batch(tmp_path / "state", said.append, 30, 5, 1)
    by_section: dict[str, list[Any]] = {}
    for row in rows:
        by_section.setdefault(row.section, []).append(row)
    assert by_section.keys() == {"reprocess", "maintain", "query"}
    assert all(row.value > 0 for row in rows)
    for row in by_section["reprocess"]:
        if row.unit == "alerts":
            assert row.beside == f"DuckDB: the same {row.value:,}; Polars: the same {row.value:,}"
    files = {row.what: row for row in by_section["maintain"]}
    assert files["files of raw_trades"].ratio < 0.5
    assert len(by_section["query"]) == 11
