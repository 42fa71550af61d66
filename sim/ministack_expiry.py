"""Expiry in MiniStack's Kinesis without a walk over everything; used by `sim.ministack_server`, so the standard library only.

MiniStack 1.5.33 looks at every record of a stream at each call on that stream, and at every iterator of the last five minutes at
each call of Kinesis: the longer a session, the dearer each call.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SWEEP_S = 1.0


def expire_seldom(kinesis: Any, monotonic: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time) -> None:
    """Change the module `ministack.services.kinesis` in place; what a caller sees stays the same."""
    walk_records, walk_iterators = kinesis._expire_records, kinesis._expire_iterators
    swept = monotonic() - SWEEP_S

    def expire_records(stream: dict[str, Any]) -> None:
        # They lie in the order of their arrival: where the first one stays, all do.
        cutoff = now() - stream["RetentionPeriodHours"] * 3600
        oldest = [shard["records"][0] for shard in stream["shards"].values() if shard["records"]]
        if any(record["ApproximateArrivalTimestamp"] < cutoff for record in oldest):
            walk_records(stream)

    def expire_iterators() -> None:
        # This only frees memory: GetRecords looks at the age of the one that it is given.
        nonlocal swept
        if monotonic() - swept >= SWEEP_S:
            swept = monotonic()
            walk_iterators()

    kinesis._expire_records, kinesis._expire_iterators = expire_records, expire_iterators
