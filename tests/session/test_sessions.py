"""Whole sessions as users run them: the command line, the emulator, real Spark; simulated, recorded, and roughly treated."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recording_oracle import tape_of
from sessions import DEADLINE_S, MARKET, batch_of, begun, ctc, rows, until

from ctc import status
from ctc.aws.clients import client
from ctc.aws.query import LakeReader
from ctc.codec import pack
from ctc.session import reachable
from ctc.settings import ROOT, Settings, child_environment, load_state, machine
from sim.compare import compare_lake, compare_rows, newest
from sim.ordered import log_of
from sim.reference import reference

pytestmark = [pytest.mark.spark, pytest.mark.emulator, pytest.mark.timeout(1200)]

FIXTURES = ROOT / "tests" / "fixtures" / "realdata"
WHALE = Decimal(100_000)


@contextmanager
def session_until_ctrl_c(log: Path, *words: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A session for the block, which then gets Ctrl-C and has to end well; it never outlives the test."""
    with log.open("wb") as out, begun(*words, out=out, err=out) as session:
        yield session
        session.send_signal(signal.SIGINT)
        assert session.wait(DEADLINE_S) == 0, log.read_text()[-3000:]


def test_session_finds_what_was_seeded_and_says_exactly_what_the_reference_says(
    simulated: tuple[Path, dict[str, Any], str],
) -> None:
    _, report, said = simulated
    card = report["scorecard"]
    assert card["ok"], card["verdict"]
    assert report["simulated"] is True
    assert sum(rule["qualifying"] for rule in card["rules"]) >= 5
    assert all(rule["recall"] in (1, None) for rule in card["rules"])
    assert {each["store"] for each in card["equality"]} == {"DynamoDB", "anomalies", "volume_aggregates", "spreads"}
    assert all(each["expected"] == each["found"] > 0 for each in card["equality"])
    assert card["trades"]["tape"] == card["trades"]["lake"] == report["tables"]["raw_trades"] > 10_000
    assert report["timings"]["stream_arrival_to_dynamodb_s"]["count"] > 0
    assert "Seeded against detected" in said


def test_same_seed_gives_the_same_report_but_for_timings(simulated: tuple[Path, dict[str, Any], str], tmp_path: Path) -> None:
    again, state = tmp_path / "again.json", tmp_path / "state"
    ran = ctc("sim", "--exit", *MARKET, "--state", state, "--free-ports", "--report", again)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    first, second = deepcopy(simulated[1]), json.loads(again.read_text())
    assert first.keys() == second.keys()
    for report in (first, second):
        assert report["tables"].pop("quality") > 0
    assert {**first, "timings": None} == {**second, "timings": None}
    counted = "select symbol, measure, sum(records)::bigint records from quality group by all order by all"
    assert rows(simulated[0], counted) == rows(state, counted)


def test_stopped_session_still_answers(simulated: tuple[Path, dict[str, Any], str]) -> None:
    state, report, _ = simulated
    listed = ctc("alerts", "--limit", "200", "--format", "json", "--state", state)
    assert listed.returncode == 0, listed.stderr
    assert len(json.loads(listed.stdout)) == min(200, report["scorecard"]["equality"][0]["found"])
    assert rows(state, "select count(*) n from raw_trades") == [{"n": report["tables"]["raw_trades"]}]
    unique = "select count(*) n from (select event_id from raw_trades group by event_id having count(*) > 1)"
    assert rows(state, unique) == [{"n": 0}]
    shown = ctc("status", "--format", "json", "--state", state)
    assert {row["service"] for row in json.loads(shown.stdout)} >= {"producer", "lake", "detect", "exchange"}


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """The recordings of 2024-08-08 (excerpts where the whole ones are not at hand) through the platform: bitcoin twice, ether once.

    Its rules are strict enough for six quiet minutes to have bars and spreads that alert.
    """
    real = machine("CTC_REALDATA")
    names = ("binance_spot_btcusdt_20240808", "binance_spot_ethusdt_20240808")
    paths = [Path(real) / f"{name}.gz" if real else FIXTURES / f"{name}.excerpt.gz" for name in names]
    perpetual = "binance_usdm_btcusdt_trade_20240808"
    source = Path(real) / f"{perpetual}.tradesonly.gz" if real else FIXTURES / f"{perpetual}.excerpt.gz"
    folder = tmp_path_factory.mktemp("replayed")
    paths.append(as_matches(source, folder / "perpetual-as-coinbase.gz"))
    state = folder / "a state"
    words = [word for path in paths for word in ("--replay", path)]
    ran = ctc("sim", "--exit", *words, "--state", state, "--free-ports", CTC_SPREAD__THRESHOLD_PCT="0.02", CTC_VOLUME__MIN_BARS="3")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return state, paths


def as_matches(source: Path, path: Path) -> Path:
    """Recorded prints of Binance's bitcoin perpetual, each as a match of Coinbase's BTC-USD.

    Of two exchanges at one time no recording is at hand; so a second market's genuine prices, of the same minutes, stand for the other's.
    """
    with gzip.open(source, "rt") as lines, gzip.open(path, "wt") as matches:
        for line in lines:
            received, _, text = line.partition(" ")
            trade = json.loads(text)["data"]
            match = {
                "type": "match",
                "trade_id": trade["t"],
                "side": "buy" if trade["m"] else "sell",
                "size": trade["q"],
                "price": trade["p"],
                "product_id": "BTC-USD",
                "time": datetime.fromtimestamp(trade["T"] // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{trade['T'] % 1000:03}Z",
            }
            matches.write(f"{received} {json.dumps(match)}\n")
    return path


def test_replay_keeps_every_recorded_trade_once_with_exact_decimals(replayed: tuple[Path, list[Path]]) -> None:
    state, paths = replayed
    wanted = {
        (space, number): (price, quantity, side, us)
        for path in paths
        for space, trades in tape_of(path).items()
        for number, (price, quantity, side, us) in trades.items()
    }
    sql = """select exchange || '|' || market || '|' || native_symbol || '|' || kind as space, trade_id, price, quantity, quote_volume,
             side, epoch_us(timestamp) us from raw_trades"""
    found = rows(state, sql)
    assert len(found) == len(wanted)
    held = {(row["space"], row["trade_id"]): row for row in found}
    assert {key: (row["price"], row["quantity"], row["side"], row["us"]) for key, row in held.items()} == wanted
    assert all(row["quote_volume"] == Decimal(row["price"]) * Decimal(row["quantity"]) for row in found)


def test_replay_finds_exactly_the_whales_that_the_files_hold(replayed: tuple[Path, list[Path]]) -> None:
    state, paths = replayed
    single: set[tuple[str, int]] = set()
    bursts: dict[tuple[str, str, int], list[Decimal]] = defaultdict(list)
    for path in paths:
        for space, trades in tape_of(path).items():
            native = space.split("|")[2]
            for number, (price, quantity, side, us) in trades.items():
                if price * quantity > WHALE:
                    single.add((native, number))
                bursts[native, side, us // 1000].append(price * quantity)
    split = {(*key, sum(values)) for key, values in bursts.items() if len(values) > 1 and sum(values) > WHALE}
    found = rows(
        state,
        """select rule, native_symbol, first_trade_id, side, epoch_ms(timestamp) ms, quote_volume from anomalies where type = 'whale'""",
    )
    assert {(row["native_symbol"], row["first_trade_id"]) for row in found if row["rule"] == "single"} == single
    assert {(row["native_symbol"], row["side"], row["ms"], row["quote_volume"]) for row in found if row["rule"] == "split"} == split
    assert len(found) == len(single) + len(split)


def test_batch_over_the_lake_says_exactly_what_the_stream_and_the_reference_say(
    simulated: tuple[Path, dict[str, Any], str], replayed: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    for name, state in (("simulated", simulated[0]), ("replayed", replayed[0])):
        out = tmp_path / name
        ran = subprocess.run(
            [sys.executable, "-m", "jobs.batch", "--state", str(state), "--out", str(out)],
            env=child_environment(state),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        batch = {table: pq.read_table(out / table) for table in ("anomalies", "volume_aggregates", "spreads")}
        with reachable(state) as settings:
            lake = LakeReader(settings)
            stream = {table: lake.query(f"select * from {table}") for table in batch}
            results = [reference(log_of(lake, symbol, tmp_path), symbol, settings) for symbol in settings.session.symbols]
            lake.close()
        for table, key in (("anomalies", "alert_id"), ("volume_aggregates", "exchange"), ("spreads", "symbol")):
            assert sorted_rows(batch[table], key) == sorted_rows(stream[table], key), (name, table)
        alerts = newest(alert for result in results for alert in result.alerts)
        checks = [
            compare_lake(alerts, batch["anomalies"].to_pylist()),
            compare_rows(
                "bars",
                ("exchange", "symbol", "window_start"),
                [msgspec.structs.asdict(bar) for result in results for bar in result.bars],
                batch["volume_aggregates"].to_pylist(),
            ),
            compare_rows(
                "spreads",
                ("symbol", "window_start"),
                [msgspec.structs.asdict(spread) for result in results for spread in result.spreads],
                batch["spreads"].to_pylist(),
            ),
        ]
        assert [line for check in checks for line in check.sentences()] == []
        _, bars_due, spreads_due = (check.expected for check in checks)
        assert bars_due, name
        assert spreads_due, name
        rules = {alert.rule for alert in alerts.values()}
        if name == "simulated":
            assert rules
        elif machine("CTC_REALDATA"):  # the excerpts are of 13 s
            assert rules == {"volume.z", "volume.robust", "whale.single", "whale.split", "spread.raw"}


def sorted_rows(table: pa.Table, key: str) -> list[dict[str, Any]]:
    """Rows in an order of their own; times as moments, however the reader writes UTC."""
    found = [
        {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()}
        for row in table.select(sorted(table.column_names)).to_pylist()
    ]
    return sorted(found, key=lambda row: (row[key], str(row.get("window_start")), str(row.get("symbol"))))


def test_session_outlives_poison_a_killed_spark_and_a_restart(tmp_path: Path) -> None:
    state, log = tmp_path / "state", tmp_path / "session.log"
    with session_until_ctrl_c(log, "sim", "--rate", "0.2", "--state", state, "--free-ports") as session:
        until(lambda: batch_of(state, "lake") >= 0 and batch_of(state, "detect") >= 1, "the first batches", session, log)
        settings = load_state(state)
        until(lambda: _alerts(settings) > 0, "an alert", session, log)

        second = ctc("sim", "--state", state, "--free-ports")
        assert second.returncode == 1
        assert "already runs" in second.stderr
        assert "Traceback" not in second.stderr

        poison = [
            b"",
            b"\x28\xb5\x2f\xfdnot zstd",
            b"\xff\xfe{",
            b'{"price": null}\nnull\n[]',
            pack([b'{"heartbeat": 7}', b"x" * 100_000]),
        ]
        entries = [{"Data": data or b"\n", "PartitionKey": key} for data in poison for key in ("BTC-USDT", "NO-SUCH")]
        client("kinesis", settings).put_records(StreamName=settings.stream.trades, Records=entries)
        until(lambda: (_totals(state, "lake").get("rejects") or 0) >= 10, "the rejects", session, log)
        found = client("s3", settings).list_objects_v2(Bucket=settings.lake.raw_bucket, Prefix="dlq/")
        assert {item["Key"].split("/")[1] for item in found["Contents"]} >= {"malformed", "incomplete"}

        before = status.read(state, "detect") or {}
        os.kill(before["pid"], signal.SIGKILL)
        until(
            lambda: (status.read(state, "detect") or {})["pid"] != before["pid"] and batch_of(state, "detect") > before["batch"],
            "a batch after the kill",
            session,
            log,
        )

    clock = (status.read(state, "detect") or {})["clock"]
    with session_until_ctrl_c(log, "sim", "--resume", "--state", state) as resumed:
        until(lambda: ((status.read(state, "detect") or {}).get("clock") or "") > clock, "the clock to go on", resumed, log)
    markets = rows(
        state,
        """select native_symbol, count(*) held, count(distinct trade_id) ids, max(trade_id) - min(trade_id) + 1 span
           from raw_trades group by exchange, native_symbol""",
    )
    assert len(markets) == 7
    assert all(row["held"] == row["ids"] == row["span"] for row in markets), markets
    twice = "select count(*) n from (select alert_id from anomalies group by alert_id having count(*) > 1)"
    assert rows(state, twice) == [{"n": 0}]


def _alerts(settings: Settings) -> int:
    """How many `GET /alerts` answers; 0 while the API starts."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{settings.api.port}/alerts", timeout=60, trust_env=False).json()
    except httpx.TransportError:
        return 0
    assert answer["count"] == len(answer["alerts"])
    return int(answer["count"])


def _totals(state: Path, query: str) -> dict[str, int]:
    return dict((status.read(state, query) or {}).get("totals") or {})
