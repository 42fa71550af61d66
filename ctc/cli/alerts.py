"""`ctc alerts`: the newest alerts of the hot store, also when no session runs, and with `--follow` new ones as they come."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer

from ctc.cli.follow import Follow
from ctc.cli.options import Format, State, Symbol, known_symbol, moment
from ctc.cli.output import Rows, write
from ctc.cli.repeat import Watched, repeat
from ctc.cli.screen import SEVERITY
from ctc.errors import SetupError, StoreError, Throttled
from ctc.model import Alert
from ctc.session import reachable
from ctc.settings import DEFAULT_STATE, Settings, load_state

Type = Literal["volume_spike", "whale", "spread"]
COLUMNS = ("detected", "severity", "rule", "what")
WIDTHS = (14, 8, 13)
FOLLOW_EVERY_S = 1.0
SHOWN_FIRST = 10


def alerts(
    type: Annotated[Type | None, typer.Option(help="Only of this type.")] = None,
    symbol: Symbol = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="Detected after this ISO time, UTC; default: 24 h before the session's clock."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=200, metavar="N", help="How many at most, 1 to 200; default: 50, or the 10 before --follow.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new and revised alerts as they come, until Ctrl-C.")] = False,
    format: Annotated[Format, typer.Option(help="json has every field, with exact decimals; with --follow one object a line.")] = "table",
    state: State = DEFAULT_STATE,
) -> None:
    """List the newest alerts, also when no session runs.

    For educational and analytical purposes only. Not financial advice.

    \b
    ctc alerts --type whale --symbol BTC-USDT --limit 5
        the newest five of one kind and symbol
    ctc alerts --since 2026-01-15T12:30:00Z --format json
        every field of what was detected after that
    ctc alerts --follow
        the newest ten, oldest first, then each as it is found or completed
    ctc alerts --follow --format json | jq -r .message
        one JSON object a line, for other programs
    """
    known_symbol(load_state(state), symbol)
    watched = Watched(state)
    with reachable(state) as settings:
        if follow:
            _follow(settings, watched, type, symbol, since, limit or SHOWN_FIRST, format)
            return
        found = newest(settings, type=type, symbol=symbol, since=since, limit=limit or 50)
    names = COLUMNS if format == "table" else Alert.__struct_fields__
    write(names, [_row(alert, format) for alert in found], format, wrap="what")


def _follow(
    settings: Settings, watched: Watched, type: str | None, symbol: str | None, since: datetime | None, limit: int, format: Format
) -> None:
    """Write alerts until the session ends (Ctrl-C comes as KeyboardInterrupt). A store that is away for a while is waited for."""
    from ctc.aws.alerts import DynamoAlerts
    from ctc.aws.metrics import DynamoMetrics

    metrics = DynamoMetrics(settings)
    follow = Follow(settings, DynamoAlerts(settings), metrics, type, symbol)
    rows = Rows(COLUMNS if format == "table" else Alert.__struct_fields__, WIDTHS, format)
    rows.begin()
    _say(rows, follow.begin(metrics.stream_clock() or datetime.now(UTC), since, limit), format)
    repeat(lambda: _say(rows, follow.more(), format), watched, FOLLOW_EVERY_S, (StoreError, Throttled, SetupError))


def _say(rows: Rows, alerts: list[Alert], format: Format) -> None:
    for alert in alerts:
        rows.add(_row(alert, format), {"detected": "dim", "severity": SEVERITY.get(alert.severity, "")})


class Newest:
    """Asks for the newest alerts, again and again by the same clients."""

    def __init__(self, settings: Settings) -> None:
        from ctc.aws.alerts import DynamoAlerts  # half a second of imports that `ctc --help` does without
        from ctc.aws.metrics import DynamoMetrics

        self._alerts, self._metrics = DynamoAlerts(settings), DynamoMetrics(settings)

    def ask(self, *, type: str | None = None, symbol: str | None = None, since: datetime | None = None, limit: int) -> list[Alert]:
        """As `newest`."""
        now = self._metrics.stream_clock() or datetime.now(UTC)
        return self._alerts.page(now=now, type=type, symbol=symbol, since=since, limit=limit).alerts


def newest(
    settings: Settings, *, type: str | None = None, symbol: str | None = None, since: datetime | None = None, limit: int = 50
) -> list[Alert]:
    """Alerts newest first; "now" is the session's own clock, which may lie in the past."""
    return Newest(settings).ask(type=type, symbol=symbol, since=since, limit=limit)


def _row(alert: Alert, format: Format) -> tuple[Any, ...]:
    if format == "table":
        what = f"{alert.message} (completed)" if alert.revision else alert.message
        return f"{alert.detected_at:%m-%d %H:%M:%S}", alert.severity, alert.rule, what
    return tuple(getattr(alert, name) for name in alert.__struct_fields__)
