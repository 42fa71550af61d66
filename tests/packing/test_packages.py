"""Packages made for this machine, twice; the functions run from their unzipped folder alone."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from zipfile import ZipFile

import pytest

from ctc.settings import ROOT

MOST = 50_000_000
ASK = Path(__file__).with_name("ask.py")
PIECES = ("wheel", "api")


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
def unzipped(made: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("function")
    with ZipFile(made[0] / "api.zip") as archive:
        archive.extractall(folder)
    return folder


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


def ask(folder: Path, endpoint: str, *paths: str) -> list[dict[str, Any]]:
    """What the handler answers when an isolated Python has nothing but the folder."""
    environment = {
        "CTC_PROFILE": "cloud",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "PATH": "/usr/bin:/bin",
    }
    python = getattr(sys, "_base_executable", sys.executable)
    command = [python, "-I", "-S", "-B", str(ASK), str(folder), *paths]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_manifest_says_what_is_there(made: tuple[Path, dict[str, Any]]) -> None:
    out, manifest = made
    assert json.loads((out / "manifest.json").read_text()) == manifest
    assert {each["piece"] for each in manifest["files"]} == set(PIECES)
    for each in manifest["files"]:
        body = (out / each["name"]).read_bytes()
        assert (each["bytes"], each["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())


def test_made_again_elsewhere_it_has_the_same_bytes(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    assert make(tmp_path / "again", *PIECES) == made[1]


def test_function_is_small_and_holds_no_bytecode_and_nothing_that_only_a_laptop_needs(made: tuple[Path, dict[str, Any]]) -> None:
    (zipped,) = [each for each in made[1]["files"] if each["name"] == "api.zip"]
    assert zipped["bytes"] < MOST
    with ZipFile(made[0] / "api.zip") as archive:
        names = archive.namelist()
    assert names == sorted(names)
    assert not [name for name in names if name.endswith(".pyc")]
    assert {"ctc", "profiles", "boto3", "fastapi", "mangum"} <= (tops := {name.split("/")[0] for name in names})
    assert not tops & {"sim", "jobs", "tests", "duckdb", "pyspark", "pyarrow", "streamlit", "pandas", "numpy"}


def test_handler_answers_from_the_unzipped_folder_alone(unzipped: Path, dynamo: str) -> None:
    index, alerts, health, unknown, outside = ask(unzipped, dynamo, "/", "/alerts", "/session", "/alerts?type=nonsense", "")
    assert (index["status"], json.loads(index["body"])["name"]) == (200, "Coat Tail Capital")
    assert (alerts["status"], json.loads(alerts["body"])["alerts"]) == (200, [])
    assert json.loads(health["body"])["market"] == "live"
    assert unknown["status"] == 422
    assert outside["from_elsewhere"] == []


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
    make(tmp_path, "wheel", "api", architecture=architecture)
    with ZipFile(tmp_path / "api.zip") as archive:
        built = [name for name in archive.namelist() if name.endswith(".so")]
    assert built
    assert all(f"cpython-313-{machine}-linux-gnu.so" in name or "abi3" in name for name in built), built
