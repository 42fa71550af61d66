"""How the session is, from what its processes published and what the store holds."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ctc import __version__, status
from ctc.api.models import Health, QueryHealth, ServiceHealth
from ctc.errors import CtcError
from ctc.model import Snapshot
from ctc.ports import MetricStore

STALE_S = 30
ENDED = frozenset({"done", "ended", "finished", "stopped"})
PACKAGES = {"fastapi": "fastapi", "spark": "pyspark"}


def package_version(name: str) -> str:
    """The installed version; "absent" where it is not (Spark in a Lambda zip)."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


class SessionHealth:
    """Call it for a fresh `Health`; it never raises for what is wrong, it says so."""

    def __init__(self, state: Path, metrics: MetricStore, wall: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._state = state
        self._metrics = metrics
        self._wall = wall

    def __call__(self) -> Health:
        now = self._wall()
        published = {name: values for name, values in status.read_all(self._state).items() if name != "api"}
        services = {name: _service(values, now) for name, values in published.items()}
        reasons = [reason for name, service in services.items() for reason in _reasons(name, service)]
        snapshots: list[Snapshot] = []
        try:
            snapshots = self._metrics.snapshots()
        except CtcError:
            reasons.append("the store of alerts and metrics does not answer")
        return Health(
            status="degraded" if reasons else "ok",
            reasons=reasons,
            checked_at=now,
            stream_clock=max((each.clock for each in snapshots if each.clock), default=None),
            newest_trade=_newest(snapshots),
            services=services,
            queries={name: _query(values, services[name]) for name, values in published.items() if "progress" in values},
            versions={
                "ctc": __version__,
                "python": platform.python_version(),
                **{name: package_version(package) for name, package in PACKAGES.items()},
            },
        )


def _versions() -> dict[str, str]:
    installed = {name: package_version(package) for name, package in PACKAGES.items()}
    return {"ctc": __version__, "python": platform.python_version(), **installed}


def _service(values: Mapping[str, Any], now: datetime) -> ServiceHealth:
    age = (now - datetime.fromisoformat(values["written_at"])).total_seconds()
    details = {name: value for name, value in values.items() if name not in ("service", "state", "written_at")}
    return ServiceHealth(state=values.get("state"), age_s=round(max(age, 0.0), 3), details=details)


def _reasons(name: str, service: ServiceHealth) -> list[str]:
    if service.state == "failed":
        return [f"{name} has failed and is being restarted"]
    if service.age_s > STALE_S and service.state not in ENDED:
        return [f"{name} has said nothing for {service.age_s:.0f} s"]
    return []


def _query(values: Mapping[str, Any], service: ServiceHealth) -> QueryHealth:
    progress = values["progress"] or {}
    return QueryHealth(
        state=service.state,
        age_s=service.age_s,
        batch=progress.get("batchId"),
        batch_at=progress.get("timestamp"),
        rows=progress.get("numInputRows"),
        rows_per_second=progress.get("processedRowsPerSecond"),
        duration_ms=progress.get("batchDuration", progress.get("durationMs", {}).get("triggerExecution")),
        failures=values.get("failures", 0),
        trouble=values.get("trouble"),
    )


def _newest(snapshots: list[Snapshot]) -> dict[str, datetime]:
    newest: dict[str, datetime] = {}
    for snapshot in snapshots:
        for exchange, moment in snapshot.newest_trade.items():
            newest[exchange] = max(moment, newest.get(exchange, moment))
    return dict(sorted(newest.items()))
