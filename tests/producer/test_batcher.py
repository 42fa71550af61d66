"""The batcher: order per key, nothing lost nor doubled, whatever the stream refuses; bounded; by size or age."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import deque
from pathlib import Path

import pytest
from fakes_exchange import run, until
from fakes_stream import FakeStream
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctc.codec import pack, unpack
from ctc.errors import StreamError, Throttled
from ctc.producer import batcher as module
from ctc.producer.batcher import Batcher
from ctc.producer.spool import Spool


def make(stream: FakeStream, **options: object) -> Batcher:
    values = {"linger_s": 0.005, "max_pack_bytes": 200, "max_buffered_lines": 10_000, "rng": random.Random(3), **options}
    return Batcher(stream, **values)


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY_S", 0.0005)
    monkeypatch.setattr(module, "LONGEST_RETRY_S", 0.002)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.lists(st.sampled_from("ABCD"), min_size=1, max_size=300),
    seed=st.integers(0, 2**32),
    rate=st.floats(0, 0.9),
    pause=st.integers(1, 60),
)
def test_batcher_keeps_order_and_count_under_random_refusals(keys: list[str], seed: int, rate: float, pause: int) -> None:
    rng = random.Random(seed)

    def script(number: int, records: object) -> object:
        if rng.random() < rate / 3:
            return Throttled("slow down", 0.0)
        return {index for index in range(len(records)) if rng.random() < rate}

    stream = FakeStream(script)

    async def test() -> None:
        batcher = make(stream)
        sending = asyncio.create_task(batcher.run())
        for number, key in enumerate(keys):
            batcher.add(key, f"{key}{number}".encode() * 3)
            if number % pause == 0:
                await asyncio.sleep(0.001)
        batcher.close()
        await sending
        assert batcher.buffered == 0
        assert batcher.written.lines == len(keys)
        assert batcher.written.records == len(stream.records)

    run(test())
    expected = {key: [f"{key}{n}".encode() * 3 for n, other in enumerate(keys) if other == key] for key in set(keys)}
    assert stream.lines() == expected
    assert not stream.overlapping


def test_only_the_refused_record_is_sent_again_and_unchanged() -> None:
    stream = FakeStream(lambda number, records: {1} if number == 1 else None)

    async def test() -> None:
        batcher = make(stream)
        for key in "ABC":
            batcher.add(key, key.encode())
        batcher.close()
        await batcher.run()
        assert batcher.written.retries == 1

    run(test())
    assert [[record.key for record in call] for call in stream.calls] == [["A", "B", "C"], ["B"]]
    assert stream.calls[0][1] == stream.calls[1][0]


def test_key_that_fails_does_not_hold_the_others() -> None:
    stream = FakeStream(lambda number, records: {i for i, record in enumerate(records) if record.key == "A" and number < 30})

    async def test() -> None:
        batcher = make(stream)
        sending = asyncio.create_task(batcher.run())
        batcher.add("A", b"first")
        await until(lambda: batcher.written.retries)
        batcher.add("B", b"other")
        await until(lambda: "B" in stream.lines())
        batcher.close()
        await sending

    run(test())
    assert stream.lines() == {"A": [b"first"], "B": [b"other"]}


def test_pack_closes_by_size_or_by_age() -> None:
    stream = FakeStream()

    async def test() -> None:
        batcher = make(stream, linger_s=3600.0, max_pack_bytes=100)
        sending = asyncio.create_task(batcher.run())
        for number in range(25):
            batcher.add("A", b"%010d" % number)
        await until(lambda: len(stream.records) == 2)
        assert [unpack(record.data).count(b"\n") for record in stream.records] == [9, 9]
        batcher.close()
        await sending
        quick = make(stream, linger_s=0.01, max_pack_bytes=10**6)
        sending = asyncio.create_task(quick.run())
        quick.add("B", b"alone")
        await until(lambda: "B" in stream.lines())
        quick.close()
        await sending

    run(test())


def test_room_bounds_what_waits_for_a_slow_stream() -> None:
    gate = threading.Event()
    stream = FakeStream(lambda number, records: gate.wait(60) and None)

    async def test() -> None:
        batcher = make(stream, max_buffered_lines=50)
        sending = asyncio.create_task(batcher.run())
        most = 0

        async def feed() -> None:
            nonlocal most
            for number in range(500):
                await batcher.room()
                batcher.add("AB"[number % 2], b"%05d" % number)
                most = max(most, batcher.buffered)

        feeding = asyncio.create_task(feed())
        await until(lambda: batcher.full)
        gate.set()
        await feeding
        batcher.close()
        await sending
        assert most <= 50
        assert batcher.written.lines == 500

    run(test())


def test_past_the_spools_bound_memory_fills_then_the_reader_waits_and_all_goes_out_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SPOOL_AFTER_S", 0.0)
    back, bound, lines = threading.Event(), 2_000, 2_000
    stream = FakeStream(lambda number, records: None if back.is_set() else Throttled("away", 0.0))
    spool = Spool(tmp_path, bound)

    async def test() -> None:
        batcher = make(stream, max_buffered_lines=100, spool=spool)
        sending = asyncio.create_task(batcher.run())
        read = 0

        async def feed() -> None:
            nonlocal read
            for number in range(lines):
                await batcher.room()
                batcher.add("AB"[number % 2], b"%05d" % number)
                read += 1

        feeding = asyncio.create_task(feed())
        await until(lambda: spool.full and batcher.full, 60)
        assert read < lines / 2
        assert spool.bytes < bound + 1_000  # the record that crossed it
        assert batcher.buffered <= 100
        stood = read
        tried = batcher.written.retries
        await until(lambda: batcher.written.retries > tried + 10, 60)
        assert read == stood
        back.set()
        await feeding
        batcher.close()
        await sending
        assert (batcher.buffered, batcher.spooled, batcher.written.lines) == (0, 0, lines)

    run(test(), 180)
    assert stream.lines() == {key: [b"%05d" % number for number in range(start, lines, 2)] for start, key in enumerate("AB")}


def test_refusal_for_good_ends_the_run_with_its_words() -> None:
    stream = FakeStream(lambda number, records: StreamError("no such stream: make it with `ctc up`"))

    async def test() -> None:
        batcher = make(stream)
        batcher.add("A", b"x")
        with pytest.raises(StreamError, match="ctc up"):
            await batcher.run()

    run(test())


def test_batcher_spools_behind_a_record_on_disk_that_is_on_its_way(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1 << 20)
    spool.append("A", pack([b"0"]), 1, -1)
    held, hold = threading.Event(), threading.Event()

    def script(number: int, records: object) -> object:
        held.set()
        hold.wait(60)  # a call that gets no answer
        return Throttled("away", 0.0)

    async def test() -> None:
        batcher = make(FakeStream(script), spool=Spool(tmp_path, 1 << 20))
        sending = asyncio.create_task(batcher.run())
        await until(held.is_set)
        for number in range(20):
            batcher.add("A", str(number).encode() * 60)
        batcher.set_aside(all_lines=True)
        assert (batcher.buffered, batcher.spooled) == (0, 21)
        hold.set()
        sending.cancel()
        await asyncio.wait({sending})

    run(test())


def test_batcher_looks_only_at_what_is_not_on_disk_yet(tmp_path: Path) -> None:
    class Counting(deque):
        looks = 0

        def __iter__(self):
            for each in super().__iter__():
                Counting.looks += 1
                yield each

        def __reversed__(self):
            for each in super().__reversed__():
                Counting.looks += 1
                yield each

    batcher = make(FakeStream(), spool=Spool(tmp_path, 1 << 20))
    batcher._lane("A").packs = Counting()
    for number in range(100):
        batcher.add("A", str(number).encode())
        batcher.set_aside(all_lines=True)
    assert batcher.spooled == 100
    assert Counting.looks <= 300
