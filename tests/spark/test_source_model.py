"""The Kinesis source against a model: Spark's calls, crashes anywhere, reshards, faults; every key in order, exactly once."""

from __future__ import annotations

import copy
import random
from collections import defaultdict
from typing import ClassVar

import pytest
from fakes_shards import FakeStream, Faults
from spark_driver import CRASHES, SparkDriver

from ctc.errors import DataLoss, StreamError
from ctc.spark.source import KinesisStreamReader
from ctc.stream.shards import Shards

LIMIT = 3_000
BIGGEST = 700


class Connect:
    """Reaches a stream of this process by name, so that a pickled reader finds it again."""

    streams: ClassVar[dict[str, FakeStream]] = {}

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self) -> Shards:
        return self.streams[self.name]


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    Connect.streams.clear()
    monkeypatch.setattr("ctc.stream.shards.FIRST", 4)


def reader_of(stream: FakeStream, limit: int = LIMIT) -> KinesisStreamReader:
    name = next((name for name, each in Connect.streams.items() if each is stream), f"s{len(Connect.streams)}")
    Connect.streams[name] = stream
    return KinesisStreamReader(Connect(name), name, limit)


def driver_of(stream: FakeStream, limit: int = LIMIT) -> SparkDriver:
    return SparkDriver(lambda: reader_of(stream, limit))


def held_bytes(reader: KinesisStreamReader) -> int:
    ahead = sum(len(entry.data) for shelf in reader._shelves.values() for entry in shelf.entries)
    return ahead + sum(len(item.held or b"") for item in (reader._planned[2] if reader._planned else []))  # type: ignore[attr-defined]


class Market:
    """Puts records, remembers them by key, and reshards."""

    def __init__(self, seed: int, stream: FakeStream) -> None:
        self.random, self.stream = random.Random(seed), stream
        self.sent: dict[str, list[bytes]] = defaultdict(list)
        self.reshards = 0

    def put(self, count: int) -> None:
        for _ in range(count):
            key = f"S{min(self.random.randrange(9), self.random.randrange(9))}"
            data = f"{key}:{len(self.sent[key])}:".encode() + b"x" * self.random.choice((5, 80, BIGGEST - 20))
            self.sent[key].append(data)
            self.stream.put(key, data)

    def reshard(self) -> None:
        self.reshards += 1
        names = self.stream.open
        if len(names) > 1 and self.random.random() < 0.5:
            at = self.random.randrange(len(names) - 1)
            self.stream.merge(names[at], names[at + 1])
        else:
            self.stream.split(self.random.choice(names))


def some_faults(rnd: random.Random) -> Faults:
    return Faults(
        expired=rnd.choice((0, 0.05, 0.2)),
        empty=rnd.choice((0, 0.3)),
        gives_up=rnd.choice((0, 0.02)),
        page=rnd.choice((1, 3, 20, 10_000)),
        hidden_lists=rnd.choice((0, 0, 1, 3)),
    )


@pytest.mark.parametrize("seed", range(60))
def test_source_gives_every_key_in_order_exactly_once(seed: int) -> None:
    rnd = random.Random(seed)
    stream = FakeStream(rnd.choice((1, 2, 3)), faults=some_faults(rnd), seed=seed)
    market = Market(seed, stream)
    driver = driver_of(stream)
    market.put(rnd.choice((0, 40)))
    for _ in range(90):
        _happens(rnd, market)
        _turn(driver, rnd.choice(CRASHES) if rnd.random() < 0.3 else "nothing", rnd)
    stream.faults.gives_up = 0
    idle = 0
    while idle < 3:
        idle = 0 if _turn(driver, "nothing", rnd) else idle + 1
    assert driver.taken == dict(market.sent)
    assert market.reshards > 0
    assert driver.crashes > 5
    assert driver.planned_again > 0
    _spark_is_shown_what_it_needs(driver)


def _happens(rnd: random.Random, market: Market) -> None:
    market.stream.advance(rnd.random() * 100)
    if rnd.random() < 0.4:
        market.put(rnd.randint(1, 25))
    while rnd.random() < 0.08:  # sometimes several generations between two batches
        market.reshard()


def _turn(driver: SparkDriver, crash: str, rnd: random.Random) -> bool:
    try:
        found = driver.trigger(crash, plan_twice=rnd.random() < 0.1)
    except DataLoss:
        raise
    except StreamError:  # after so many attempts
        driver.restart()
        return True
    # Two batches, of the second what its last page had too many; and Arrow's frame around the first.
    assert held_bytes(driver.reader) <= max(1, len(driver.reader._shelves)) * (2 * (LIMIT + BIGGEST) + 2 * LIMIT + 2_000)
    return found


def _spark_is_shown_what_it_needs(driver: SparkDriver) -> None:
    for rows in driver.rows.values():
        size: dict[str, int] = defaultdict(int)
        last: dict[str, int] = {}
        for row in rows:
            assert int(row["sequenceNumber"]) > last.get(row["shardId"], 0)
            last[row["shardId"]] = int(row["sequenceNumber"])
            size[row["shardId"]] += len(row["data"])
        assert all(total < LIMIT + BIGGEST for total in size.values())


def test_batch_on_an_idle_stream_is_skipped() -> None:
    stream = FakeStream(2)
    driver = driver_of(stream)
    assert driver.trigger()  # Spark runs a first batch even on nothing
    assert not driver.trigger()
    stream.put("A", b"1")
    assert driver.trigger()
    assert not driver.trigger()
    assert driver.taken == {"A": [b"1"]}


def test_first_start_reads_the_oldest_records_once() -> None:
    stream = FakeStream(1)
    for number in range(5):
        stream.put("A", b"%d" % number)
    driver = driver_of(stream)
    driver.trigger("before the log")
    driver.trigger("after the log")
    driver.trigger()
    assert driver.taken == {"A": [b"0", b"1", b"2", b"3", b"4"]}
    assert len(driver.log) == 1


def test_planned_batch_costs_one_read_and_no_second_for_the_tasks() -> None:
    stream = FakeStream(1)
    driver = driver_of(stream)
    driver.trigger()
    stream.put("A", b"1")
    before = stream.calls
    driver.trigger(plan_twice=True)
    assert stream.calls - before == 1


def test_latest_offset_takes_the_start_that_newer_sparks_give() -> None:
    stream = FakeStream(1)
    reader = reader_of(stream)
    first = reader.latestOffset(reader.initialOffset(), object())
    stream.put("A", b"1")
    second = reader.latestOffset(first, None)
    (only,) = reader.partitions(first, second)
    assert [row["data"] for batch in reader.read(only) for row in batch.to_pylist()] == [b"1"]


def test_large_batch_is_left_to_the_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctc.spark.source.HELD_MAX", 100)
    stream = FakeStream(1)
    driver = driver_of(stream)
    for number in range(20):
        stream.put("A", b"%020d" % number)
    driver.trigger()
    assert driver.planned_again == 1
    assert driver.taken == {"A": [b"%020d" % number for number in range(20)]}


def test_backlogs_of_all_shards_are_through_together() -> None:
    """A shard that has ten times the others' bytes says how far a batch goes, so that it is not left over alone."""
    stream = FakeStream(3)
    keys = {name: key for key in map(str, range(50)) for name in [stream_of(stream, key)]}
    busy, *others = keys.values()
    assert len(others) == 2
    for second in range(400):
        stream.advance(1)
        for key in (busy, *others):
            stream.put(key, b"%d" % second + b"x" * (200 if key == busy else 20))
    driver, reached = driver_of(stream), [0]
    while min(reached) < 400:
        assert driver.trigger()
        reached = [len(driver.taken.get(key, [])) for key in keys.values()]
        assert max(reached) - min(reached) <= 1
    assert len(driver.log) > 10


def test_initial_offset_stays_the_same() -> None:
    stream = FakeStream(1)
    reader = reader_of(stream)
    first = dict(reader.initialOffset())
    stream.split(stream.open[0])
    stream._shards.pop("shardId-000000000000")
    assert reader.initialOffset() == first


def test_plan_that_starts_before_what_is_held_has_all_records() -> None:
    stream = FakeStream(1)
    reader = reader_of(stream)
    start = reader.initialOffset()
    stream.put("A", b"1")
    reader.partitions(start, reader.latestOffset())
    stream.put("A", b"2")
    (only,) = reader.partitions(start, reader.latestOffset())
    assert [row["data"] for batch in reader.read(only) for row in batch.to_pylist()] == [b"1", b"2"]


def stream_of(stream: FakeStream, key: str) -> str:
    """The shard that takes the key."""
    probe = copy.deepcopy(stream)
    entry = probe.put(key, b"")
    return next(name for name, held in probe._shards.items() if entry in held.entries)


def drain(driver: SparkDriver) -> None:
    idle = 0
    while idle < 3:
        idle = 0 if driver.trigger() else idle + 1


class TestChildren:
    """Children only after all their parents, whatever is listed when."""

    def test_merge_waits_for_both_parents(self) -> None:
        stream = FakeStream(2)
        market = Market(1, stream)
        reader = reader_of(stream)
        left, right = stream.open
        market.put(60)
        child = stream.merge(left, right)
        market.put(10)
        seen = []
        position = reader.initialOffset()
        for _ in range(40):
            position = reader.latestOffset(position)
            open_parents = [name for name in (left, right) if name in position and not position[name]["closed"]]
            assert not (child in position and open_parents)
            seen.append(set(position))
        assert seen[-1] == {child}

    def test_split_parent_stays_until_both_children_are_listed(self) -> None:
        stream = FakeStream(1)
        reader = reader_of(stream)
        (parent,) = stream.open
        low, high = stream.split(parent)
        stream._hidden = {low: 3, high: 4}
        drained = reader.latestOffset()
        assert set(drained) == {parent}
        assert drained[parent]["closed"]
        assert set(reader.latestOffset()) == {parent, low, high}
        assert set(reader.latestOffset()) == {low, high}

    def test_batch_that_drains_a_parent_reads_on_in_its_children(self) -> None:
        stream = FakeStream(2)
        reader = reader_of(stream)
        left, right = stream.open
        stream.put("A", b"1")
        first, second = stream.split(left)
        child = stream.merge(second, right)
        stream.put("A", b"2")
        end = reader.latestOffset()
        assert set(end) == {left, right, first, second, child}
        ranges = {item.shard for item in reader.partitions(reader.initialOffset(), end)}
        assert len(ranges) == 2
        assert ranges <= {left, right, first, child}
        assert set(reader.latestOffset(end)) == {first, child}

    def test_generations_are_walked_through_one_after_the_other(self) -> None:
        stream = FakeStream(1)
        market = Market(3, stream)
        driver = driver_of(stream)
        for _ in range(4):
            market.put(5)
            stream.split(stream.open[0])
            stream.split(stream.open[-1])
            stream.merge(*stream.open[:2])
        market.put(20)
        drain(driver)
        assert driver.taken == dict(market.sent)

    def test_child_whose_other_parent_left_the_list_is_read(self) -> None:
        stream = FakeStream(2, retention_s=100)
        reader = reader_of(stream)
        left, right = stream.open
        position = reader.latestOffset()
        child = stream.merge(left, right)
        stream.put("A", b"1")
        position = reader.latestOffset(position)
        assert position[left]["closed"]
        assert position[right]["closed"]
        del stream._shards[left]
        assert set(reader.latestOffset(position)) == {child}

    def test_children_that_left_the_list_are_a_loss(self) -> None:
        stream = FakeStream(1, retention_s=100)
        reader = reader_of(stream)
        (parent,) = stream.open
        position = reader.latestOffset()
        low, _ = stream.split(parent)
        position = reader.latestOffset(position)
        stream.split(low)
        stream.advance(200)
        with pytest.raises(DataLoss, match=f"{parent}: .* neither it nor its children are listed"):
            reader.latestOffset(position)

    def test_start_after_a_reshard_begins_with_the_oldest_generation(self) -> None:
        stream = FakeStream(2)
        market = Market(5, stream)
        market.put(10)
        stream.merge(*stream.open)
        market.put(10)
        driver = driver_of(stream)
        assert set(driver.reader.initialOffset()) == {"shardId-000000000000", "shardId-000000000001"}
        drain(driver)
        assert driver.taken == dict(market.sent)


class TestLoss:
    """What can't be read any more is said, not skipped."""

    def fed(self, stream: FakeStream) -> SparkDriver:
        driver = driver_of(stream)
        stream.put("A", b"1")
        driver.trigger()
        return driver

    def test_position_older_than_the_retention(self) -> None:
        stream = FakeStream(1, retention_s=3600)
        driver = self.fed(stream)
        stream.put("A", b"2")
        stream.advance(4000)
        stream.put("A", b"3")
        driver.restart()
        with pytest.raises(DataLoss, match=r"shardId-000000000000: records behind \d+ are gone.*new checkpoint"):
            driver.trigger()

    def test_planned_batch_whose_start_is_gone(self) -> None:
        stream = FakeStream(1, retention_s=3600)
        driver = self.fed(stream)
        stream.put("A", b"2")
        stream.advance(3000)
        stream.put("A", b"3")
        driver.trigger("after the log")
        stream.advance(1000)  # 2 is gone, 3 is not
        driver.restart()
        with pytest.raises(DataLoss, match="records behind"):
            driver.trigger()

    def test_children_that_were_not_read_in_time(self) -> None:
        stream = FakeStream(1, retention_s=3600)
        driver = self.fed(stream)
        stream.split(stream.open[0])
        driver.trigger()
        stream.put("A", b"2")
        stream.advance(3000)
        driver.restart()
        stream.advance(601)
        with pytest.raises(DataLoss, match="records behind its beginning are gone"):
            driver.trigger()

    def test_end_that_is_gone(self) -> None:
        stream = FakeStream(1)
        driver = driver_of(stream)
        stream.put("A", b"1")
        driver.trigger("after the log")
        next(iter(stream._shards.values())).entries.clear()
        with pytest.raises(DataLoss, match="the shard ends before it"):
            driver.trigger()
        stream.put("A", b"2")
        with pytest.raises(DataLoss, match="the next record is"):
            driver.trigger()

    @pytest.mark.parametrize("begin_again", [False, True])
    @pytest.mark.parametrize("restarted", [False, True])
    def test_stream_made_anew(self, begin_again: bool, restarted: bool) -> None:
        stream = FakeStream(1)
        driver = self.fed(stream)
        stream.make_anew(1, begin_again)
        stream.put("A", b"new")
        if restarted:
            driver.restart()
        with pytest.raises(DataLoss, match="made anew"):
            driver.trigger()

    def test_stream_made_anew_while_a_batch_was_in_the_log(self) -> None:
        stream = FakeStream(1)
        driver = self.fed(stream)
        stream.put("A", b"2")
        driver.trigger("after the log")
        stream.make_anew(1, numbers_begin_again=True)
        for number in range(5):
            stream.put("A", b"%d" % number)
        with pytest.raises(DataLoss):
            driver.trigger()

    def test_shard_that_is_gone(self) -> None:
        stream = FakeStream(2)
        driver = self.fed(stream)
        driver.restart()
        stream._shards.clear()
        with pytest.raises(DataLoss, match="the shard is not there any more"):
            driver.trigger()

    def test_quiet_shard_never_looks_lost(self) -> None:
        stream = FakeStream(2, retention_s=86_400)
        driver = self.fed(stream)
        batches = 0
        for _ in range(300):
            stream.advance(600)
            batches += driver.trigger()
            if stream.now_us // 1_000_000 % 3 == 0:
                driver.restart()
        assert batches <= 60  # two days and two hours: one empty batch an hour at most
        stream.put("A", b"2")
        drain(driver)
        assert driver.taken == {"A": [b"1", b"2"]}

    def test_iterators_that_all_expire_end_in_an_error(self) -> None:
        stream = FakeStream(1, faults=Faults(expired=1))
        with pytest.raises(StreamError, match="fresh iterators in a row"):
            reader_of(stream).latestOffset()

    def test_endless_empty_pages_leave_the_batch_empty(self) -> None:
        stream = FakeStream(1, faults=Faults(empty=1))
        stream.put("A", b"1")
        driver = driver_of(stream)
        driver.trigger()
        stream.faults.empty = 0
        drain(driver)
        assert driver.taken == {"A": [b"1"]}
