"""Memory of a session's processes over time, and whether it grows: PSS (shared pages counted once) off /proc."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ctc.session import Session

PROC = Path("/proc")
NAMES = ("exchange", "spark", "producer", "api")
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
FEWEST = 12  # samples for a slope: it is that of the later half, since a process fills its caches first


class Growth(msgspec.Struct, frozen=True):
    """A process: how long it was watched, its memory at the end, and the slope of the line through the later half of its samples."""

    name: str
    watched_s: float
    last_mb: float
    slope_mb_per_minute: float | None


class Memory:
    """Samples by process. Workers of Spark are summed: they come and go."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, int], list[tuple[float, float]]] = {}

    def sample(self, now: float, session: Session, emulator: int | None) -> None:
        """Look at what runs now."""
        for name, pid, size in _sizes(session, emulator):
            if size:  # else it has just ended
                self._samples.setdefault((name, pid), []).append((now, size))

    def growth(self) -> list[Growth]:
        """Of each name the process that lived longest, by name."""
        longest: dict[str, list[tuple[float, float]]] = {}
        for (name, _), series in self._samples.items():
            if len(series) > len(longest.get(name, [])):
                longest[name] = series
        return [_growth(name, series) for name, series in sorted(longest.items())]


def _growth(name: str, series: list[tuple[float, float]]) -> Growth:
    slope = round(slope_per_minute(series[len(series) // 2 :]), 2) if len(series) >= FEWEST else None
    return Growth(name, round(series[-1][0] - series[0][0], 0), round(series[-1][1], 1), slope)


def slope_per_minute(series: list[tuple[float, float]]) -> float:
    """Least squares; seconds and megabytes in, megabytes a minute out."""
    count = len(series)
    mean_x, mean_y = (sum(values) / count for values in zip(*series, strict=True))
    over = sum((x - mean_x) ** 2 for x, _ in series)
    return 60 * sum((x - mean_x) * (y - mean_y) for x, y in series) / over if over else 0.0


def _sizes(session: Session, emulator: int | None) -> Iterator[tuple[str, int, float]]:
    for name in NAMES:
        pid = session.pid(name)
        members = _group(pid) if name == "spark" else [pid]
        jvms = [each for each in members if _command(each) == "java"]
        workers = [each for each in members if each != pid and each not in jvms]
        yield ("Spark's driver" if name == "spark" else name), pid, _megabytes(pid)
        if name == "spark":
            yield from (("Spark's JVM", each, _megabytes(each)) for each in jvms)
            yield "Spark's workers", pid, sum(map(_megabytes, workers))
    standby = session.standby_pid("spark")
    if standby is not None:
        yield "Spark's standby", standby, sum(map(_megabytes, _group(standby)))
    if emulator is not None:
        yield "emulator", emulator, _megabytes(emulator)
    yield "relays", os.getpid(), _megabytes(os.getpid())


def _group(leader: int) -> list[int]:
    """Processes of the session that this process leads (`ctc.processes.spawn`)."""
    found = []
    for folder in PROC.glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader:
            found.append(int(folder.name))
    return found


def _command(pid: int) -> str:
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def _megabytes(pid: int) -> float:
    try:
        found = _PSS.search((PROC / str(pid) / "smaps_rollup").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0
