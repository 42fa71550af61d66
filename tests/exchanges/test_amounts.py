"""Amounts that no table can hold are refused by the reader, with the same line as the codec's."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctc.codec import encode_line, read_record
from ctc.errors import FrameError
from ctc.exchanges import exchange
from ctc.model import EXACT, Reject, Trade

AMOUNTS = st.decimals(min_value=0, max_value=10**21, allow_nan=False, places=None).filter(lambda value: len(value.as_tuple().digits) <= 36)
READER = exchange("binance")


def frame(price: str, quantity: str) -> str:
    return json.dumps({"e": "trade", "s": "BTCUSDT", "t": 5, "p": price, "q": quantity, "T": 1723161255342, "m": True})


@pytest.mark.parametrize(
    ("price", "quantity"),
    [
        ("1.0000000000000000001", "1"),
        ("1", "0.1234567890123456789"),
        ("0.0000000001", "0.000000001"),  # their product has 19
        ("0.5", "0.000000000000000001"),
        ("10000000000", "10000000000"),
        ("100000000000000000000", "0.1"),
        ("0.5000000000000000001", "10000000000000000000"),
    ],
)
def test_reader_refuses_what_decimal_38_18_can_not_hold(price: str, quantity: str) -> None:
    with pytest.raises(FrameError, match="at most 18 decimals") as caught:
        READER.read(frame(price, quantity))
    assert f"price {Decimal(price)}, quantity {Decimal(quantity)}" in caught.value.reason


@pytest.mark.parametrize(
    ("price", "quantity"), [("0.000000000000000001", "1"), ("9999999999.99999999", "9999999999"), ("1." + "0" * 30, "1")]
)
def test_reader_takes_all_that_decimal_38_18_holds(price: str, quantity: str) -> None:
    (trade,) = READER.read(frame(price, quantity)).trades
    assert trade.quote_volume == Decimal(price) * Decimal(quantity)


@given(AMOUNTS, AMOUNTS)
def test_reader_and_codec_draw_the_same_line(price: Decimal, quantity: Decimal) -> None:
    try:
        (trade,) = READER.read(frame(f"{price:f}", f"{quantity:f}")).trades
    except FrameError:
        (sample,) = READER.read(frame("1", "1")).trades
        made = {name: getattr(sample, name) for name in Trade.__struct_fields__}
        broken = Trade(**{**made, "price": price, "quantity": quantity, "quote_volume": EXACT.multiply(price, quantity)})
        assert isinstance(read_record(encode_line(broken))[0], Reject)
    else:
        assert read_record(encode_line(trade)) == [trade]
