"""Rows of the archive and of REST become the frames that a socket sends: the same trades, to the digit."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zipfile
from pathlib import Path

import msgspec
import pytest
from fakes_exchange import row_down, row_up

from ctc.exchanges import HISTORIES, exchange
from ctc.model import Trade, to_us
from ctc.settings import machine
from ctc.sources import archive, pages
from ctc.sources.day_rows import DayArchive, DayShelf
from ctc.sources.past import Market

FIXTURES = Path(__file__).parent.parent / "fixtures" / "realdata"
TRADES = Market("binance", "spot", "BTC-USDT", "BTCUSDT", "trade")
AGGREGATES = msgspec.structs.replace(TRADES, kind="aggTrade")
BINANCE = exchange("binance", {"BTCUSDT": "BTC-USDT"})


def alike(trade: Trade) -> Trade:
    """A trade without what says where it was read."""
    return msgspec.structs.replace(trade, raw_event_payload="", is_backfilled=False)


def zipped(folder: Path, name: str, body: bytes) -> Path:
    with zipfile.ZipFile(folder / "archive.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(f"{name}.csv", body)
    return folder / "archive.zip"


def assert_same(body: bytes, market: Market, folder: Path) -> int:
    """The frames of an archive file say what its rows say; how many."""
    found = DayArchive(zipped(folder, f"{market.native}-{market.kind}s-2025-01-01", body), market, BINANCE)
    rows, ids = list(found.rows()), found.ids()
    lines = [line for line in body.split() if not archive.is_header(line)]
    layout = archive.layout_of(lines[0])
    assert layout is not None
    for line, row in zip(lines, rows, strict=True):
        wanted = archive.read_row(line, layout, market.native, BINANCE)
        (trade,) = BINANCE.read(row.frame).trades
        assert alike(trade) == alike(wanted)
        assert (row.id, row.us) == (trade.trade_id, to_us(trade.timestamp))
        assert all(cell in row.frame for cell in line.split(b",")[:3])  # digit for digit
    assert not ids.missing(rows[0].id, rows[-1].id)
    return len(rows)


def test_real_microsecond_rows_become_frames(tmp_path: Path) -> None:
    assert assert_same((FIXTURES / "BTCUSDT-trades-2025-01-01.excerpt.csv").read_bytes(), TRADES, tmp_path) == 10


def test_aggregates_keep_what_is_inside_them(tmp_path: Path) -> None:
    header = b"agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker,is_best_match\n"
    body = header + b"7,100.50000000,0.00000001,21,23,1735689600010866,true,true\n8,100.5,2,24,24,1735689600010866,False,False\n"
    assert assert_same(body, AGGREGATES, tmp_path) == 2
    first, second = (json.loads(row.frame) for row in DayArchive(tmp_path / "archive.zip", AGGREGATES, BINANCE).rows())
    assert (first["f"], first["l"], first["T"], first["m"], first["M"]) == (21, 23, 1735689600010866, True, True)
    assert (second["m"], second["M"]) == (False, False)


def _assert_pages(path: Path) -> int:
    history, count = HISTORIES["binance"](BINANCE), 0
    for _, trade in pages.read(path.read_bytes().strip(), BINANCE):
        if isinstance(trade, Trade) and trade.market == "spot":
            (again,) = BINANCE.read(history.frame(trade)).trades
            assert alike(again) == alike(trade)
            assert set(json.loads(trade.raw_event_payload).values()) <= {*json.loads(again.raw_event_payload).values(), trade_quote(trade)}
            count += 1
    return count


def trade_quote(trade: Trade) -> object:
    """What a socket's frame of a single trade has not: its amount in quote currency."""
    return json.loads(trade.raw_event_payload).get("quoteQty")


def test_real_rest_rows_become_frames() -> None:
    assert _assert_pages(FIXTURES / "binance_rest_trades_pages.json") > 10


@pytest.mark.parametrize(("name", "native", "row"), [("binance", "BTCUSDT", row_up(7, 3)), ("coinbase", "BTC-USD", row_down(7, 3))])
def test_rest_rows_of_both_exchanges_become_frames(name: str, native: str, row: dict[str, object]) -> None:
    history = HISTORIES[name](exchange(name))
    trade = history.trade(msgspec.json.encode(row), native, "aggTrade" if name == "binance" else "match")
    (again,) = exchange(name).read(history.frame(trade)).trades
    assert alike(again) == alike(trade)
    assert json.loads(history.frame(trade)).items() >= row.items()


def test_shelf_gives_back_what_was_put_by_id(tmp_path: Path) -> None:
    history, told = HISTORIES["coinbase"](exchange("coinbase")), []
    shelf = DayShelf(tmp_path, history.frame, told.append)
    market = Market("coinbase", "spot", "BTC-USDT", "BTC-USD", "match")
    some = [history.trade(msgspec.json.encode(row_down(number, number)), "BTC-USD", "match") for number in range(1, 31)]
    shelf.put(market, 100_000, some[20:])
    shelf.put(market, 1, some[:20])
    shelf.put(market, 1, some[:20])
    assert [row.id for row in shelf.rows()] == list(range(1, 31))
    assert told == [10, 20, 20]
    assert not shelf.progress(market).done.starts
    progress = shelf.progress(market)
    progress.done.add(1, 20)
    shelf.note(market, progress)
    assert shelf.progress(market) == progress


def test_archive_is_read_as_a_stream(tmp_path: Path) -> None:
    rows = (f"{number},100.50000000,0.25000000,25.12,{1735689600000000 + number},True,True\n".encode() for number in range(60_000))
    path = zipped(tmp_path, "BTCUSDT-trades-2025-01-01", b"".join(rows))
    found = DayArchive(path, TRADES, BINANCE)
    tracemalloc.start()
    try:
        assert sum(1 for _ in found.rows()) == 60_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000  # unpacked it is 4 MB
    finally:
        tracemalloc.stop()
    assert (found.ids().starts, found.ids().ends) == ([0], [59_999])


@pytest.mark.realdata
def test_all_recorded_rest_rows_and_trades_become_frames(tmp_path: Path) -> None:
    folder = machine("CTC_REALDATA")
    if not folder:
        pytest.skip("CTC_REALDATA names no folder of recordings")
    assert _assert_pages(Path(folder) / "binance_rest_trades_pages.json") > 1_000
    assert assert_same((Path(folder) / "BTCUSDT-trades-2025-01-01.excerpt.csv").read_bytes(), TRADES, tmp_path) == 10
    ids = {}
    with gzip.open(Path(folder) / "binance_spot_btcusdt_20240808.gz") as lines:
        for line in lines:
            if b'@trade"' in line[:60]:
                data = json.loads(line.split(b" ", 1)[1])["data"]
                ids[data["t"]] = f"{data['t']},{data['p']},{data['q']},0.0,{data['T']},{data['m']},True\n".encode()
    assert assert_same(b"".join(ids[number] for number in sorted(ids)), TRADES, tmp_path) == 9757
