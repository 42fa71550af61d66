"""A running session on the terminal: stages, rates, lag and the newest alerts, redrawn twice a second; plain lines without a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ctc import status
from ctc.model import Alert

DISCLAIMER = "For educational and analytical purposes only. Not financial advice."
SEVERITY = {"low": "cyan", "medium": "yellow", "high": "dark_orange", "critical": "bold red"}
ROWS = 10


class Screen:
    """Shows what `update` was last given; use it as a context manager."""

    def __init__(self, title: str, state: Path, urls: Sequence[tuple[str, str]], hint: str = "Ctrl-C stops") -> None:
        self._title, self._state, self._urls, self._hint = title, state, urls, hint
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, refresh_per_second=4, transient=False) if self._console.is_terminal else None
        self._stage = "starting"
        self._began = time.monotonic()
        self._rates: dict[str, tuple[float, int, float]] = {}
        self._said: set[tuple[str, int]] = set()

    def __enter__(self) -> Screen:
        if self._live is not None:
            self._live.__enter__()
            self.update([])
        elif self._urls:
            self.say(", ".join(f"{name} at {url}" for name, url in self._urls))
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._live is not None:
            self._live.__exit__(*exception)

    @property
    def elapsed(self) -> float:
        """Seconds since the screen was made."""
        return time.monotonic() - self._began

    def say(self, stage: str) -> None:
        """Name what is being done now."""
        self._stage = stage
        if self._live is None:
            print(f"[{self.elapsed:5.1f} s] {stage}", file=sys.stderr, flush=True)
        else:
            self.update([])

    def update(self, alerts: Sequence[Alert]) -> None:
        """Redraw, with the newest alerts first; without a terminal, print alerts that are new."""
        if self._live is None:
            for alert in reversed(alerts):
                if (alert.alert_id, alert.revision) not in self._said:
                    self._said.add((alert.alert_id, alert.revision))
                    print(f"[{self.elapsed:5.1f} s] {alert.severity:8} {alert.rule:13} {alert.message}", file=sys.stderr, flush=True)
            return
        self._live.update(self._draw(status.read_all(self._state), alerts))

    def _draw(self, found: dict[str, dict[str, Any]], alerts: Sequence[Alert]) -> Group:
        parts: list[Any] = [Panel(self._services(found), title=f"Coat Tail Capital · {self._title}", subtitle=DISCLAIMER)]
        parts.append(_alerts(alerts) if alerts else Text("  no alerts yet", style="dim"))
        links = Text("  ")
        for name, url in self._urls:
            links.append(f"{name} ", style="dim").append(url, style="link " + url + " cyan").append("   ")
        return Group(*parts, links, Text(f"  {self.elapsed:5.0f} s · {self._stage} · {self._hint}", style="dim"))

    def _services(self, found: dict[str, dict[str, Any]]) -> Table:
        table = Table(box=None, expand=True, pad_edge=False)
        for name, style in (("service", "bold"), ("state", ""), ("trades", ""), ("per second", ""), ("clock (UTC)", ""), ("lag", "")):
            table.add_column(name, style=style, justify="right" if name in ("trades", "per second", "lag") else "left")
        front = _moment((found.get("exchange") or {}).get("market_time"))
        for name in ("exchange", "producer", "lake", "detect"):
            table.add_row(name, *self._service(name, found.get(name), front))
        return table

    def _service(self, name: str, values: dict[str, Any] | None, front: datetime | None) -> tuple[Any, ...]:
        if not values:
            return Text("starting", style="dim"), "", "", "", ""
        word = str(values.get("phase") or values.get("state") or "running")
        trouble = values.get("trouble")
        count = values.get("trades", (values.get("totals") or {}).get("trades"))
        clock = _moment(values.get("market_time") or values.get("clock"))
        lag = f"{(front - clock).total_seconds():,.0f} s" if front and clock and name != "exchange" else ""
        shown = Text(f"{word}: {trouble}"[:60] if trouble else word, style="red" if trouble else "green")
        return shown, f"{count:,}" if isinstance(count, int) else "", self._rate(name, count), f"{clock:%H:%M:%S}" if clock else "", lag

    def _rate(self, name: str, count: Any) -> str:
        if not isinstance(count, int):
            return ""
        now = time.monotonic()
        since, before, rate = self._rates.get(name, (now, count, 0.0))
        if now - since >= 2:
            rate = (count - before) / (now - since)
            since, before = now, count
        self._rates[name] = (since, before, rate)
        return f"{rate:,.0f}"


def _alerts(alerts: Sequence[Alert]) -> Table:
    table = Table(box=None, expand=True, pad_edge=False)
    for name in ("detected (UTC)", "severity", "rule", "what"):
        table.add_column(name, no_wrap=True, overflow="ellipsis", ratio=1 if name == "what" else None)
    for alert in alerts[:ROWS]:
        table.add_row(
            f"{alert.detected_at:%m-%d %H:%M:%S}", Text(alert.severity, style=SEVERITY.get(alert.severity, "")), alert.rule, alert.message
        )
    return table


def _moment(value: Any) -> datetime | None:
    return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else None
