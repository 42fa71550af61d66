"""One line of a recording: its receive time, its frame, and whose frame it is; told by content.

Recorders write `<receive ns|us|ms|s> <json>`, `<receive s.fraction>: <json>` or the bare JSON; cryptofeed's also write
`URL <-> time` for a connect and `URL -> time: body` for a REST answer; `ctc record` also `URL >-< time words` for a loss.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ctc.codec import JSON_TROUBLE

_TIMED = re.compile(rb"(\d{9,20})(?:\.(\d{1,18}))?:?[ \t]+(?=[{\[])")
CONNECT, LOSS = "<->", ">-<"
_ASIDE = re.compile(rb"[a-z]{2,8}://\S+ (<->|>-<|->|<-) ?\d")
_ASIDES = {b"<->": "connect", b">-<": "lost", b"->": "http", b"<-": "sent"}
_SHORTCUTS = ((b'{"e"', "binance"), (b'{"stream"', "binance"), (b'{"type"', "coinbase"))


class _Marks(msgspec.Struct, gc=False):
    """Fields that give an exchange away; UNSET where a frame has none."""

    type: Any = msgspec.UNSET
    product_id: Any = msgspec.UNSET
    channel: Any = msgspec.UNSET
    data: Any = msgspec.UNSET
    events: Any = msgspec.UNSET
    stream: Any = msgspec.UNSET
    e: Any = msgspec.UNSET
    p: Any = msgspec.UNSET
    q: Any = msgspec.UNSET
    T: Any = msgspec.UNSET
    u: Any = msgspec.UNSET
    s: Any = msgspec.UNSET
    last_update: Any = msgspec.field(name="lastUpdateId", default=msgspec.UNSET)
    result: Any = msgspec.UNSET
    error: Any = msgspec.UNSET
    id: Any = msgspec.UNSET
    code: Any = msgspec.UNSET
    msg: Any = msgspec.UNSET


_MARKS = msgspec.json.Decoder(_Marks)
_BINANCE = (("stream",), ("e",), ("p", "q", "T"), ("u", "s"), ("last_update",), ("result", "id"), ("error", "id"), ("code", "msg"))


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line taken apart: receive time in microseconds, frame; `aside` names a line that holds no frame."""

    received_us: int | None
    body: bytes
    aside: str = ""


def take_apart(line: bytes) -> Line | None:
    """The frame of a line, None when it is of no known form."""
    if line[19:21] == b" {" and line[:1] > b"0" and line[:19].isdigit():  # nanoseconds, as `ctc record` writes them: a quarter of the price
        return Line(int(line[:16]), line[20:])
    if line[:1] in b"{[":
        return Line(None, line)
    timed = _TIMED.match(line)
    if timed is not None:
        return Line(receive_time(timed[1], timed[2] or b""), line[timed.end() :])
    aside = _ASIDE.match(line)
    return Line(None, b"", _ASIDES[aside[1]]) if aside is not None else None


def receive_time(whole: bytes, fraction: bytes) -> int:
    """Microseconds of a receive time in s, ms, us or ns (by magnitude); up to 20 digits stay inside the calendar."""
    value = int(whole)
    unit = 1_000_000 if value < 10**11 else 1_000 if value < 10**14 else 1
    us = value // 1_000 if value >= 10**17 else value * unit
    if fraction and unit > 1:
        us += int(fraction) * unit // 10 ** len(fraction)
    return us


def whose(body: bytes) -> str | None:
    """The exchange that a frame comes from: "binance", "coinbase", "hyperliquid", "" for another one's, None when it is not JSON."""
    for start, exchange in _SHORTCUTS:
        if body.startswith(start):
            return exchange
    try:
        marks = _MARKS.decode(body)
    except JSON_TROUBLE:
        return "" if _is_json(body) else None
    if isinstance(marks.type, str) and marks.stream is msgspec.UNSET:
        return "coinbase"
    if isinstance(marks.channel, str) and marks.events is msgspec.UNSET and (marks.data is not msgspec.UNSET or marks.channel == "pong"):
        return "hyperliquid"
    known = any(all(getattr(marks, name) is not msgspec.UNSET for name in names) for names in _BINANCE)
    return "binance" if known else ""


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except JSON_TROUBLE:
        return False
    return True


def looks_recorded(line: bytes) -> bool:
    """Whether a line is one that a recorder of frames writes."""
    taken = take_apart(line)
    if taken is None:
        return False
    return bool(taken.aside) or (taken.body[:1] == b"{" and _is_json(taken.body))
