"""Identities and times: the same whoever computes them, exact to the microsecond."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ctc.model import EXACT, NAMESPACE, Position, event_id, from_us, id_space, space_names, to_us


@given(st.datetimes(datetime(1900, 1, 1), datetime(2262, 1, 1), timezones=st.just(UTC)))
def test_microseconds_round_trip(moment: datetime) -> None:
    assert from_us(to_us(moment)) == moment


def test_to_us_counts_from_the_epoch() -> None:
    assert to_us(datetime(2024, 8, 8, 0, 0, 0, 123456, UTC)) == 1_723_075_200_123_456


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.integers(0, (1 << 63) - 1))
def test_event_id_is_a_uuid5(space: str, trade_id: int) -> None:
    assert event_id(space, trade_id) == str(uuid.uuid5(NAMESPACE, f"{space}|{trade_id}"))


def test_event_id_tells_spaces_apart() -> None:
    spaces = [id_space("binance", "spot", "BTCUSDT", kind) for kind in ("trade", "aggTrade")]
    assert len({event_id(space, 7) for space in spaces}) == 2


def test_position_orders_by_shard_then_number_then_line() -> None:
    ordered = [Position("a", 9, 5), Position("a", 10, 0), Position("a", 10, 1), Position("b", 1, 0)]
    assert sorted([ordered[2], ordered[0], ordered[3], ordered[1]]) == ordered


def test_exact_context_holds_a_product_of_two_full_amounts() -> None:
    widest = Decimal("99999999999999999999.999999999999999999")
    assert EXACT.divide(EXACT.multiply(widest, widest), widest) == widest


def test_space_names_are_four_whatever_a_native_symbol_holds() -> None:
    for native in ("BTCUSDT", "BTC|USDT", "|", ""):
        assert space_names(id_space("binance", "spot", native, "aggTrade")) == ("binance", "spot", native, "aggTrade")
