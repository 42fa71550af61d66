"""What reading by shards relies on, over the stream in memory, over the emulator and, as far as it goes there, over Kafka alike."""

from __future__ import annotations

import random
from typing import Any

import pytest
from fakes_shards import FakeStream

from ctc.aws.clients import client
from ctc.aws.kinesis_shards import KinesisShards
from ctc.aws.streams import create_streams
from ctc.errors import DataLoss, StreamError
from ctc.kafka.shards import KafkaShards
from ctc.kafka.topics import create_topics
from ctc.kafka.writer import KafkaWriter
from ctc.ports import Record
from ctc.settings import Settings
from ctc.stream.shards import Cursor, Entry, ExpiredIterator, Shards, SpannedShards, read_range

pytestmark = pytest.mark.contract


class InMemory:
    """The fake, with its stream's life in the suite's words."""

    def __init__(self) -> None:
        self.stream = FakeStream(2)
        self.shards: SpannedShards = self.stream

    def put(self, key: str, data: bytes) -> None:
        self.stream.put(key, data)

    def split(self, shard: str) -> None:
        self.stream.split(shard)

    def make_anew(self) -> None:
        self.stream.make_anew(2)


class Emulated:
    """A stream of the emulator, through `KinesisShards`."""

    def __init__(self, settings: Settings) -> None:
        create_streams(settings)
        self._settings, self._name = settings, settings.stream.trades
        self._kinesis: Any = client("kinesis", settings)
        self.shards: SpannedShards = KinesisShards(settings, self._name)

    def put(self, key: str, data: bytes) -> None:
        self._kinesis.put_record(StreamName=self._name, PartitionKey=key, Data=data)

    def split(self, shard: str) -> None:
        found = self._kinesis.list_shards(StreamName=self._name)["Shards"]
        (keys,) = (item["HashKeyRange"] for item in found if item["ShardId"] == shard)
        middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2
        self._kinesis.split_shard(StreamName=self._name, ShardToSplit=shard, NewStartingHashKey=str(middle))

    def make_anew(self) -> None:
        self._kinesis.delete_stream(StreamName=self._name)
        create_streams(self._settings)


class OnKafka:
    """A topic of the local broker, through `KafkaShards`."""

    def __init__(self, settings: Settings) -> None:
        create_topics(settings)
        self._writer = KafkaWriter(settings.stream.bootstrap, settings.stream.trades)
        self.shards: Shards = KafkaShards(settings, settings.stream.trades)

    def put(self, key: str, data: bytes) -> None:
        self._writer.put([Record(key, data)])


Log = InMemory | Emulated | OnKafka
MEMORY, *SERVERS = ("in memory", pytest.param("emulated", marks=pytest.mark.emulator), pytest.param("kafka", marks=pytest.mark.emulator))


def made(request: pytest.FixtureRequest) -> Log:
    if request.param == "in memory":
        return InMemory()
    return (
        Emulated(request.getfixturevalue("emulator"))
        if request.param == "emulated"
        else OnKafka(request.getfixturevalue("streams_on_kafka"))
    )


@pytest.fixture(params=[MEMORY, *SERVERS])
def log(request: pytest.FixtureRequest) -> Log:
    """What takes records and gives them back."""
    return made(request)


@pytest.fixture(params=[MEMORY, SERVERS[0]])
def world(request: pytest.FixtureRequest) -> Log:
    """The same with shards that split and a stream that is made anew: Kinesis', that is."""
    return made(request)


def everything(shards: Shards) -> list[Entry]:
    found: list[Entry] = []
    for shard in shards.list():
        cursor = Cursor(shards, shard.id, "")
        while (page := cursor.read(10_000)).entries:
            found += page.entries
    return found


def test_records_come_back_whole_and_in_order(log: Log) -> None:
    rnd = random.Random(1)
    sent = [(f"K{rnd.randrange(6)}", rnd.randbytes(rnd.randrange(1, 5_000))) for _ in range(200)]
    for key, data in sent:
        log.put(key, data)
    found = everything(log.shards)
    assert sorted((entry.key, entry.data) for entry in found) == sorted(sent)
    for key in {key for key, _ in sent}:
        assert [entry.data for entry in found if entry.key == key] == [data for each, data in sent if each == key]


def test_span_holds_what_has_arrived(world: InMemory | Emulated) -> None:
    world.put("A", b"1")
    span = world.shards.span()
    assert all(span.since_us <= entry.arrival_us <= span.now_us + 1_000_000 for entry in everything(world.shards))


def test_shards_are_listed_by_id_with_their_first_number(world: InMemory | Emulated) -> None:
    world.put("A", b"1")
    found = world.shards.list()
    assert [shard.id for shard in found] == ["shardId-000000000000", "shardId-000000000001"]
    assert all(shard.parents == () for shard in found)
    (entry,) = everything(world.shards)
    assert all(0 < int(shard.first) < int(entry.sequence_number) for shard in found)


def test_children_name_their_parent(world: InMemory | Emulated) -> None:
    world.split("shardId-000000000000")
    found = {shard.id: shard.parents for shard in world.shards.list() if shard.parents}
    assert found == {"shardId-000000000002": ("shardId-000000000000",), "shardId-000000000003": ("shardId-000000000000",)}


def test_iterator_goes_on_behind_a_number_and_stops_at_the_tip(log: Log) -> None:
    for number in range(10):
        log.put("A", b"%d" % number)
    shard, entries = next(
        (shard.id, page.entries) for shard in log.shards.list() if (page := Cursor(log.shards, shard.id, "").read(1)).entries
    )
    page = log.shards.get(log.shards.iterator(shard, entries[3].sequence_number), 2)
    assert [entry.data for entry in page.entries] == [b"4", b"5"]
    assert page.next is not None
    page = log.shards.get(page.next, 10_000)
    assert [entry.data for entry in page.entries] == [b"6", b"7", b"8", b"9"]
    assert page.behind_ms == 0
    assert page.next is not None
    page = log.shards.get(page.next, 10_000)
    assert page.entries == []
    assert page.behind_ms == 0


def test_range_is_exact(log: Log) -> None:
    for number in range(10):
        log.put("A", b"%d" % number)
    shard, entries = next(
        (shard.id, page.entries) for shard in log.shards.list() if (page := Cursor(log.shards, shard.id, "").read(1)).entries
    )
    numbers = [entry.sequence_number for entry in entries]
    assert list(read_range(log.shards, shard, "", numbers[2])) == entries[:3]
    assert list(read_range(log.shards, shard, numbers[2], numbers[9])) == entries[3:]
    with pytest.raises(DataLoss, match="the shard ends before it"):
        list(read_range(log.shards, shard, numbers[9], str(int(numbers[9]) + 1)))
    with pytest.raises(DataLoss, match="the next record is"):
        list(read_range(log.shards, shard, numbers[2], str(int(numbers[3]) - 1)))


def test_shard_that_never_was_is_a_loss(world: InMemory | Emulated) -> None:
    with pytest.raises(DataLoss, match="shardId-000000000009"):
        world.shards.iterator("shardId-000000000009", "")


def test_iterator_that_never_was_has_expired(world: InMemory | Emulated) -> None:
    with pytest.raises(ExpiredIterator):
        world.shards.get("nonsense", 1)


def test_stream_made_anew_is_noticed(world: InMemory | Emulated) -> None:
    world.put("A", b"1")
    old = next(entry for entry in everything(world.shards))
    shard = next(shard.id for shard in world.shards.list() if Cursor(world.shards, shard.id, "").read(1).entries)
    cursor = Cursor(world.shards, shard, "")
    cursor.read(1)
    assert cursor.last == old.sequence_number
    world.make_anew()
    world.put("A", b"2")
    with pytest.raises(DataLoss, match="made anew"):
        cursor.read(1)
    with pytest.raises(DataLoss, match="made anew"):
        list(read_range(world.shards, shard, old.sequence_number, str(int(old.sequence_number) + 1)))


def test_numbers_that_begin_again_are_noticed() -> None:
    stream = FakeStream(1)
    stream.put("A", b"1")
    cursor = Cursor(stream, "shardId-000000000000", "")
    cursor.read(1)
    stream._number = 1
    stream.put("A", b"2")
    with pytest.raises(DataLoss, match="the next record is"):
        cursor.read(1)


@pytest.mark.emulator
def test_stream_that_is_not_there_says_what_to_do(emulator: Settings) -> None:
    shards = KinesisShards(emulator, "never-made")
    for ask in (shards.list, shards.span):
        with pytest.raises(StreamError, match=r"never-made: it is not there .*ctc sim"):
            ask()


@pytest.mark.emulator
def test_streams_are_made_once(emulator: Settings) -> None:
    create_streams(emulator)
    shards = KinesisShards(emulator, emulator.stream.trades)
    before = shards.list()
    assert len(before) == emulator.stream.shards
    create_streams(emulator)
    assert KinesisShards(emulator, emulator.stream.trades).list() == before
    assert KinesisShards(emulator, emulator.stream.dead_letters).list() != []
