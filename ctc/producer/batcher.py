"""From lines to a stream's records: packed per key by size or age, sent in order per key, retried exactly, bounded.

**Order.** PutRecords may refuse any entry of a call and take the ones after it, so two records of one key in one call, or
in two calls at once, could change places. A call therefore holds at most one record a key, and a key whose record is on its
way is in no other call. A refused record stays at the head of its key's queue and is sent again unchanged, after a backoff of
its own, while the other keys go on. What a call that got no answer has written is not known: it is sent again (at least once;
deduplication downstream makes it harmless).

**A stream that is away.** After a second without a call that worked, packs move to the spool on disk and memory is free for
more; they keep their places. Past the spool's bound memory fills, `room` waits, and the sockets are not read.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile

from ctc.codec import pack
from ctc.errors import PartialWrite, StreamError, Throttled
from ctc.ports import Record, StreamWriter
from ctc.producer.spool import Slot, Spool
from ctc.sources.backoff import Backoff

MAX_KEYS_PER_CALL = 500
MAX_BYTES_PER_CALL = 4_500_000
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 5.0
SPOOL_AFTER_S = 1.0


@dataclass(slots=True)
class Written:
    """What the stream has taken so far; `retries` counts the records that were sent again."""

    lines: int = 0
    records: int = 0
    bytes: int = 0
    retries: int = 0
    trouble: str = ""


@dataclass(slots=True)
class _Pack:
    """Lines that travel as one record, compressed once, when they are first sent or spooled; `beat_us` is its newest heartbeat's."""

    key: str
    lines: list[bytes]
    size: int
    count: int
    beat_us: int
    record: Record | None = None
    slot: Slot | None = None

    def as_record(self, spool: Spool | None) -> Record:
        if self.record is None and self.slot is not None and spool is not None:
            return Record(self.key, spool.read(self.slot))
        if self.record is None:
            self.record = Record(self.key, pack(self.lines))
        return self.record

    def set_aside(self, spool: Spool) -> None:
        self.slot = spool.append(self.key, self.as_record(None).data, self.count, self.beat_us)

    def let_go(self) -> None:
        """Free the memory of what is on disk. Not while it is on its way: the sending thread reads it."""
        if self.slot is not None:
            self.lines, self.record = [], None


@dataclass(slots=True)
class _Lane:
    """One key's queue: the lines not yet closed into a pack, then the packs in order."""

    key: str
    backoff: Backoff
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    beat_us: int = -1
    opened: float = 0.0
    packs: deque[_Pack] = field(default_factory=deque)
    flying: bool = False
    not_before: float = 0.0

    def close(self) -> None:
        self.packs.append(_Pack(self.key, self.lines, self.size, len(self.lines), self.beat_us))
        self.lines, self.size, self.beat_us = [], 0, -1


class Batcher:
    """`add` lines, `await room()` now and then, `run` in a task, `close` at the end: `run` returns when all is sent."""

    def __init__(
        self,
        writer: StreamWriter,
        *,
        linger_s: float,
        max_pack_bytes: int,
        max_buffered_lines: int,
        rng: random.Random,
        calls: int = 2,
        spool: Spool | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._writer = writer
        self._linger_s = linger_s
        self._max_pack_bytes = max_pack_bytes
        self._max_lines = max_buffered_lines
        self._rng = rng
        self._calls = calls
        self._spool = spool
        self._monotonic = monotonic
        self._failing_since: float | None = None
        self._lanes: dict[str, _Lane] = {}
        self._wake = asyncio.Event()
        self._freed = asyncio.Event()
        self._closing = False
        self.buffered = 0  # lines in memory
        self.written = Written()
        self.kept: dict[str, int] = {}  # by key: everything up to its heartbeat of this time is in the stream or on disk
        for slot in spool.left_over if spool else ():
            found = _Pack(slot.key, [], slot.size, slot.lines, slot.beat_us, slot=slot)
            self._lane(slot.key).packs.append(found)
            self._keep(found)

    @property
    def full(self) -> bool:
        """Whether the caller should `await room()` before it reads on."""
        return self.buffered >= self._max_lines

    @property
    def spooled(self) -> int:
        """Lines on disk."""
        return self._spool.lines if self._spool else 0

    def _lane(self, key: str) -> _Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(key, Backoff(FIRST_RETRY_S, LONGEST_RETRY_S, self._rng))
        return lane

    def add(self, key: str, line: bytes, beat_us: int = -1) -> None:
        """Queue a line behind the key's others; `beat_us` is a heartbeat's time. Never waits: `room` does."""
        lane = self._lane(key)
        if not lane.lines:
            lane.opened = self._monotonic()
            self._wake.set()
        elif lane.size + len(line) >= self._max_pack_bytes:
            lane.close()
            lane.opened = self._monotonic()
            self._wake.set()
        lane.lines.append(line)
        lane.size += len(line) + 1
        lane.beat_us = max(lane.beat_us, beat_us)
        self.buffered += 1

    async def room(self) -> None:
        """Return once fewer than the allowed lines are waiting for the stream."""
        while self.full:
            self._freed.clear()
            await self._freed.wait()

    def close(self) -> None:
        """Nothing comes after this: `run` sends what there is, without lingering, and returns."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Send until closed and empty. Raises StreamError when the stream refuses for good."""
        flying: set[asyncio.Task[None]] = set()
        with ThreadPoolExecutor(self._calls, thread_name_prefix="put-records") as pool:
            while not (self._closing and self._is_empty()):
                self._wake.clear()
                if self._is_failing():
                    self.set_aside()
                while len(flying) < self._calls and (packs := self._claim()):
                    task = asyncio.create_task(self._send(packs, pool))
                    task.add_done_callback(lambda _: self._wake.set())
                    flying.add(task)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._idle_s(len(flying) < self._calls)):
                        await self._wake.wait()
                for task in [task for task in flying if task.done()]:
                    flying.discard(task)
                    task.result()

    def _is_empty(self) -> bool:
        return self.buffered == 0 and not any(lane.packs for lane in self._lanes.values())

    def _is_failing(self) -> bool:
        return self._failing_since is not None and self._monotonic() - self._failing_since >= SPOOL_AFTER_S

    def set_aside(self, *, all_lines: bool = False) -> None:
        """Move what waits in memory to the spool, as far as it has room; lines that still gather only with `all_lines`."""
        if self._spool is None:
            return
        due = self._monotonic() - self._linger_s
        for lane in self._lanes.values():
            if lane.lines and (all_lines or lane.opened <= due):
                lane.close()
            waiting = [*takewhile(lambda each: each.slot is None, reversed(lane.packs))]  # what is on disk is in front
            head = lane.packs[0] if lane.flying else None
            for each in reversed(waiting):
                if self._spool.full or (each is head and each.record is None):
                    break  # what is behind it must not be on disk alone
                self._move(each, self._spool)
                if each is not head:
                    each.let_go()
        self._freed.set()

    def _move(self, each: _Pack, spool: Spool) -> None:
        try:
            each.set_aside(spool)
        except OSError as error:
            raise StreamError(f"the stream takes nothing, and the spool can't be written ({error.strerror}): free disk space") from error
        self.buffered -= each.count
        self._keep(each)

    def _keep(self, each: _Pack) -> None:
        if each.beat_us > self.kept.get(each.key, -1):
            self.kept[each.key] = each.beat_us

    def _claim(self) -> list[_Pack]:
        """The next record of each key that is due and not on its way, within one call's limits."""
        now = self._monotonic()
        packs: list[_Pack] = []
        size = 0
        for lane in self._lanes.values():
            if lane.flying or now < lane.not_before:
                continue
            if not lane.packs and lane.lines and (self._closing or now >= lane.opened + self._linger_s):
                lane.close()
            if not lane.packs:
                continue
            if packs and (len(packs) == MAX_KEYS_PER_CALL or size + lane.packs[0].size > MAX_BYTES_PER_CALL):
                break
            lane.flying = True
            packs.append(lane.packs[0])
            size += lane.packs[0].size
        return packs

    def _idle_s(self, free: bool) -> float | None:
        """Seconds until a lane falls due by age or backoff; None to wait for a call or a line."""
        if not free:
            return None
        waits = [
            max(lane.not_before, 0.0 if lane.packs or self._closing else lane.opened + self._linger_s)
            for lane in self._lanes.values()
            if not lane.flying and (lane.packs or lane.lines)
        ]
        return max(0.0, min(waits) - self._monotonic()) if waits else None

    async def _send(self, packs: list[_Pack], pool: ThreadPoolExecutor) -> None:
        refused: frozenset[int] = frozenset()
        wait_s, began = 0.0, self._monotonic()
        try:
            await asyncio.get_running_loop().run_in_executor(pool, self._put, packs)
            self._failing_since = None
        except PartialWrite as error:
            refused, self.written.trouble = frozenset(error.failed), str(error)
            self._failing_since = None
        except Throttled as error:
            refused, self.written.trouble = frozenset(range(len(packs))), str(error)
            wait_s = error.retry_after
            if self._failing_since is None:
                self._failing_since = began
        for index, sent in enumerate(packs):
            self._settle(sent, index in refused, wait_s)
        self._freed.set()

    def _put(self, packs: list[_Pack]) -> None:
        # In a worker thread: compressing leaves the interpreter free, the call blocks.
        self._writer.put([each.as_record(self._spool) for each in packs])

    def _settle(self, sent: _Pack, refused: bool, wait_s: float) -> None:
        lane = self._lanes[sent.key]
        lane.flying = False
        if refused:
            sent.let_go()
            lane.not_before = self._monotonic() + lane.backoff.next_s(wait_s)
            self.written.retries += 1
            return
        lane.packs.popleft()
        lane.backoff.reset()
        self.written.lines += sent.count
        self.written.records += 1
        if sent.slot is not None and self._spool is not None:
            self.written.bytes += sent.slot.size
            self._spool.sent(sent.slot)
        else:
            self.written.bytes += len(sent.as_record(None).data)
            self.buffered -= sent.count
            self._keep(sent)
