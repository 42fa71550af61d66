"""Between the producer and the exchanges: forwards websockets frame by frame, behind a gate, and disturbs them where a fault says so.

Frames are forwarded whole, so that anything can be put between two of them; what a client sends goes through as it is, and
so do plain HTTP requests on the same port.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from ctc.processes import HOST
from sim.faults.frames import DATA, Frame, take_frames, text_frame, time_us
from sim.faults.gate import Gate

CHUNK = 1 << 18
LOOK_S = 0.02
HEAD_MAX = 1 << 16
# Gets a frame with data, returns the frames that take its place: payloads, in order; None leaves it as it is.
Tamper = Callable[[Frame], list[bytes] | None]


class Wire:
    """One client's connection and the one to the exchange that belongs to it."""

    def __init__(self, venue: str, down: asyncio.StreamWriter, up: asyncio.StreamWriter) -> None:
        self.venue, self._down, self._up = venue, down, up
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.cut_inside = False

    async def send(self, data: bytes) -> None:
        """To the client, when the wire is not stalled."""
        await self.flowing.wait()
        self._down.write(data)
        await self._down.drain()

    def inject(self, data: bytes) -> None:
        """Bytes to the client, between two frames."""
        self._down.write(data)

    def abort(self) -> None:
        """Cut both sides: no closing frame, no closing handshake."""
        self._down.transport.abort()
        self._up.transport.abort()


class SocketRelay:
    """Listens on a port for each venue. All methods are to be called in its loop."""

    def __init__(self, gate: Gate | None = None) -> None:
        self.gate = gate
        self.wires: set[Wire] = set()
        self.tampers: dict[str, Tamper] = {}
        self.frames = 0
        self._servers: list[asyncio.Server] = []

    async def listen(self, venue: str, port: int, upstream: int) -> None:
        """Relay `port` to `upstream`."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(venue, upstream, reader, writer)

        self._servers.append(await asyncio.start_server(serve, HOST, port, limit=HEAD_MAX))

    def close(self) -> None:
        """Stop listening and cut what is open."""
        for server in self._servers:
            server.close()
        self.cut(None)

    def of(self, venue: str | None) -> list[Wire]:
        """The wires of a venue, or all of them."""
        return [wire for wire in self.wires if venue in (None, wire.venue)]

    def cut(self, venue: str | None) -> int:
        """Abort the venue's connections; how many there were."""
        wires = self.of(venue)
        for wire in wires:
            wire.abort()
        return len(wires)

    def inject(self, venue: str, payloads: list[bytes]) -> int:
        """Put text frames of these payloads into each of the venue's connections; how many."""
        data = b"".join(map(text_frame, payloads))
        for wire in self.of(venue):
            wire.inject(data)
        return len(self.of(venue)) * len(payloads)

    async def _serve(self, venue: str, upstream: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection(HOST, upstream, limit=HEAD_MAX)
        except OSError:
            writer.transport.abort()
            return
        wire = Wire(venue, writer, up_writer)
        self.wires.add(wire)
        try:
            up_writer.write(await reader.readuntil(b"\r\n\r\n"))
            head = await up_reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            upgraded = head.split(b" ", 2)[1] == b"101"
            back = self._down(wire, up_reader) if upgraded else _pipe(up_reader, writer)
            await _first_of(_pipe(reader, up_writer), back)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            wire.abort()
        finally:
            self.wires.discard(wire)
            writer.close()
            up_writer.close()

    async def _down(self, wire: Wire, reader: asyncio.StreamReader) -> None:
        buffer = bytearray()
        while chunk := await reader.read(CHUNK):
            buffer += chunk
            ready: list[bytes] = []
            for frame in take_frames(buffer):
                self.frames += 1
                if self.gate is not None and frame.opcode in DATA:
                    await self._pass(wire, frame, ready)
                if wire.cut_inside and frame.opcode in DATA:
                    await wire.send(b"".join([*ready, frame.wire[: len(frame.wire) // 2]]))
                    wire.abort()
                    return
                ready.append(self._tampered(wire, frame))
            await wire.send(b"".join(ready))

    async def _pass(self, wire: Wire, frame: Frame, ready: list[bytes]) -> None:
        """Return when the gate lets a frame of this time through; what is before it is sent meanwhile."""
        assert self.gate is not None
        moment = time_us(frame.payload)
        if moment is None:
            return
        while moment > self.gate.now_us:
            if ready:
                await wire.send(b"".join(ready))
                ready.clear()
            await asyncio.sleep(LOOK_S)
        self.gate.passed_us = max(self.gate.passed_us, moment)

    def _tampered(self, wire: Wire, frame: Frame) -> bytes:
        tamper = self.tampers.get(wire.venue)
        if tamper is None or frame.opcode not in DATA:
            return frame.wire
        changed = tamper(frame)
        return frame.wire if changed is None else b"".join(map(text_frame, changed))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()


async def _first_of(*work: object) -> None:
    """Run all until the first has ended."""
    tasks = [asyncio.ensure_future(each) for each in work]  # type: ignore[call-overload]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
