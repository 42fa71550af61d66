"""Websocket frames as bytes on their way from an exchange: where each ends, what it holds, and frames of our own.

RFC 6455, section 5.2. A server's frames are not masked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

TEXT = 1
DATA = frozenset({0, 1, 2})
_MS = re.compile(rb'"E":(\d+)')
_ISO = re.compile(rb'"time":"([^"]+)"')
_TRADES = (b'"e":"aggTrade"', b'"e":"trade"', b'"type":"match"')


class Frame(NamedTuple):
    """One whole frame: its bytes, its opcode and what it holds."""

    wire: bytes
    opcode: int
    payload: bytes

    @property
    def is_trade(self) -> bool:
        """Whether it tells of a market trade."""
        return any(word in self.payload for word in _TRADES)


def take_frames(buffer: bytearray) -> Iterator[Frame]:
    """The whole frames at the beginning of the buffer, which loses them; an unfinished one stays."""
    at = 0
    try:
        while (found := _frame_at(buffer, at)) is not None:
            head, length = found
            end = at + head + length
            yield Frame(bytes(buffer[at:end]), buffer[at] & 0x0F, bytes(buffer[at + head : end]))
            at = end
    finally:
        del buffer[:at]


def _frame_at(buffer: bytearray, at: int) -> tuple[int, int] | None:
    """Lengths of head and payload; None while not all of it is there."""
    if len(buffer) < at + 2:
        return None
    length, head = buffer[at + 1] & 0x7F, 2
    if length >= 126:
        head += 2 if length == 126 else 8
        if len(buffer) < at + head:
            return None
        length = int.from_bytes(buffer[at + 2 : at + head], "big")
    return (head, length) if len(buffer) >= at + head + length else None


def text_frame(payload: bytes) -> bytes:
    """A server's text frame."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | TEXT, size))
    elif size < 1 << 16:
        head = bytes((0x80 | TEXT, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | TEXT, 127)) + size.to_bytes(8, "big")
    return head + payload


def time_us(payload: bytes) -> int | None:
    """The exchange's time of a frame, in microseconds; None where it tells none."""
    if (found := _MS.search(payload)) is not None:
        return int(found[1]) * 1000
    if (found := _ISO.search(payload)) is not None and b'"last_match"' not in payload:
        moment = datetime.fromisoformat(found[1].decode())
        return int(moment.timestamp()) * 1_000_000 + moment.microsecond
    return None
