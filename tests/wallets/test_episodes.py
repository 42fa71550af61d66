"""What is one decision of a wallet, and at which price."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from tapes import T0_US, TradeTape

from ctc.wallets import Episode, episodes
from ctc.wallets.episodes import Role


def of(tape: TradeTape, wallet: str, role: Role = "taker") -> list[Episode]:
    return [episode for episode in episodes(tape.trades, 60) if (episode.wallet, episode.role) == (wallet, role)]


def test_trades_a_minute_apart_are_one_episode_at_their_vwap() -> None:
    tape = TradeTape()
    tape.trade(0, "100", "1")
    tape.trade(60, "101", "2")
    tape.trade(120, "103", "0.000000000000000001")
    tape.trade(180.000001, "200")
    first, second = of(tape, "b")
    assert (first.start_us, first.end_us) == (T0_US, T0_US + 120_000_000)
    assert (first.quantity, first.notional) == (Decimal("3.000000000000000001"), Decimal("302.000000000000000103"))
    assert str(first.entry).startswith("100.66666666666666666744444444444444444418518518518")
    assert (second.start_us, second.entry) == (T0_US + 180_000_001, Decimal(200))


def test_sums_are_exact_where_a_float_or_28_digits_would_round() -> None:
    tape = TradeTape()
    tape.trade(0, "98765.123456789", "12345678901.123456789")
    tape.trade(1, "0.000000001", "0.000000000000000001")
    [episode] = of(tape, "b")
    assert episode.notional == Decimal("1219322500827333.367516052750190521000000001")


def test_sides_roles_coins_and_wallets_are_apart() -> None:
    tape, other = TradeTape(), TradeTape("ETH")
    tape.trade(0, "100", buyer="x", seller="y")
    tape.trade(1, "100", side="sell", buyer="x", seller="y")
    tape.trade(2, "100", buyer="y", seller="x")
    other.trade(3, "100", buyer="x", seller="y")
    found = {(e.wallet, e.coin, e.side, e.role) for e in episodes(tape.trades + other.trades, 60)}
    assert found == {
        ("x", "BTC", "buy", "taker"),
        ("y", "BTC", "sell", "maker"),
        ("x", "BTC", "buy", "maker"),
        ("y", "BTC", "sell", "taker"),
        ("y", "BTC", "buy", "taker"),
        ("x", "BTC", "sell", "maker"),
        ("x", "ETH", "buy", "taker"),
        ("y", "ETH", "sell", "maker"),
    }


def test_trades_of_a_wallet_with_itself_are_left_out() -> None:
    tape = TradeTape()
    tape.trade(0, "100")
    tape.trade(30, "900", buyer="b", seller="b")
    tape.trade(90, "100")
    assert len(of(tape, "b")) == 2


@given(st.permutations(range(8)))
def test_the_order_in_which_trades_come_does_not_matter(order: list[int]) -> None:
    tape = TradeTape()
    for number in range(8):
        tape.trade(number * 25 % 140, str(100 + number), buyer="xy"[number % 2])
    assert episodes([tape.trades[number] for number in order], 60) == episodes(tape.trades, 60)
