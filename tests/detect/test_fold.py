"""The fold as a whole: no cut, no company of other detectors and no decimal context of the caller changes what it says."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_strategies import MINUTE, SYMBOL, T0, Log, Tape, batches, cuts, logs, small_settings
from msgspec import structs

from ctc.codec import encode_line, pack
from ctc.detect import ALL_DETECTORS, Gap, SymbolFold
from ctc.detect.rules import MAX_AMOUNT, MAX_RATIO
from ctc.errors import ConfigError
from ctc.model import Reject, from_us

SETTINGS = small_settings(volume__z_threshold="1.2", volume__robust_threshold="2", whales__threshold="300")
slowly = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def fold(detectors: frozenset[str] = ALL_DETECTORS, state: bytes | None = None) -> SymbolFold:
    return SymbolFold(SYMBOL, SETTINGS, detectors, state)


@slowly
@given(st.data(), logs(max_minutes=10))
def test_fold_says_and_keeps_the_same_however_the_log_is_cut(data: st.DataObject, log: Log) -> None:
    whole = fold()
    expected = whole.take(log)
    cut, alerts, bars, spreads, gaps = fold(), [], [], [], []
    outcomes = cut.take([])
    for piece in batches(log, data.draw(cuts(len(log)))):
        outcomes = cut.take(piece)
        alerts += outcomes.alerts
        bars += outcomes.bars
        spreads += outcomes.spreads
        gaps += outcomes.gaps
        cut = fold(state=cut.dump())
    assert (alerts, bars, spreads, gaps) == (expected.alerts, expected.bars, expected.spreads, expected.gaps)
    assert outcomes.snapshot == expected.snapshot
    assert cut.dump() == whole.dump()


@slowly
@given(logs(max_minutes=10))
def test_fold_detector_alone_says_what_it_says_in_company(log: Log) -> None:
    together = fold().take(log)
    kinds = {"volume": "volume_spike", "whales": "whale", "spread": "spread"}
    for name, kind in kinds.items():
        alone = fold(frozenset({name})).take(log)
        assert alone.alerts == [alert for alert in together.alerts if alert.type == kind]
        assert alone.gaps == together.gaps
        assert (alone.snapshot.trades, alone.snapshot.late) == (together.snapshot.trades, together.snapshot.late)
        if name == "volume":
            assert alone.bars == together.bars
        if name == "spread":
            assert alone.spreads == together.spreads


@slowly
@given(logs(max_minutes=6))
def test_fold_computes_in_contexts_of_its_own(log: Log) -> None:
    expected = fold()
    said = expected.take(log)
    with localcontext(Context(prec=3, Emax=5, Emin=-5)):
        rough = fold()
        assert rough.take(log) == said
        assert rough.dump() == expected.dump()


@slowly
@given(logs(max_minutes=6), st.randoms())
def test_fold_take_records_equals_take_in_any_order_of_records(log: Log, chance: object) -> None:
    lines = [(position, line) for position, line in log if not isinstance(line, Reject)]
    records: dict[tuple[str, int], list[bytes]] = {}
    for position, line in lines:
        records.setdefault((position.shard, position.sequence_number), []).append(encode_line(line))
    given_records = [(shard, str(number), pack(encoded)) for (shard, number), encoded in records.items()]
    chance.shuffle(given_records)  # type: ignore[attr-defined]
    numbers: dict[tuple[str, int], int] = {}
    renumbered = []
    for position, line in lines:  # rejects took line numbers that the packed records do not have
        key = (position.shard, position.sequence_number)
        numbers[key] = numbers.get(key, -1) + 1
        renumbered.append((type(position)(*key, numbers[key]), line))
    assert fold().take_records(given_records, frozenset({SYMBOL})) == fold().take(renumbered)


def test_fold_refuses_an_unknown_detector() -> None:
    with pytest.raises(ConfigError, match="choose among"):
        fold(frozenset({"whale"}))


def test_fold_snapshot_of_an_empty_log_is_empty() -> None:
    snapshot = fold().take([]).snapshot
    assert (snapshot.trades, snapshot.clock, snapshot.updated_at) == (0, None, from_us(0))


def test_fold_snapshot_counts_and_shows_the_newest() -> None:
    tape = Tape()
    tape.beat(0)
    tape.trade(1, "100", "1")
    tape.trade(2, "101", "2", exchange="coinbase")
    tape.trade(2, "101", "2", exchange="coinbase", trade_id=1)
    tape.beats(10, 200, 10)
    tape.trade(90, "99", "4")  # late; 396 is over the threshold
    snapshot = fold().take(tape.log).snapshot
    assert snapshot.current_price == {"binance": Decimal(99), "coinbase": Decimal(101)}
    assert (snapshot.trades, snapshot.duplicates, snapshot.late, snapshot.anomaly_count_24h) == (3, 1, 1, 2)
    assert (snapshot.clock, snapshot.updated_at) == (from_us(T0 + 200_000_000), from_us(T0 + 200_000_000))
    assert snapshot.newest_trade["coinbase"] == from_us(T0 + 2_000_000)
    assert snapshot.spread_pct == Decimal("-0.99009901")
    assert not snapshot.final


def test_fold_snapshot_forgets_anomalies_after_a_day() -> None:
    tape = Tape()
    tape.trade(1, "100", "10")
    tape.beat(1)
    assert fold().take(tape.log).snapshot.anomaly_count_24h == 1
    tape.beat(23 * 3600 + 1800)
    assert fold().take(tape.log).snapshot.anomaly_count_24h == 1
    tape.beat(24 * 3600)
    assert fold().take(tape.log).snapshot.anomaly_count_24h == 0


def test_fold_holds_absurd_amounts_at_what_a_column_takes() -> None:
    most, least = Decimal("99999999999999999999"), Decimal("1E-18")
    tape = Tape()
    tape.beat(0)
    for minute in range(6):
        for exchange, quantity, volume in (("binance", least, most), ("binance", most, most), ("coinbase", most, least)):
            tape.trade(60 * minute + 1, "1", "1", exchange)
            position, trade = tape.log.pop()
            tape.log.append((position, structs.replace(trade, quantity=quantity, quote_volume=volume)))
        if minute > 2:
            tape.trade(60 * minute + 2, "7", "1", "coinbase")
        tape.beats(60 * minute + 10, 60 * minute + 50, 10, peg="0.9")
    outcomes = fold().take(tape.log)
    assert {bar.volume for bar in outcomes.bars} >= {Decimal("99999999999999999999.000000000000000001")}
    assert max(bar.quote_volume for bar in outcomes.bars) == MAX_AMOUNT
    assert max(row.spread_pct for row in outcomes.spreads) == MAX_RATIO
    for said in (*outcomes.alerts, *outcomes.bars, *outcomes.spreads):
        numbers = [value for value in structs.astuple(said) if isinstance(value, Decimal)]
        assert all(number.copy_abs() <= MAX_RATIO for number in numbers)


def test_fold_reports_each_gap_once() -> None:
    tape = Tape()
    tape.trade(1, "1", "1", trade_id=1)
    tape.trade(2, "1", "1", trade_id=4)
    tape.beat(3)
    tape.beat(18)
    running = fold()
    gap = Gap(symbol=SYMBOL, space="binance|spot|BTCUSDT|aggTrade", first_id=2, last_id=3, declared_at=from_us(T0 + 18_000_000))
    assert running.take(tape.log).gaps == [gap]
    assert running.take([]).gaps == []


def test_fold_state_stays_small() -> None:
    tape = Tape()
    tape.beat(0)
    for minute in range(120):
        tape.trade(60 * minute + 1, "60000.12", "0.12345678")
        tape.trade(60 * minute + 2, "60010.12", "0.12345678", exchange="coinbase")
        tape.beat(60 * minute + 30, peg="0.9995")
    kept = fold()
    kept.take(tape.log)
    assert kept.take([]).snapshot.clock == from_us(T0 + 119 * MINUTE + 30_000_000)
    assert len(kept.dump()) < 10_000
