"""`ctc normalize` against an independent reading of the same files, and its account of everything else."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import recording_oracle as oracle
from typer import Typer
from typer.testing import CliRunner

from ctc.cli.normalize import normalize
from ctc.model import Trade, to_us
from ctc.settings import machine
from ctc.sources.normalize import Normalizer
from ctc.sources.survey import survey

FIXTURES = Path(__file__).parents[1] / "fixtures" / "realdata"
REALDATA = machine("CTC_REALDATA")
KNOWN = [path for folder in (FIXTURES, Path(REALDATA or FIXTURES)) for path in sorted(folder.iterdir()) if path.suffix != ".json"]
TAPES = [path for path in dict.fromkeys(KNOWN) if path.suffix not in (".parquet", ".md", "")]
NATIVE = {"binance": {"BTCUSDT": "BTC-USDT"}, "coinbase": {"BTC-USD": "BTC-USDT"}}
app = Typer()
app.command()(normalize)


def run(*arguments: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    """Exit code, rows (numbers as Decimal) and account."""
    result = CliRunner().invoke(app, [*arguments, "--format", "json"])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    rows = [json.loads(line, parse_float=Decimal) for line in result.stdout.splitlines()]
    return result.exit_code, rows, json.loads(result.stderr)


def frame(number: int, price: str = "1.5", at: int = 1723161255342, symbol: str = "BTCUSDT") -> str:
    return f'{{"e":"trade","E":{at},"s":"{symbol}","t":{number},"p":"{price}","q":"2","T":{at},"m":true}}'


@pytest.mark.parametrize("path", TAPES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_normalize_gives_exactly_the_trades_of_a_file(path: Path) -> None:
    expected = oracle.tape_of(path)
    normalizer = Normalizer(survey([path]), NATIVE)
    trades: list[Trade] = list(normalizer)
    found: oracle.Tape = {}
    for trade in trades:
        row = (trade.price, trade.quantity, str(trade.side), to_us(trade.timestamp))
        assert found.setdefault(trade.space, {}).setdefault(trade.trade_id, row) is row, "a trade came twice"
    assert found == expected
    assert oracle.volume(found) == oracle.volume(expected)
    account = normalizer.account()
    assert account.unreadable == 0
    assert account.read == len(trades) + account.duplicates + sum(account.skipped.values())
    assert sum(trade.quote_volume for trade in trades) == sum(oracle.volume(expected).values())


@pytest.mark.skipif(not REALDATA, reason="CTC_REALDATA names no folder")
def test_normalize_counts_the_real_recordings() -> None:
    counts = {path.name: sum(map(len, oracle.tape_of(path).values())) for path in TAPES if path.parent == Path(REALDATA)}
    assert counts["binance_spot_btcusdt_20240808.gz"] == 9_757
    assert counts["binance_spot_ethusdt_20240808.gz"] == 6_106
    assert counts["binance_usdm_btcusdt_trade_20240808.tradesonly.gz"] == 21_313
    assert counts["cryptofeed_BINANCE_aggTrade_btc_eth_dot_20210404.txt"] == 1_910


def test_normalize_writes_the_unified_event(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    path.write_text(f"1723161255.5 {frame(7, '0.00000001')}\n")
    code, (row,), account = run(str(path))
    assert code == 0
    assert row == {
        "event_id": row["event_id"],
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
        "native_symbol": "BTCUSDT",
        "quote_currency": "USDT",
        "kind": "trade",
        "trade_id": 7,
        "price": Decimal("0.00000001"),
        "quantity": 2,
        "quote_volume": Decimal("0.00000002"),
        "side": "sell",
        "timestamp": "2024-08-08T23:54:15.342000Z",
        "ingestion_timestamp": "2024-08-08T23:54:15.500000Z",
        "raw_event_payload": frame(7, "0.00000001"),
    }
    assert (account["read"], account["trades"]) == (1, 1)


def test_normalize_removes_duplicates_across_files(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(map(frame, (1, 2, 9, 2))))
    (tmp_path / "b.gz").write_bytes(gzip.compress("\n".join(map(frame, (2, 3, 9, 10))).encode()))
    code, rows, account = run(str(tmp_path))
    assert code == 0
    assert sorted(row["trade_id"] for row in rows) == [1, 2, 3, 9, 10]
    assert account["duplicates"] == 3


def test_normalize_goes_on_after_unreadable_lines(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    path.write_text("\n".join([frame(1), frame(2)[:-9], "what?", '1723161255 {"e":"trade"}', frame(3, "-1"), frame(4)]))
    code, rows, account = run(str(path))
    assert code == 0
    assert [row["trade_id"] for row in rows] == [1, 4]
    assert account["unreadable"] == 4
    assert any("line 2" in notice for notice in account["notices"])


def test_normalize_names_what_it_skips() -> None:
    code, rows, account = run(str(FIXTURES / "coinbase_exchange_singles.jsonl"))
    assert (code, len(rows)) == (0, 1)
    assert rows[0]["symbol"] == "BTC-USDT"
    assert account["skipped"] == {"coinbase error": 5, "coinbase last_match": 2, "coinbase heartbeat": 1}


def test_normalize_reads_the_rest_after_a_bad_file_and_exits_1(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.bin"
    good.write_text(frame(1))
    bad.write_bytes(bytes(range(256)) * 10)
    code, rows, account = run(str(bad), str(good), str(tmp_path / "none"))
    assert (code, len(rows)) == (1, 1)
    assert any("bad.bin is of no known form" in error for error in account["errors"])
    assert any("there is no file or folder" in error for error in account["errors"])


def test_normalize_keeps_what_a_cut_file_held_and_exits_1(tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    whole = gzip.compress("\n".join(frame(number, f"{number * 7919 % 1009}.5") for number in range(1, 5000)).encode())
    path.write_bytes(whole[: len(whole) // 2])
    code, rows, account = run(str(path))
    assert code == 1
    assert 1000 < len(rows) < 5000
    assert [row["trade_id"] for row in rows] == list(range(1, len(rows) + 1))
    assert "cut.gz is damaged after line" in account["errors"][0]


def test_normalize_as_a_table_keeps_stdout_for_data(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    path.write_text(frame(1))
    result = CliRunner().invoke(app, [str(path)])
    assert msgspec.json.decode(result.stdout)["trade_id"] == 1
    assert "binance|spot|BTCUSDT|trade" in result.stderr


def test_normalize_stops_quietly_when_its_reader_goes(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    path.write_text("\n".join(map(frame, range(20_000))))
    code = "import typer; from ctc.cli.normalize import normalize; app = typer.Typer(); app.command()(normalize); app()"
    child = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    said = child.stderr.read()
    child.stderr.close()
    assert child.wait(60) == 1
    assert b"Traceback" not in said
    assert b"Exception" not in said
