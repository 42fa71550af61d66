"""A million mutated frames and lines through readers, codec and deduplication: nothing crashes, every byte is accounted for.

What went in is what came out as trades, as ignored and as rejected; a trade that came out encodes and decodes to itself. How many of
each kind came out is printed, and each kind must: a fuzzer that only makes noise tests nothing. `CTC_FUZZ=10 pytest tests/fuzz` does
ten times as many.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import Mutator

from ctc.codec import encode_line, pack, read_record, unpack
from ctc.errors import FrameError
from ctc.exchanges import EXCHANGES, Exchange, Reading, exchange
from ctc.model import EXACT, Heartbeat, Reject, Trade, VenueMark, from_us
from ctc.quality.dedup import Deduplicator, is_dense
from ctc.settings import load_profile, machine
from ctc.spark.lake import LakeFold

REALDATA = Path(__file__).parents[1] / "fixtures" / "realdata"
TIMES = int(machine("CTC_FUZZ", "1"))
FRAMES = 600_000 * TIMES
LINES = 400_000 * TIMES
LINES_A_RECORD = 40
SYMBOLS = {
    "binance": {"BTCUSDT": "BTC-USDT", "ETHUSDT": "ETH-USDT"},
    "coinbase": {"BTC-USD": "BTC-USDT", "ETH-USD": "ETH-USDT"},
    "hyperliquid": {"BTC": "BTC-PERP"},
}
ALLOWED = frozenset({"BTC-USDT", "ETH-USDT", "BTC-PERP"})
BINANCE = (
    "binance_spot_btcusdt_20240808.excerpt.gz",
    "binance_spot_ethusdt_20240808.excerpt.gz",
    "binance_usdm_btcusdt_trade_20240808.excerpt.gz",
    "binance_spot_aggTrade_20260718.jsonl",
    "binance_spot_kline_micros_20260718.jsonl",
    "cryptofeed_BINANCE_aggTrade_btc_eth_dot_20210404.txt",
    "binance_errors.jsonl",
)
KINDS = {
    *("ADL", "ack", "array", "bookTicker", "depth", "depthUpdate", "kline", "error", "unknown"),
    *("heartbeat", "last_match", "subscriptions"),
    *("l2Book", "trades", "pong", "subscriptionResponse"),
}
_TRADE = re.compile(rb'"e": ?"(trade|aggTrade)"')
_EXECUTION = re.compile(rb'"X": ?"\w+"')
HYPERLIQUID_ASIDES = (
    b'{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"trades","coin":"BTC"}}}',
    b'{"channel":"pong"}',
    b'{"channel":"trades","data":[]}',
    b'{"channel":"error","data":"Already subscribed: {\\"type\\":\\"trades\\",\\"coin\\":\\"BTC\\"}"}',
)
Tally = Counter[str]


def recorded(name: str) -> list[bytes]:
    """Frames of a recording, without what stands before them on their lines."""
    data = (REALDATA / name).read_bytes()
    lines = (gzip.decompress(data) if name.endswith(".gz") else data).splitlines()
    return [line[line.index(b"{") :] for line in lines if b"{" in line]


@cache
def seeds_of(name: str) -> tuple[bytes, ...]:
    """Real frames of an exchange, some of every kind; half of them and more are trades."""
    if name == "coinbase":
        singles = recorded("coinbase_exchange_singles.jsonl")
        return tuple([frame for frame in singles if b'"match"' in frame] * 3 + singles)
    if name == "hyperliquid":
        frames = recorded("hyperliquid_btc_ws_20250126.excerpt.gz")
        short = [frame for frame in frames if len(frame) < 2_000 and b'"trades"' in frame]
        spot = short[0].replace(b'"coin":"BTC"', b'"coin":"PURR/USDC"')
        return (*short * 3, *frames, spot, *HYPERLIQUID_ASIDES)
    found: list[bytes] = []
    for file in BINANCE:
        frames = [frame for frame in recorded(file) if len(frame) < 2_000]
        trades = [frame for frame in frames if _TRADE.search(frame)]
        others = {frame[:40]: frame for frame in frames if not _TRADE.search(frame)}
        found += trades[:80] + list(others.values())[:20]
        found += [_EXECUTION.sub(b'"X":"ADL"', frame) for frame in trades[:2] if _EXECUTION.search(frame)]
    return (*found, b'{"result":null,"id":1}', b"[]", b'{"error":{"code":2,"msg":"no"},"id":1}')


def reason_of(text: str) -> str:
    """A reason's kind: its words without what it quotes of this frame."""
    return " ".join(re.sub(r"`[^`]*`|'[^']*'|-?\d[\d.E+-]*|NaN|-?Infinity", " ", text.split(":")[0].split(" - at ")[0]).split())[:60]


def shown(capsys: pytest.CaptureFixture[str], what: str, counts: Tally) -> None:
    with capsys.disabled():
        sys.stdout.write("\n".join([f"\n{what}:", *(f"  {count:>9,} {kind}" for kind, count in sorted(counts.items()))]) + "\n")


def attempt(reader: Exchange, frame: bytes) -> Reading | FrameError:
    """What a reader makes of a frame; anything but a reading or a FrameError fails the test."""
    try:
        return reader.read(frame)
    except FrameError as error:
        return error


def check_through_codec(trade: Trade, counts: Tally) -> None:
    """A trade that a reader gave is itself again after the wire, or is refused with a reason and its bytes."""
    line = encode_line(trade)
    (back,) = read_record(line)
    if isinstance(back, Reject):
        assert back.reasons
        assert back.raw == line
        counts[f"codec refuses: {reason_of(back.reasons[0])}"] += 1
        return
    assert back == trade
    assert isinstance(back, Trade)
    assert back.quote_volume == EXACT.multiply(back.price, back.quantity)


class Readers:
    """Runs frames through one exchange's reader and what follows it, and counts."""

    def __init__(self, name: str) -> None:
        self.reader: Exchange = exchange(name, SYMBOLS[name])
        self.dedup = Deduplicator("BTC-USDT", 15)
        self.counts: Tally = Counter()
        self.trades = self.ignored = self.rejected = 0

    def take(self, frame: bytes) -> None:
        reading = attempt(self.reader, frame)
        if isinstance(reading, FrameError):
            assert reading.raw == frame
            assert reading.reason
            self.rejected += 1
            self.counts[f"rejected: {reason_of(reading.reason)}"] += 1
            return
        if not reading.trades:
            self.ignored += 1
            self.counts[f"ignored: {reading.kind if reading.kind in KINDS else 'other'}"] += 1
            return
        self.trades += 1
        if len(reading.trades) == 1 and self.reader.name != "hyperliquid":
            assert reading.trades[0].raw_event_payload.encode() == frame
        for trade in reading.trades:
            self.take_trade(trade, frame)

    def take_trade(self, trade: Trade, frame: bytes) -> None:
        self.counts[f"trade: {trade.kind} {trade.market}"] += 1
        assert trade.raw_event_payload.encode() in frame
        check_through_codec(trade, self.counts)
        new = self.dedup.take(trade)
        self.counts[f"dedup: {'dense' if is_dense(trade.space) else 'sparse'}, {'new' if new else 'seen'}"] += 1
        assert not self.dedup.take(trade)


AMOUNTS = "rejected: price , quantity or their product is not above zero, below ^"
EXPECTED_FRAMES = {
    "binance": {
        *("trade: trade spot", "trade: trade usdm", "trade: aggTrade spot", "codec refuses: timestamp is not between and"),
        *("dedup: dense, new", "dedup: dense, seen", "dedup: sparse, new", "dedup: sparse, seen"),
        *("ignored: ADL", "ignored: ack", "ignored: array", "ignored: bookTicker", "ignored: depth", "ignored: depthUpdate"),
        *("ignored: kline", "ignored: error", "ignored: unknown", "ignored: other"),
        *("rejected: not UTF", "rejected: not JSON", "rejected: not a JSON object"),
        *("rejected: a trade frame that lacks or breaks a field", "rejected: T is neither milliseconds nor microseconds", AMOUNTS),
    },
    "coinbase": {
        *("trade: match spot", "codec refuses: timestamp is not between and", "dedup: dense, new", "dedup: dense, seen"),
        *("ignored: heartbeat", "ignored: last_match", "ignored: error", "ignored: other"),
        *("rejected: not UTF", "rejected: not a JSON object", "rejected: the frame has no type", "rejected: time", AMOUNTS),
        *(f"rejected: a {kind} frame that lacks or breaks a field" for kind in ("match", "last_match", "heartbeat")),
    },
    "hyperliquid": {
        *("trade: trade perp", "trade: trade spot", "codec refuses: timestamp is not between and"),
        *("dedup: sparse, new", "dedup: sparse, seen"),
        *("ignored: l2Book", "ignored: trades", "ignored: pong", "ignored: subscriptionResponse", "ignored: error", "ignored: other"),
        *("rejected: not UTF", "rejected: not a JSON object", "rejected: the frame has no channel", AMOUNTS),
        *("rejected: a trades frame that lacks or breaks a field", "rejected: a trades frame of several coins"),
        "rejected: time is neither milliseconds nor microseconds",
    },
}


@pytest.mark.timeout(600 * TIMES)
@pytest.mark.parametrize(("name", "share"), [("binance", 0.6), ("coinbase", 0.4), ("hyperliquid", 0.2)])
def test_fuzz_frames_are_trades_ignored_or_rejected_and_nothing_else(capsys: pytest.CaptureFixture[str], name: str, share: float) -> None:
    count = int(FRAMES * share)
    mutator, readers = Mutator(seeds_of(name), 2026), Readers(name)
    for _ in range(count):
        readers.take(mutator.frame())
    shown(capsys, f"{count:,} mutated frames of {name}", readers.counts)
    assert readers.trades + readers.ignored + readers.rejected == count
    assert min(readers.trades, readers.ignored, readers.rejected) > count / 100
    assert EXPECTED_FRAMES[name] - set(readers.counts) == set()


@cache
def lines_of_recordings(names: tuple[str, ...] = ("binance", "coinbase"), symbol: str = "BTC-USDT") -> tuple[bytes, ...]:
    """Codec lines of recorded trades, and heartbeats between them."""
    readings = [attempt(exchange(name, SYMBOLS[name]), frame) for name in names for frame in seeds_of(name)]
    lines = [
        encode_line(trade) for reading in readings if isinstance(reading, Reading) for trade in reading.trades if trade.symbol in ALLOWED
    ]
    marks = tuple(
        VenueMark(exchange=name, market="spot", native_symbol=native, kind=kind, connected=True, last_id=last)
        for name, native, kind, last in (("binance", "BTCUSDT", "aggTrade", 5), ("coinbase", "BTC-USD", "match", None))
    )
    beats = [
        encode_line(Heartbeat(heartbeat=from_us(us), symbol=symbol, producer="p", venues=marks, peg=EXACT.create_decimal("0.9998")))
        for us in range(1_723_161_255_000_000, 1_723_161_275_000_000, 1_000_000)
    ]
    return (*lines, *beats * 3)


def check_line(raw: bytes | None, line: Trade | Heartbeat | Reject, counts: Tally) -> None:
    """A line says what it says alone; a reject has reasons and the very bytes that came, the others are themselves after the wire."""
    if raw is not None:
        assert read_record(raw, ALLOWED) == [line]
    if isinstance(line, Reject):
        assert line.reasons
        assert all(line.reasons)
        assert raw in (None, line.raw)
        counts.update(f"{line.category}: {reason_of(reason)}" for reason in line.reasons)
        return
    assert read_record(encode_line(line), ALLOWED) == [line]
    counts["trade" if isinstance(line, Trade) else "heartbeat"] += 1


COLUMNS = ("price", "quantity", "quote_volume")
EXPECTED_LINES = {
    *("trade", "heartbeat", "a blank line", "a record packed", "a record plain", "a record broken"),
    *("lake: trades", "lake: duplicates", "lake: refused"),
    *("malformed: not JSON", "malformed: heartbeat", "malformed: zstd"),
    *("malformed: Expected , got", "malformed: Invalid decimal string", "malformed: Invalid RFC encoded datetime"),
    *("malformed: Invalid enum value", "malformed: Expected <=", "malformed: Expected with a timezone component"),
    *(f"incomplete: {name} is missing" for name in ("event_id", "symbol", "price", "quantity", "timestamp")),
    *(f"invalid: {name} is not above zero" for name in COLUMNS),
    *(f"invalid: {name} does not fit decimal( , )" for name in COLUMNS),
    *(f"invalid: {name} is not between and" for name in ("timestamp", "ingestion_timestamp")),
    *("invalid: symbol is not in the allowed list", "invalid: heartbeat"),
}


EXPECTED_PERP_LINES = {
    *("trade", "heartbeat", "lake: trades", "lake: duplicates", "lake: refused", "lake: wallets", "malformed: parties"),
    *("malformed: heartbeat", "incomplete: trade_id is missing", "invalid: price is not above zero"),
}


@pytest.mark.timeout(600 * TIMES)
@pytest.mark.parametrize(
    ("names", "symbol", "count", "expected"),
    [
        (("binance", "coinbase"), "BTC-USDT", LINES, EXPECTED_LINES),
        (("hyperliquid",), "BTC-PERP", LINES // 8, EXPECTED_PERP_LINES),
    ],
    ids=["spot", "perp"],
)
def test_fuzz_lines_come_out_one_for_one_and_exact(
    capsys: pytest.CaptureFixture[str], names: tuple[str, ...], symbol: str, count: int, expected: set[str]
) -> None:
    """Records of mutated lines, packed or plain, or broken as a whole: one answer a line, in order; `lake` accounts for the same."""
    mutator, counts = Mutator(lines_of_recordings(names, symbol), 2026), Counter[str]()
    settings_ = load_profile("sim", {"session.symbols": ["BTC-USDT", "ETH-USDT", "BTC-PERP"]})
    lake = LakeFold(symbol, settings_, None)
    rng, went, came = mutator.rng, 0, 0
    for number in range(count // LINES_A_RECORD):
        lines = [mutator.frame().replace(b"\n", b" ") for _ in range(LINES_A_RECORD)]
        if number % 3 == 0:  # one that takes the quick way: good lines alone
            lines = [line for line in lines if isinstance(read_record(line)[0] if line.strip() else None, Trade)]
        data = pack(lines) if rng.random() < 0.5 else b"\n".join(lines) + rng.choice((b"", b"\n", b"\n\n"))
        full = [line for line in lines if line.strip()]
        counts["a blank line"] += len(lines) - len(full)
        found = read_record(data, ALLOWED)
        if data[:4] == b"\x28\xb5\x2f\xfd" or not full:
            counts["a record packed"] += 1
        else:
            counts["a record plain"] += 1
        assert len(found) == len(full)
        for raw, line in zip(full, found, strict=True):
            check_line(raw, line, counts)
        went, came = went + len(full), came + len(found)
        if number % 20 == 0:
            _check_lake(lake, symbol, data, str(number + 1), counts)
            check_broken(mutator, data, counts)
    shown(capsys, f"{count:,} mutated lines of {symbol}", counts)
    assert went == came > count * 0.5
    assert expected - set(counts) == set()
    assert any(kind.endswith(("missing required field", "market is missing")) for kind in counts)


def check_broken(mutator: Mutator, data: bytes, counts: Tally) -> None:
    """A record that is damaged as a whole still gives lines, or one reject with all its bytes."""
    broken = mutator.flip(mutator.truncate(data))
    found = read_record(broken, ALLOWED)
    for line in found:
        check_line(None, line, counts)
    try:
        parts = [part for part in unpack(broken).split(b"\n") if part.strip()]
    except ValueError:
        parts = [broken]
    assert len(found) == len(parts)
    assert all(line.raw == part for line, part in zip(found, parts, strict=True) if isinstance(line, Reject))
    counts["a record broken"] += 1


def _check_lake(lake: LakeFold, symbol: str, data: bytes, number: str, counts: Tally) -> None:
    """`lake` writes what the codec gave: rows, duplicates, heartbeats and dead letters add up, and all rows fit their columns."""
    lines = read_record(data, frozenset({symbol}))
    rows = list(lake.take([("shard", number, data, 0)]))
    trades, twice, beats, refused = (sum(getattr(row, name) for row in rows) for name in ("trades", "duplicates", "heartbeats", "rejects"))
    assert trades + twice == sum(isinstance(line, Trade) for line in lines)
    assert beats == sum(isinstance(line, Heartbeat) for line in lines)
    assert refused == sum(isinstance(line, Reject) for line in lines)
    wallets = sum(row.wallets for row in rows)
    assert wallets == (trades if symbol == "BTC-PERP" else 0)
    counts["lake: wallets"] += wallets
    counts["lake: trades"] += trades
    counts["lake: duplicates"] += twice
    counts["lake: refused"] += refused


odd = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["1e400", "NaN", "0", "-1", "1.5"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(EXCHANGES)), st.data())
def test_fuzz_frames_of_odd_structure(name: str, data: st.DataObject) -> None:
    """Real frames with any field replaced by any JSON value, dropped, or joined by others: structured, so that failures shrink."""
    frame = json.loads(data.draw(st.sampled_from(seeds_of(name)[:40])))
    body = frame.get("data", frame)
    if isinstance(body, list):
        body = body[0] if body else frame
    for key in data.draw(st.lists(st.sampled_from(sorted(body)), max_size=3)):
        body[key] = data.draw(odd)
    for key in data.draw(st.lists(st.sampled_from(sorted(body)), max_size=2)):
        body.pop(key, None)
    body |= data.draw(st.dictionaries(st.text(max_size=6), odd, max_size=2))
    readers = Readers(name)
    readers.take(json.dumps(frame).encode())
    assert readers.trades + readers.ignored + readers.rejected == 1


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_fuzz_lines_of_odd_structure(data: st.DataObject) -> None:
    line = json.loads(data.draw(st.sampled_from([*lines_of_recordings()[-80:], *lines_of_recordings(("hyperliquid",), "BTC-PERP")[:10]])))
    for key in data.draw(st.lists(st.sampled_from(sorted(line)), max_size=3)):
        line[key] = data.draw(odd)
    raw = json.dumps(line).encode()
    (found,) = read_record(raw, ALLOWED)
    check_line(raw, found, Counter())


def test_fuzz_the_same_seed_makes_the_same_frames() -> None:
    seeds = seeds_of("coinbase")
    one, other = Mutator(seeds, 5), Mutator(seeds, 5)
    assert [one.frame() for _ in range(500)] == [other.frame() for _ in range(500)]
    assert len({Mutator(seeds, seed).frame() for seed in range(40)}) > 20


def test_fuzz_seeds_are_trades_and_other_frames() -> None:
    assert set(EXCHANGES) == set(EXPECTED_FRAMES)
    for name in EXCHANGES:
        found = [attempt(exchange(name), frame) for frame in seeds_of(name)]
        kinds = Counter(bool(reading.trades) for reading in found if isinstance(reading, Reading))
        assert min(kinds[True], kinds[False]) >= 3
