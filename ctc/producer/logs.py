"""One JSON object a line on stderr: what a person or a log store reads of a producer."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import msgspec


def log(event: str, **fields: Any) -> None:
    """Write one line with the wall time."""
    line = {"at": datetime.now(UTC), "service": "producer", "event": event, **fields}
    sys.stderr.write(msgspec.json.encode(line).decode() + "\n")
