"""`ctc alerts`: the newest alerts of the hot store, also when no session runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer

from ctc.cli.options import Format, State
from ctc.cli.output import write
from ctc.errors import ConfigError
from ctc.model import Alert
from ctc.session import reachable
from ctc.settings import DEFAULT_STATE, Settings, load_state

Type = Literal["volume_spike", "whale", "spread"]
COLUMNS = ("detected_at", "severity", "rule", "symbol", "what")


def moment(text: str) -> datetime:
    """An ISO time or date, UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no ISO time; write it as 2026-01-15T12:30:00Z or 2026-01-15") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def alerts(
    type: Annotated[Type | None, typer.Option(help="Only of this type.")] = None,
    symbol: Annotated[str | None, typer.Option(metavar="SYMBOL", help="Only of this symbol, as in BTC-USDT.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="Detected after this ISO time, UTC; default: 24 h before the session's clock."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="How many at most, 1 to 200.")] = 50,
    format: Annotated[Format, typer.Option(help="json has every field, with exact decimals.")] = "table",
    state: State = DEFAULT_STATE,
) -> None:
    """List the newest alerts, also when no session runs.

    For educational and analytical purposes only. Not financial advice.

    \b
    ctc alerts --type whale --symbol BTC-USDT --limit 5
    ctc alerts --since 2026-01-15T12:30:00Z --format json
    """
    symbols = load_state(state).session.symbols
    if symbol is not None and symbol not in symbols:
        raise ConfigError(f"this session has no symbol {symbol!r}; choose one of: {', '.join(symbols)}")
    with reachable(state) as settings:
        found = newest(settings, type=type, symbol=symbol, since=since, limit=limit)
    names = COLUMNS if format == "table" else Alert.__struct_fields__
    write(names, [_row(alert, format) for alert in found], format, count=len(found))


def newest(
    settings: Settings, *, type: str | None = None, symbol: str | None = None, since: datetime | None = None, limit: int = 50
) -> list[Alert]:
    """Alerts newest first; "now" is the session's own clock, which may lie in the past."""
    from ctc.aws.alerts import DynamoAlerts  # half a second of imports that `ctc --help` does without
    from ctc.aws.metrics import DynamoMetrics

    now = DynamoMetrics(settings).stream_clock() or datetime.now(UTC)
    return DynamoAlerts(settings).page(now=now, type=type, symbol=symbol, since=since, limit=limit).alerts


def _row(alert: Alert, format: Format) -> tuple[Any, ...]:
    if format == "table":
        return alert.detected_at, alert.severity, alert.rule, alert.symbol, alert.message
    return tuple(getattr(alert, name) for name in alert.__struct_fields__)
