"""What holds for every exchange's reader, whatever the bytes."""

from __future__ import annotations

import gzip
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctc.errors import ConfigError, FrameError
from ctc.exchanges import EXCHANGES, Reading, exchange
from ctc.exchanges.base import split_symbol
from ctc.model import NAMESPACE, event_id

REALDATA = Path(__file__).parents[1] / "fixtures" / "realdata"
SPOT_LINES = gzip.decompress((REALDATA / "binance_spot_btcusdt_20240808.excerpt.gz").read_bytes()).splitlines()
SPOT = [line.partition(b" ")[2].strip() for line in SPOT_LINES]
HYPERLIQUID_LINES = gzip.decompress((REALDATA / "hyperliquid_btc_ws_20250126.excerpt.gz").read_bytes()).splitlines()
FRAMES = {
    "binance": [frame for frame in SPOT if b"@trade" in frame][:20] + [frame for frame in SPOT if b"@trade" not in frame][:5],
    "coinbase": (REALDATA / "coinbase_exchange_singles.jsonl").read_bytes().splitlines(),
    "hyperliquid": [line.partition(b" ")[2] for line in HYPERLIQUID_LINES],
}
NAMES = st.sampled_from(sorted(EXCHANGES))


def attempt(name: str, frame: str | bytes) -> Reading | FrameError:
    """What a reader makes of a frame; anything but a reading or a FrameError fails the test."""
    reader = exchange(name)
    try:
        reading = reader.read(frame)
    except FrameError as error:
        reader.identify(frame)
        return error
    trade = reading.trades[0] if reading.trades else None
    assert reader.identify(frame) == ((trade.market, trade.native_symbol, trade.kind) if trade else None)
    return reading


@given(NAMES, st.binary(max_size=400) | st.text(max_size=400))
def test_readers_give_a_reading_or_a_frame_error_for_any_bytes(name: str, frame: str | bytes) -> None:
    attempt(name, frame)


@given(NAMES, st.data())
def test_readers_survive_mutated_real_frames(name: str, data: st.DataObject) -> None:
    frame = data.draw(st.sampled_from(FRAMES[name]))
    start = data.draw(st.integers(0, len(frame)))
    end = data.draw(st.integers(start, min(len(frame), start + 12)))
    attempt(name, frame[:start] + data.draw(st.binary(max_size=6) | st.sampled_from([b"null", b"[]", b'"', b"1e9"])) + frame[end:])


@given(NAMES, st.data())
def test_readers_call_truncated_real_frames_errors(name: str, data: st.DataObject) -> None:
    frame = data.draw(st.sampled_from(FRAMES[name]))
    assert isinstance(attempt(name, frame[: data.draw(st.integers(0, len(frame) - 1))]), FrameError)


@pytest.mark.parametrize("name", sorted(EXCHANGES))
def test_readers_have_a_recording_with_trades(name: str) -> None:
    assert any(exchange(name).read(frame).trades for frame in FRAMES[name])


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.integers(0, 1 << 70))
def test_event_id_is_the_standard_uuid5(space: str, number: int) -> None:
    assert event_id(space, number) == str(uuid.uuid5(NAMESPACE, f"{space}|{number}"))


@pytest.mark.parametrize(
    ("native", "base", "quote"),
    [
        ("BTCUSDT", "BTC", "USDT"),
        ("DOTUSDT", "DOT", "USDT"),
        ("ETHBTC", "ETH", "BTC"),
        ("BTCFDUSD", "BTC", "FDUSD"),
        ("TUSDUSDT", "TUSD", "USDT"),
        ("BTCUSDT_240927", "BTC", "USDT_240927"),
        ("XRP-EUR", "XRP", "EUR"),
        ("USDT-USD", "USDT", "USD"),
        ("币安人生USDT", "币安人生", "USDT"),
        ("USDT", "USDT", ""),
        ("??", "??", ""),
    ],
)
def test_split_symbol_takes_the_longest_quote_asset(native: str, base: str, quote: str) -> None:
    assert split_symbol(native) == (base, quote)


def test_exchange_that_is_not_there_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="choose one of: binance, coinbase, hyperliquid"):
        exchange("kraken")
