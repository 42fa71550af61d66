"""`python -m ctc.producer`: the exchanges, or recordings, into the session's streams.

Ends by itself at `--until` or at the end of the recordings, after heartbeats that close every window. On SIGTERM or SIGINT
everything that was read is sent; the windows stay open for whoever goes on (`--resume`).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from ctc import status
from ctc.errors import ConfigError, CtcError, StreamError
from ctc.model import Heartbeat, to_us
from ctc.ports import StreamWriter
from ctc.producer.batcher import Batcher
from ctc.producer.clock import FrameClock, ProducerClock, clock_of
from ctc.producer.heartbeats import Venues
from ctc.producer.live import LiveFeed
from ctc.producer.logs import log
from ctc.producer.pace import Pace, told_in
from ctc.producer.replay import ReplayFeed
from ctc.producer.resume import ResumeFile, ResumePoint
from ctc.producer.spool import Spool
from ctc.producer.tape import Tape
from ctc.settings import Settings, session_state, settings_of
from ctc.sources.surveyed import kept
from ctc.wiring import stream_writers

SERVICE = "producer"
GARBAGE = 50_000  # new objects, until Python looks for cycles among them: after its 700, that is some 6% of this process's CPU in a replay
PUBLISH_EVERY_S = 0.5
# What a stop waits for a stream that does not take what is left.
DRAIN_WITHIN_S = 30.0
SPEEDS: dict[str, float | None] = {"1": 1.0, "10": 10.0, "60": 60.0, "max": None}
Feed = LiveFeed | ReplayFeed


def batcher(writer: StreamWriter, settings: Settings, rng: random.Random, spool: Path, max_lines: int | None = None) -> Batcher:
    """A batcher with the profile's limits, and a spool of its own."""
    own = settings.producer
    return Batcher(
        writer,
        linger_s=own.linger_ms / 1000,
        max_pack_bytes=own.max_pack_bytes,
        max_buffered_lines=max_lines or own.max_buffered_lines,
        rng=rng,
        spool=Spool(spool, own.spool_bytes),
    )


class Producer:
    """One feed into one tape into two streams, with its status published."""

    def __init__(
        self,
        settings: Settings,
        state: Path,
        feed: Feed,
        *,
        venues: Venues,
        clock: ProducerClock,
        trades: StreamWriter,
        dead: StreamWriter,
        resume: ResumeFile | None = None,
        point: ResumePoint | None = None,
        service: str = SERVICE,
        drain_within_s: float = DRAIN_WITHIN_S,
    ) -> None:
        """`resume` is moved on as heartbeats are kept; `point` is where an earlier process stood."""
        rng = random.SystemRandom()
        spool = state / "spool" / settings.producer.name
        self._symbols = settings.session.symbols
        self._resume = resume
        self._service = service
        self._state = state
        self._feed = feed
        self._clock = clock
        self._clock_name = "frames" if isinstance(clock, FrameClock) else "wall"
        self._lines = batcher(trades, settings, rng, spool / "trades")
        # A dead letter may be a whole frame of half a megabyte: few of them may wait.
        self._dead = batcher(dead, settings, rng, spool / "dead", max_lines=200)
        self.tape = Tape(settings.producer.name, venues, settings.session.peg_symbol, self._lines, self._dead, clock.now, self._said)
        if point is not None:
            self.tape.heartbeats.resume(point.beats)
        self.stopping = asyncio.Event()
        self.phase = "connecting"
        self._drain_within_s = drain_within_s
        self._unwritten: set[str] = set()
        self._started = time.monotonic()

    async def run(self) -> None:
        """Until the feed ends or `stopping` is set, and all that it gave is in the streams. Raises StreamError."""
        sending = [asyncio.create_task(self._lines.run()), asyncio.create_task(self._dead.run())]
        feeding = asyncio.create_task(self._feed.run(self.tape, self.stopping))
        publishing = asyncio.create_task(self._publish())
        limit = asyncio.create_task(self._limit_stop())
        try:
            await asyncio.wait({feeding, limit, *sending}, return_when=asyncio.FIRST_COMPLETED)
            _raise_of([limit, *sending])
            end = feeding.result()
            if end is not None:
                self.tape.heartbeats.finish(end)
            await self._drain(sending, limit)
            self.phase = "done"
        except CtcError as error:
            self.phase = "failed"
            self._lines.written.trouble = str(error)
            raise
        finally:
            await _cancel([feeding, publishing, limit, *sending])
            self.publish()

    async def _drain(self, sending: list[asyncio.Task[None]], limit: asyncio.Task[None]) -> None:
        self.phase = "draining"
        self._lines.close()
        self._dead.close()
        while waiting := [task for task in sending if not task.done()]:
            await asyncio.wait({limit, *waiting}, return_when=asyncio.FIRST_COMPLETED)
            _raise_of([limit, *sending])
        _raise_of(sending)

    async def _limit_stop(self) -> None:
        """Once told to stop, a stream that takes nothing must not keep the process alive."""
        await self.stopping.wait()
        await asyncio.sleep(self._drain_within_s)
        for each in (self._lines, self._dead):
            each.set_aside(all_lines=True)
        left, kept = self._lines.buffered + self._dead.buffered, self._lines.spooled + self._dead.spooled
        why = self._lines.written.trouble or self._dead.written.trouble
        fate = f"{kept} lines wait on disk until the session is resumed" + (f", {left} are lost: the spool is full" if left else "")
        raise StreamError(f"the streams took nothing for {self._drain_within_s:.0f} s ({why}): {fate}")

    async def _publish(self) -> None:
        while True:
            if self.phase == "connecting" and self.tape.counters.trades:
                self.phase = "running"
            self.publish()
            await asyncio.sleep(PUBLISH_EVERY_S)

    def publish(self) -> None:
        """Write the status file and the resume point; what a full disk does not take now is tried with the next."""
        for what, write in (("status", self._publish_status), ("resume point", self._move_on)):
            try:
                write()
                self._unwritten.discard(what)
            except OSError as error:
                if what not in self._unwritten:
                    log("unwritten", what=what, trouble=str(error))
                self._unwritten.add(what)

    def _publish_status(self) -> None:
        written, dead = self._lines.written, self._dead.written
        values: dict[str, Any] = {
            "phase": self.phase,
            "clock": self._clock.now(),
            "clock_kind": self._clock_name,
            "heartbeats": self.tape.heartbeats.count,
            **msgspec.structs.asdict(self.tape.counters),
            "records": written.records,
            "bytes": written.bytes,
            "lines_sent": written.lines,
            "retries": written.retries + dead.retries,
            "dead_letters_sent": dead.lines,
            "buffered_lines": self._lines.buffered,
            "spooled_lines": self._lines.spooled,
            "trouble": written.trouble or dead.trouble,
            "uptime_s": round(time.monotonic() - self._started, 1),
            "last_ids": {venue.mark(True).space: venue.last_id for venue in self.tape.venues},
            "exchanges": self._feed.status(),
        }
        status.publish(self._state, self._service, values)

    def _move_on(self) -> None:
        if self._resume is not None:
            self._resume.move_on(self._lines.kept, self._symbols)

    def _said(self, beat: Heartbeat) -> None:
        if self._resume is not None and isinstance(self._feed, LiveFeed):
            self._resume.said(beat, self._feed.open_gaps())


def _raise_of(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Raise what a task that has ended died of."""
    for task in tasks:
        if task.done():
            task.result()


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, CtcError):
            await task


def producer_of(settings: Settings, state: Path, options: argparse.Namespace, trades: StreamWriter, dead: StreamWriter) -> Producer:
    """The producer that the options ask for. Call it in a running loop."""
    if options.replay:
        clock = FrameClock()
        found = kept(state, options.replay).found
        replay = ReplayFeed(settings, found, clock, Pace(SPEEDS[options.speed], lambda: told_in(state)))
        for notice in found.notices:
            log("notice", text=notice)
        return Producer(settings, state, replay, venues=replay.venues, clock=clock, trades=trades, dead=dead)
    own = clock_of(settings.producer)
    venues = Venues.of(settings)
    until_us = None if options.until is None else to_us(options.until)
    resume = ResumeFile(state, settings.producer.name)
    point = resume.load(settings)
    feed = LiveFeed(settings, venues, own, until_us=until_us, resume=point)
    return Producer(
        settings,
        state,
        feed,
        venues=venues,
        clock=own,
        trades=trades,
        dead=dead,
        resume=resume,
        point=point,
        service=options.name or SERVICE,
    )


async def produce(settings: Settings, state: Path, options: argparse.Namespace) -> None:
    """Run to the end or to a signal."""
    trades, dead = stream_writers(settings)
    producer = producer_of(settings, state, options, trades, dead)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, producer.stopping.set)
    await producer.run()
    log("done", **msgspec.structs.asdict(producer.tape.counters))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Options; argparse ends the process with code 2 and a sentence when they are wrong."""
    parser = argparse.ArgumentParser(prog="python -m ctc.producer", description="Exchange frames into the session's streams.")
    parser.add_argument("--until", type=moment, help="stop when the producer's clock has passed this time (ISO 8601)")
    parser.add_argument("--replay", type=Path, nargs="+", action="extend", metavar="PATH", help="recordings instead of sockets")
    parser.add_argument("--name", help="of a second producer on the same markets: in its heartbeats, its status and its files")
    parser.add_argument("--speed", choices=sorted(SPEEDS), default="max", help="of a replay, in times its own")
    options = parser.parse_args(arguments)
    if options.replay and options.until:
        parser.error("--until is for sockets: a replay ends where its recordings do")
    return options


def moment(text: str) -> datetime:
    """A UTC moment; without an offset it is taken as UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: write it as 2026-11-23T12:00:00Z") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when everything read is in the streams, else the error's, with one sentence on stderr."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    state = session_state()
    gc.freeze()
    gc.set_threshold(GARBAGE)
    try:
        settings = settings_of(state)
        if options.name:
            settings = msgspec.structs.replace(settings, producer=msgspec.structs.replace(settings.producer, name=options.name))
        asyncio.run(produce(settings, state, options))
    except CtcError as error:
        log("failed", text=str(error))
        return 2 if isinstance(error, ConfigError) else error.exit_code
    return 0
