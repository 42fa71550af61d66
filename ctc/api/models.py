"""What the API answers with. OpenAPI's schemas are made from these and from `ctc.model` (`ctc.api.schemas`), so both always agree.

Amounts and prices are JSON numbers with all their digits; moments are RFC 3339 in UTC; every field is always there,
null where it was not measured.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from ctc.model import Alert, Bar, Snapshot, Spread, Whale
from ctc.quality.letters import Sample
from ctc.wallets.scored import CAVEAT, ScoreRun, WalletScore

DISCLAIMER = "For educational and analytical purposes only. Not financial advice."
Pipeline = Literal["starting", "running", "stalled", "dead", "ended", "unknown"]
ENCODER = msgspec.json.Encoder(decimal_format="number")


class AlertList(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts newest first; `has_more` tells whether to go on, with `next` as the `cursor`, until it is null.

    A page whose filters match little ends early and may be short, or empty, while `has_more` is true.
    """

    alerts: list[Alert]
    count: int
    has_more: bool
    next: str | None


class WhaleTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One whale: a single print, or one side's prints of the same millisecond (`kind` split)."""

    alert_id: str
    kind: Literal["single", "split"]
    exchange: str
    symbol: str
    native_symbol: str | None
    side: str | None
    price: Decimal | None
    quantity: Decimal | None
    quote_volume: Decimal | None
    trade_count: int | None
    severity: str
    event_time: datetime
    detected_at: datetime


class WhaleList(msgspec.Struct, frozen=True, kw_only=True):
    """Whales newest first, paged as alerts are."""

    whales: list[WhaleTrade]
    count: int
    has_more: bool
    next: str | None


class EvidenceTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A trade behind an alert, with its lineage: the exchange's frame, and shard, sequence number and line of the log."""

    event_id: str
    exchange: str
    native_symbol: str
    kind: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    quote_volume: Decimal
    side: str
    timestamp: datetime
    ingestion_timestamp: datetime
    is_late: bool
    raw_event_payload: str | None
    shard: str | None
    sequence_number: str | None
    position: int | None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """An alert and what it was made from: the bars of its baseline or the spreads around it, and the trades, largest first.

    `trades_absent` says why there are none; `trades_total` counts them where not all are listed.
    """

    alert: Alert
    bars: list[Bar]
    spreads: list[Spread]
    trades: list[EvidenceTrade]
    trades_total: int
    trades_absent: str | None


class BarList(msgspec.Struct, frozen=True, kw_only=True):
    """Closed bars that start in [`since`, `until`), by window and exchange; the bounds are null before the stream's first tick."""

    symbol: str
    since: datetime | None
    until: datetime | None
    window_s: int
    bars: list[Bar]


class SpreadList(msgspec.Struct, frozen=True, kw_only=True):
    """Closed spreads that start in [`since`, `until`), by window; the bounds are null before the stream's first tick."""

    symbol: str
    since: datetime | None
    until: datetime | None
    window_s: int
    spreads: list[Spread]


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """A symbol's latest values; the maps are by exchange, `updated_at` is null before the symbol's first trade.

    `clock` is the stream's time, `trades`, `duplicates` and `late` count since the session began.
    """

    symbol: str
    current_price: dict[str, Decimal] = {}
    spread_pct: Decimal | None = None
    volume_1h: dict[str, Decimal] = {}
    anomaly_count_24h: int = 0
    last_whale: Whale | None = None
    updated_at: datetime | None = None
    clock: datetime | None = None
    newest_trade: dict[str, datetime] = {}
    trades: int = 0
    duplicates: int = 0
    late: int = 0
    final: bool = False


class SymbolInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A symbol: what each exchange calls it, and its latest values. `peg` marks the one that prices the quote currency."""

    symbol: str
    peg: bool
    native_symbols: dict[str, str]
    metrics: Metrics


class SymbolList(msgspec.Struct, frozen=True, kw_only=True):
    """The session's symbols."""

    symbols: list[SymbolInfo]
    count: int


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Where the detectors' lines are: standard deviations, robust scores, quote currency, percent."""

    volume_z: Decimal
    volume_robust: Decimal
    whale: Decimal
    spread_pct: Decimal


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is being watched. `market` says whether it is real; `clock` is the stream's time, which may lie in the past.

    `ended` is true once the stream said its last word. `poll_s` is how often a dashboard should ask.
    """

    title: str
    market: Literal["simulated", "recorded", "live"]
    clock: datetime | None
    ended: bool
    symbols: list[str]
    peg_symbol: str
    exchanges: list[str]
    thresholds: Thresholds
    volume_window_s: int
    spread_window_s: int
    poll_s: int
    version: str
    disclaimer: str = DISCLAIMER


class QualityPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The records that arrived in one step of the series; `score` is null where there was none. Duplicates are in no other number."""

    start: datetime
    processed: int
    passed: int
    failed: int
    late: int
    inconsistent: int
    duplicates: int
    score: Decimal | None
    failure_rate: Decimal | None


class RuleCount(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of data quality, and how many records broke it; a record may break several."""

    rule: str
    dimension: str
    action: str
    category: str | None
    holds_when: str
    records: int


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Data quality. `current` covers the 5 minutes up to `as_of`, the newest minute of arrivals; `total` and `series` the hours asked for.

    `rules` counts the last 24 hours; `samples` are the newest dead letters, cut, their bytes as printable text.
    """

    as_of: datetime | None
    target: int
    alarm_below: int
    current: QualityPoint | None
    total: QualityPoint | None
    series: list[QualityPoint]
    rules: list[RuleCount]
    samples: list[Sample]


class GapSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A range of trade ids that was not simply received: `backfilled`, `natural` (the exchange has none), `lost`, or `halted` between two.

    `trades` of a lost or natural one are those that came after all.
    """

    state: str
    first_id: int
    last_id: int
    trades: int
    started_at: datetime
    ended_at: datetime


class GapSpace(msgspec.Struct, frozen=True, kw_only=True):
    """The trade ids of one market: bounds, how many are in each state, and the newest 100 ranges that were not simply received.

    Of `ids`, those that are `open` are neither here nor given up: their fill is under way, or is tried again.
    """

    exchange: str
    market: str
    native_symbol: str
    kind: str
    first_id: int
    last_id: int
    newest_at: datetime
    ids: dict[str, int]
    spans: list[GapSpan]


class Gaps(msgspec.Struct, frozen=True, kw_only=True):
    """The gap ledger of a symbol as it stands: what became of every trade id."""

    symbol: str
    spaces: list[GapSpace]


class WalletList(msgspec.Struct, frozen=True, kw_only=True):
    """Scores of wallets by address, which is no rank; each with its interval. A wallet's scores are all on one page.

    `scored` says of what tape they are and whether wallets differ at all; it is null, and the list empty, where nobody was scored within
    30 days. `has_more` tells whether to go on, with `next` as the `cursor`, until it is null.
    """

    scored: ScoreRun | None
    scores: list[WalletScore]
    count: int
    has_more: bool
    next: str | None
    caveat: str = CAVEAT
    disclaimer: str = DISCLAIMER


class WalletScores(msgspec.Struct, frozen=True, kw_only=True):
    """One wallet's scores, in each role and at each horizon in which it has enough episodes and days."""

    scored: ScoreRun
    wallet: str
    scores: list[WalletScore]
    caveat: str = CAVEAT
    disclaimer: str = DISCLAIMER


class ServiceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One process of the session: what it last said of itself, and how long ago."""

    state: str | None
    age_s: float
    details: dict[str, Any]


class QueryHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One Spark query: its last micro-batch, what it has taken in, and what stopped it if anything did.

    `batch_age_s` is how long ago it last finished a batch, `lag_s` how far its clock is behind the producer's.
    """

    state: str | None
    age_s: float
    batch: int | None
    batch_at: str | None
    rows: int | None
    rows_per_second: float | None
    duration_ms: float | None
    batch_age_s: float | None
    clock: datetime | None
    lag_s: float | None
    trades: int | None
    failures: int
    trouble: str | None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """`degraded` with its reasons when a service is silent or failed, a query stands still, or the store does not answer.

    `pipeline` and `quiet` tell a dead or stalled pipeline (no heartbeats come through) from a quiet market (heartbeats, but
    no trades of these exchanges for a minute of the stream's time). `newest_trade_age_s` is in the stream's time too.
    `shards` has, by shard and query, how long the oldest record that the query has not taken has been waiting; it is
    empty, and `shards_absent` says why, where the streams can't be asked.
    """

    status: Literal["ok", "degraded"]
    reasons: list[str]
    pipeline: Pipeline
    quiet: list[str]
    checked_at: datetime
    stream_clock: datetime | None
    newest_trade: dict[str, datetime]
    newest_trade_age_s: dict[str, float]
    shards: dict[str, dict[str, float]]
    shards_absent: str | None
    services: dict[str, ServiceHealth]
    queries: dict[str, QueryHealth]
    versions: dict[str, str]


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are."""

    name: str
    version: str
    links: dict[str, str]
    disclaimer: str = DISCLAIMER


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """One value that can't be used: which, and why."""

    parameter: str
    location: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error as RFC 9457 has it; `type` leads to what it means and what to do."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] = []


class ProblemKind(msgspec.Struct, frozen=True, kw_only=True):
    """What a problem's `type` means, and what to do about it."""

    type: str
    title: str
    status: int
    remedy: str


ANSWERS = (
    AlertList,
    Evidence,
    WhaleList,
    BarList,
    SpreadList,
    SymbolList,
    Metrics,
    Quality,
    Gaps,
    WalletList,
    WalletScores,
    SessionInfo,
    Health,
    Index,
    Problem,
    ProblemKind,
)


def metrics_of(symbol: str, snapshot: Snapshot | None) -> Metrics:
    """The answer for a symbol, with nulls and zeros while nothing was seen of it."""
    if snapshot is None:
        return Metrics(symbol=symbol)
    return Metrics(**{name: getattr(snapshot, name) for name in Metrics.__struct_fields__})
