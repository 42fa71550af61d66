"""The first half of the job `history`, without Spark: pages from the exchanges into files, registered in Glue. A Lambda runs it too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from ctc.aws.historical import HistoryShelf, register
from ctc.errors import ConfigError, ExchangeError, FrameError
from ctc.exchanges import HISTORIES, exchange
from ctc.settings import Settings
from ctc.sources.history import HistoryClient
from ctc.sources.past import Loaded, Market, Say, ids_between, load
from ctc.sources.rest import MINUTE_S


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to load: ids of one market, or a time range (to the newest without `until`) of several."""

    exchanges: tuple[str, ...]
    symbols: tuple[str, ...]
    since: datetime | None = None
    until: datetime | None = None
    first: int | None = None
    last: int | None = None


def load_history(settings: Settings, wanted: Wanted, say: Say) -> list[Loaded]:
    """Load what is not there yet. Raises ConfigError for a range that can't be, ExchangeError when an exchange does not give it."""
    markets = [
        Market(name, own.market, symbol, own.symbols[symbol], own.kind)
        for name in wanted.exchanges
        if name in HISTORIES
        for own in (settings.exchanges[name],)
        for symbol in wanted.symbols
        if symbol in own.symbols
    ]
    if wanted.first is not None and len(markets) != 1:
        raise ConfigError("ids are those of one market: name one exchange and one symbol with them")
    if not markets:
        raise ConfigError(
            "no exchange with a history of trades has these symbols: see session.symbols and exchanges.NAME.symbols of the profile"
        )
    shelf = HistoryShelf(settings)
    try:
        return asyncio.run(_load(settings, wanted, markets, shelf, say))
    except FrameError as error:
        raise ExchangeError(f"{error}; run the job again, it goes on from there") from error
    finally:
        register(settings)


async def _load(settings: Settings, wanted: Wanted, markets: Sequence[Market], shelf: HistoryShelf, say: Say) -> list[Loaded]:
    done = []
    for name in wanted.exchanges:
        if name not in HISTORIES:
            say(f"{name} has no history of trades: left out")
            continue
        own = [market for market in markets if market.exchange == name]
        client = HistoryClient(
            HISTORIES[name](exchange(name, _canonical(settings, name), settings.exchanges[name].market)),
            settings.exchanges[name],
            received=lambda: datetime.now(UTC),
            longest_wait_s=MINUTE_S,
        )
        try:
            for market in own:
                done += await _one(client, shelf, market, wanted, frozenset(settings.session.symbols), say)
        finally:
            await client.close()
    return done


def _canonical(settings: Settings, name: str) -> dict[str, str]:
    return settings.exchanges[name].names


async def _one(
    client: HistoryClient, shelf: HistoryShelf, market: Market, wanted: Wanted, symbols: frozenset[str], say: Say
) -> list[Loaded]:
    ids: tuple[int, int] | None
    if wanted.first is not None:
        ids = wanted.first, wanted.last if wanted.last is not None else await client.newest(market.native, wanted.first)
    else:
        assert wanted.since is not None, "a range has a beginning"
        ids = await ids_between(client, market.native, wanted.since, wanted.until)
    if ids is None:
        say(f"{market.name}: no trades in that time")
        return []
    return [await load(client, shelf, market, *ids, symbols, say)]
