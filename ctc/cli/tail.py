"""`ctc tail`: the lines of the session's trade stream as they come, what can't be read among them."""

from __future__ import annotations

import base64
import sys
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import typer

from ctc.cli.options import ExchangeName, State, Symbol, known_exchange, known_symbol
from ctc.cli.output import Rows
from ctc.cli.repeat import Watched, repeat
from ctc.codec import Line, encode_line, read_record, unpack
from ctc.detect.messages import money
from ctc.errors import ConfigError, SetupError, StreamError
from ctc.model import Heartbeat, Reject, Trade, from_us
from ctc.quality.letters import printable
from ctc.session import reachable
from ctc.settings import DEFAULT_STATE, load_state

COLUMNS = ("time", "exchange", "symbol", "side", "price", "quantity", "value")
WIDTHS = (12, 8, 9, 4, -11, -12)
EVERY_S = 0.5  # Kinesis allows five reads a second and shard, and others read too
SHOWN_RAW = 120
_SIDE = {"buy": "green", "sell": "red"}


def tail(
    symbol: Symbol = None,
    exchange: ExchangeName = None,
    start: Annotated[
        Literal["latest", "oldest"], typer.Option("--from", help="Begin with what comes now, or with the oldest record that is held.")
    ] = "latest",
    raw: Annotated[bool, typer.Option("--raw", help="The lines as they are in the stream, byte for byte.")] = False,
    heartbeats: Annotated[bool, typer.Option("--heartbeats", help="Show the lines that move the detectors' clocks, too.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="End after so many lines.")] = None,
    format: Annotated[Literal["table", "json"], typer.Option(help="json: one object a line, with its place in the stream.")] = "table",
    state: State = DEFAULT_STATE,
) -> None:
    """Watch the trades as they come off the stream, until Ctrl-C.

    A line that can't be read is shown as refused, with the rules that it breaks. On a stopped session it ends where the stream does.

    \b
    ctc tail --symbol BTC-USDT --exchange coinbase
        one market, from now on
    ctc tail --from oldest --limit 20
        the first twenty lines that the stream still holds
    ctc tail --format json | jq 'select(.refused)'
        only what is refused, and why
    ctc tail --raw --from oldest > lines.ndjson
        the stream's own lines
    """
    settings = load_state(state)
    known_symbol(settings, symbol)
    known_exchange(settings, exchange)
    if raw and format == "json":
        raise ConfigError("--raw gives the stream's own lines: leave --format out")
    from ctc.stream.tail import Tail  # half a second of imports that `ctc --help` does without
    from ctc.wiring import trade_shards

    watched = Watched(state)
    with reachable(state) as settings:
        show = _Raw() if raw else _Json() if format == "json" else _Table()
        picked = _Picked(show, frozenset(settings.session.symbols), symbol, exchange, heartbeats, limit)
        reading = Tail(trade_shards(settings), oldest=start == "oldest")

        def step() -> None:
            while True:
                for shard, entry in reading.read():
                    picked.take(shard, entry.sequence_number, from_us(entry.arrival_us), entry.key, entry.data)
                if reading.at_tip:
                    return

        repeat(step, watched, EVERY_S, (StreamError, SetupError))


class Place(msgspec.Struct, frozen=True):
    """Where a line stands in the stream, and when its record arrived."""

    shard: str
    sequence_number: str
    line: int
    arrived_at: datetime
    key: str


class _Picked:
    """Decodes records and shows the lines that were asked for. What can't be read belongs to its record's key, and to every exchange."""

    def __init__(
        self, show: _Show, symbols: frozenset[str], symbol: str | None, exchange: str | None, heartbeats: bool, limit: int | None
    ) -> None:
        self._show, self._symbols, self._symbol, self._exchange = show, symbols, symbol, exchange
        self._heartbeats, self._left = heartbeats, limit

    def take(self, shard: str, number: str, arrived_at: datetime, key: str, data: bytes) -> None:
        """Show a record's lines. Raises typer.Exit after the last that was asked for."""
        if self._symbol not in (None, key):
            return
        lines = read_record(data, self._symbols)
        for index, (line, raw) in enumerate(zip(lines, _raw_lines(data, len(lines)), strict=True)):
            if self._wanted(line):
                self._show.line(Place(shard, number, index, arrived_at, key), line, raw)
                if self._left is not None:
                    self._left -= 1
                    if not self._left:
                        raise typer.Exit

    def _wanted(self, line: Line) -> bool:
        if isinstance(line, Heartbeat):
            return self._heartbeats
        return isinstance(line, Reject) or self._exchange in (None, line.exchange)


def _raw_lines(data: bytes, count: int) -> list[bytes]:
    """The bytes of each line of a record; of a record that can't be unpacked, all of them as one line."""
    try:
        lines = [line for line in unpack(data).split(b"\n") if line.strip()]
    except ValueError:
        return [data]
    return lines if len(lines) == count else [b"".join(lines)] * count


class _Table:
    """A row a trade, buys and sells told apart."""

    def __init__(self) -> None:
        self._rows = Rows(COLUMNS, WIDTHS, "table")
        self._rows.begin()

    def line(self, place: Place, line: Line, raw: bytes) -> None:
        if isinstance(line, Trade):
            price, quantity, value = f"{line.price.normalize():,f}", f"{line.quantity.normalize():f}", money(line.quote_volume)
            row = (_clock(line.timestamp), line.exchange, line.symbol, line.side, price, quantity, value)
            self._rows.add(row, {"side": _SIDE.get(line.side, ""), "time": "dim"})
        elif isinstance(line, Heartbeat):
            up = ", ".join(f"{mark.exchange} {'up' if mark.connected else 'away'}" for mark in line.venues)
            self._rows.note(f"{_clock(line.heartbeat)}  heartbeat of {line.symbol}: {up}", "dim")
        else:
            why = "; ".join(line.reasons)
            self._rows.note(
                f"{_clock(place.arrived_at)}  refused ({line.category}) under {place.key}: {why}: {printable(raw, SHOWN_RAW)}", "red"
            )


class _Json:
    """An object a line: its place, and the trade, heartbeat or refusal."""

    def line(self, place: Place, line: Line, raw: bytes) -> None:
        found: dict[str, Any] = msgspec.structs.asdict(place)
        if isinstance(line, Reject):
            refused = {"category": line.category, "rules": line.rules, "reasons": line.reasons}
            found["refused"] = {**refused, "raw": printable(raw), "raw_base64": base64.b64encode(raw).decode()}
        else:
            found["trade" if isinstance(line, Trade) else "heartbeat"] = msgspec.Raw(encode_line(line))
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        sys.stdout.flush()


class _Raw:
    """The bytes; on a terminal without those that would steer it."""

    def line(self, place: Place, line: Line, raw: bytes) -> None:
        if sys.stdout.isatty():
            sys.stdout.write(printable(raw) + "\n")
        else:
            sys.stdout.buffer.write(raw + b"\n")
        sys.stdout.flush()


_Show = _Table | _Json | _Raw


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S.%f}"[:-3]
