"""What the inspector shows, read from the session's stores and kept for some seconds. Nothing here writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pandas as pd
import streamlit as st

from ctc import status
from ctc.api.evidence import LakeTrace, Trades
from ctc.api.gaps import gaps_of
from ctc.api.models import Gaps, Quality
from ctc.api.quality import quality_of
from ctc.aws.alerts import DynamoAlerts
from ctc.aws.dead_letters import DeadLetters
from ctc.aws.history import Commit, LakeHistory
from ctc.aws.metrics import DynamoMetrics
from ctc.aws.quality import DynamoQuality
from ctc.aws.query import LakeReader
from ctc.aws.wallets import DynamoWallets
from ctc.aws.workbench import Answer, Workbench
from ctc.model import Alert, Bar, Spread
from ctc.quality.letters import Letter
from ctc.quality.rules import Category
from ctc.settings import Settings, load_state, session_state
from ctc.wallets import ScoreRun, WalletScore

MOST_ALERTS = 500
FILES_OF_LETTERS = 50
QUICK, SLOW = 5, 30  # seconds that an answer is kept
DETECTORS = {"volume_spike": "volume", "whale": "whale", "spread": "spread"}
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Source(NamedTuple):
    """Names one session's data; a new session in the same folder has another stamp, so nothing old is shown for it."""

    state: str
    stamp: int


class Stores(NamedTuple):
    """A session's settings and open stores."""

    settings: Settings
    lake: LakeReader
    history: LakeHistory
    alerts: DynamoAlerts
    metrics: DynamoMetrics
    quality: DynamoQuality
    wallets: DynamoWallets
    letters: DeadLetters
    trace: LakeTrace


def source() -> Source:
    """The session of this process. Raises ConfigError when there is none."""
    state = session_state()
    load_state(state)
    return Source(str(state), (state / "settings.json").stat().st_mtime_ns)


@st.cache_resource(max_entries=1, show_spinner=False)
def stores(origin: Source) -> Stores:
    """Connections that every visitor shares."""
    settings = load_state(Path(origin.state))
    lake = LakeReader(settings)
    return Stores(
        settings,
        lake,
        LakeHistory(settings),
        DynamoAlerts(settings, keep_s=QUICK),
        DynamoMetrics(settings, keep_s=QUICK),
        DynamoQuality(settings),
        DynamoWallets(settings),
        DeadLetters(settings),
        LakeTrace(lambda: lake),
    )


def services(origin: Source) -> dict[str, dict[str, Any]]:
    """What each process of the session said last."""
    return status.read_all(Path(origin.state))


@st.cache_data(ttl=QUICK, show_spinner=False)
def clock(origin: Source) -> datetime | None:
    """The session's "now", which may lie in the past: the newest heartbeat's, else the newest bar's end, else None."""
    if found := stores(origin).metrics.stream_clock():
        return found
    # The hot store forgets after a day; the lake does not.
    (row,) = stores(origin).lake.query("select max(window_end) as newest from volume_aggregates").to_pylist()
    newest: datetime | None = row["newest"]
    return newest


@st.cache_data(ttl=QUICK, show_spinner=False)
def commits(origin: Source) -> dict[str, list[Commit]]:
    """Each table's commits, newest first: rows are counted from here, without reading the tables."""
    return stores(origin).history.commits()


@st.cache_data(ttl=QUICK, show_spinner="Reading alerts")
def alerts(
    origin: Source, span: timedelta | None, type: str | None = None, symbol: str | None = None, most: int = MOST_ALERTS
) -> list[Alert]:
    """The newest alerts within a span before the session's now; from the lake what the hot store has forgotten."""
    now = clock(origin)
    if now is None:
        return []
    since = now - span if span else NEVER
    found = stores(origin).alerts.page(now=now, type=type, symbol=symbol, since=since, limit=most).alerts
    return found or _lake_alerts(origin, since, type, symbol, most)


@st.cache_data(ttl=QUICK, show_spinner="Reading alerts")
def alerts_between(origin: Source, symbol: str, since: datetime, until: datetime) -> list[Alert]:
    """A symbol's alerts that were detected in (since, until], newest first."""
    found = stores(origin).alerts.page(now=until, type=None, symbol=symbol, since=since, until=until, limit=4 * MOST_ALERTS).alerts
    return found or [each for each in _lake_alerts(origin, since, None, symbol, 4 * MOST_ALERTS) if each.detected_at <= until]


@st.cache_data(ttl=QUICK, show_spinner="Reading the alert")
def alert(origin: Source, alert_id: str) -> Alert | None:
    """The alert of this id, None where neither store has it."""
    if found := stores(origin).alerts.get(alert_id):
        return found
    rows = stores(origin).lake.query("select * from anomalies where alert_id = $id", {"id": alert_id}).to_pylist()
    return _alert(rows[0]) if rows else None


@st.cache_data(ttl=QUICK, show_spinner="Reading bars")
def bars(origin: Source, symbol: str, since: datetime, until: datetime) -> list[Bar]:
    """Closed bars of a symbol that start in [since, until), by window and exchange."""
    if found := stores(origin).metrics.bars(symbol, since, until):
        return found
    return [msgspec.convert(row, Bar) for row in _windows(origin, "volume_aggregates", symbol, since, until)]


@st.cache_data(ttl=QUICK, show_spinner="Reading spreads")
def spreads(origin: Source, symbol: str, since: datetime, until: datetime) -> list[Spread]:
    """Closed spreads of a symbol that start in [since, until), by window."""
    if found := stores(origin).metrics.spreads(symbol, since, until):
        return found
    return [msgspec.convert(row, Spread) for row in _windows(origin, "spreads", symbol, since, until)]


@st.cache_data(ttl=SLOW, show_spinner="Reading the trades behind it")
def trades_behind(origin: Source, alert_id: str, revision: int, _found: Alert) -> Trades:
    """The largest trades that an alert was made from, as the API shows them; why there are none, where that is so."""
    return stores(origin).trace(_found)


@st.cache_data(ttl=SLOW, show_spinner="Reading its record")
def record(origin: Source, symbol: str, shard: str, number: str, at: datetime) -> pd.DataFrame:
    """How many trades and heartbeats of one record of the stream the lake kept, and which lines they were."""
    parts = [
        f"select '{kind}' as lines, count(*) as kept, min(position) as first_line, max(position) as last_line from {table} "  # noqa: S608
        "where symbol = $symbol and timestamp between $first and $last and shard = $shard and sequence_number = $number"
        for kind, table in (("trades", "raw_trades"), ("heartbeats", "heartbeats"))
    ]
    values = {"symbol": symbol, "shard": shard, "number": number, "first": at - timedelta(minutes=2), "last": at + timedelta(minutes=2)}
    found: pd.DataFrame = stores(origin).lake.query(" union all ".join(parts), values).to_pandas()
    return found[found["kept"] > 0]


@st.cache_data(ttl=SLOW, show_spinner="Reading heartbeats")
def heartbeats(origin: Source, symbol: str, at: datetime) -> list[dict[str, Any]]:
    """The heartbeats within some seconds of a moment, in the order of the log: who was producing, and over which connections."""
    sql = """select * from heartbeats where symbol = $symbol and timestamp between $first and $last
             order by shard, length(sequence_number), sequence_number, position limit 20"""
    values = {"symbol": symbol, "first": at - timedelta(seconds=3), "last": at + timedelta(seconds=2)}
    found: list[dict[str, Any]] = stores(origin).lake.query(sql, values).to_pylist()
    return found


@st.cache_data(ttl=QUICK, show_spinner="Reading quality")
def quality(origin: Source) -> Quality:
    """What the API's /quality answers with."""
    return quality_of(stores(origin).quality.view(), step=5)


@st.cache_data(ttl=SLOW, show_spinner="Reading dead letters")
def letters(origin: Source, category: Category | None) -> list[Letter]:
    """The letters of the newest files of the dead-letter queue, newest first."""
    return stores(origin).letters.newest(FILES_OF_LETTERS, category)


@st.cache_data(ttl=QUICK, show_spinner="Reading the ledger")
def ledger(origin: Source, symbol: str) -> Gaps:
    """What the API's /gaps answers with."""
    return gaps_of(symbol, stores(origin).metrics.ledger(symbol))


@st.cache_data(ttl=SLOW, show_spinner="Reading the wallets' scores")
def wallets(origin: Source) -> tuple[ScoreRun | None, list[WalletScore]]:
    """The last run of the job `wallets`, and its scores by address."""
    store = stores(origin).wallets
    run = store.run()
    return run, [score for own in store.wallets(run.run) for score in own] if run is not None else []


@st.cache_data(ttl=SLOW, show_spinner="Asking the lake", max_entries=50)
def ask(origin: Source, sql: str, moment: datetime | None) -> Answer:
    """The answer to somebody's SQL, over the lake as it was at a moment."""
    return _workbench(origin, moment).ask(sql)


@st.cache_resource(max_entries=3, show_spinner=False)
def _workbench(origin: Source, moment: datetime | None) -> Workbench:
    return Workbench(stores(origin).settings, moment)


def _windows(origin: Source, table: str, symbol: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    condition = "symbol = $symbol and window_start >= $since and window_start < $until"
    sql = f"select * from {table} where {condition} order by window_start"  # noqa: S608 - our own names
    found: list[dict[str, Any]] = stores(origin).lake.query(sql, {"symbol": symbol, "since": since, "until": until}).to_pylist()
    return found


def _lake_alerts(origin: Source, since: datetime, type: str | None, symbol: str | None, most: int) -> list[Alert]:
    given = {"since": since, **({"type": type} if type else {}), **({"symbol": symbol} if symbol else {})}
    condition = " and ".join(("detected_at > $since", *(f"{name} = ${name}" for name in given if name != "since")))
    sql = f"select * from anomalies where {condition} order by detected_at desc, alert_id desc limit {most}"  # noqa: S608
    return [_alert(row) for row in stores(origin).lake.query(sql, given).to_pylist()]


def _alert(row: dict[str, Any]) -> Alert:
    """A row of `anomalies` as what it was: final, its rule in full."""
    own = {"rule": f"{DETECTORS[row['type']]}.{row['rule']}", "event_time": row["timestamp"], "final": True}
    return msgspec.convert({**row, **own}, Alert)
