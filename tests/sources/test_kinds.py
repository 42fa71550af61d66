"""Recordings with trades and aggregates of one market: every market trade is in exactly one row."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import recording_oracle as oracle

from ctc.exchanges import exchange
from ctc.settings import machine
from ctc.sources.kinds import ids_inside
from ctc.sources.normalize import Normalizer
from ctc.sources.survey import survey

FIXTURES = Path(__file__).parents[1] / "fixtures" / "realdata"
REALDATA = machine("CTC_REALDATA")
SPOT = ("binance", "spot", "BTCUSDT")
DROPPED = "binance aggTrade (of trades that are here themselves)"
Rows = dict[tuple[str, ...], dict[str, set[int]]]


def rows_of(*paths: Path) -> tuple[Rows, Normalizer]:
    """Market -> kind -> ids of the rows; fails where an id comes twice."""
    normalizer, rows = Normalizer(survey(paths).require(), {}), defaultdict[tuple[str, ...], dict[str, set[int]]](dict)
    for trade in normalizer:
        ids = rows[trade.exchange, trade.market, trade.native_symbol].setdefault(trade.kind, set())
        assert trade.trade_id not in ids, "a row came twice"
        ids.add(trade.trade_id)
    account = normalizer.account()
    assert account.read == account.trades + account.duplicates + sum(account.skipped.values()) + account.unreadable
    return rows, normalizer


def trade(number: int, price: str = "2", symbol: str = "BTCUSDT") -> str:
    at = 1_700_000_000_000 + number * 100
    return f'{{"e":"trade","E":{at},"s":"{symbol}","t":{number},"p":"{price}","q":"3","T":{at},"m":true}}'


def aggregate(number: int, first: Any, last: Any, symbol: str = "BTCUSDT") -> str:
    at = 1_700_000_000_000 + (last if isinstance(last, int) else 0) * 100
    frame = {"e": "aggTrade", "E": at, "s": symbol, "a": number, "p": "2", "q": "3", "f": first, "l": last, "T": at, "m": True}
    return json.dumps({"stream": f"{symbol.lower()}@aggTrade", "data": frame})


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(
    "folder", [FIXTURES, pytest.param(Path(REALDATA or "."), marks=pytest.mark.realdata)], ids=["fixtures", "realdata"]
)
def test_folder_of_both_kinds_gives_each_market_trade_once(folder: Path) -> None:
    if folder != FIXTURES and not REALDATA:
        pytest.skip("CTC_REALDATA names no folder of recordings")
    rows, _ = rows_of(folder)
    expected = oracle.prints_of(folder)
    assert any(trades and aggregates for trades, aggregates in expected.values())
    for market, (trades, aggregates) in expected.items():
        kept = {number for number, (first, last) in aggregates.items() if trades.isdisjoint(range(first, last + 1))}
        assert rows[market].get("trade", set()) == trades
        assert rows[market].get("aggTrade", set()) == kept
        covered = Counter([*trades, *(each for number in kept for each in range(aggregates[number][0], aggregates[number][1] + 1))])
        whole = trades.union(*(range(first, last + 1) for first, last in aggregates.values()))
        assert covered.keys() == whole, "a market trade is in no row"
        assert set(covered.values()) <= {1}, "a market trade is in two rows"


def real_trades() -> list[dict[str, Any]]:
    text = gzip.decompress((FIXTURES / "binance_spot_btcusdt_20240808.excerpt.gz").read_bytes()).decode()
    frames = [json.loads(line[line.index("{") :])["data"] for line in text.splitlines() if '@trade"' in line]
    assert len(frames) > 100
    return frames


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_aggregates_fill_where_real_trades_are_missing(tmp_path: Path, names: tuple[str, str]) -> None:
    made: list[str] = []
    spans: list[tuple[int, int]] = []
    for _, together in groupby(real_trades(), key=lambda frame: (frame["p"], frame["m"], frame["T"])):
        first, *_ = group = list(together)
        spans.append((first["t"], group[-1]["t"]))
        made.append(json.dumps({**first, "e": "aggTrade", "a": len(made), "f": first["t"], "l": group[-1]["t"]}))
    ends = [last for _, last in spans]
    lost = range(ends[10] + 1, ends[30] + 1)  # a hole at the borders of aggregates
    cut = ends[-20]  # and an early end
    kept = [frame for frame in real_trades() if frame["t"] not in lost and frame["t"] <= cut]
    write(tmp_path / names[0], *map(json.dumps, kept))
    write(tmp_path / names[1], *made)
    rows, normalizer = rows_of(tmp_path)
    assert rows[SPOT]["trade"] == {frame["t"] for frame in kept}
    assert rows[SPOT]["aggTrade"] == {*range(11, 31), *range(len(made) - 19, len(made))}
    assert normalizer.account().skipped == {DROPPED: len(made) - 39}


def test_aggregate_is_left_out_where_any_of_its_trades_is_here(tmp_path: Path) -> None:
    write(tmp_path / "trades.jsonl", *map(trade, (10, 11, 12, 20)))
    spans = [(1, 9), (9, 10), (11, 11), (12, 13), (13, 19), (13, 20), (21, 30), (0, 99)]
    write(tmp_path / "aggregates.jsonl", *(aggregate(number, *span) for number, span in enumerate(spans)))
    rows, normalizer = rows_of(tmp_path)
    assert rows[SPOT] == {"trade": {10, 11, 12, 20}, "aggTrade": {0, 4, 6}}
    assert normalizer.account().skipped == {DROPPED: 5}


def test_aggregate_of_a_trade_that_can_not_be_read_is_kept(tmp_path: Path) -> None:
    write(tmp_path / "x", trade(1), trade(2, price="-2"), aggregate(1, 1, 1), aggregate(2, 2, 2))
    rows, _ = rows_of(tmp_path)
    assert rows[SPOT] == {"trade": {1}, "aggTrade": {2}}


@pytest.mark.parametrize(("first", "last"), [(None, 5), ("5", "5"), (6, 5), (-1, -1)])
def test_aggregate_without_ids_is_left_out_where_its_market_has_trades(tmp_path: Path, first: Any, last: Any) -> None:
    write(tmp_path / "x", trade(900), aggregate(1, first, last), aggregate(2, first, last, "ETHUSDT"))
    rows, normalizer = rows_of(tmp_path)
    assert rows[SPOT] == {"trade": {900}}
    assert rows["binance", "spot", "ETHUSDT"] == {"aggTrade": {2}}
    assert normalizer.account().skipped == {"binance aggTrade (without f and l, of a market whose trades are here)": 1}


def test_aggregates_of_archive_and_rest_are_compared_too(tmp_path: Path) -> None:
    write(tmp_path / "BTCUSDT-trades-2025-01-01.csv", *(f"{number},2,3,6,1735689600000,True,True" for number in (5, 6)))
    write(
        tmp_path / "BTCUSDT-aggTrades-2025-01-01.csv",
        *(f"{number},2,3,{number + 4},{number + 4},1735689600000,True,True" for number in (1, 2, 3)),
    )
    rows = [{"a": number, "p": "2", "q": "3", "f": number + 4, "l": number + 4, "T": 1735689600000, "m": True} for number in (2, 3, 4)]
    write(
        tmp_path / "rest.json", json.dumps([{"path": "/api/v3/aggTrades", "query": "symbol=BTCUSDT", "data": rows}], separators=(",", ":"))
    )
    found, normalizer = rows_of(tmp_path)
    assert found[SPOT] == {"trade": {5, 6}, "aggTrade": {3, 4}}
    assert normalizer.account().skipped == {DROPPED: 3}
    assert normalizer.duplicates == 1


def test_survey_reads_again_only_what_holds_trades_of_a_market_with_both_kinds(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "eth", *(trade(number, symbol="ETHUSDT") for number in range(5))),
        write(tmp_path / "btc", *map(trade, range(5))),
        write(tmp_path / "aggregates", aggregate(1, 2, 3)),
    ]
    looked: list[str] = []
    found = survey(paths, lambda piece: looked.append(piece.name))
    assert looked == ["eth", "btc", "aggregates", "btc"]
    assert [(market, held.starts, held.ends) for market, held in found.held.items()] == [(SPOT, [0], [4])]
    assert survey(paths[:2]).held == {}


def test_ids_inside_an_aggregate_are_found_in_any_order_of_fields() -> None:
    frame = '{"l":9,"x":1e999,"f":7,"e":"aggTrade","s":"BTCUSDT","a":5,"p":"2","q":"3","T":1723161255342,"m":true}'
    (read,) = exchange("binance").read(frame).trades
    assert ids_inside(read) == (7, 9)
