"""What the platform needs from outside, as small protocols; `ctc.wiring` hands in the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from ctc.model import Alert, Bar, GapLedger, Snapshot, Spread


class Record(msgspec.Struct, frozen=True, gc=False):
    """One entry for a stream: the data and the key that picks its shard."""

    key: str
    data: bytes


class StreamWriter(Protocol):
    """Puts records into a stream, at most 500 and 5 MB a call.

    Raises PartialWrite with the indexes that were refused, Throttled when all of them were, StreamError otherwise.
    """

    def put(self, records: Sequence[Record]) -> None: ...


class Clock(Protocol):
    """The producer's clock: the machine's, or one read off the frames."""

    def now(self) -> datetime: ...


class AlertPage(msgspec.Struct, frozen=True):
    """Alerts newest first, and whether older ones match too."""

    alerts: list[Alert]
    has_more: bool


class AlertStore(Protocol):
    """The hot store of alerts (DynamoDB `alerts`). A write applies where the id is absent or its revision lower."""

    def put(self, alerts: Iterable[Alert]) -> None: ...

    def get(self, alert_id: str) -> Alert | None: ...

    def page(self, *, now: datetime, type: str | None, symbol: str | None, since: datetime | None, limit: int) -> AlertPage: ...


class MetricStore(Protocol):
    """The hot store of a symbol's latest values, recent bars and spreads (DynamoDB `metrics`)."""

    def put(self, snapshots: Iterable[Snapshot], bars: Iterable[Bar], spreads: Iterable[Spread]) -> None: ...

    def snapshot(self, symbol: str) -> Snapshot | None: ...

    def snapshots(self) -> list[Snapshot]: ...

    def stream_clock(self) -> datetime | None: ...

    def bars(self, symbol: str, since: datetime) -> list[Bar]: ...

    def spreads(self, symbol: str, since: datetime) -> list[Spread]: ...

    def put_ledger(self, symbol: str, ledger: GapLedger) -> None: ...

    def ledger(self, symbol: str) -> GapLedger | None: ...


class Service(Protocol):
    """Something that is started before a session and stopped after it (the embedded emulator)."""

    def start(self) -> None: ...

    def check(self) -> None:
        """Raise SessionError, with its last words, when it has died."""

    def stop(self) -> None: ...


class LakeReader(Protocol):
    """SQL over the lake's tables by name (`raw_trades`, `anomalies`, ...), read only."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any: ...
