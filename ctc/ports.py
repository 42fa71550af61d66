"""What the platform needs from outside, as small protocols; `ctc.wiring` hands in the real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from ctc.model import Alert, Bar, GapLedger, IdSpan, Snapshot, Spread
from ctc.quality.counts import QualityBatch, QualityView, Totals
from ctc.wallets.scored import ScoreRun, WalletScore


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


class Place(msgspec.Struct, frozen=True, order=True):
    """Where an alert stands in the order of all alerts, which is newest first."""

    detected_at: datetime
    alert_id: str


class AlertPage(msgspec.Struct, frozen=True):
    """Alerts newest first, and whether older ones match too. `next` is where to go on: below it lie exactly the others."""

    alerts: list[Alert]
    has_more: bool
    next: Place | None = None


class AlertStore(Protocol):
    """The hot store of alerts (DynamoDB `alerts`). A write applies where the id is absent or its revision lower."""

    def put(self, alerts: Iterable[Alert]) -> None: ...

    def get(self, alert_id: str) -> Alert | None: ...

    def page(
        self,
        *,
        now: datetime,
        type: str | None,
        symbol: str | None,
        since: datetime | None,
        limit: int,
        until: datetime | None = None,
        below: Place | None = None,
        matching: Callable[[Alert], bool] | None = None,
        examine: int | None = None,
    ) -> AlertPage:
        """The newest alerts detected after `since` (by default the 24 h before `now`) and not after `until`, at most `limit`.

        `below` goes on behind an earlier page. After `examine` alerts that do not match, the page ends, perhaps short.
        """


class MetricStore(Protocol):
    """The hot store of a symbol's latest values, recent bars and spreads (DynamoDB `metrics`)."""

    def put(self, snapshots: Iterable[Snapshot], bars: Iterable[Bar], spreads: Iterable[Spread]) -> None: ...

    def snapshot(self, symbol: str) -> Snapshot | None: ...

    def snapshots(self) -> list[Snapshot]: ...

    def stream_clock(self) -> datetime | None: ...

    def bars(self, symbol: str, since: datetime, until: datetime | None = None) -> list[Bar]: ...

    def spreads(self, symbol: str, since: datetime, until: datetime | None = None) -> list[Spread]: ...

    def put_ledger(self, symbol: str, ledger: GapLedger) -> None: ...

    def tell_ledger(self, symbol: str, teller: str, spans: Sequence[IdSpan]) -> None: ...

    def ledger(self, symbol: str) -> GapLedger | None:
        """What `put_ledger` put last, amended by all that was told beside it."""


class QualityStore(Protocol):
    """The hot copy of the counts of data quality (DynamoDB `metrics`, partition `_quality`)."""

    def put(self, batch: QualityBatch) -> None:
        """Add a batch's counts and samples; a batch that was put before changes nothing. A run's batches come in order."""

    def view(self) -> QualityView: ...


class WalletStore(Protocol):
    """The hot copy of what the job `wallets` said last (DynamoDB `metrics`, partitions `_wallets`), for 30 days."""

    def put(self, run: ScoreRun, scores: Sequence[WalletScore]) -> None:
        """Put a run in the place of the one before: readers see either, whole."""

    def run(self) -> ScoreRun | None:
        """The last one; None where nothing was scored, or a month ago."""

    def wallets(self, run: str, after: str = "") -> Iterator[list[WalletScore]]:
        """Each wallet's scores in that run, by address, from behind `after` on."""

    def wallet(self, run: str, address: str) -> list[WalletScore]:
        """One wallet's scores in that run; none where it has none."""


class MetricsWriter(Protocol):
    """Publishes a batch's totals where alarms watch them (CloudWatch)."""

    def publish(self, totals: Totals) -> None: ...


class Service(Protocol):
    """Something that is started before a session and stopped after it (the embedded emulator)."""

    def start(self) -> None: ...

    def check(self) -> None:
        """Raise SessionError, with its last words, when it has died."""

    def stop(self) -> None: ...


class LakeReader(Protocol):
    """SQL over the lake's tables by name (`raw_trades`, `anomalies`, ...), read only."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any: ...
