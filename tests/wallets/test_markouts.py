"""Markouts by hand: the price at the horizon, less what the coin did that day anyway, less the fee."""

from __future__ import annotations

import pytest
from tapes import DAY, T0_US, TradeTape

from ctc.wallets import AlphaRules, CoinPrices, Markout, episodes, markouts

RULES = AlphaRules()
HORIZON_S = 300
USUAL = 0.01 * 4 / 6  # of six minutes that have a price 300 s later, four rise by one percent


def quiet_then_up() -> TradeTape:
    tape = TradeTape()
    tape.ticks(0, 420, "100")
    tape.ticks(420, 601, "101")
    return tape


def scored(tape: TradeTape, wallet: str, rules: AlphaRules = RULES) -> list[Markout | None]:
    found = [episode for episode in episodes(tape.trades, rules.gap_s) if episode.wallet == wallet]
    return markouts(found, {"BTC": CoinPrices(tape.trades, rules.fresh_s)}, HORIZON_S, rules)


def test_usual_return_is_the_mean_over_the_minutes_of_the_day_that_have_both_prices() -> None:
    tape = quiet_then_up()
    prices = CoinPrices(tape.trades, 60)
    assert prices.usual(DAY, HORIZON_S) == pytest.approx(USUAL)
    assert prices.usual(DAY, 601) is None
    assert prices.usual(DAY + 1, HORIZON_S) is None


@pytest.mark.parametrize(
    ("side", "buyer", "seller", "sign", "fee"),
    [("buy", "x", "y", 1, 4.5), ("sell", "x", "y", 1, 1.5), ("sell", "y", "x", -1, 4.5), ("buy", "y", "x", -1, 1.5)],
)
def test_excess_is_signed_by_the_side_and_pays_its_role_s_fee(side: str, buyer: str, seller: str, sign: int, fee: float) -> None:
    tape = quiet_then_up()
    tape.trade(130, "100.5", side="buy" if side == "buy" else "sell", buyer=buyer, seller=seller)
    [found] = scored(tape, "x")
    assert found == Markout("x", "taker" if fee == 4.5 else "maker", DAY, pytest.approx(sign * (101 / 100.5 - 1 - USUAL) * 10_000 - fee))


def test_the_horizon_counts_from_the_end_of_the_episode_and_from_its_vwap() -> None:
    tape = quiet_then_up()
    tape.trade(100, "100", "3", buyer="x")
    tape.trade(121, "96", "1", buyer="x")
    [found] = scored(tape, "x")  # 421 s: after the rise; 300 s from the first trade it had not come
    assert found is not None
    assert found.bp == pytest.approx((101 / 99 - 1 - USUAL) * 10_000 - 4.5)


def test_an_episode_has_no_markout_where_the_tape_ends_or_the_price_is_stale() -> None:
    tape = quiet_then_up()
    tape.trade(300.000001, "100", buyer="x")
    assert scored(tape, "x") == [None]
    quiet = quiet_then_up()
    quiet.trade(10, "100", buyer="x")
    quiet.trades = [trade for trade in quiet.trades if not T0_US + 240_000_000 < trade.time_us <= T0_US + 400_000_000]
    assert scored(quiet, "x") == [None]  # at 310 s the last price is 70 s old
    quiet.trade(250, "100")
    assert scored(quiet, "x") != [None]


def test_a_price_is_the_last_at_or_before() -> None:
    tape = TradeTape()
    tape.trade(0, "1")
    tape.trade(0, "2")
    tape.trade(60, "3")
    prices = CoinPrices(reversed(tape.trades), 60)
    assert [prices.at(T0_US + us) for us in (-1, 0, 59_999_999, 60_000_000, 60_000_001)] == [None, 2, 2, 3, None]
