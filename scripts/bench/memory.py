"""Peak memory of the processes that this one started, by what they are, read off /proc while they run (elsewhere: nothing).

A group's figure is the highest sum of VmHWM over its processes that lived at one time. Pages that Spark's Python workers share
(they are forked) are in the sum once for each; `pss` counts them once, and is sampled, so it can miss a short peak.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROC = Path("/proc")
EVERY_S = 1.0
PSS_EVERY = 5  # samples: reading it walks the page tables
DRIVER, JVM, WORKERS = "Spark's Python driver", "Spark's JVM", "Spark's Python workers"
LEADERS = {
    "jobs.stream": DRIVER, "ctc.producer": "producer", "sim.exchange": "exchange simulator", "ctc.api": "API",
    "ministack_server.py": "emulator",
}  # fmt: skip


class Peaks:
    """Bytes by group, as far as they were seen."""

    def __init__(self) -> None:
        self.rss: dict[str, int] = {}
        self.pss: dict[str, int] = {}
        self._samples = 0

    def sample(self) -> None:
        """Look at the processes that are there now."""
        now: dict[str, int] = {}
        shared: dict[str, int] = {}
        for pid, group in processes():
            now[group] = now.get(group, 0) + _kilobytes(pid, "status", "VmHWM") * 1024
            if group == WORKERS and self._samples % PSS_EVERY == 0:
                shared[group] = shared.get(group, 0) + _kilobytes(pid, "smaps_rollup", "Pss") * 1024
        self._samples += 1
        for kept, found in ((self.rss, now), (self.pss, shared)):
            for group, size in found.items():
                kept[group] = max(size, kept.get(group, 0))


@contextmanager
def sampled() -> Iterator[Peaks]:
    """Peaks that are kept up to date until the block ends."""
    peaks, stop = Peaks(), threading.Event()

    def run() -> None:
        while not stop.wait(EVERY_S):
            peaks.sample()

    thread = threading.Thread(target=run, name="memory", daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        stop.set()
        thread.join()


def processes() -> Iterator[tuple[int, str]]:
    """Process ids and groups: children of this process lead a session each (`ctc.processes.spawn`), which holds all they start."""
    found = [entry for entry in map(_stat, PROC.glob("[0-9]*")) if entry is not None]
    leaders = {pid: name for pid, _, parent, _ in found if parent == os.getpid() and (name := _leader(pid))}
    for pid, command, _, session in found:
        if pid in leaders:
            yield pid, leaders[pid]
        elif leaders.get(session) == DRIVER and command == "java":
            yield pid, JVM
        elif leaders.get(session) == DRIVER and "python" in command:
            yield pid, WORKERS


def _stat(folder: Path) -> tuple[int, str, int, int] | None:
    """Process id, command, parent and session; None when it has just ended."""
    try:
        head, _, tail = (folder / "stat").read_text().rpartition(")")
    except OSError:
        return None
    fields = tail.split()
    return int(folder.name), head.partition("(")[2], int(fields[1]), int(fields[3])


def _leader(pid: int) -> str | None:
    """What a child of ours is: it was started as `python leash.py FD MODULE-OR-FILE ...`."""
    try:
        words = (PROC / str(pid) / "cmdline").read_text().split("\0")
    except OSError:
        return None
    return LEADERS.get(Path(words[3]).name) if len(words) > 3 else None


def _kilobytes(pid: int, file: str, name: str) -> int:
    try:
        found = re.search(rf"^{name}:\s+(\d+) kB", (PROC / str(pid) / file).read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
