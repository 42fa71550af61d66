"""The tape: which line goes where, and what a dead letter looks like."""

from __future__ import annotations

import base64
import json
import random
from datetime import UTC, datetime
from decimal import Decimal

from fakes_exchange import BASE_MS, agg_trade, match, mini_ticker, perp_trades, run
from fakes_stream import FakeStream, beats_of, trades_of

from ctc.codec import unpack
from ctc.errors import FrameError
from ctc.exchanges import exchange
from ctc.producer.batcher import Batcher
from ctc.producer.heartbeats import Venues
from ctc.producer.tape import MAX_LINE_BYTES, Tape, dead_letter
from ctc.settings import load_profile
from ctc.sources.channel import Doubtful
from ctc.sources.frames import whose

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PERP = {
    "session.symbols": ["BTC-USDT", "ETH-USDT", "SOL-USDT", "USDT-USD", "BTC-PERP"],
    "session.exchanges": ["binance", "coinbase", "hyperliquid"],
}
BINANCE = exchange("binance", {"BTCUSDT": "BTC-USDT"})


def played(*steps: object) -> tuple[Tape, FakeStream, FakeStream]:
    """A tape that was fed frames (str), times (int us) and errors."""
    lines, dead = FakeStream(), FakeStream()

    async def test() -> Tape:
        settings = load_profile("sim", PERP)
        readers = {
            name: exchange(name, {native: symbol for symbol, native in own.symbols.items()}) for name, own in settings.exchanges.items()
        }
        batchers = [
            Batcher(stream, linger_s=0, max_pack_bytes=500, max_buffered_lines=10**6, rng=random.Random(1)) for stream in (lines, dead)
        ]
        tape = Tape("p", Venues.of(settings), "USDT-USD", *batchers, lambda: NOW)
        for step in steps:
            if isinstance(step, int):
                tape.advance(step)
            elif isinstance(step, FrameError):
                tape.unreadable(step)
            elif isinstance(step, Doubtful):
                tape.reading(step.reading, names_ids=False)
            else:
                tape.reading(readers[whose(step.encode()) or ""].read(step))
        for batcher in batchers:
            batcher.close()
            await batcher.run()
        return tape

    made: list[Tape] = []

    async def keep() -> None:
        made.append(await test())

    run(keep())
    return made[0], lines, dead


def test_heartbeat_stands_between_the_trades_of_its_second() -> None:
    us = BASE_MS * 1000
    _, lines, _ = played(us, agg_trade(1, 10), us + 900_000, agg_trade(2, 900), us + 1_000_000, agg_trade(3, 1000), us + 2_000_000)
    order = [line.trade_id if hasattr(line, "trade_id") else line.venues[0].last_id for line in lines.decoded("BTC-USDT")]
    assert order == [1, 2, 2, 3, 3]
    assert [len(beats_of(lines.decoded(symbol))) for symbol in ("ETH-USDT", "SOL-USDT", "USDT-USD")] == [2, 2, 2]


def test_peg_is_the_newest_price_of_its_symbol_in_every_heartbeat() -> None:
    us = BASE_MS * 1000
    _, lines, _ = played(us, match(1, 1, "USDT-USD", "0.9987"), match(2, 2, "USDT-USD", "0.9986"), us + 1_000_000)
    assert [beat.peg for symbol in ("BTC-USDT", "USDT-USD") for beat in beats_of(lines.decoded(symbol))] == [Decimal("0.9986")] * 2


def test_late_or_repeated_trade_of_the_pegs_market_does_not_move_the_peg() -> None:
    us = BASE_MS * 1000
    newest = match(7, 2, "USDT-USD", "0.9986")
    late = match(3, -10_800_000, "USDT-USD", "1.00")
    _, lines, _ = played(
        us, match(6, 1, "USDT-USD", "0.9987"), newest, late, us + 1_000_000, newest, match(6, 1, "USDT-USD", "0.9987"), us + 2_000_000
    )
    assert [beat.peg for beat in beats_of(lines.decoded("BTC-USDT"))] == [Decimal("0.9986")] * 2
    assert len(trades_of(lines.decoded("USDT-USD"))) == 5, "they are sent on all the same"


def test_counters_tell_trades_from_the_rest() -> None:
    tape, lines, _ = played(agg_trade(5, 1), agg_trade(5, 1), agg_trade(4, 1), mini_ticker(3), agg_trade(1, 1, "DOTUSDT"))
    counters = tape.counters
    assert (counters.frames, counters.trades, counters.ignored, counters.duplicates_not_removed) == (5, 3, 2, 2)
    assert [trade.trade_id for trade in trades_of(lines.decoded("BTC-USDT"))] == [5, 5, 4]
    assert tape.venues.by_symbol["BTC-USDT"][0].last_id == 5


def test_dead_letter_keeps_the_bytes() -> None:
    _, _, dead = played(FrameError("binance", "not JSON", b'{"a":'), FrameError("coinbase", "not UTF-8", b"\xff\x00"))
    letters = [json.loads(line) for record in dead.records for line in unpack(record.data).splitlines()]
    assert [record.key for record in dead.records] == ["binance", "coinbase"]
    assert letters[0] == {"exchange": "binance", "reason": "not JSON", "received": "2026-01-01T00:00:00Z", "raw": '{"a":'}
    assert letters[1]["encoding"] == "base64"
    assert base64.b64decode(letters[1]["raw"]) == b"\xff\x00"


def test_dead_letter_fits_into_a_record_whatever_the_frame() -> None:
    for raw in (b"x" * 3_000_000, b"\x00" * 900_000, b"\xff" * 5_000_000):
        line = dead_letter(FrameError("binance", "r" * 10_000, raw), NOW)
        letter = json.loads(line)
        assert len(line) <= MAX_LINE_BYTES
        assert letter["cut_from"] == len(raw)
        assert raw.startswith(base64.b64decode(letter["raw"]))


def test_trade_that_comes_long_after_its_time_is_stamped_with_where_the_merge_stands() -> None:
    us = BASE_MS * 1000
    minute = 60_000_000
    _, lines, _ = played(us, agg_trade(1, 10), us + 10 * minute, agg_trade(2, 10), agg_trade(3, 9 * 60_000 + 30_000))
    delays = [trade.ingestion_timestamp - trade.timestamp for trade in trades_of(lines.decoded("BTC-USDT"))]
    assert [delay.total_seconds() > 300 for delay in delays] == [False, True, False]
    assert delays[0].total_seconds() == delays[2].total_seconds() == 0


def test_heartbeat_names_no_id_that_may_be_broken() -> None:
    us = BASE_MS * 1000
    _, lines, _ = played(
        us, agg_trade(5, 10), Doubtful(BINANCE.read(agg_trade(5000, 20))), us + 1_000_000, agg_trade(6, 1010), us + 2_000_000
    )
    said = lines.decoded("BTC-USDT")
    assert [trade.trade_id for trade in trades_of(said)] == [5, 5000, 6]
    assert [beat.venues[0].last_id for beat in beats_of(said)] == [5, 6]


def test_ids_that_are_hashes_are_neither_named_nor_told_apart_by_size() -> None:
    us = BASE_MS * 1000
    tape, lines, _ = played(us, perp_trades((900, 10), (7, 10)), us + 1_000_000, perp_trades((900, 10)), us + 2_000_000)
    said = lines.decoded("BTC-PERP")
    assert [trade.trade_id for trade in trades_of(said)] == [900, 7, 900]
    assert [beat.venues[0].last_id for beat in beats_of(said)] == [None, None]
    assert tape.counters.duplicates_not_removed == 0
