"""`ctc alerts`: the newest alerts of the hot store, also when no session runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from ctc.aws.alerts import DynamoAlerts
from ctc.aws.metrics import DynamoMetrics
from ctc.cli.query import Format, show
from ctc.errors import ConfigError
from ctc.model import Alert
from ctc.session import reachable
from ctc.settings import DEFAULT_STATE, Settings

TYPES = ("volume_spike", "whale", "spread")


def alerts(
    type: Annotated[str | None, typer.Option(help="volume_spike, whale or spread.")] = None,
    symbol: Annotated[str | None, typer.Option(help="As in BTC-USDT.")] = None,
    since: Annotated[datetime | None, typer.Option(help="UTC; default: 24 h before the session's clock.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many at most.")] = 50,
    format: Annotated[Format, typer.Option(help="table, json (every field) or csv.")] = "table",
    state: Annotated[Path, typer.Option("--state", help="The session's folder.")] = DEFAULT_STATE,
) -> None:
    """List the newest alerts. For educational and analytical purposes only. Not financial advice."""
    if type is not None and type not in TYPES:
        raise ConfigError(f"there is no alert type {type!r}; choose one of: {', '.join(TYPES)}")
    with reachable(state) as settings:
        if symbol is not None and symbol not in settings.session.symbols:
            raise ConfigError(f"this session has no symbol {symbol!r}; choose one of: {', '.join(settings.session.symbols)}")
        found = newest(settings, type=type, symbol=symbol, since=_utc(since), limit=limit)
    show(pa.Table.from_pylist([_row(alert, format) for alert in found]) if found else _none(), format)


def newest(
    settings: Settings, *, type: str | None = None, symbol: str | None = None, since: datetime | None = None, limit: int = 50
) -> list[Alert]:
    """Alerts newest first; "now" is the session's own clock, which may lie in the past."""
    now = DynamoMetrics(settings).stream_clock() or datetime.now(UTC)
    return DynamoAlerts(settings).page(now=now, type=type, symbol=symbol, since=since, limit=limit).alerts


def _row(alert: Alert, format: Format) -> dict[str, object]:
    if format != "table":
        return {name: getattr(alert, name) for name in alert.__struct_fields__}
    return {"detected_at": alert.detected_at, "severity": alert.severity, "rule": alert.rule, "symbol": alert.symbol, "what": alert.message}


def _none() -> pa.Table:
    return pa.table({name: pa.array([], pa.string()) for name in ("detected_at", "severity", "rule", "symbol", "what")})


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
