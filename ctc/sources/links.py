"""The connections of a session: a few per exchange, several markets on each, within the exchange's limit."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import datetime

from ctc.exchanges import HISTORIES, Exchange, exchange
from ctc.model import id_space
from ctc.quality.dedup import is_dense
from ctc.settings import ExchangeSettings, Settings
from ctc.sources.backoff import Backoff
from ctc.sources.channel import Channel
from ctc.sources.healing import Healing
from ctc.sources.history import HistoryClient
from ctc.sources.websocket import SYMBOLS_PER_CONNECTION, Link

CHANNEL_ITEMS = 8192
FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 30.0


def natives_of(settings: Settings, name: str) -> tuple[str, ...]:
    """The exchange's own names of the session's symbols, in the profile's order."""
    symbols = settings.exchanges[name].symbols
    return tuple(symbols[symbol] for symbol in settings.session.symbols if symbol in symbols)


def spread_out(natives: tuple[str, ...], max_connections: int, per_connection: int = SYMBOLS_PER_CONNECTION) -> list[tuple[str, ...]]:
    """Markets by connection: as few connections as hold them, one below the limit, which replacements need to overlap."""
    allowed = max(1, max_connections - 1)
    size = max(per_connection, -(-len(natives) // allowed))
    return [natives[start : start + size] for start in range(0, len(natives), size)]


def history_client(reader: Exchange, own: ExchangeSettings, received: Callable[[], datetime | None]) -> HistoryClient | None:
    """The exchange's history over REST; None where it has none."""
    history = HISTORIES.get(reader.name)
    return HistoryClient(history(reader), own, received=received) if history is not None else None


def open_links(
    settings: Settings, arrived: asyncio.Event, *, received: Callable[[], datetime | None], rng: random.Random
) -> list[tuple[Channel, Link]]:
    """Channels and links of every exchange of the session, in its order; nothing is connected until a link runs."""
    pairs = []
    for name in settings.session.exchanges:
        own = settings.exchanges[name]
        reader = exchange(name, own.names, own.market)
        limit = asyncio.Semaphore(own.max_connections)
        client = history_client(reader, own, received)
        for natives in spread_out(natives_of(settings, name), own.max_connections):
            backoff = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S, rng)
            channel = Channel(name, natives, CHANNEL_ITEMS, arrived)
            dense = is_dense(id_space(name, own.market, natives[0], own.kind))
            healing = Healing(client, channel, dense=dense)
            pairs.append((channel, Link(reader, own, channel, limit, healing=healing, received=received, backoff=backoff)))
    return pairs
