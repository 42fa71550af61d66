"""What a score of wallets is computed with."""

from __future__ import annotations

import msgspec

from ctc.errors import ConfigError


class AlphaRules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of docs/WALLETS.md. Fees are of one fill, in basis points: Hyperliquid's perpetuals at their lowest tier.

    Raises ConfigError for fewer than 4 days: a variance over fewer has no finite expectation to correct by.
    """

    gap_s: int = 60
    horizons_s: tuple[int, ...] = (300, 3600)
    fresh_s: int = 60
    taker_fee_bp: float = 4.5
    maker_fee_bp: float = 1.5
    min_episodes: int = 30
    min_days: int = 5
    false_discovery_rate: float = 0.10
    level: float = 0.05

    def __post_init__(self) -> None:
        if self.min_days < 4:
            raise ConfigError(f"min_days is {self.min_days}: the standard error of a wallet needs 4 days or more")
