"""The markets that the simulator knows: ticks, lots, activity and order sizes of each listing.

Sizes, clustering and splitting follow the recordings named in docs/SIMULATOR.md; `python -m sim.calibrate` compares them.
USDT-USD has no recording: its sizes are an assumption (steady market-maker flow). Hyperliquid's recording has 64 trades, too few to
fit anything to: its sizes and rates are assumptions as well.
"""

from __future__ import annotations

import msgspec

from ctc.errors import ConfigError
from ctc.settings import Settings


class Arrivals(msgspec.Struct, frozen=True):
    """Self-exciting arrivals of taker orders: `branching` children an order; delays are mixed exponentials (weight, mean s)."""

    orders_s: float
    branching: float
    delays: tuple[tuple[float, float], ...]


class Sizes(msgspec.Struct, frozen=True):
    """Order notionals: log-normal in USD, softly capped. `depth` is the log-normal size of one resting order that is hit."""

    log_mean: float
    log_std: float
    cap: float
    depth: tuple[float, float]


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One market of one exchange. Prices are whole ticks of 10^-price_digits, quantities whole lots of 10^-lot_digits."""

    exchange: str
    native: str
    base: str
    price_digits: int
    lot_digits: int
    arrivals: Arrivals
    sizes: Sizes
    gap_ticks: float
    first_id: int
    first_agg_id: int = 0
    in_usdt: bool = False
    time_us: int = 1

    @property
    def name(self) -> str:
        """Names the listing's random streams and state: `binance:BTCUSDT`."""
        return f"{self.exchange}:{self.native}"

    @property
    def units(self) -> int:
        """Ticks times lots that make one unit of quote currency."""
        return int(10 ** (self.price_digits + self.lot_digits))

    def shown_id(self, number: int) -> int:
        """The id that the exchange gives its trade of this number: on Hyperliquid a hash of 50 bits, no two of them the same."""
        if self.exchange != "hyperliquid":
            return number
        mixed = number * _SPREAD_OUT & _MASK
        return (mixed ^ mixed >> 25) * _SPREAD_OUT & _MASK


_MASK = (1 << 50) - 1
_SPREAD_OUT = 0x9E3779B97F4A7C15 & _MASK  # odd, so that multiplying by it loses nothing
PRICES = {"BTC": 96_400.0, "ETH": 3_310.0, "SOL": 142.5, "USDT": 0.9998}
_FAST = ((0.62, 0.004), (0.23, 0.09), (0.15, 2.5))
_SLOW = ((0.35, 0.02), (0.4, 0.3), (0.25, 4.0))


def _binance(base: str, native: str, lot_digits: int, rate: float, sizes: Sizes, gap: float, ids: tuple[int, int]) -> Listing:
    return Listing(
        exchange="binance", native=native, base=base, price_digits=2, lot_digits=lot_digits, sizes=sizes, gap_ticks=gap,
        arrivals=Arrivals(rate, 0.62, _FAST), first_id=ids[0], first_agg_id=ids[1], in_usdt=True, time_us=1000,
    )  # fmt: skip


def _coinbase(base: str, native: str, digits: tuple[int, int], rate: float, sizes: Sizes, gap: float, first_id: int) -> Listing:
    return Listing(
        exchange="coinbase", native=native, base=base, price_digits=digits[0], lot_digits=digits[1], sizes=sizes, gap_ticks=gap,
        arrivals=Arrivals(rate, 0.3, _SLOW), first_id=first_id,
    )  # fmt: skip


def _hyperliquid(base: str, digits: tuple[int, int], rate: float, sizes: Sizes, gap: float, first_id: int) -> Listing:
    return Listing(
        exchange="hyperliquid", native=base, base=base, price_digits=digits[0], lot_digits=digits[1], sizes=sizes, gap_ticks=gap,
        arrivals=Arrivals(rate, 0.5, _SLOW), first_id=first_id, time_us=1000,
    )  # fmt: skip


LISTINGS = (
    _binance("BTC", "BTCUSDT", 5, 6.2, Sizes(4.9, 2.25, 1.5e6, (6.9, 1.4)), 40.0, (6_516_181_000, 4_017_087_000)),
    _binance("ETH", "ETHUSDT", 4, 4.2, Sizes(4.6, 2.25, 1.2e6, (6.2, 1.4)), 3.0, (3_120_544_000, 1_988_310_000)),
    _binance("SOL", "SOLUSDT", 3, 2.6, Sizes(4.4, 2.1, 8e5, (6.2, 1.4)), 1.0, (1_604_220_000, 1_011_870_000)),
    _coinbase("BTC", "BTC-USD", (2, 8), 1.6, Sizes(4.6, 2.35, 4e4, (11.2, 1.8)), 120.0, 1_087_540_000),
    _coinbase("ETH", "ETH-USD", (2, 8), 1.3, Sizes(4.4, 2.3, 4e4, (11.0, 1.8)), 8.0, 801_330_000),
    _coinbase("SOL", "SOL-USD", (2, 8), 1.0, Sizes(4.2, 2.2, 4e4, (10.8, 1.8)), 1.0, 402_110_000),
    _hyperliquid("BTC", (0, 5), 1.4, Sizes(5.6, 1.9, 1e5, (8.4, 1.5)), 1.0, 71_000_000),
    _hyperliquid("ETH", (1, 4), 1.1, Sizes(5.4, 1.9, 1e5, (8.2, 1.5)), 1.0, 53_000_000),
    _hyperliquid("SOL", (2, 2), 0.8, Sizes(5.2, 1.8, 1e5, (8.0, 1.5)), 1.0, 29_000_000),
    _coinbase("USDT", "USDT-USD", (5, 2), 1.1, Sizes(6.0, 0.7, 4e4, (9.6, 1.2)), 1.0, 131_900_000),
)
_BY_NAME = {listing.name: listing for listing in LISTINGS}


def listing(exchange: str, native: str) -> Listing:
    """The listing of that name. Raises ConfigError naming those that are simulated."""
    found = _BY_NAME.get(f"{exchange}:{native}")
    if found is None:
        raise ConfigError(f"the simulator has no market {native!r} on {exchange!r}; it has: {', '.join(_BY_NAME)}")
    return found


def listings_of(settings: Settings) -> dict[str, str]:
    """The session's listings by name (`binance:BTCUSDT`) with their canonical symbols."""
    found = {}
    for exchange in settings.session.exchanges:
        for symbol, native in settings.exchanges[exchange].symbols.items():
            if symbol in settings.session.symbols:
                found[listing(exchange, native).name] = symbol
    return found
