"""How a session's processes tell each other how they are: one small JSON file each, replaced atomically.

`STATE/status/<service>.json` holds what `publish` was given, with the process id and the wall time of writing.
"""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec


def publish(state: Path, service: str, values: dict[str, Any]) -> None:
    """Replace the service's status; readers never see half of one."""
    folder = state / "status"
    folder.mkdir(parents=True, exist_ok=True)
    body = {"service": service, "pid": os.getpid(), "written_at": datetime.now(UTC), **values}
    scratch = folder / f".{service}.{os.getpid()}.{threading.get_ident()}"
    scratch.write_bytes(msgspec.json.encode(body))
    scratch.replace(folder / f"{service}.json")


def read(state: Path, service: str) -> dict[str, Any] | None:
    """What the service published last; None when that is nothing, or not to be read (a full disk, an editor)."""
    path = state / "status" / f"{service}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return None


def read_all(state: Path) -> dict[str, dict[str, Any]]:
    """Every service's last status by name."""
    names = sorted(path.stem for path in (state / "status").glob("*.json"))
    return {name: found for name in names if (found := read(state, name))}
