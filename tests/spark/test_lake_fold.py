"""The lake's fold: exact rows of records in log order, the same decisions as `detect`, and no input that stops it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from log_strategies import SYMBOL, T0, Log, logs, make_heartbeat, make_trade, small_settings

from ctc.codec import encode_line, pack
from ctc.detect import SymbolFold
from ctc.model import EXACT, GapLedger, Heartbeat, Trade, from_us, to_us
from ctc.quality.counts import MINUTE_US, Tallies, Tally
from ctc.quality.letters import Refused
from ctc.settings import load_profile
from ctc.spark import lake
from ctc.spark.lake import HEARTBEATS_ARROW, LakeFold, from_ipc
from ctc.spark.quality import TALLIES
from ctc.trade_rows import TRADE_FIELDS, TRADES_ARROW

SETTINGS = load_profile("sim")
Record = tuple[str, str, bytes, int]  # shard, sequence number, data, arrival


def records_of(lines: Iterable[bytes], rnd: random.Random, plain: bool = False) -> list[Record]:
    """Lines in log order as records of a few lines each; numbers whose order as text is another one; a second shard later."""
    waiting, found = list(lines), []
    number = 7
    while waiting:
        count = rnd.randint(1, 6)
        taken, waiting = waiting[:count], waiting[count:]
        number += rnd.choice((1, 5, 900))
        shard = "shardId-000000000000" if len(waiting) > 20 else "shardId-000000000001"
        found.append((shard, str(number), b"\n".join(taken) + b"\n" if plain else pack(taken), T0 + number))
    return found


def run(records: list[Record], cuts: Iterable[int] = (), symbol: str = SYMBOL) -> list[Any]:
    """The packed rows of the records, a micro-batch between two cuts, the state through its bytes each time."""
    rows, state = [], None
    edges = [0, *sorted(cuts), len(records)]
    for first, last in pairwise(edges):
        fold = LakeFold(symbol, SETTINGS, state)
        rows += list(fold.take(random.Random(first).sample(records[first:last], last - first)))
        state = fold.dump()
    return rows


def trades_in(rows: list[Any]) -> list[dict[str, Any]]:
    return [row for packed in rows if packed.trade_rows for row in from_ipc(packed.trade_rows).to_pylist()]


def beats_in(rows: list[Any]) -> list[dict[str, Any]]:
    return [row for packed in rows if packed.heartbeat_rows for row in from_ipc(packed.heartbeat_rows).to_pylist()]


def refused_in(rows: list[Any]) -> list[Refused]:
    return [letter for row in rows if row.reject_rows for letter in msgspec.msgpack.decode(row.reject_rows, type=list[Refused])]


def trade(number: int, **changes: Any) -> Trade:
    made = make_trade(T0 + number * 1_000_000, "100", "2", trade_id=number, exchange="binance", side="buy")
    return msgspec.structs.replace(made, **changes)


def one(*lines: bytes | Trade | Heartbeat, symbol: str = SYMBOL) -> list[Any]:
    encoded = [line if isinstance(line, bytes) else encode_line(line) for line in lines]
    return run([("s", "5", b"\n".join(encoded), T0)], symbol=symbol)


def plain_rows(log: Log, records: list[Record]) -> tuple[list[dict[str, Any]], int]:
    """The oracle: each line of each record in order, each id once (which is so for dense ids only)."""
    lines = [line for _, line in log]
    places = [
        (shard, number, position)
        for shard, number, data, _ in records
        for position in range(zstandard.ZstdDecompressor().decompress(data).count(b"\n"))
    ]
    seen: set[tuple[str, int]] = set()
    rows, duplicates = [], 0
    for line, (shard, number, position) in zip(lines, places, strict=True):
        if not isinstance(line, Trade):
            continue
        if (line.space, line.trade_id) in seen:
            duplicates += 1
            continue
        seen.add((line.space, line.trade_id))
        delay = line.ingestion_timestamp - line.timestamp
        given = {name: getattr(line, name) for name in TRADE_FIELDS}
        rows.append(
            given
            | {"is_late": delay > timedelta(seconds=300), "is_inconsistent": False}
            | {"shard": shard, "sequence_number": number, "position": position}
        )
    return rows, duplicates


def only_lines(log: Log) -> Log:
    return [entry for entry in log if isinstance(entry[1], Trade | Heartbeat)]


@settings(deadline=None, max_examples=25)
@given(log=logs(8), seed=st.integers(0, 2**32))
def test_fold_gives_exactly_the_unique_trades_with_their_places(log: Log, seed: int) -> None:
    log = [(place, line) for place, line in only_lines(log) if isinstance(line, Heartbeat) or line.exchange != "hyperliquid"]
    rnd = random.Random(seed)
    records = records_of((encode_line(line) for _, line in log), rnd)
    rows = run(records, rnd.choices(range(len(records) + 1), k=rnd.randint(0, 6)))
    expected, duplicates = plain_rows(log, records)
    assert trades_in(rows) == expected
    assert sum(row.duplicates for row in rows) == duplicates
    assert sum(row.trades for row in rows) == len(expected)
    beats = [line for _, line in log if isinstance(line, Heartbeat)]
    found = beats_in(rows)
    assert [(row["timestamp"], row["peg"], row["final"]) for row in found] == [(beat.heartbeat, beat.peg, beat.final) for beat in beats]
    assert [row["venues"] for row in found] == [msgspec.json.encode(beat.venues).decode() for beat in beats]


@settings(deadline=None, max_examples=25)
@given(log=logs(8), seed=st.integers(0, 2**32))
def test_fold_keeps_what_detect_counts(log: Log, seed: int) -> None:
    rnd = random.Random(seed)
    lines = [encode_line(line) for _, line in only_lines(log)]
    for _ in range(rnd.randint(0, 8)):
        lines.insert(rnd.randrange(len(lines) + 1), rnd.choice((b"{}", b"[1]", b"\xff", rnd.choice(lines) + b"}", b'{"heartbeat":1}')))
    records = records_of(lines, rnd)
    rows = run(records, rnd.choices(range(len(records) + 1), k=5))
    detect = SymbolFold(SYMBOL, small_settings())
    snapshot = detect.take_records([record[:3] for record in records], frozenset({SYMBOL})).snapshot
    assert (len(trades_in(rows)), sum(row.duplicates for row in rows)) == (snapshot.trades, snapshot.duplicates)
    newest: dict[str, tuple[Any, Decimal]] = {row["exchange"]: (row["timestamp"], row["price"]) for row in trades_in(rows)}
    assert {name: time for name, (time, _) in newest.items()} == snapshot.newest_trade
    assert {name: price for name, (_, price) in newest.items()} == snapshot.current_price


def test_duplicates_are_dropped_across_restarts() -> None:
    first, again = encode_line(trade(1)), encode_line(trade(1, price=Decimal(7), quote_volume=Decimal(14)))
    rows = run([("s", "1", first, T0), ("s", "2", again, T0), ("t", "1", first, T0)], cuts=[1, 2])
    assert [row["price"] for row in trades_in(rows)] == [Decimal(100)]
    assert [row.duplicates for row in rows] == [0, 1, 1]


def test_log_order_is_by_number_not_by_text() -> None:
    late, early = encode_line(trade(1, price=Decimal(9), quote_volume=Decimal(18))), encode_line(trade(1))
    rows = list(LakeFold(SYMBOL, SETTINGS, None).take([("s", "10", late, T0), ("s", "9", early, T0)]))
    assert [row["price"] for row in trades_in(rows)] == [Decimal(100)]


def test_late_and_inconsistent_are_flagged_and_stay() -> None:
    stamp = trade(1).timestamp
    given = [
        trade(1, ingestion_timestamp=stamp + timedelta(seconds=300)),
        trade(2, timestamp=stamp, ingestion_timestamp=stamp + timedelta(seconds=300, microseconds=1)),
        trade(3, ingestion_timestamp=trade(3).timestamp - timedelta(seconds=2)),
        trade(4, quote_volume=Decimal("200.2")),  # a tenth of a percent off: still consistent
        trade(5, quote_volume=Decimal("200.200000000000000001")),
        trade(6, quote_volume=Decimal("199.799999999999999999")),
    ]
    (row,) = rows = one(*given)
    assert [row["is_late"] for row in trades_in(rows)] == [False, True, False, False, False, False]
    assert [row["is_inconsistent"] for row in trades_in(rows)] == [False, False, False, False, True, True]
    assert (row.late, row.inconsistent, row.trades) == (1, 2, 6)


AMOUNTS = st.decimals(Decimal("1e-18"), Decimal("99999999999999999999"), allow_nan=False, places=18) | st.sampled_from(
    [
        Decimal(text)
        for text in ("1E+5", "1e-18", "0.00001000", "99999999999999999999.999999999999999999", "5.0000000000000000000000000", "1E+19")
    ]
)


@settings(deadline=None, max_examples=100)
@given(price=AMOUNTS, quantity=AMOUNTS)
def test_amounts_are_exact_in_the_rows(price: Decimal, quantity: Decimal) -> None:
    rows = one(trade(1, price=price, quantity=quantity, quote_volume=Decimal(1)))
    (row,) = trades_in(rows)
    assert (row["price"], row["quantity"]) == (price, quantity)


@settings(deadline=None, max_examples=60)
@given(price=st.decimals("0.01", "99999", places=9), quantity=st.decimals("0.01", "99999", places=9))
def test_exact_products_are_consistent(price: Decimal, quantity: Decimal) -> None:
    (row,) = trades_in(one(trade(1, price=price, quantity=quantity, quote_volume=EXACT.multiply(price, quantity))))
    assert not row["is_inconsistent"]
    assert row["quote_volume"] == EXACT.multiply(price, quantity)


def test_rejects_carry_category_reasons_bytes_and_place() -> None:
    broken = [
        (b"not json", "malformed"),
        (b'{"event_id":"x"}', "incomplete"),
        (encode_line(trade(1, price=Decimal(-1))), "invalid"),
        (encode_line(trade(2, symbol="ETH-USDT")), "invalid"),
        (b'{"heartbeat":"2026-01-05T00:00:00Z","symbol":"ETH-USDT","producer":"p","venues":[]}', "invalid"),
        (b"\xff\xfe", "malformed"),
    ]
    lines = [line for raw, _ in broken for line in (raw, encode_line(trade(10 + len(raw))))]
    rows = run([("s", "8", pack([encode_line(trade(0))]), T0), ("s", "9", b"\n".join(lines), T0 + 3)])
    letters = refused_in(rows)
    assert [(letter.raw, letter.category) for letter in letters] == broken
    assert [letter.position for letter in letters] == [0, 2, 4, 6, 8, 10]
    assert {(letter.key, letter.shard, letter.sequence_number, letter.arrival_us) for letter in letters} == {(SYMBOL, "s", "9", T0 + 3)}
    assert all(letter.reasons and all(letter.reasons) for letter in letters)
    assert "price is missing" in letters[1].reasons
    assert letters[2].reasons == ("price is not above zero",)
    assert sum(row.rejects for row in rows) == 6
    assert [row["position"] for row in trades_in(rows)] == [0, 1, 3, 5, 7, 9, 11]


def test_key_that_is_not_of_the_session_has_rejects_only() -> None:
    (row,) = rows = one(trade(1), symbol="DOGE-USDT")
    assert (row.trades, row.rejects) == (0, 1)
    assert refused_in(rows)[0].reasons == ("symbol is not in the allowed list",)


BOMB = zstandard.ZstdCompressor().compress(bytes(100 << 20))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"\x00" * 100,
        b"[" * 200_000,
        b'{"heartbeat":' + b"[" * 100_000,
        b'{"a":"' + b"x" * 3_000_000 + b'"}',
        BOMB,
        BOMB[: len(BOMB) // 2],
        zstandard.ZstdCompressor().compress(b"1\n" * (8 << 20)),
        b"{}\n" * 300_000,
        b"\x28\xb5\x2f\xfd",
        zstandard.ZstdCompressor().compress(b"\xff\xfe\n{}"),
        b'{"price":1e400}',
        b'{"price":' + b"9" * 5000 + b"}",
        "\ud7ff\n{'single': 'quotes'}".encode(),
        b'{"symbol":"\\ud800"}',
    ],
    ids=range(16),
)
def test_poison_is_refused_and_its_neighbours_are_kept(data: bytes) -> None:
    good = encode_line(trade(1)), encode_line(trade(2))
    rows = run([("s", "1", pack([good[0]]), T0), ("s", "2", data, T0), ("s", "3", pack([good[1]]), T0)])
    assert [row["trade_id"] for row in trades_in(rows)] == [1, 2]
    assert sum(row.rejects for row in rows) == len(refused_in(rows))
    assert (len(refused_in(rows)) > 0) == bool(data.strip())


@settings(deadline=None, max_examples=150)
@given(data=st.binary(max_size=300), compressed=st.booleans(), flip=st.integers(0, 10_000))
def test_any_bytes_give_trades_or_rejects(data: bytes, compressed: bool, flip: int) -> None:
    whole = bytearray(pack([encode_line(trade(1)), data, encode_line(trade(2))]) if compressed else encode_line(trade(1)) + b"\n" + data)
    whole[flip % len(whole)] ^= 1 + flip % 255
    rows = one(bytes(whole))
    assert sum(row.trades for row in rows) == len(trades_in(rows))
    assert sum(row.rejects for row in rows) == len(refused_in(rows))
    assert sum(row.trades + row.rejects + row.heartbeats + row.duplicates for row in rows) > 0


@settings(deadline=None, max_examples=100)
@given(field=st.sampled_from(Trade.__struct_fields__), value=st.text(max_size=5) | st.integers() | st.floats() | st.none() | st.booleans())
def test_any_value_in_a_field_gives_a_row_that_fits_or_a_reject(field: str, value: Any) -> None:
    given_fields = msgspec.json.decode(encode_line(trade(1)))
    rows = one(msgspec.json.encode({**given_fields, field: value}))
    _fit(rows)
    assert sum(row.trades + row.rejects for row in rows) == 1


def _fit(rows: list[Any]) -> None:
    for row in rows:
        for blob, schema in ((row.trade_rows, TRADES_ARROW), (row.heartbeat_rows, HEARTBEATS_ARROW)):
            if blob:
                table = from_ipc(blob)
                assert table.schema.equals(schema)
                table.validate(full=True)
                for column in schema:
                    assert column.nullable or table.column(column.name).null_count == 0, column.name


@settings(deadline=None, max_examples=15)
@given(log=logs(6))
def test_rows_fit_the_tables(log: Log) -> None:
    _fit(run(records_of((encode_line(line) for _, line in only_lines(log)), random.Random(1), plain=True)))


def test_large_batches_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake, "CHUNK", 10)
    beat = make_heartbeat(T0, {"binance": 3}, down=(), peg="1", producer="p")
    lines = [encode_line(trade(number)) for number in range(25)]
    rows = one(*lines, lines[3], b"broken", beat)
    assert [(row.trades, row.duplicates, row.rejects, row.heartbeats) for row in rows] == [(10, 1, 1, 1), (10, 0, 0, 0), (5, 0, 0, 0)]
    assert [row["trade_id"] for row in trades_in(rows)] == list(range(25))
    assert len(refused_in(rows)) == len(beats_in(rows)) == 1


def test_row_tells_the_clock_and_the_end() -> None:
    beats = [make_heartbeat(T0 + at, {"binance": None}, down=(), peg=None, producer="p") for at in (5, 9, 7)]
    (row,) = one(*beats)
    assert (row.clock_us, row.final, row.heartbeats) == (T0 + 9, False, 3)
    (row,) = one(msgspec.structs.replace(beats[0], final=True))
    assert (row.clock_us, row.final) == (T0 + 5, True)
    (row,) = one(trade(1))
    assert (row.clock_us, row.final) == (None, False)


def test_packed_row_has_the_columns_that_spark_is_told() -> None:
    (row,) = one(trade(1))
    assert [column.split()[0] for column in lake.PACKED.split(", ")] == row.__fields__


def test_unpacked_batches_are_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = one(trade(1), trade(2))
    column = pa.record_batch([pa.array([row.trade_rows for row in rows], pa.binary())], ["trade_rows"])
    assert pa.Table.from_batches(lake._unpack([column])).to_pylist() == trades_in(rows)
    assert trades_in(rows)[0]["timestamp"] == from_us(to_us(trade(1).timestamp))


def tallies_in(rows: list[Any]) -> list[Tally]:
    found = Tallies()
    for row in rows:
        if row.tallies:
            found.add(TALLIES.decode(row.tallies))
    return found.listed()


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), chunk=st.integers(1, 9))
def test_tallies_are_what_happened_to_each_record_of_each_minute(seed: int, chunk: int) -> None:
    rnd = random.Random(seed)
    records: list[Record] = []
    wanted: dict[int, dict[str, int]] = {}
    seen: set[int] = set()
    for number in range(rnd.randint(1, 12)):
        arrival = T0 + rnd.randint(0, 3) * MINUTE_US + rnd.randint(0, 9)
        counts = wanted.setdefault(arrival - arrival % MINUTE_US, {})
        lines = []
        for _ in range(rnd.randint(0, 6)):
            identity, late, wrong = rnd.randint(1, 40), rnd.random() < 0.3, rnd.random() < 0.3
            made = trade(identity)
            delay = timedelta(hours=1) if late else timedelta(0)
            changed = {"ingestion_timestamp": made.timestamp + delay, "quote_volume": made.quote_volume * (2 if wrong else 1)}
            broken = rnd.random() < 0.2
            lines.append(b'{"price":-1}' if broken else encode_line(msgspec.structs.replace(made, **changed)))
            new = identity not in seen
            seen |= set() if broken else {identity}
            names = ["failed"] if broken else ["kept"] if new else ["duplicate"]
            if not broken and new:
                names += ["late"] * late + ["inconsistent"] * wrong + ["passed"] * (not late and not wrong)
            for name in names:
                counts[name] = counts.get(name, 0) + 1
        records.append(("s", str(number), b"\n".join(lines), arrival))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lake, "CHUNK", chunk)
        rows = run(records, rnd.choices(range(len(records) + 1), k=2))
    found = {tally.minute_us: tally for tally in tallies_in(rows)}
    names = ("late", "inconsistent", "duplicate")
    told = {
        minute: {"kept": tally.kept, "passed": tally.passed, "failed": tally.failed, **{name: tally.rules.get(name, 0) for name in names}}
        for minute, tally in found.items()
    }
    assert {minute: {name: n for name, n in counts.items() if n} for minute, counts in told.items()} == wanted
    assert sum(tally.passed for tally in found.values()) == sum(row.trades - row.flagged for row in rows)
    assert sum(tally.processed for tally in found.values()) == sum(row.trades + row.rejects for row in rows)


def test_foreign_keys_are_counted_together() -> None:
    rows = [*one(trade(1), symbol="DOGE-USDT"), *one(trade(1), symbol="../../etc")]
    (tally,) = tallies_in(rows)
    assert (tally.symbol, tally.failed, tally.rules) == ("other", 2, {"symbol_not_allowed": 2})


@pytest.mark.parametrize("cuts", [(), (4,)])
def test_ledger_counts_what_came_after_all_however_batches_are_cut(cuts: tuple[int, ...]) -> None:
    lines = [
        trade(1),
        trade(3),
        *(make_heartbeat(T0 + second * 1_000_000, {"binance": 3}, down=(), peg=None, producer="p") for second in (4, 30)),
        trade(2),
    ]
    rows = run([("s", str(number), encode_line(line), T0) for number, line in enumerate(lines)], cuts)
    ledger = msgspec.json.decode([row.ledger for row in rows if row.ledger][-1], type=GapLedger)
    assert [space.ids for space in ledger.spaces.values()] == [{"received": 3, "lost": 0}]
