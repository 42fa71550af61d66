"""Binance's public archive of a simulated market: each day that is over as zip files of trades and aggregate trades, with CHECKSUMs.

Facts: https://github.com/binance/binance-public-data and the recordings' excerpt: no header, `True`/`False`, microseconds from 2025 on.
"""

from __future__ import annotations

import hashlib
import io
import re
import threading
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, time, timedelta
from typing import IO, NamedTuple

from websockets.datastructures import Headers
from websockets.http11 import Response

from ctc.model import to_us
from sim.exchange.feed import columns_text
from sim.market import Columns, Market, Minute
from sim.plan import Plan
from sim.venues import Listing

FOLDERS = {"trades": "trade", "aggTrades": "aggTrade"}
MICROSECONDS_FROM = date(2025, 1, 1)
_PATH = re.compile(r"/data/spot/daily/(trades|aggTrades)/([A-Z0-9]+)/\2-\1-(\d{4}-\d\d-\d\d)\.zip(\.CHECKSUM)?")
_RANGE = re.compile(r"bytes=(\d+)-")
_REASONS = {200: "OK", 206: "Partial Content", 404: "Not Found", 416: "Requested Range Not Satisfiable"}
_NO_KEY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>'
)


class Name(NamedTuple):
    """A daily file."""

    folder: str
    native: str
    day: date

    def __str__(self) -> str:
        return f"{self.native}-{self.folder}-{self.day.isoformat()}"


class Archive:
    """The files of a plan's days; a day's are all made when the first of them is asked for, and kept."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._files: dict[Name, bytes] = {}
        self._days: set[date] = set()
        self._making = threading.Lock()

    def answer(self, path: str, wanted: str | None, now_us: int) -> Response:
        """A file, its CHECKSUM, or what S3 says where there is none; `wanted` is the request's Range. Takes a while."""
        found = _PATH.fullmatch(path)
        if found is None:
            return _response(404, _NO_KEY)
        name = Name(found[1], found[2], date.fromisoformat(found[3]))
        body = self.file(name, now_us)
        if body is None:
            return _response(404, _NO_KEY)
        if found[4]:
            body = f"{hashlib.sha256(body).hexdigest()}  {name}.zip\n".encode()
        span = _RANGE.fullmatch(wanted or "")
        if span is None:
            return _response(200, body)
        first = int(span[1])
        if first >= len(body):
            return _response(416, b"")
        return _response(206, body[first:], {"Content-Range": f"bytes {first}-{len(body) - 1}/{len(body)}"})

    def put(self, day: date, made: DayFiles) -> None:
        """Keep a day's files, all of which there are."""
        self._files |= made.close()
        self._days.add(day)

    def file(self, name: Name, now_us: int) -> bytes | None:
        """The zip file; None while its day is not over, or of a market that there is not."""
        end = datetime.combine(name.day, time(), UTC) + timedelta(days=1)
        if to_us(end) > now_us or name.day < self._plan.start.date():
            return None
        with self._making:
            if name.day not in self._days:
                market = Market(self._plan)
                made = DayFiles(market.listings.values(), name.day)
                for minute in minutes_of(market, self._plan, name.day):
                    made.add(minute)
                self.put(name.day, made)
        return self._files.get(name)


def _response(status: int, body: bytes, more: dict[str, str] | None = None) -> Response:
    fields = {"Content-Type": "binary/octet-stream", "Content-Length": str(len(body)), "Accept-Ranges": "bytes", "Connection": "close"}
    return Response(status, _REASONS[status], Headers({**fields, **(more or {})}), body)


class DayFiles:
    """The files of a day, minute by minute."""

    def __init__(self, listings: Iterable[Listing], day: date) -> None:
        self._listed = [item for item in listings if item.exchange == "binance"]
        self._day = day
        self._buffers: dict[Name, io.BytesIO] = {}
        self._members: dict[Name, IO[bytes]] = {}
        self._open = ExitStack()

    def add(self, minute: Minute) -> None:
        """Take in what was traded."""
        for folder, kind in FOLDERS.items():
            for item in self._listed:
                columns = (minute.aggregates if kind == "aggTrade" else minute.prints)[item.name]
                if len(columns):
                    self._member(Name(folder, item.native, self._day)).write(rows_of(columns, item, kind, self._day))

    def _member(self, name: Name) -> IO[bytes]:
        if name not in self._members:
            self._buffers[name] = io.BytesIO()
            packed = self._open.enter_context(zipfile.ZipFile(self._buffers[name], "w", zipfile.ZIP_DEFLATED))
            member = zipfile.ZipInfo(f"{name}.csv", (*self._day.timetuple()[:3], 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            self._members[name] = self._open.enter_context(packed.open(member, "w"))
        return self._members[name]

    def close(self) -> dict[Name, bytes]:
        """Those in which something was traded."""
        self._open.close()
        return {name: buffer.getvalue() for name, buffer in self._buffers.items()}


def minutes_of(market: Market, plan: Plan, day: date) -> Iterator[Minute]:
    """The market's minutes in that day."""
    state, start = market.first_state(), to_us(plan.start)
    first, last = (to_us(datetime.combine(day, time(), UTC) + timedelta(days=step)) for step in (0, 1))
    end = last if plan.end is None else min(last, to_us(plan.end))
    for at in range(start, end, 60_000_000):
        minute, state = market.step(state)
        if at >= first:
            yield minute


def rows_of(columns: Columns, item: Listing, kind: str, day: date) -> bytes:
    """A minute's rows as the archive writes them."""
    prices, quantities = columns_text(columns, item)
    numbers = range(columns.first_id, columns.first_id + len(columns))
    at = (columns.at if day >= MICROSECONDS_FROM else columns.at // 1000).tolist()
    makers = ["False" if buy else "True" for buy in columns.buy.tolist()]
    if kind == "aggTrade":
        middle = [f"{first},{last}" for first, last in zip(columns.first.tolist(), columns.last.tolist(), strict=True)]
    else:
        middle = [_quote(price * quantity, item) for price, quantity in zip(columns.price.tolist(), columns.quantity.tolist(), strict=True)]
    rows = zip(numbers, prices, quantities, middle, at, makers, strict=True)
    return "".join(
        f"{number},{price},{quantity},{between},{us},{maker},True\n" for number, price, quantity, between, us, maker in rows
    ).encode()


def _quote(value: int, item: Listing) -> str:
    """Ticks times lots in quote currency, with eight decimals."""
    digits = item.price_digits + item.lot_digits
    whole, part = divmod(value * 10 ** max(0, 8 - digits), 10 ** max(8, digits))
    return f"{whole}.{part:0{max(8, digits)}d}"[: len(str(whole)) + 9]
