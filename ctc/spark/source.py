"""Kinesis as a Structured Streaming source: `spark.readStream.format("kinesis")`.

Columns: data binary, streamName string, partitionKey string, shardId string, sequenceNumber string,
approximateArrivalTimestamp timestamp (those of the JVM connector, so that it can take this one's place).

Options: `settings` (the session's settings as JSON), `kinesis.streamName`, `kinesis.maxBytesPerShard`,
`kinesis.firstMaxBytesPerShard` (of a process' first batch; it doubles from there: a cold engine with a backlog shows something soon).

An offset is {shard: {"seq", "at", "closed"}}: the last sequence number taken; the microsecond up to which all that arrived
was taken (that record's arrival, or a later moment at which there was no more); whether the shard is closed and drained.
What Spark calls, and in which order, was measured on 4.1.1: a restart begins with `partitions(end, end)`, may
plan an uncommitted batch again with nothing cached, and may plan one batch twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import pyarrow as pa
from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition

from ctc.errors import ConfigError
from ctc.model import from_us
from ctc.settings import Settings
from ctc.spark.shelf import Shelf
from ctc.stream.shards import RANGE_BYTES, Entry, Span, SpannedShards, lost, read_range

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
TOUCH_US = 3_600_000_000
HELD_MAX = 32 << 20  # a task's description may have 128 MB in all (spark.rpc.message.maxSize)


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
        first = self.options.get("kinesis.firstmaxbytespershard") or self.options.get("kinesis.firstMaxBytesPerShard")
        return KinesisStreamReader(Connect(settings, stream), stream, limit, int(first) if first else None)


class Connect:
    """Makes the stream's client, once in each process that needs it."""

    def __init__(self, settings: Settings, stream: str) -> None:
        self._settings, self._stream = settings, stream

    def __call__(self) -> SpannedShards:
        from ctc.aws.kinesis_shards import KinesisShards  # late: see there

        return KinesisShards(self._settings, self._stream)


class Range(InputPartition):
    """The entries of one shard for one task: in `held` (Arrow IPC) if they are at hand, else to be read again."""

    def __init__(self, shard: str, after: str, end: str, held: bytes | None) -> None:
        super().__init__(shard)
        self.shard, self.after, self.end, self.held = shard, after, end, held


class KinesisStreamReader(DataSourceStreamReader):
    """Plans batches of whole records, `limit` bytes a shard (and the rest of a record) and of all shards until the same arrival, and
    hands them to the tasks as it read them.

    Held at any time: the batch that is planned, and at most as much (and the rest of a page) of what comes after it.
    """

    def __init__(self, connect: Callable[[], SpannedShards], stream: str, limit: int, first: int | None = None) -> None:
        self._connect, self._stream, self._limit = connect, stream, limit
        self._allowed = min(limit, first or limit)
        self._shards: SpannedShards | None = None
        self._first: Offset | None = None
        self._position: Offset | None = None
        self._shelves: dict[str, Shelf] = {}
        self._planned: tuple[Offset, Offset, list[InputPartition]] | None = None

    @property
    def shards(self) -> SpannedShards:
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
        span = self.shards.span()  # before anything is read: the tip may be stamped with its time
        end = self._with_children(start or self._position or self.initialOffset())
        self._check(end, span)
        reached = list(end)
        while reached:
            self._read(reached, end, span)
            known = set(end)
            # Of parents that this very batch drains. Ids of shards only go up, so (shard, number) stays the order of a symbol's log.
            end = self._with_children(end, keep=True)
            reached = sorted(end.keys() - known)
        self._position = end
        self._allowed = min(self._limit, 2 * self._allowed)
        return dict(sorted(end.items()))

    def partitions(self, start: Offset, end: Offset) -> list[InputPartition]:
        """One task a shard that has new records: handed over as it was read, or after a restart to be read from the stream."""
        self._position = end
        if self._planned is not None and self._planned[:2] == (start, end):
            return self._planned[2]
        self._planned = None  # so that no more than two batches are held
        ranges = [
            self._range(shard, start.get(shard, START)["seq"], place["seq"])
            for shard, place in end.items()
            if place["seq"] != start.get(shard, START)["seq"]
        ]
        again = {item.shard: start.get(item.shard, START) for item in ranges if item.held is None}
        if again:
            self._check(again, self.shards.span())
        self._shelves = {shard: shelf for shard, shelf in self._shelves.items() if shard in end}
        self._planned = (start, end, list[InputPartition](ranges))
        return self._planned[2]

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
            if size >= RANGE_BYTES:
                yield self._columns(partition.shard, entries)
                entries, size = [], 0
        if entries:
            yield self._columns(partition.shard, entries)

    def commit(self, end: Offset) -> None:
        """Nothing to tell Kinesis: the position is Spark's."""

    def __getstate__(self) -> dict[str, Any]:
        """Tasks get the reader without its client and what it holds."""
        return {**self.__dict__, "_shards": None, "_shelves": {}, "_planned": None, "_position": None, "_first": None}

    def _check(self, position: Offset, span: Span) -> None:
        """Raise DataLoss where something may have gone between what was taken and what the stream still holds."""
        for shard, place in position.items():
            if not place["closed"] and 0 < place["at"] < span.since_us:
                taken, held = from_us(place["at"]), from_us(span.since_us)
                found = f"all that arrived until {taken:%F %T} was taken, and the stream holds what arrived since {held:%F %T}"
                raise lost(f"{self._stream}/{shard}", place["seq"], found)

    def _with_children(self, position: Offset, *, keep: bool = False) -> Offset:
        """The position with drained parents replaced by their children, or kept beside them; a merge waits for both parents.

        A shard that was split has two children of one parent, one that was merged has one child of two: until they are
        listed the parent stays. Raises DataLoss when parent and children have gone from the list.
        """
        drained = {shard for shard, place in position.items() if place["closed"]}
        if not drained:
            return dict(position)
        known = {shard.id: shard for shard in self.shards.list()}
        end = dict(position)
        for parent in sorted(drained):
            own = [shard for shard in known.values() if parent in shard.parents]
            if len(own) < 2 and not any(len(shard.parents) == 2 for shard in own):
                if parent not in known:
                    raise lost(f"{self._stream}/{parent}", position[parent]["seq"], "neither it nor its children are listed any more")
                continue
            others = {each for shard in own for each in shard.parents} - drained
            if others & (set(position) | set(known)):
                continue
            if not keep:
                del end[parent]
            for shard in own:
                if shard.id not in position:
                    taken = max(position[each]["at"] for each in shard.parents if each in position)
                    end[shard.id] = {**START, "at": taken}
        return end

    def _read(self, shards: Sequence[str], end: Offset, span: Span) -> None:
        """Move the ends of these shards on. The one with most to come says until when, for all: else a small shard's backlog would be
        through long before a large one's, and one core would be left with that."""
        shelves = {shard: self._filled(shard, end[shard]["seq"]) for shard in shards if not end[shard]["closed"]}
        full = [until for shelf in shelves.values() if (until := shelf.until_us(self._allowed)) is not None]
        for shard, shelf in shelves.items():
            end[shard] = self._advance(shelf, end[shard], span, min(full, default=None))

    def _filled(self, shard: str, after: str) -> Shelf:
        shelf = self._shelves.get(shard)
        if shelf is None or shelf.after != after:
            shelf = self._shelves[shard] = Shelf(self.shards, shard, after)
        shelf.fill(self._allowed)
        return shelf

    def _advance(self, shelf: Shelf, place: Place, span: Span, until_us: int | None) -> Place:
        batch = shelf.cut(self._allowed, until_us)
        seq, at = (batch[-1].sequence_number, batch[-1].arrival_us) if batch else (place["seq"], place["at"])
        if len(batch) < len(shelf.entries):
            return {"seq": seq, "at": at, "closed": False}
        if shelf.at_tip and span.now_us - at > TOUCH_US:
            at = span.now_us  # a quiet shard must not look older than the retention: once an hour its offset moves on
        return {"seq": seq, "at": at, "closed": shelf.cursor.drained}

    def _range(self, shard: str, after: str, end: str) -> Range:
        shelf = self._shelves.get(shard)
        entries = shelf.take(end) if shelf is not None and shelf.after == after else None
        small = entries is not None and sum(len(entry.data) for entry in entries) <= HELD_MAX
        return Range(shard, after, end, self._ipc(shard, entries) if entries and small else None)

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
                # An emulator pads with zeros; as a number it is the same everywhere (offsets keep the stream's own spelling).
                pa.array([entry.sequence_number.lstrip("0") for entry in entries], pa.string()),
                pa.array([entry.arrival_us for entry in entries], pa.timestamp("us", tz="UTC")),
            ],
            schema=ARROW,
        )
