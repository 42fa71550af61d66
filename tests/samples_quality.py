"""Records that break rules of data quality: for each dead-letter rule one that breaks it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from ctc.codec import encode_line
from ctc.errors import FrameError
from ctc.model import EXACT, Trade, event_id, id_space, to_us
from ctc.producer.tape import dead_letter
from ctc.quality.counts import MINUTE_US, QualityBatch, Tally
from ctc.quality.letters import Refused, Sample, sample_of

SYMBOL = "BTC-USDT"
NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
SPACE = id_space("binance", "spot", "BTCUSDT", "aggTrade")


def a_trade(number: int, **changes: Any) -> Trade:
    """A print of Binance's BTC; the quote volume is exact unless given."""
    price, quantity = Decimal("67432.5"), Decimal("0.25")
    at = NOON + timedelta(milliseconds=number)
    trade = Trade(
        event_id=event_id(SPACE, number),
        exchange="binance",
        market="spot",
        symbol=SYMBOL,
        native_symbol="BTCUSDT",
        quote_currency="USDT",
        kind="aggTrade",
        trade_id=number,
        price=price,
        quantity=quantity,
        quote_volume=EXACT.multiply(price, quantity),
        side="buy",
        timestamp=at,
        ingestion_timestamp=at + timedelta(milliseconds=40),
        raw_event_payload="{}",
    )
    return msgspec.structs.replace(trade, **changes)


def line(**changes: Any) -> bytes:
    """A trade's line with fields replaced; `...` takes one out."""
    fields = {**json.loads(encode_line(a_trade(0))), **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


def beat(**changes: Any) -> bytes:
    return json.dumps({"heartbeat": "2026-01-15T12:00:00Z", "symbol": SYMBOL, "producer": "p", "venues": [], **changes}).encode()


# Lines of a record keyed `SYMBOL`, each breaking exactly the rule it is named by.
LINES: dict[str, bytes] = {
    "not_json": b'{"event_id": "cut sho',
    "not_an_object": b"[1, 2]",
    "wrong_type": line(side="up"),
    "heartbeat_malformed": beat(venues=7),
    "event_id_missing": line(event_id=None),
    "symbol_missing": line(symbol=...),
    "price_missing": line(price=None),
    "quantity_missing": line(quantity=...),
    "timestamp_missing": line(timestamp=None),
    "field_missing": line(native_symbol=...),
    "symbol_not_allowed": line(symbol="DOGE-USDT"),
    "price_not_positive": line(price=0),
    "price_does_not_fit": line(price=1e30),
    "quantity_not_positive": line(quantity=-1),
    "quantity_does_not_fit": line(quantity=1e-30),
    "quote_volume_not_positive": line(quote_volume=0),
    "quote_volume_does_not_fit": line(quote_volume=1e25),
    "timestamp_out_of_range": line(timestamp="1969-12-31T23:59:59Z"),
    "ingestion_timestamp_out_of_range": line(ingestion_timestamp="2200-01-01T00:00:00Z"),
    "heartbeat_symbol_not_allowed": beat(symbol="ETH-USDT"),
    "heartbeat_peg_unusable": beat(peg=0),
    "heartbeat_out_of_range": beat(heartbeat="1969-12-31T23:59:59Z"),
}
RECORDS: dict[str, bytes] = {"record_unreadable": b"\x28\xb5\x2f\xfd broken"}
# Records of the dead-letter stream.
DEAD: dict[str, bytes] = {
    "frame_unreadable": dead_letter(FrameError("binance", "a trade frame that lacks or breaks a field", b'{"e":"trade"}'), NOON),
    "letter_unreadable": b"no letter at all",
}
SEVERAL = line(event_id=None, price=-1, symbol="DOGE-USDT", side="up", quantity=1e30)
SEVERAL_RULES = {"event_id_missing", "price_not_positive", "symbol_not_allowed", "wrong_type", "quantity_does_not_fit"}


def a_tally(minute: int, kept: int = 10, *, failed: int = 0, symbol: str = SYMBOL, **rules: int) -> Tally:
    """`kept` trades that arrived in a minute after noon, and what broke rules; late and inconsistent ones are different trades."""
    flagged = rules.get("late", 0) + rules.get("inconsistent", 0)
    return Tally(symbol, to_us(NOON) + minute * MINUTE_US, kept, kept - flagged, failed, rules)


def a_batch(batch_id: int, *tallies: Tally, samples: Sequence[Sample] = (), query: str = "lake", run: str = "run-1") -> QualityBatch:
    return QualityBatch(query=query, run=run, batch_id=batch_id, tallies=tallies, samples=samples)


def a_sample(number: int) -> Sample:
    refused = Refused(
        "invalid", ("price is not above zero",), b"{}", SYMBOL, "s", str(number), 0, to_us(NOON) + number, ("price_not_positive",)
    )
    return sample_of(refused, {SYMBOL})
