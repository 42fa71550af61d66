"""Kinesis as a Structured Streaming source: `spark.readStream.format("kinesis")`.

Columns: data binary, streamName string, partitionKey string, shardId string, sequenceNumber string,
approximateArrivalTimestamp timestamp (those of the JVM connector, so that it can take this one's place).

Options: `settings` (the session's settings as JSON), `kinesis.streamName`, `kinesis.maxBytesPerShard`.

An offset is {shard: {"seq", "at", "closed"}}: the last sequence number taken, its arrival in microseconds, and whether the shard is
closed and drained. What Spark calls, and in which order, was measured on 4.1.1 (DESIGN.md): a restart begins with
`partitions(end, end)`, may plan an uncommitted batch again with nothing cached, and may plan one batch twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pyarrow as pa
from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition

from ctc.aws.shards import Entry, ExpiredIterator, KinesisShards, Shards, read_range
from ctc.errors import ConfigError, DataLoss
from ctc.settings import Settings

SCHEMA = "data binary, streamName string, partitionKey string, shardId string, sequenceNumber string, approximateArrivalTimestamp timestamp"
ARROW = pa.schema(
    [
        ("data", pa.binary()),
        ("streamName", pa.string()),
        ("partitionKey", pa.string()),
        ("shardId", pa.string()),
        ("sequenceNumber", pa.string()),
        ("approximateArrivalTimestamp", pa.timestamp("us", tz="UTC")),
    ]
)

Place = dict[str, Any]  # {"seq": str, "at": int, "closed": bool}
Offset = dict[str, Place]
START: Place = {"seq": "", "at": 0, "closed": False}


class KinesisDataSource(DataSource):
    """Register with `spark.dataSource.register(KinesisDataSource)`."""

    @classmethod
    def name(cls) -> str:
        return "kinesis"

    def schema(self) -> str:
        return SCHEMA

    def streamReader(self, schema: Any) -> KinesisStreamReader:
        stream = self.options.get("kinesis.streamname") or self.options.get("kinesis.streamName")
        if not stream:
            raise ConfigError("the kinesis source needs the option kinesis.streamName")
        settings = msgspec.json.decode(self.options["settings"], type=Settings)
        limit = int(self.options.get("kinesis.maxbytespershard") or self.options.get("kinesis.maxBytesPerShard") or 8 << 20)
        return KinesisStreamReader(Connect(settings, stream), stream, limit)


class Connect:
    """Makes the stream's client, once in each process that needs it."""

    def __init__(self, settings: Settings, stream: str) -> None:
        self._settings, self._stream = settings, stream

    def __call__(self) -> Shards:
        return KinesisShards(self._settings, self._stream)


class Range(InputPartition):
    """The entries of one shard for one task: in `held` (Arrow IPC) if they are at hand, else to be read again."""

    def __init__(self, shard: str, after: str, end: str, held: bytes | None) -> None:
        super().__init__(shard)
        self.shard, self.after, self.end, self.held = shard, after, end, held


class _Shelf:
    """One shard's records read ahead: those behind `after`, until a batch that starts later releases them."""

    def __init__(self, after: str) -> None:
        self.after = after
        self.entries: list[Entry] = []
        self.iterator: str | None = None
        self.drained = False

    @property
    def last(self) -> str:
        return self.entries[-1].sequence_number if self.entries else self.after

    def release(self, until: str) -> bool:
        """Drop what lies at or before `until`; False when the shelf does not reach that far back."""
        if until == self.after:
            return True
        for index, entry in enumerate(self.entries):
            if entry.sequence_number == until:
                del self.entries[: index + 1]
                self.after = until
                return True
        return False

    def upto(self, end: str) -> list[Entry] | None:
        """The entries up to and with `end`, None when they are not all here."""
        for index in range(len(self.entries) - 1, -1, -1):
            if self.entries[index].sequence_number == end:
                return self.entries[: index + 1]
        return None


class KinesisStreamReader(DataSourceStreamReader):
    """Plans batches of whole records, at most `limit` bytes a shard, and hands them to the tasks as it read them."""

    def __init__(self, connect: Callable[[], Shards], stream: str, limit: int) -> None:
        self._connect, self._stream, self._limit = connect, stream, limit
        self._shards: Shards | None = None
        self._first: Offset | None = None
        self._position: Offset | None = None
        self._shelves: dict[str, _Shelf] = {}
        self._checked = False

    @property
    def shards(self) -> Shards:
        if self._shards is None:
            self._shards = self._connect()
        return self._shards

    def initialOffset(self) -> Offset:
        """TRIM_HORIZON of every shard without a living parent; asked more than once, it stays the same."""
        if self._first is None:
            known = self.shards.list()
            ids = {shard.id for shard in known}
            roots = [shard.id for shard in known if not any(parent in ids for parent in shard.parents)]
            self._first = {shard: dict(START) for shard in roots}
        return self._first

    def latestOffset(self, start: Offset | None = None, limit: Any = None) -> Offset:
        """The end of the next batch; its records have been read by then."""
        position = start or self._position or self.initialOffset()
        self._check_retention(position)
        end = self._with_children(position)
        for shard, place in end.items():
            if not place["closed"]:
                end[shard] = self._advance(shard, place)
        self._position = end
        return dict(sorted(end.items()))

    def partitions(self, start: Offset, end: Offset) -> list[InputPartition]:
        """One task a shard that has new records; from the shelf, or after a restart from the stream."""
        self._position = end
        ranges: list[InputPartition] = []
        for shard, place in end.items():
            after = start.get(shard, START)["seq"]
            shelf = self._shelves.get(shard)
            at_hand = shelf is not None and shelf.release(after)
            if place["seq"] != after:
                held = shelf.upto(place["seq"]) if shelf is not None and at_hand else None
                ranges.append(Range(shard, after, place["seq"], self._ipc(shard, held) if held else None))
        for shard in set(self._shelves) - set(end) - set(self._position):
            del self._shelves[shard]
        return ranges

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Runs in a task: the range's records as Arrow."""
        assert isinstance(partition, Range)
        if partition.held is not None:
            with pa.ipc.open_stream(partition.held) as reader:
                yield from reader
            return
        entries: list[Entry] = []
        size = 0
        for entry in read_range(self.shards, partition.shard, partition.after, partition.end):
            entries.append(entry)
            size += len(entry.data)
            if size >= 4 << 20:
                yield self._columns(partition.shard, entries)
                entries, size = [], 0
        if entries:
            yield self._columns(partition.shard, entries)

    def commit(self, end: Offset) -> None:
        """Nothing to tell Kinesis: the position is Spark's."""

    def __getstate__(self) -> dict[str, Any]:
        """Tasks get the reader without its client and shelves."""
        return {**self.__dict__, "_shards": None, "_shelves": {}, "_position": None, "_first": None}

    def _check_retention(self, position: Offset) -> None:
        if self._checked:
            return
        self._checked = True
        horizon = self.shards.horizon_us()
        for shard, place in position.items():
            if place["at"] and place["at"] < horizon and not place["closed"]:
                raise DataLoss(
                    f"{self._stream}/{shard}: the checkpoint stands at a record that arrived before the stream's retention began, so what "
                    "came after it may be gone. Start with a new checkpoint, and load the range by the history job."
                )

    def _with_children(self, position: Offset) -> Offset:
        """The position with drained parents replaced by their children; a merge waits for both parents."""
        drained = {shard for shard, place in position.items() if place["closed"]}
        if not drained:
            return dict(position)
        known = self.shards.list()
        ids = {shard.id for shard in known}
        children = {shard.id: shard.parents for shard in known if drained & set(shard.parents)}
        ready = {child for child, parents in children.items() if all(parent in drained or parent not in ids for parent in parents)}
        following = set(position) | ready
        end = {}
        for shard, place in position.items():
            own = [child for child, parents in children.items() if shard in parents]
            if shard not in drained or not own or not all(child in following for child in own):
                end[shard] = place
        return {**end, **{child: dict(START) for child in sorted(ready) if child not in position}}

    def _advance(self, shard: str, place: Place) -> Place:
        shelf = self._shelves.get(shard)
        if shelf is None or shelf.last != place["seq"]:
            shelf = self._shelves[shard] = _Shelf(place["seq"])
        self._fill(shard, shelf)
        if shelf.last == place["seq"]:
            return {**place, "closed": shelf.drained}
        return {"seq": shelf.last, "at": shelf.entries[-1].arrival_us, "closed": shelf.drained}

    def _fill(self, shard: str, shelf: _Shelf) -> None:
        """Read until the limit or the tip."""
        size = 0
        while size < self._limit and not shelf.drained:
            if shelf.iterator is None:
                shelf.iterator = self.shards.iterator(shard, shelf.last)
            try:
                page = self.shards.get(shelf.iterator)
            except ExpiredIterator:
                shelf.iterator = None
                continue
            shelf.entries += page.entries
            size += sum(len(entry.data) for entry in page.entries)
            shelf.iterator, shelf.drained = page.next, page.next is None
            if page.behind_ms == 0:
                return

    def _ipc(self, shard: str, entries: list[Entry]) -> bytes:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, ARROW) as writer:
            writer.write_batch(self._columns(shard, entries))
        return bytes(sink.getvalue())

    def _columns(self, shard: str, entries: list[Entry]) -> pa.RecordBatch:
        count = len(entries)
        return pa.RecordBatch.from_arrays(
            [
                pa.array([entry.data for entry in entries], pa.binary()),
                pa.array([self._stream] * count, pa.string()),
                pa.array([entry.key for entry in entries], pa.string()),
                pa.array([shard] * count, pa.string()),
                pa.array([entry.sequence_number for entry in entries], pa.string()),
                pa.array([entry.arrival_us for entry in entries], pa.timestamp("us", tz="UTC")),
            ],
            schema=ARROW,
        )
