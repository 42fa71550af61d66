"""What the API answers with. OpenAPI's schemas are made from these and from `ctc.model`, so both always agree.

Amounts and prices are JSON numbers with all their digits; moments are RFC 3339 in UTC; every field is always there,
null where it was not measured.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from ctc.model import Alert, Snapshot, Whale
from ctc.quality.letters import Sample

DISCLAIMER = "For educational and analytical purposes only. Not financial advice."
ENCODER = msgspec.json.Encoder(decimal_format="number")


class AlertList(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts newest first; `has_more` tells whether older ones match too."""

    alerts: list[Alert]
    count: int
    has_more: bool


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


class ServiceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One process of the session: what it last said of itself, and how long ago."""

    state: str | None
    age_s: float
    details: dict[str, Any]


class QueryHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One Spark query: its last micro-batch, and what stopped it if anything did."""

    state: str | None
    age_s: float
    batch: int | None
    batch_at: str | None
    rows: int | None
    rows_per_second: float | None
    duration_ms: float | None
    failures: int
    trouble: str | None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """`degraded` with its reasons when a service is silent or failed, or the store does not answer."""

    status: Literal["ok", "degraded"]
    reasons: list[str]
    checked_at: datetime
    stream_clock: datetime | None
    newest_trade: dict[str, datetime]
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


ANSWERS = (AlertList, Metrics, Quality, Health, Index, Problem, ProblemKind)


def metrics_of(symbol: str, snapshot: Snapshot | None) -> Metrics:
    """The answer for a symbol, with nulls and zeros while nothing was seen of it."""
    if snapshot is None:
        return Metrics(symbol=symbol)
    return Metrics(**{name: getattr(snapshot, name) for name in Metrics.__struct_fields__})


def schemas() -> dict[str, Any]:
    """OpenAPI's `components.schemas` of every answer: money as numbers, moments as date-time, every field required."""
    found = msgspec.json.schema_components(ANSWERS, ref_template="#/components/schemas/{name}")[1]
    moments = {struct.__name__: _moments(struct) for struct in (*ANSWERS, Alert, Whale, QualityPoint, Sample)}
    return {name: _published(schema, moments.get(name, frozenset())) for name, schema in sorted(found.items())}


def _moments(struct: type[msgspec.Struct]) -> frozenset[str]:
    """The fields that are or hold a datetime: msgspec's schemas call those plain strings."""
    return frozenset(field.name for field in msgspec.structs.fields(struct) if "datetime" in str(field.type))


def _published(schema: dict[str, Any], moments: frozenset[str]) -> dict[str, Any]:
    parts = {name: _field(part, name in moments) for name, part in schema["properties"].items()}
    words = " ".join(schema.get("description", "").split())
    return {**schema, "description": words, "properties": parts, "required": list(parts)}


def _field(schema: Any, moment: bool) -> Any:
    if isinstance(schema, list):
        return [_field(each, moment) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "decimal":
        return {"type": "number"}
    if moment and schema.get("type") == "string":
        return {"type": "string", "format": "date-time"}
    return {key: _field(value, moment) for key, value in schema.items() if key != "default"}
