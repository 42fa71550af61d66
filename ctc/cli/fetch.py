"""`ctc fetch`: a public market day, to files that `ctc sim --replay` reads."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ctc.cli.options import Format, Profile, StateInstead, complete_exchange
from ctc.cli.output import write
from ctc.errors import ConfigError
from ctc.settings import Settings, load_profile, load_state

if TYPE_CHECKING:
    from ctc.sources.day import Fetched, Show
    from ctc.sources.past import Market

COLUMNS = ("exchange", "symbol", "trades", "archive", "rest", "holes", "files", "bytes", "how", "first_id", "last_id")
DAYS = Path("days")


def day_of(text: str) -> date:
    """A day of UTC."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write it as 2025-01-01") from None


def fetch(
    day: Annotated[date, typer.Option("--date", parser=day_of, metavar="DAY", help="The day, in UTC, as in 2025-01-01.")],
    symbols: Annotated[
        str | None, typer.Option(metavar="LIST", help="Only these symbols, as in BTC-USDT,ETH-USDT.", show_default="the profile's")
    ] = None,
    exchange: Annotated[
        str | None,
        typer.Option(
            "--exchange",
            metavar="NAME",
            autocompletion=complete_exchange,
            help="Only of this exchange, as in binance.",
            show_default="the profile's",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", file_okay=False, help="Where each day has a folder.")] = DAYS,
    profile: Profile = "live",
    state: StateInstead = None,
    format: Annotated[Format, typer.Option(help="How what is there is listed.")] = "table",
) -> None:
    """Fetch a public market day: Binance's daily archive, Coinbase's trades by REST.

    Into DIR/DAY, one zstd file a market and hour, as `ctc record` writes them, with checksums and an index.

    Nothing is fetched twice. After Ctrl-C or a kill, the same call goes on where it stopped.

    Ids are checked: what the archive lacks is asked of REST, what the exchange itself skips is listed under holes.

    `ctc sim --replay DIR/DAY` takes the day through the whole platform.

    \b
    ctc fetch --date 2025-01-01
        every market of the profile, into days/2025-01-01/
    ctc fetch --date 2025-01-01 --symbols BTC-USDT,ETH-USDT --exchange binance
        only Binance's, and only these
    CTC_EXCHANGES__BINANCE__KIND=trade ctc fetch --date 2025-01-01
        single trades instead of aggregate ones
    ctc fetch --date 2025-01-01 --format json
        for a program; what is there already is only listed
    """
    settings = load_profile(profile) if state is None else load_state(state)
    markets = markets_of(settings, symbols, exchange)
    from ctc.sources.recorder import opened_folder  # here, since `ctc --help` does without it

    rows: list[tuple[Any, ...]] = []
    screen = Screen()
    with opened_folder(out / day.isoformat()) as folder:
        try:
            asyncio.run(_fetch(settings, markets, day, folder, screen, rows))
        finally:
            screen.end()
            if rows:
                write(COLUMNS, rows, format)


def markets_of(settings: Settings, symbols: str | None, exchange: str | None) -> list[Market]:
    """The markets that are asked for. Raises ConfigError naming what there is."""
    from ctc.exchanges import HISTORIES
    from ctc.sources.past import Market

    fetched = [name for name in settings.session.exchanges if name in HISTORIES]
    names = [exchange] if exchange is not None else fetched
    if not set(names) <= set(fetched):
        raise ConfigError(f"there are no days of {exchange!r} to fetch; choose one of: {', '.join(fetched)}")
    listed = {name: settings.exchanges[name].symbols for name in names}
    known = list(dict.fromkeys(symbol for name in names for symbol in listed[name]))
    wanted = [symbol for symbol in (symbols or "").split(",") if symbol] or known
    for symbol in wanted:
        if symbol not in known:
            raise ConfigError(f"no symbol {symbol!r} on {' or '.join(names)}; choose among {', '.join(known)} (exchanges.NAME.symbols)")
    found = [
        Market(name, settings.exchanges[name].market, symbol, listed[name][symbol], settings.exchanges[name].kind)
        for name in names
        for symbol in wanted
        if symbol in listed[name]
    ]
    if other := [each for each in found if each.market != "spot"]:
        raise ConfigError(f"exchanges.{other[0].exchange}.market is {other[0].market!r}: only spot markets can be fetched")
    return found


async def _fetch(settings: Settings, markets: list[Market], day: date, folder: Any, screen: Screen, rows: list[tuple[Any, ...]]) -> None:
    from ctc.exchanges import HISTORIES
    from ctc.exchanges import exchange as reader_of
    from ctc.sources.day import DayFetcher

    for name, some in groupby(markets, lambda market: market.exchange):
        own = settings.exchanges[name]
        reader = reader_of(name, own.names, own.market)
        fetcher = DayFetcher(HISTORIES[name](reader), own)
        try:
            for market in some:
                found, there = await fetcher.fetch(folder, market, day, screen.of(market))
                screen.done(found, there)
                rows.append(_row(found, there))
        finally:
            await fetcher.close()


def _row(found: Fetched, there: bool) -> tuple[Any, ...]:
    skipped = sum(last - first + 1 for first, last in found.holes)
    counts = (found.trades, found.archived, found.paged, skipped, len(found.files), found.bytes)
    return (found.exchange, found.symbol, *counts, "was there" if there else "fetched", found.first_id, found.last_id)


class Screen:
    """A bar for the market's step on a terminal; elsewhere a line a step."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"), TimeRemainingColumn())
        self._bars = Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        self._bars.start()
        self._task: Any = None
        self._step = ""

    def of(self, market: Market) -> Show:
        """What one market's fetching tells."""
        return lambda step, done, total, unit: self._at(f"{market.exchange} {market.symbol}: {step}", done, total, unit)

    def _at(self, step: str, done: int, total: int | None, unit: str) -> None:
        if step != self._step:
            self._clear()
            self._step, self._task = step, self._bars.add_task(step, total=total, count="")
            if not self._console.is_terminal:
                self._console.print(step, markup=False, highlight=False, soft_wrap=True)
        self._bars.update(self._task, completed=done, total=total, count=_of(done, total, unit))

    def _clear(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._step, self._task = "", None

    def done(self, found: Fetched, there: bool) -> None:
        """Say what a market's day came to."""
        self._clear()
        how = "there already" if there else "fetched"
        self.say(f"{found.exchange} {found.symbol}: {found.trades:,} trades {how}, ids {found.first_id} to {found.last_id}")
        if found.holes:
            listed = ", ".join(f"{first} to {last}" for first, last in found.holes[:3])
            self.say(f"note: {found.exchange} has no trade with ids {listed}{', ...' if len(found.holes) > 3 else ''}")
        if found.notice:
            self.say(f"note: {found.notice}")

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def end(self) -> None:
        """Give the terminal back."""
        self._clear()
        self._bars.stop()


def _of(done: int, total: int | None, unit: str) -> str:
    from ctc.cli.record import size

    shown = [size(count) if unit == "bytes" else f"{count:,}" for count in (done, total) if count is not None]
    return " of ".join(shown)
