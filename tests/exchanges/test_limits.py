"""What requests count as, and how much of that a profile may ask for."""

from __future__ import annotations

import pytest

from ctc.exchanges import HISTORIES, exchange
from ctc.exchanges.limits import NEAR, Limits
from ctc.settings import load_profile, profile_names

KINDS = {"binance": ("aggTrade", "trade"), "coinbase": ("match",)}
BINANCE, HEADER = HISTORIES["binance"].limits, "X-MBX-USED-WEIGHT-1M"


def test_every_path_that_is_asked_for_has_its_share_of_a_usual_request() -> None:
    shares = {}
    for name, kinds in KINDS.items():
        history = HISTORIES[name](exchange(name))
        for kind in kinds:
            path = history.path("BTCUSDT", kind, first=1)
            assert path is not None
            shares[kind] = history.limits.share(path)
        shares[f"{name} clock"] = history.limits.share(history.clock_path)
    assert shares == {"aggTrade": 1, "trade": 6.25, "binance clock": 0.25, "match": 1, "coinbase clock": 1}


@pytest.mark.parametrize("profile", profile_names())
def test_no_profile_asks_for_as_much_as_is_nearly_too_much(profile: str) -> None:
    """Whatever the path: spaced by their shares, requests of any weight come to the usual one's a minute."""
    a_minute = 60 * load_profile(profile).exchanges["binance"].rest_per_s
    for path, weight in BINANCE.weights.items():
        assert a_minute / BINANCE.share(path) * weight == a_minute * BINANCE.usual < NEAR * BINANCE.a_minute


@pytest.mark.parametrize(("said", "near"), [("5399", False), ("5400", True), ("6001", True), ("", False), ("much", False), ("-1", False)])
def test_allowance_that_is_nearly_used_up_is_told_by_the_header(said: str, near: bool) -> None:
    assert bool(BINANCE.nearly({HEADER: said})) == near
    assert Limits().nearly({HEADER: said}) == BINANCE.nearly({}) == ""
