"""What every exchange's reader shares: the `Reading` it gives, names of markets, exact trades with their identity."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import lru_cache
from typing import NamedTuple

import msgspec

from ctc.errors import FrameError
from ctc.model import EXACT, Parties, Side, Trade, event_id, from_us, id_space

# What decimal(38,18) holds; a price beyond it is a broken frame, not a market. `ctc.codec` draws the same line.
_CEILING = Decimal(10) ** 20
_FLOOR = Decimal(10) ** -18
_STRICT = Context(prec=EXACT.prec, traps=[InvalidOperation, Inexact])
_MAX_LISTINGS = 10_000
# Binance's quote assets, present and past; the longest that fits wins (BTCFDUSD is not quoted in USD).
_QUOTES = (
    "FDUSD RLUSD USDT USDC BUSD TUSD USDP USDS USDE USD1 BIDR IDRT BVND BKRW BIFI EURI AEUR DOGE PAX DAI UST USD BTC ETH BNB EUR GBP "
    "TRY AUD BRL RUB UAH NGN ZAR VAI XRP TRX DOT SOL JPY MXN PLN RON ARS COP CZK IDR INR KRW CHF CAD SGD HKD U"
)
QUOTE_ASSETS = tuple(sorted(_QUOTES.split(), key=lambda quote: -len(quote)))


class Reading(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What one frame said: its kind, the market trades in it, and what a connection needs to know.

    `event_time` is the frame's own time (Binance `E`, Coinbase `time`). `last_id` is the newest trade id that a
    Coinbase heartbeat or last_match names. `error` explains an error frame in words.
    """

    kind: str
    trades: tuple[Trade, ...] = ()
    event_time: datetime | None = None
    native_symbol: str | None = None
    last_id: int | None = None
    error: str | None = None


class Listing(NamedTuple):
    """One kind of one market of an exchange: canonical name, what it is quoted in, and its id space."""

    symbol: str
    quote_currency: str
    space: str


class Exchange(ABC):
    """Reads one exchange's frames and says how to ask for them; holds no connection and no clock."""

    name: str
    # True where `url` already names what is wanted, so that nothing has to be sent after connecting.
    subscribes_by_url: bool

    def __init__(self, symbols: Mapping[str, str] | None = None, market: str = "spot") -> None:
        """`symbols` maps native names to canonical ones; `market` is that of frames that don't say."""
        self.symbols = dict(symbols or {})
        self.market = market
        self._listings: dict[tuple[str, str, str], Listing] = {}

    @abstractmethod
    def read(self, frame: str | bytes, received: datetime | None = None) -> Reading:
        """What a frame says; raises FrameError, and nothing else, when it can't be read.

        `received` becomes the trades' ingestion time; without it their event time does.
        """

    @abstractmethod
    def identify(self, frame: str | bytes) -> tuple[str, str, str] | None:
        """Market, native symbol and kind of a frame with trades, cheaper than `read`; None for all other frames.

        Says nothing about amounts and times: `read` may still refuse the frame.
        """

    @abstractmethod
    def url(self, base: str, natives: Sequence[str], kind: str) -> str:
        """Where to connect for these markets."""

    @abstractmethod
    def subscriptions(self, natives: Sequence[str], kind: str) -> list[str]:
        """The frames that subscribe an open connection to these markets."""

    def listing(self, native: str, kind: str, market: str) -> Listing:
        """Names of a market; remembered, because a stream asks for the same few."""
        found = self._listings.get((native, kind, market))
        if found is None:
            if len(self._listings) >= _MAX_LISTINGS:
                self._listings.clear()
            symbol, quote = self.canonical(native)
            found = Listing(self.symbols.get(native) or symbol, quote, id_space(self.name, market, native, kind))
            self._listings[native, kind, market] = found
        return found

    def canonical(self, native: str) -> tuple[str, str]:
        """Canonical name, where the profile has none, and quote currency of a market."""
        base, quote = split_symbol(native)
        return (f"{base}-{quote}" if quote else native), quote.partition("_")[0]

    def trade(
        self,
        *,
        native: str,
        kind: str,
        market: str,
        trade_id: int,
        price: Decimal,
        quantity: Decimal,
        side: Side,
        timestamp: datetime,
        received: datetime | None,
        payload: str,
        is_backfilled: bool = False,
        parties: Parties | None = None,
    ) -> Trade:
        """A trade with its names, exact quote volume and identity; raises FrameError for amounts no market has."""
        quote_volume = _product(price, quantity)
        if quote_volume is None:
            reason = f"price {price}, quantity {quantity} or their product is not above zero, below 10^20 and of at most 18 decimals"
            raise FrameError(self.name, reason, payload.encode())
        listing = self._listings.get((native, kind, market)) or self.listing(native, kind, market)
        return Trade(
            event_id=event_id(listing.space, trade_id),
            exchange=self.name,
            market=market,
            symbol=listing.symbol,
            native_symbol=native,
            quote_currency=listing.quote_currency,
            kind=kind,
            trade_id=trade_id,
            price=price,
            quantity=quantity,
            quote_volume=quote_volume,
            side=side,
            timestamp=timestamp,
            ingestion_timestamp=timestamp if received is None else received,
            raw_event_payload=payload,
            is_backfilled=is_backfilled,
            parties=parties,
        )

    def text(self, frame: str | bytes) -> str:
        """The frame as text; raises FrameError when it is not UTF-8."""
        try:
            if isinstance(frame, str):
                frame.encode()
                return frame
            return frame.decode()
        except UnicodeError as error:
            raw = frame.encode(errors="surrogatepass") if isinstance(frame, str) else frame
            raise FrameError(self.name, f"not UTF-8: {error.reason}", raw) from None  # type: ignore[attr-defined]


def _product(price: Decimal, quantity: Decimal) -> Decimal | None:
    """Exactly price times quantity; None when one of the three is not finite, not above zero, or beyond decimal(38,18)."""
    try:
        if _FLOOR <= price < _CEILING and _FLOOR <= quantity < _CEILING:
            product = _STRICT.multiply(price, quantity)
            remainder = _STRICT.remainder
            if product < _CEILING and not (remainder(price, _FLOOR) or remainder(quantity, _FLOOR) or remainder(product, _FLOOR)):
                return product
    except ArithmeticError:  # NaN, or more digits than are exact
        return None
    return None


def split_symbol(native: str) -> tuple[str, str]:
    """Base and quote of a native name; the quote is "" when it can't be told.

    `XRP-EUR` is split at its dash, `DOTUSDT` at the longest quote asset it ends with; a contract's suffix
    (`BTCUSDT_240927`) stays on the quote.
    """
    if "-" in native:
        base, _, quote = native.rpartition("-")
        return base, quote
    pair, mark, contract = native.partition("_")
    for quote in QUOTE_ASSETS:
        if pair.endswith(quote) and len(pair) > len(quote):
            return pair[: -len(quote)], f"{quote}{mark}{contract}"
    return native, ""


@lru_cache(maxsize=4096)  # bursts share their millisecond
def moment(value: int) -> datetime | None:
    """The UTC moment of an epoch in milliseconds or microseconds, told by magnitude; None when it is neither.

    Both readings are plausible nowhere: 1e11 ms is 1973, 1e14 ms is 5138 while 1e14 us is 1973.
    """
    if 100_000_000_000 <= value < 100_000_000_000_000:
        return from_us(value * 1000)
    if 100_000_000_000_000 <= value < 100_000_000_000_000_000:
        return from_us(value)
    return None
