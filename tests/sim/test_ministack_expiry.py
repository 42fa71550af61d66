"""The emulator's expiry: records go when their retention has passed, and nothing is walked over where nothing can go."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sim.ministack_expiry import expire_seldom

HOUR = 3600.0


class Kinesis(SimpleNamespace):
    """The two functions of MiniStack's module, counted, and a clock."""

    def __init__(self) -> None:
        self.now, self.walks, self.sweeps = 100 * HOUR, 0, 0
        super().__init__(_expire_records=self.walk, _expire_iterators=self.sweep)
        expire_seldom(self, lambda: self.now, lambda: self.now)

    def walk(self, stream: dict[str, Any]) -> None:
        self.walks += 1
        for shard in stream["shards"].values():
            kept = self.now - stream["RetentionPeriodHours"] * HOUR
            shard["records"] = [record for record in shard["records"] if record["ApproximateArrivalTimestamp"] >= kept]

    def sweep(self) -> None:
        self.sweeps += 1


def stream_of(*shards: list[float]) -> dict[str, Any]:
    records = [{"records": [{"ApproximateArrivalTimestamp": at} for at in times]} for times in shards]
    return {"RetentionPeriodHours": 24, "shards": dict(enumerate(records))}


def test_records_go_when_their_retention_has_passed_in_any_shard() -> None:
    kinesis = Kinesis()
    stream = stream_of([], [80 * HOUR, 90 * HOUR], [70 * HOUR, 76 * HOUR, 77 * HOUR])
    kinesis._expire_records(stream)
    assert [len(shard["records"]) for shard in stream["shards"].values()] == [0, 2, 2]
    kinesis._expire_records(stream)
    assert kinesis.walks == 1
    kinesis.now += 5 * HOUR
    kinesis._expire_records(stream)
    assert [len(shard["records"]) for shard in stream["shards"].values()] == [0, 1, 0]


def test_iterators_are_swept_at_the_first_call_and_once_a_second() -> None:
    kinesis = Kinesis()
    for seconds in (0, 0.4, 0.4, 0.4):
        kinesis.now += seconds
        kinesis._expire_iterators()
    assert kinesis.sweeps == 2
