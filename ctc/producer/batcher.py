"""From lines to a stream's records: packed per key by size or age, sent in order per key, retried exactly, bounded.

**Order.** PutRecords may refuse any entry of a call and take the ones after it, so two records of one key in one call, or
in two calls at once, could change places. A call therefore holds at most one record a key, and a key whose record is on its
way is in no other call. A refused record stays at the head of its key's queue and is sent again unchanged, after a backoff of
its own, while the other keys go on. What a call that got no answer has written is not known: it is sent again (at least once;
deduplication downstream makes it harmless).
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

from ctc.codec import pack
from ctc.errors import PartialWrite, Throttled
from ctc.ports import Record, StreamWriter
from ctc.sources.backoff import Backoff

MAX_KEYS_PER_CALL = 500
MAX_BYTES_PER_CALL = 4_500_000
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 10.0


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
    """Lines that travel as one record, compressed once, when they are first sent."""

    key: str
    lines: list[bytes]
    size: int
    record: Record | None = None

    def as_record(self) -> Record:
        if self.record is None:
            self.record = Record(self.key, pack(self.lines))
        return self.record


@dataclass(slots=True)
class _Lane:
    """One key's queue: the lines not yet closed into a pack, then the packs in order."""

    key: str
    backoff: Backoff
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    opened: float = 0.0
    packs: deque[_Pack] = field(default_factory=deque)
    flying: bool = False
    not_before: float = 0.0

    def close(self) -> None:
        self.packs.append(_Pack(self.key, self.lines, self.size))
        self.lines, self.size = [], 0


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
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._writer = writer
        self._linger_s = linger_s
        self._max_pack_bytes = max_pack_bytes
        self._max_lines = max_buffered_lines
        self._rng = rng
        self._calls = calls
        self._monotonic = monotonic
        self._lanes: dict[str, _Lane] = {}
        self._wake = asyncio.Event()
        self._freed = asyncio.Event()
        self._closing = False
        self.buffered = 0
        self.written = Written()

    @property
    def full(self) -> bool:
        """Whether the caller should `await room()` before it reads on."""
        return self.buffered >= self._max_lines

    def add(self, key: str, line: bytes) -> None:
        """Queue a line behind the key's others. Never waits: `room` does."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(key, Backoff(FIRST_RETRY_S, LONGEST_RETRY_S, self._rng))
        if not lane.lines:
            lane.opened = self._monotonic()
            self._wake.set()
        elif lane.size + len(line) >= self._max_pack_bytes:
            lane.close()
            lane.opened = self._monotonic()
            self._wake.set()
        lane.lines.append(line)
        lane.size += len(line) + 1
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
            while not (self._closing and self.buffered == 0):
                self._wake.clear()
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
        wait_s = 0.0
        try:
            await asyncio.get_running_loop().run_in_executor(pool, self._put, packs)
        except PartialWrite as error:
            refused, self.written.trouble = frozenset(error.failed), str(error)
        except Throttled as error:
            refused, self.written.trouble = frozenset(range(len(packs))), str(error)
            wait_s = error.retry_after
        for index, sent in enumerate(packs):
            self._settle(sent, index in refused, wait_s)
        self._freed.set()

    def _put(self, packs: list[_Pack]) -> None:
        # In a worker thread: compressing leaves the interpreter free, the call blocks.
        self._writer.put([each.as_record() for each in packs])

    def _settle(self, sent: _Pack, refused: bool, wait_s: float) -> None:
        lane = self._lanes[sent.key]
        lane.flying = False
        if refused:
            lane.not_before = self._monotonic() + lane.backoff.next_s(wait_s)
            self.written.retries += 1
            return
        lane.packs.popleft()
        lane.backoff.reset()
        self.buffered -= len(sent.lines)
        self.written.lines += len(sent.lines)
        self.written.records += 1
        self.written.bytes += len(sent.as_record().data)
