"""The exchanges by name. To add one: a module with a subclass of `Exchange`, a line here, and a recording in tests/fixtures."""

from __future__ import annotations

from collections.abc import Mapping

from ctc.errors import ConfigError
from ctc.exchanges.base import Exchange, Reading
from ctc.exchanges.binance import Binance
from ctc.exchanges.binance_history import BinanceHistory
from ctc.exchanges.coinbase import Coinbase
from ctc.exchanges.coinbase_history import CoinbaseHistory
from ctc.exchanges.history import TradeHistory
from ctc.exchanges.hyperliquid import Hyperliquid

EXCHANGES: dict[str, type[Exchange]] = {"binance": Binance, "coinbase": Coinbase, "hyperliquid": Hyperliquid}
# Hyperliquid has none that can be asked by id or by time.
HISTORIES: dict[str, type[TradeHistory]] = {"binance": BinanceHistory, "coinbase": CoinbaseHistory}


def exchange(name: str, symbols: Mapping[str, str] | None = None, market: str = "spot") -> Exchange:
    """The reader of an exchange; `symbols` maps native names to canonical ones. Raises ConfigError for an unknown name."""
    found = EXCHANGES.get(name)
    if found is None:
        raise ConfigError(f"there is no exchange {name!r}; choose one of: {', '.join(sorted(EXCHANGES))}")
    return found(symbols, market)


__all__ = ["EXCHANGES", "HISTORIES", "Binance", "Coinbase", "Exchange", "Hyperliquid", "Reading", "TradeHistory", "exchange"]
