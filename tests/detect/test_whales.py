"""Whales by hand: what fires, when, with which numbers, and what the close completes."""

from __future__ import annotations

from decimal import Decimal

from log_strategies import SYMBOL, T0, Tape, small_settings

from ctc.detect import Outcomes, SymbolFold
from ctc.model import Alert, from_us

SETTINGS = small_settings()  # whales over 1000


def whales(tape: Tape) -> Outcomes:
    return SymbolFold(SYMBOL, SETTINGS, frozenset({"whales"})).take(tape.log)


def by_rule(outcomes: Outcomes, rule: str) -> list[Alert]:
    return [alert for alert in outcomes.alerts if alert.rule == rule]


def test_whales_single_fires_strictly_above_the_threshold() -> None:
    tape = Tape()
    tape.trade(1, "100", "10")
    tape.trade(2, "100", "10.00000001")
    [alert] = whales(tape).alerts
    assert (alert.rule, alert.revision, alert.final) == ("whale.single", 0, True)
    assert alert.quote_volume == Decimal("1000.00000100")
    assert alert.event_time == from_us(T0 + 2_000_000)
    assert (alert.shard, alert.sequence_number, alert.position) == ("shardId-000000000000", "1001", 0)


def test_whales_single_is_detected_at_the_clock_or_at_its_own_time_before_there_is_one() -> None:
    tape = Tape()
    tape.trade(1, "100", "11")
    tape.beat(3)
    tape.trade(2, "100", "11")
    assert [alert.detected_at for alert in whales(tape).alerts] == [from_us(T0 + 1_000_000), from_us(T0 + 3_000_000)]


def test_whales_split_fires_at_the_print_that_crosses_and_is_completed_at_its_close() -> None:
    tape = Tape()
    tape.trade(1.0001, "100", "6")
    tape.trade(1.0002, "101", "5")
    tape.trade(1.0009, "100", "2")
    tape.beat(6)  # 1.000 + 1 ms + 5 s is not passed
    assert len(whales(tape).alerts) == 1
    tape.beat(6.001)
    early, final = whales(tape).alerts
    assert (early.revision, early.final, early.trade_count, early.quote_volume) == (0, False, 2, Decimal(1105))
    assert (final.revision, final.final, final.trade_count, final.quote_volume) == (1, True, 3, Decimal(1305))
    assert final.price == Decimal("100.38461538")  # 1305 / 13
    assert (final.first_trade_id, final.last_trade_id) == (1, 3)
    assert final.event_time == from_us(T0 + 1_000_000)
    assert (final.detected_at, final.sequence_number) == (early.detected_at, early.sequence_number)


def test_whales_split_needs_one_side_one_millisecond_and_two_prints() -> None:
    tape = Tape()
    tape.trade(1.0001, "100", "6")
    tape.trade(1.0002, "100", "6", side="sell")
    tape.trade(1.0010, "100", "6")
    tape.trade(1.0001, "100", "6", exchange="coinbase")
    tape.trade(2, "100", "11")
    assert [alert.rule for alert in whales(tape).alerts] == ["whale.single"]


def test_whales_split_fires_beside_a_single_of_the_same_order() -> None:
    tape = Tape()
    tape.trade(1, "100", "11")
    tape.trade(1, "100", "0.1")
    assert [alert.rule for alert in whales(tape).alerts] == ["whale.single", "whale.split"]


def test_whales_ignore_a_duplicate_and_take_a_late_single_but_no_late_split() -> None:
    tape = Tape()
    tape.trade(1, "100", "6", trade_id=1)
    tape.trade(1, "100", "6", trade_id=1)
    tape.beat(7)
    tape.trade(1, "100", "6", trade_id=2)
    tape.trade(1, "100", "12", trade_id=3)
    assert [alert.rule for alert in whales(tape).alerts] == ["whale.single"]


def test_whales_snapshot_shows_the_newest_single_or_completed_split() -> None:
    tape = Tape()
    tape.trade(1, "100", "11")
    tape.trade(2, "100", "7")
    tape.trade(2, "100", "7")
    newest = whales(tape).snapshot.last_whale
    assert newest is not None
    assert newest.quote_volume == 1100
    tape.beat(8)
    newest = whales(tape).snapshot.last_whale
    assert newest is not None
    assert newest.quote_volume == 1400


def test_whales_severity_follows_the_tiers_of_the_symbol() -> None:
    def severity(symbol: str, quantity: str) -> str:
        tape = Tape()
        tape.trade(1, "100", quantity)
        return SymbolFold(symbol, SETTINGS, frozenset({"whales"})).take(tape.log).alerts[0].severity

    assert [severity("BTC-USDT", "2499.99"), severity("BTC-USDT", "2500"), severity("SOL-USDT", "1500")] == ["low", "medium", "medium"]
