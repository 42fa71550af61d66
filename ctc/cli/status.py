"""`ctc status`: what the session's processes last said of themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from ctc import status
from ctc.cli.query import Format, show
from ctc.errors import SessionError
from ctc.session import running
from ctc.settings import load_state


def show_status(state: Path, format: Format) -> None:
    """One row a service: state, trades, clock, last batch, age in seconds of what it said."""
    load_state(state)
    found = status.read_all(state)
    if not found:
        raise SessionError(f"the session in {state} has not said anything yet")
    up = running(state)
    show(pa.Table.from_pylist([_row(name, values, up) for name, values in found.items()]), format)


def _row(name: str, values: dict[str, Any], up: bool) -> dict[str, Any]:
    age = (datetime.now(UTC) - datetime.fromisoformat(values["written_at"])).total_seconds()
    return {
        "service": name,
        "state": str(values.get("phase") or values.get("state") or "running") if up else "stopped",
        "trades": values.get("trades", (values.get("totals") or {}).get("trades")),
        "clock": values.get("market_time") or values.get("clock"),
        "batch": values.get("batch"),
        "age_s": round(age, 1),
        "trouble": values.get("trouble"),
    }
