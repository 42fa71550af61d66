"""List prices of us-east-1 from a dated file; each says where it is from and whether that could be checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from ctc.errors import ConfigError

NEWEST = Path(__file__).with_name("prices-2026-11-27.toml")


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dollars of one `unit`. `seen`: on AWS's own page, only named by somebody else, or not found."""

    dollars: float
    unit: str
    source: str
    seen: Literal["aws page", "second hand", "not verified"]
    note: str = ""


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A price file."""

    date: str
    region: str
    prices: dict[str, Price]

    def dollars(self, name: str) -> float:
        """What one unit costs. Raises ConfigError for a price that the file lacks."""
        if name not in self.prices:
            raise ConfigError(f"the price file of {self.date} has no {name!r}; it has {', '.join(sorted(self.prices))}")
        return self.prices[name].dollars


def load_prices(path: Path = NEWEST) -> Prices:
    """Read and check a price file. Raises ConfigError, which names the file and the fault."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text()), Prices)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}; a price has dollars, unit, source and seen") from error
    if bad := [name for name, price in found.prices.items() if not 0 <= price.dollars < float("inf")]:
        raise ConfigError(f"{path}: {', '.join(bad)}: a price is a number of dollars, zero or more")
    return found


def scaled(prices: Prices, factors: Mapping[str, float]) -> Prices:
    """The same with some prices multiplied: what if they changed."""
    changed = {
        name: msgspec.structs.replace(price, dollars=price.dollars * factors.get(name, 1.0)) for name, price in prices.prices.items()
    }
    return msgspec.structs.replace(prices, prices=changed)
