"""The report of a session that has ended: the scorecard, row counts, and how long things took (kept apart: they differ each run)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import httpx
import msgspec

from ctc import status
from ctc.aws.alerts import DynamoAlerts
from ctc.aws.query import LakeReader
from ctc.model import EPOCH, Alert
from ctc.schema import SPREADS, TABLES, VOLUME_AGGREGATES
from ctc.settings import Settings
from ctc.sources.normalize import Normalizer
from ctc.sources.survey import Survey
from sim.compare import Equality, TapeTrade, compare_rows, compare_sorted
from sim.ordered import lake_trades, log_of, plain, sorted_tape
from sim.plan import load_plan
from sim.reference import Reference, Result
from sim.score import score
from sim.scorecard import Report
from sim.tape import tape_of
from sim.truth import load_truth

PACKAGES = ("pyspark", "pyiceberg", "duckdb", "msgspec", "websockets", "boto3", "coattail-capital")
TOLD_EACH = 250_000
Item = TypeVar("Item")


class SessionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `--report` writes: the same for the same seed, but for `timings` and how many rows `quality` has, which counts by minutes."""

    session: str
    simulated: bool
    seed: int | None
    scorecard: Report
    tables: dict[str, int]
    market_latency_s: dict[str, float | None]
    versions: dict[str, str]
    timings: dict[str, Any]


def build_report(
    settings: Settings, state: Path, timings: Mapping[str, Any], replay: Survey | None, say: Callable[[str], None]
) -> SessionReport:
    """Read the session's stores and compare them with the reference over its own log; the stores and the API must be up.

    Whatever there are millions of passes by in order, and is sorted in a folder beside the session's files; `say` is told how far it is.
    """
    with TemporaryDirectory(prefix="comparison-", dir=state) as folder, closing(LakeReader(settings, Path(folder))) as lake:
        results = {symbol: reference_of(lake, symbol, settings, Path(folder), say) for symbol in settings.session.symbols}
        hot = list(all_alerts(settings))
        rows = lake.query("select * from anomalies").to_pylist()
        if replay is not None:
            plan, sent = None, recorded_trades(settings, replay)
        else:
            plan = load_plan(state)
            sent = tape_of(plan)
        card = score(
            load_truth(state) if plan is not None else [],
            results,
            hot,
            rows,
            compare_sorted(_counted(sorted_tape(sent, Path(folder)), "trades", say), lake_trades(lake, Path(folder))),
            windows(lake, results),
        )
        return SessionReport(
            session=plan.name if plan is not None else "replay",
            simulated=plan is not None,
            seed=plan.seed if plan is not None else None,
            scorecard=card,
            tables={name: _count(lake, name) for name in sorted(TABLES)},
            market_latency_s=_market_latency(lake),
            versions={name: version(name) for name in PACKAGES},
            timings={**timings, **_measured(state), "api_s": api_latency(settings)},
        )


def reference_of(lake: LakeReader, symbol: str, settings: Settings, folder: Path, say: Callable[[str], None] = lambda _: None) -> Result:
    """What the reference says of one symbol's log, as the lake holds it."""
    oracle = Reference(symbol, settings)
    oracle.take(_counted(log_of(lake, symbol, folder), f"lines of {symbol}", say))
    return oracle.result()


def _counted(items: Iterable[Item], what: str, say: Callable[[str], None]) -> Iterator[Item]:
    for number, item in enumerate(items, 1):
        if number % TOLD_EACH == 0:
            say(f"comparing with the reference: {number:,} {what}")
        yield item


def recorded_trades(settings: Settings, found: Survey) -> Iterator[TapeTrade]:
    """Every market trade of recordings once, as the tape has them."""
    names = {name: own.names for name, own in settings.exchanges.items()}
    for trade in Normalizer(found, names):
        yield TapeTrade(*(plain(getattr(trade, name)) for name in TapeTrade._fields))


def api_latency(settings: Settings, requests: int = 40) -> dict[str, float]:
    """Seconds that GET /alerts takes to answer, at rest: p50, p95, p99."""
    taken = []
    with httpx.Client(base_url=f"http://127.0.0.1:{settings.api.port}", trust_env=False, timeout=30) as client:
        for _ in range(requests):
            began = time.perf_counter()
            client.get("/alerts").raise_for_status()
            taken.append(time.perf_counter() - began)
    taken.sort()
    return {f"p{share}": round(taken[min(requests - 1, requests * share // 100)], 4) for share in (50, 95, 99)}


def all_alerts(settings: Settings) -> Iterator[Alert]:
    """Every alert of the hot store, newest first."""
    now = datetime.max.replace(tzinfo=UTC)
    yield from DynamoAlerts(settings).page(now=now, type=None, symbol=None, since=EPOCH, limit=10_000_000).alerts


def windows(lake: LakeReader, results: Mapping[str, Result]) -> list[Equality]:
    """Bars and spreads of the lake against the reference's, field for field."""
    bars = [msgspec.structs.asdict(bar) for result in results.values() for bar in result.bars]
    spreads = [msgspec.structs.asdict(spread) for result in results.values() for spread in result.spreads]
    found_bars = lake.query("select * from volume_aggregates").to_pylist()
    found_spreads = lake.query("select * from spreads").to_pylist()
    return [
        compare_rows(VOLUME_AGGREGATES.name, ("exchange", "symbol", "window_start"), bars, found_bars),
        compare_rows(SPREADS.name, ("symbol", "window_start"), spreads, found_spreads),
    ]


def _market_latency(lake: LakeReader) -> dict[str, float | None]:
    """Seconds of market time from the exchange's time to the producer's stamp; p50, p95, p99."""
    sql = """select quantile_disc(d, 0.5) p50, quantile_disc(d, 0.95) p95, quantile_disc(d, 0.99) p99
             from (select epoch_us(ingestion_timestamp) - epoch_us(timestamp) d from raw_trades)"""
    row = lake.query(sql).to_pylist()[0]
    return {name: value / 1e6 if value is not None else None for name, value in row.items()}


def _measured(state: Path) -> dict[str, Any]:
    """What the processes measured of themselves, in seconds of this machine's time."""
    detect, producer = status.read(state, "detect") or {}, status.read(state, "producer") or {}
    return {
        "stream_arrival_to_dynamodb_s": detect.get("latency_s"),
        "producer": {name: producer.get(name) for name in ("trades", "records", "bytes", "retries")},
    }


def _count(lake: LakeReader, table: str) -> int:
    return int(lake.query(f"select count(*) n from {table}").to_pylist()[0]["n"])  # noqa: S608 - our own names
