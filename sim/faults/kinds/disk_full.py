"""The checkpoint's disk full."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

import msgspec

from ctc.settings import Settings
from sim.faults import small_disk
from sim.faults.facts import Facts
from sim.faults.fault import Fault, Script
from sim.faults.ground import QUERIES, Ground

MEGABYTES = 96
SAYS = "No space left on device"


class DiskFull(Fault):
    """The queries fail and say why; once there is room they go on from the checkpoint."""

    name = "disk_full"
    part = "Spark"
    what = "the disk that the checkpoints are on is full (a genuine ENOSPC, on a tmpfs of its own) for 8 to 12 s"
    group = "outages"
    behind_stream = True
    soaks = False
    within_s = 360.0

    def __init__(self) -> None:
        self._disk: Path | None = None
        self._said = ""

    def shaped(self, settings: Settings) -> Settings:
        if not small_disk.available():
            return settings
        self._disk = Path(tempfile.mkdtemp(prefix="ctc-disk-"))
        small_disk.mount(self._disk, MEGABYTES)
        return msgspec.structs.replace(settings, spark=msgspec.structs.replace(settings.spark, checkpoints=str(self._disk)))

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        assert self._disk is not None, "a small disk can't be mounted: run this fault as root"
        small_disk.fill(self._disk)
        ground.counts[self.name] += 1
        yield lambda: self._hears(ground)
        yield ground.after(rng.uniform(8, 12))
        self._hears(ground)
        small_disk.free(self._disk)

    def _hears(self, ground: Ground) -> bool:
        """Note what the queries fail with now: one that is started again says nothing until it fails anew."""
        self._said = " ".join([self._said, *map(ground.failures, QUERIES)]).strip()
        return bool(self._said)

    def verify(self, ground: Ground, facts: Facts) -> list[str]:
        return [] if SAYS in self._said else [f"no query said {SAYS!r} while the disk was full, but: {self._said}"]

    def close(self) -> None:
        if self._disk is not None:
            small_disk.unmount(self._disk)
            shutil.rmtree(self._disk, ignore_errors=True)
