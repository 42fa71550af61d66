"""Packages made for this machine, twice; the functions run from their unzipped folder alone."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zipfile import ZipFile

import msgspec
import pytest
from past import binance_ids, serving
from streamed import settings_for, stream

from ctc.daily.checks import check
from ctc.settings import ROOT, Settings, as_environment

MOST, MOST_UNPACKED = 50_000_000, 250_000_000
ASK = Path(__file__).with_name("ask.py")
PIECES = ("wheel", "api", "batch")


def make(out: Path, *pieces: str, architecture: str = "here") -> dict[str, Any]:
    """The manifest of a package made there."""
    words = [word for piece in pieces for word in ("--only", piece)]
    command = [sys.executable, str(ROOT / "scripts" / "package.py"), "--architecture", architecture, "--out", str(out), "--format", "json"]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
    if done.returncode and "package index" in done.stderr:
        pytest.skip(f"no package index is reached: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if f"package: {pieces[-1]} ({len(pieces)} of {len(pieces)})" in line]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("dist")
    return out, make(out, *PIECES)


@pytest.fixture(scope="module")
def unzipped(made: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a function's zip, unpacked."""

    @cache
    def unzip(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        with ZipFile(made[0] / f"{name}.zip") as archive:
            archive.extractall(folder)
        return folder

    return unzip


@pytest.fixture
def dynamo() -> Iterator[str]:
    """A DynamoDB without items: where a function under test asks."""

    class Empty(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.end_headers()
            self.wfile.write(b'{"Items": [], "Count": 0, "ScannedCount": 0}')

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def request(url: str) -> dict[str, object]:
    """As API Gateway's REST API hands it over."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    return {
        "resource": "/{proxy+}",
        "path": parts.path,
        "httpMethod": "GET",
        "headers": {"Accept": "application/json", "Host": "api"},
        "multiValueHeaders": {"Accept": ["application/json"], "Host": ["api"]},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "requestContext": {"resourcePath": "/{proxy+}", "httpMethod": "GET", "stage": "v1", "identity": {"sourceIp": "192.0.2.1"}},
        "body": None,
        "isBase64Encoded": False,
    }


def ask(folder: Path, handler: str, endpoint: str, told: dict[str, str], *events: dict[str, Any]) -> list[dict[str, Any]]:
    """What a handler answers when an isolated Python has nothing but the folder; no module came from elsewhere."""
    environment = {
        **as_environment(told, "cloud"),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PATH": "/usr/bin:/bin",
    }
    python = getattr(sys, "_base_executable", sys.executable)
    command = [python, "-I", "-S", "-B", str(ASK), str(folder), handler, *map(json.dumps, events), ""]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    *answers, outside = (json.loads(line) for line in done.stdout.splitlines())
    assert outside == {"from_elsewhere": []}
    return answers


def test_manifest_says_what_is_there(made: tuple[Path, dict[str, Any]]) -> None:
    out, manifest = made
    assert json.loads((out / "manifest.json").read_text()) == manifest
    assert {each["piece"] for each in manifest["files"]} == set(PIECES)
    for each in manifest["files"]:
        body = (out / each["name"]).read_bytes()
        assert (each["bytes"], each["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())


def test_made_again_elsewhere_it_has_the_same_bytes(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    assert make(tmp_path / "again", *PIECES) == made[1]


@pytest.mark.parametrize(
    ("name", "needs", "lacks"),
    [
        ("api", {"boto3", "fastapi", "mangum"}, {"pyarrow"}),
        ("batch", {"boto3", "httpx", "pyarrow", "pyiceberg", "websockets"}, {"pyiceberg_core", "s3fs", "aiobotocore"}),
    ],
)
def test_function_is_small_and_holds_no_bytecode_and_nothing_that_only_a_laptop_needs(
    made: tuple[Path, dict[str, Any]], name: str, needs: set[str], lacks: set[str]
) -> None:
    (zipped,) = [each for each in made[1]["files"] if each["name"] == f"{name}.zip"]
    assert zipped["bytes"] < MOST
    assert zipped["unpacked_bytes"] < MOST_UNPACKED
    with ZipFile(made[0] / f"{name}.zip") as archive:
        names = archive.namelist()
    assert names == sorted(names)
    assert not [name for name in names if name.endswith(".pyc")]
    assert {"ctc", "profiles", *needs} <= (tops := {name.split("/")[0] for name in names})
    assert not tops & {"sim", "jobs", "tests", "duckdb", "pyspark", "streamlit", "pandas", "numpy", *lacks}


def test_handler_answers_from_the_unzipped_folder_alone(unzipped: Callable[[str], Path], dynamo: str) -> None:
    asked = map(request, ("/", "/alerts", "/session", "/alerts?type=nonsense"))
    index, alerts, health, unknown = ask(unzipped("api"), "ctc.api.lambda_handler.handler", dynamo, {}, *asked)
    assert (index["statusCode"], json.loads(index["body"])["name"]) == (200, "Coat Tail Capital")
    assert (alerts["statusCode"], json.loads(alerts["body"])["alerts"]) == (200, [])
    assert json.loads(health["body"])["market"] == "live"
    assert unknown["statusCode"] == 422


@pytest.mark.emulator
@pytest.mark.timeout(600)
def test_batch_goes_through_a_day_from_the_unzipped_folder_alone(unzipped: Callable[[str], Path], emulator: Settings) -> None:
    made, batches = stream(settings_for(emulator))
    for batch in batches:
        made.write(batch)
    own = binance_ids(made.settings)
    with serving(made.settings, {"BTCUSDT": own}) as served:
        lake, day = made.settings.lake, {"date": "2026-01-05"}
        told = {
            "lake.database": lake.database,
            "lake.bucket": lake.bucket,
            "lake.raw_bucket": lake.raw_bucket,
            "session.exchanges": "binance",
            "exchanges.binance.rest": served.exchanges["binance"].rest,
        }

        def call(name: str, symbols: str, *events: dict[str, Any]) -> list[dict[str, Any]]:
            asked = {**told, "session.symbols": symbols}
            return ask(unzipped("batch"), f"ctc.daily.handlers.{name}", made.settings.aws.endpoint, asked, *events)

        loaded, again = call("load", "BTC-USDT", {"scheduled": "2026-01-06T02:00:00Z"}, day)
    assert (loaded["date"], loaded["trades"], again["trades"]) == ("2026-01-05", len(own), 0)
    both = ",".join(made.settings.session.symbols)
    (checked,) = call("check", both, {"load": loaded})
    assert (checked["historical"], [each for each in checked["checks"] if each["broken"]]) == (len(own), [])
    assert checked == msgspec.to_builtins(check(made.settings, date(2026, 1, 5)))
    (statistics,) = call("catalog", both, {})
    assert {each["table"]: each["rows"] for each in statistics["tables"]}["raw_trades"] >= checked["trades"] > len(own)
    first, second = call("publish", both, day, day)
    assert (first["new"], second["new"], first["figures"]["TradesInLake"]) == (True, False, checked["trades"])


def test_wheel_brings_the_profiles_that_code_looks_for(made: tuple[Path, dict[str, Any]]) -> None:
    (wheel,) = made[0].glob("*.whl")
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"profiles/cloud.toml", "ctc/settings.py", "ctc/spark/log4j2.properties", "jobs/stream.py"} <= names


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_environment_for_spark_runs_where_it_is_unpacked_and_is_made_twice_alike(tmp_path: Path) -> None:
    first = make(tmp_path / "one", "wheel", "emr", "jobs")
    assert make(tmp_path / "two", "wheel", "emr", "jobs") == first
    home = tmp_path / "environment"
    home.mkdir()
    subprocess.run(["tar", "-xzf", tmp_path / "one" / "environment.tar.gz", "-C", home], check=True)
    code = (
        "import ctc.aws.lakehouse, ctc.detect, pyarrow, pandas, sys; from ctc.settings import load_profile; "
        "print(load_profile('cloud').lake.database, sys.prefix)"
    )
    done = subprocess.run([home / "bin" / "python", "-I", "-B", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["crypto_pulse", str(home)], done.stderr


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("architecture", "machine"), [("arm64", "aarch64"), ("x86_64", "x86_64")])
def test_functions_for_aws_hold_that_machines_wheels(architecture: str, machine: str, tmp_path: Path) -> None:
    made = make(tmp_path, *PIECES, architecture=architecture)
    for name in ("api", "batch"):
        (zipped,) = [each for each in made["files"] if each["name"] == f"{name}.zip"]
        assert zipped["bytes"] < MOST
        assert zipped["unpacked_bytes"] < MOST_UNPACKED
        assert zipped["target"] == f"{architecture} python 3.13"
        with ZipFile(tmp_path / f"{name}.zip") as archive:
            built = {each: machine_of(archive.read(each)) for each in archive.namelist() if re.search(r"\.so(\.|$)", each)}
        assert built
        assert set(built.values()) == {machine}
        assert [each for each in built if "cpython-" in each and f"cpython-313-{machine}-linux-gnu.so" not in each] == []


def machine_of(library: bytes) -> str:
    """The machine that an ELF file names in its header."""
    assert library[:4] == b"\x7fELF"
    return {62: "x86_64", 183: "aarch64"}[int.from_bytes(library[18:20], "little")]
