"""Between a session and its emulator: forwards AWS calls, and lets a fault answer some of them in its place, or lose the answer.

Calls of the JSON protocols (Kinesis, DynamoDB, Glue; boto3 speaks JSON 1.1 to Kinesis, not CBOR) are told by `X-Amz-Target`
and can be disturbed; others (S3) pass. One connection may carry calls of several services: Iceberg's share a pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from ctc.processes import HOST

HEAD_MAX = 1 << 16


@dataclass(frozen=True, slots=True)
class Call:
    """One request: `action` is the part of X-Amz-Target behind the dot, as in `PutRecords`."""

    action: str
    head: bytes
    body: bytes

    def json(self) -> dict[str, object]:
        """Its parameters."""
        return msgspec.json.decode(self.body, type=dict[str, object])


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered: with the emulator's own head, or one made here."""

    status: int
    body: bytes
    head: bytes = b""

    def bytes(self) -> bytes:
        """As HTTP."""
        head = self.head or f"HTTP/1.1 {self.status} -\r\nContent-Type: application/x-amz-json-1.1\r\n\r\n".encode()
        return (head if self.head and not self.body else _with_length(head, len(self.body))) + self.body


def error(code: str, message: str = "by the fault harness", status: int = 400) -> Reply:
    """An error as the JSON protocols tell it."""
    return Reply(status, msgspec.json.encode({"__type": code, "message": message}))


Forward = Callable[[bytes], Awaitable[Reply]]
# Gets the call and what forwards a body; returns the answer, or None to cut the connection instead.
Rule = Callable[[Call, Forward], Awaitable[Reply | None]]
Watcher = Callable[[Call, Reply], None]


class Broken(Exception):
    """The other side closed the connection or does not speak HTTP."""


class AwsRelay:
    """Listens on `port`, forwards to `upstream`. `rules` by action may be changed at any time, from any thread.

    `watcher` is told of each call and its answer, in the relay's loop.
    """

    def __init__(self, port: int, upstream: int, watcher: Watcher | None = None) -> None:
        self.port, self.upstream, self._watcher = port, upstream, watcher
        self.rules: dict[str, Rule] = {}
        self.calls = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def listen(self) -> None:
        """Take connections; after `deaf` again."""
        self._server = await asyncio.start_server(self._serve, HOST, self.port, limit=HEAD_MAX)

    async def deaf(self) -> None:
        """Refuse connections and cut those that are open, as a machine does whose server has ended."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        upstream = _Upstream(self.upstream)
        try:
            while await self._exchange(await _head(reader), reader, writer, upstream):
                continue
        except (Broken, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            writer.transport.abort()  # cancelled: the relay ends, and asyncio's servers log a task that says so
        finally:
            self._open.discard(writer)
            upstream.close()
            writer.close()

    async def _exchange(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: _Upstream) -> bool:
        """One request and its answer; False when the connection ends with it."""
        if _header(head, b"expect"):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        call = Call(_header(head, b"x-amz-target").rpartition(b".")[2].decode(), head, await _body(head, reader))
        self.calls += 1
        rule = self.rules.get(call.action)

        async def forward(body: bytes) -> Reply:
            return await upstream.ask(head, body)

        reply = await (rule(call, forward) if rule else forward(call.body))
        if reply is None:
            raise Broken("the answer is lost")
        if self._watcher is not None:
            self._watcher(call, reply)
        writer.write(reply.bytes())
        await writer.drain()
        return _header(reply.head, b"connection").lower() != b"close"


class _Upstream:
    """One client's connection to the emulator, made when it is needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is not None and self._writer is not None and not self._reader.at_eof():
            return self._reader, self._writer
        self.close()
        self._reader, self._writer = await asyncio.open_connection(HOST, self._port, limit=HEAD_MAX)
        return self._reader, self._writer

    async def ask(self, head: bytes, body: bytes) -> Reply:
        """Forward a request, with another length where its body was changed."""
        reader, writer = await self._connected()
        writer.write(_with_length(head, len(body)) + body)
        await writer.drain()
        answer = await _head(reader)
        status = int(answer.split(b" ", 2)[1])
        bare = head.startswith(b"HEAD ") or status in (204, 304)
        return Reply(status, b"" if bare else await _body(answer, reader, to_end=True), answer)

    def close(self) -> None:
        """Let the connection go."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as stopped:
        raise Broken("closed") from stopped


def _header(head: bytes, name: bytes) -> bytes:
    """A header's value, empty where there is none."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


async def _body(head: bytes, reader: asyncio.StreamReader, to_end: bool = False) -> bytes:
    """`to_end`: where the head tells no length, it ends with the connection."""
    if _header(head, b"transfer-encoding").lower() == b"chunked":
        parts = []
        while size := int((await reader.readline()).split(b";")[0], 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return b"".join(parts)
    length = _header(head, b"content-length")
    if not length:
        return await reader.read() if to_end else b""
    return await reader.readexactly(int(length))


def _with_length(head: bytes, length: int) -> bytes:
    lines = [line for line in head.rstrip(b"\r\n").split(b"\r\n") if line.partition(b":")[0].lower() not in _LENGTHS]
    return b"\r\n".join([*lines, b"Content-Length: %d" % length, b"", b""])


_LENGTHS = frozenset({b"content-length", b"transfer-encoding", b"expect"})
