"""Binance's public archive of a simulated market: each day that is over as zip files of trades and aggregate trades, with CHECKSUMs.

Facts: https://github.com/binance/binance-public-data and the recordings' excerpt: no header, `True`/`False`, microseconds from 2025 on.
"""

from __future__ import annotations

import hashlib
import io
import re
import threading
import zipfile
from collections.abc import Iterator
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

    def file(self, name: Name, now_us: int) -> bytes | None:
        """The zip file; None while its day is not over, or of a market that there is not."""
        end = datetime.combine(name.day, time(), UTC) + timedelta(days=1)
        if to_us(end) > now_us or name.day < self._plan.start.date():
            return None
        with self._making:
            if name.day not in self._days:
                self._files |= files_of(self._plan, name.day)
                self._days.add(name.day)
        return self._files.get(name)


def _response(status: int, body: bytes, more: dict[str, str] | None = None) -> Response:
    fields = {"Content-Type": "binary/octet-stream", "Content-Length": str(len(body)), "Accept-Ranges": "bytes", "Connection": "close"}
    return Response(status, _REASONS[status], Headers({**fields, **(more or {})}), body)


def files_of(plan: Plan, day: date) -> dict[Name, bytes]:
    """Every file of a day in which something was traded."""
    market = Market(plan)
    listed = [item for item in market.listings.values() if item.exchange == "binance"]
    made = {Name(folder, item.native, day): io.BytesIO() for folder in FOLDERS for item in listed}
    filled: set[Name] = set()
    with ExitStack() as stack:
        members = {name: stack.enter_context(_member(stack, name, buffer)) for name, buffer in made.items()}
        for minute in minutes_of(market, plan, day):
            for folder, kind in FOLDERS.items():
                for item in listed:
                    columns = (minute.aggregates if kind == "aggTrade" else minute.prints)[item.name]
                    if len(columns):
                        filled.add(Name(folder, item.native, day))
                        members[Name(folder, item.native, day)].write(rows_of(columns, item, kind, day))
    return {name: buffer.getvalue() for name, buffer in made.items() if name in filled}


def _member(stack: ExitStack, name: Name, buffer: io.BytesIO) -> IO[bytes]:
    packed = stack.enter_context(zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED))
    return packed.open(zipfile.ZipInfo(f"{name}.csv", (*name.day.timetuple()[:3], 0, 0, 0)), "w")


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
