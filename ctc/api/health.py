"""How the session is, from what its processes published and what the store holds."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ctc import __version__, status
from ctc.api.models import Health, Pipeline, QueryHealth, ServiceHealth
from ctc.errors import CtcError
from ctc.model import Snapshot
from ctc.ports import MetricStore

SILENT_S = 10  # every process says something twice a second
STALL_S = 10  # beyond its trigger and its last batch: heartbeats give a query records every second, however quiet the market
QUIET_S = 60  # of the stream's time
ENDED = frozenset({"done", "ended", "finished", "stopped"})
PACKAGES = {"fastapi": "fastapi", "spark": "pyspark"}
NOT_HERE = "no query has published how far it has read"
NOT_ASKED = "of this stream it is not asked how far behind the queries are"
Lags = Callable[[Mapping[str, Any]], dict[str, dict[str, float]]]


def package_version(name: str) -> str:
    """The installed version; "absent" where it is not (Spark in a Lambda zip)."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


class SessionHealth:
    """Call it for a fresh `Health`; it never raises for what is wrong, it says so.

    `triggers_s` are the pauses between the queries' batches. `lags` asks the stream how far behind they are. `wall_stream`
    says that the stream's time is the wall's, so that its clock alone tells whether anything moves where no process publishes.
    """

    def __init__(
        self,
        state: Path,
        metrics: MetricStore,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        triggers_s: Mapping[str, int] | None = None,
        lags: Lags | None = None,
        wall_stream: bool = False,
    ) -> None:
        self._state, self._metrics, self._wall = state, metrics, wall
        self._triggers_s = triggers_s or {}
        self._lags = lags
        self._wall_stream = wall_stream

    def __call__(self) -> Health:
        now = self._wall()
        published = {name: values for name, values in status.read_all(self._state).items() if name != "api"}
        services = {name: _service(values, now) for name, values in published.items()}
        producer = _moment((published.get("producer") or {}).get("clock"))
        queries = {name: _query(values, services[name], now, producer) for name, values in published.items() if "progress" in values}
        reasons: list[str] = []
        snapshots: list[Snapshot] = []
        try:
            snapshots = self._metrics.snapshots()
        except CtcError:
            reasons.append("the store of alerts and metrics does not answer")
        clock = max((each.clock for each in snapshots if each.clock), default=None)
        pipeline, troubles = self._judge(snapshots, services, queries, clock, now)
        newest = _newest(snapshots)
        ages = {name: round((clock - moment).total_seconds(), 3) for name, moment in newest.items()} if clock else {}
        shards, absent = self._shards(published, pipeline)
        return Health(
            status="degraded" if reasons or troubles else "ok",
            reasons=reasons + troubles,
            pipeline=pipeline,
            quiet=[name for name, age in ages.items() if age > QUIET_S],
            checked_at=now,
            stream_clock=clock,
            newest_trade=newest,
            newest_trade_age_s={name: max(0.0, age) for name, age in ages.items()},
            shards=shards,
            shards_absent=absent,
            services=services,
            queries=queries,
            versions=_versions(),
        )

    def _judge(
        self,
        snapshots: list[Snapshot],
        services: Mapping[str, ServiceHealth],
        queries: Mapping[str, QueryHealth],
        clock: datetime | None,
        now: datetime,
    ) -> tuple[Pipeline, list[str]]:
        """What the pipeline does, and what is wrong with it."""
        if snapshots and all(each.final for each in snapshots):
            return "ended", []
        if not services:
            behind = (now - clock).total_seconds() if clock and self._wall_stream else 0.0
            late = [f"the stream's clock is {behind:.0f} s behind"] if behind > SILENT_S else []
            return "stalled" if late else "running" if clock and self._wall_stream else "unknown", late
        silent = [reason for name, service in services.items() for reason in _reasons(name, service)]
        stalled = [reason for name, query in queries.items() for reason in self._stalls(name, query)]
        if silent:
            return "dead", silent + stalled
        if stalled:
            return "stalled", stalled
        return "running" if any(query.batch_age_s is not None for query in queries.values()) else "starting", []

    def _stalls(self, name: str, query: QueryHealth) -> list[str]:
        if name not in self._triggers_s or query.batch_age_s is None:
            return []
        patience = STALL_S + max(self._triggers_s[name], (query.duration_ms or 0) / 1000)
        return [f"{name} has finished no batch for {query.batch_age_s:.0f} s"] if query.batch_age_s > patience else []

    def _shards(self, published: Mapping[str, Mapping[str, Any]], pipeline: Pipeline) -> tuple[dict[str, dict[str, float]], str | None]:
        offsets = {
            name: offset
            for name in self._triggers_s
            if isinstance(offset := ((published.get(name) or {}).get("progress") or {}).get("offset"), dict)
        }
        if not offsets or pipeline == "ended":
            return {}, "the session has ended" if pipeline == "ended" else NOT_HERE
        if self._lags is None:
            return {}, NOT_ASKED
        try:
            return self._lags(offsets), None
        except CtcError:
            return {}, "the stream does not answer"


def _versions() -> dict[str, str]:
    installed = {name: package_version(package) for name, package in PACKAGES.items()}
    return {"ctc": __version__, "python": platform.python_version(), **installed}


def _service(values: Mapping[str, Any], now: datetime) -> ServiceHealth:
    details = {name: value for name, value in values.items() if name not in ("service", "state", "phase", "written_at")}
    return ServiceHealth(state=values.get("state", values.get("phase")), age_s=_age(values["written_at"], now) or 0.0, details=details)


def _reasons(name: str, service: ServiceHealth) -> list[str]:
    if service.state == "failed":
        return [f"{name} has failed and is being restarted"]
    if service.age_s > SILENT_S and service.state not in ENDED:
        return [f"{name} has said nothing for {service.age_s:.0f} s"]
    return []


def _query(values: Mapping[str, Any], service: ServiceHealth, now: datetime, producer: datetime | None) -> QueryHealth:
    progress = values["progress"] or {}
    clock = _moment(values.get("clock"))
    return QueryHealth(
        state=service.state,
        age_s=service.age_s,
        batch=progress.get("batchId"),
        batch_at=progress.get("timestamp"),
        rows=progress.get("numInputRows"),
        rows_per_second=progress.get("processedRowsPerSecond"),
        duration_ms=progress.get("batchDuration", progress.get("durationMs", {}).get("triggerExecution")),
        batch_age_s=_age(values.get("reported_at"), now),
        clock=clock,
        lag_s=round(max(0.0, (producer - clock).total_seconds()), 3) if producer and clock else None,
        trades=values.get("totals", {}).get("trades"),
        failures=values.get("failures", 0),
        trouble=values.get("trouble"),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _age(text: str | None, now: datetime) -> float | None:
    return round(max(0.0, (now - datetime.fromisoformat(text)).total_seconds()), 3) if text else None


def _newest(snapshots: list[Snapshot]) -> dict[str, datetime]:
    newest: dict[str, datetime] = {}
    for snapshot in snapshots:
        for exchange, moment in snapshot.newest_trade.items():
            newest[exchange] = max(moment, newest.get(exchange, moment))
    return dict(sorted(newest.items()))
