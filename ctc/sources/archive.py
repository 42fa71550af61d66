"""Binance's public archive (data.binance.vision): its daily files, and their rows, which name their market only in the file name.

| file | columns |
|---|---|
| spot trades | id, price, qty, quoteQty, time, isBuyerMaker, isBestMatch |
| spot aggTrades | id, price, qty, first id, last id, time, isBuyerMaker, isBestMatch |
| futures trades | id, price, qty, quote_qty, time, is_buyer_maker |
| futures aggTrades | id, price, qty, first id, last id, time, is_buyer_maker |

Header or none, milliseconds or microseconds (spot from 2025 on), `True` or `true`.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from ctc.errors import FrameError, RecordingError
from ctc.exchanges.base import Exchange, moment
from ctc.model import Trade

_BOOLS = {b"true": True, b"True": True, b"TRUE": True, b"false": False, b"False": False, b"FALSE": False}
_SYMBOL = re.compile(r"(?:^|/)([^-/\\]+)-(?:agg)?trades\b", re.IGNORECASE)
_HEADERS = (b"id,", b"agg_trade_id,", b"trade_id,", b"aggtradeid,", b"tradeid,", b"aggregate_trade_id,", b"a,")
_COIN_MARGINED = re.compile(r"USD_(?:PERP|\d+)$")


class Layout(NamedTuple):
    """Where the columns are that are not everywhere in the same place."""

    kind: str
    market: str
    columns: int
    time: int
    maker: int


_LAYOUTS = (
    Layout("trade", "spot", 7, 4, 5),
    Layout("aggTrade", "spot", 8, 5, 6),
    Layout("trade", "usdm", 6, 4, 5),
    Layout("aggTrade", "usdm", 7, 5, 6),
)


def daily_file(native: str, kind: str, day: date) -> str:
    """Where a spot market's day is; what is there one day later. Source: https://github.com/binance/binance-public-data"""
    folder = f"{kind}s"
    return f"/data/spot/daily/{folder}/{native}/{native}-{folder}-{day.isoformat()}.zip"


def is_header(line: bytes) -> bool:
    """Whether a line is the header of an archive file."""
    return line.lower().startswith(_HEADERS) and b"," in line and b"maker" in line.lower()


def layout_of(line: bytes) -> Layout | None:
    """The columns of an archive row, None when it isn't one."""
    cells = line.split(b",")
    for layout in _LAYOUTS:
        if len(cells) == layout.columns and cells[layout.maker] in _BOOLS and cells[0].isdigit() and cells[layout.time].isdigit():
            return layout
    return None


def native_symbol(name: str) -> str:
    """The market that a file's name says; raises RecordingError with the remedy when it says none."""
    found = _SYMBOL.search(name)
    if found is None:
        raise RecordingError(f"{name}: archive rows don't say their symbol; name the file like BTCUSDT-trades-2025-01-01.csv")
    native = found[1].upper()
    if _COIN_MARGINED.search(native):
        raise RecordingError(f"{name}: {native} is a coin-margined contract, whose amounts are contracts and not coins: not supported")
    return native


def read_row(line: bytes, layout: Layout, native: str, binance: Exchange) -> Trade:
    """The trade of a row; its event time is its ingestion time. Raises FrameError."""
    cells = line.split(b",")
    try:
        if len(cells) != layout.columns:
            raise FrameError("binance", f"an archive row with {len(cells)} columns among rows with {layout.columns}", line)
        at = moment(int(cells[layout.time]))
        if at is None:
            raise FrameError("binance", "the time is neither milliseconds nor microseconds", line)
        return binance.trade(
            native=native,
            kind=layout.kind,
            market=layout.market,
            trade_id=_id(cells[0], line),
            price=Decimal(cells[1].decode()),
            quantity=Decimal(cells[2].decode()),
            side="sell" if _BOOLS[cells[layout.maker]] else "buy",
            timestamp=at,
            received=None,
            payload=line.decode(),
        )
    except KeyError:
        raise FrameError("binance", "isBuyerMaker is neither true nor false", line) from None
    except (ValueError, InvalidOperation):
        raise FrameError("binance", "an archive row with a field that is not a number", line) from None


def frame(line: bytes, layout: Layout, native: str) -> bytes:
    """A spot row as the frame that the socket says it with, digit for digit; of a row that `read_row` takes."""
    cells = [cell.decode() for cell in line.split(b",")]
    at, maker, best = cells[layout.time], str(_BOOLS[cells[layout.maker].encode()]).lower(), str(cells[-1].lower() == "true").lower()
    number = f'"a":{cells[0]}' if layout.kind == "aggTrade" else f'"t":{cells[0]}'
    inside = f'"f":{cells[3]},"l":{cells[4]},' if layout.kind == "aggTrade" else ""
    return (
        f'{{"e":"{layout.kind}","E":{at},"s":"{native}",{number},"p":"{cells[1]}","q":"{cells[2]}",{inside}"T":{at},"m":{maker},"M":{best}}}'
    ).encode()


def _id(cell: bytes, line: bytes) -> int:
    value = int(cell)
    if not 0 <= value < 1 << 63:
        raise FrameError("binance", f"trade id {value} is not a 63-bit number", line)
    return value
