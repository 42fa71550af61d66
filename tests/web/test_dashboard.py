"""The dashboard: its own tests, and a person at it in a real browser while a session runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ctc import status
from ctc.settings import ROOT

WEB = ROOT / "dashboard" / "web"
NODE = ROOT / ".tools" / "node" / "bin" / "node"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CTC = [sys.executable, "-c", "from ctc.cli.main import main; main()"]
DEADLINE_S = 400

built = pytest.mark.skipif(
    not (NODE.exists() and (WEB / "dist" / "index.html").exists()), reason="the dashboard is not built: `make setup` says why"
)


def run_in_web(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command in the dashboard's folder, with the project's Node first."""
    path = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        words, cwd=WEB, env={**os.environ, "PATH": path, **environment}, capture_output=True, text=True, timeout=900, check=False
    )


def test_lock_names_no_registry() -> None:
    locked = json.loads((WEB / "package-lock.json").read_text())["packages"]
    assert len(locked) > 50
    assert not [name for name, package in locked.items() if "resolved" in package]
    assert "registry=" not in (WEB / ".npmrc").read_text().replace("omit-lockfile-registry-resolved=", "")


def test_every_dependency_has_its_reason() -> None:
    declared = json.loads((WEB / "package.json").read_text())
    reasons = set(re.findall(r"^\| `([^`]+)` \|", (WEB / "README.md").read_text(), re.MULTILINE))
    wanted = set(declared["dependencies"]) | set(declared["devDependencies"])
    assert wanted - reasons == set()
    assert all(re.fullmatch(r"[\d.]+", version) for kind in ("dependencies", "devDependencies") for version in declared[kind].values())


@built
@pytest.mark.node
@pytest.mark.timeout(900)
def test_types_and_components() -> None:
    done = run_in_web(NODE.parent / "npm", "test", "--silent")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[str]:
    """The URL of a running session that has found whales, bars and spreads."""
    state, log = tmp_path / "state", tmp_path / "log"
    with log.open("w") as words:
        running = subprocess.Popen(
            [*CTC, "sim", "--seed", "7", "--rate", "0.5", "--state", str(state), "--free-ports"], stdout=words, stderr=words
        )
    try:
        yield _url_with_findings(state, running, log)
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(120)


def _url_with_findings(state: Path, running: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + DEADLINE_S
    with httpx.Client(timeout=20, trust_env=False) as client:
        while time.monotonic() < deadline:
            assert running.poll() is None, log.read_text()[-3000:]
            url = (status.read(state, "api") or {}).get("url")
            if url and _has_findings(client, url):
                return str(url)
            try:
                running.wait(0.5)
            except subprocess.TimeoutExpired:
                continue
    raise AssertionError(f"nothing was found in {DEADLINE_S} s:\n{log.read_text()[-3000:]}")


def _has_findings(client: httpx.Client, url: str) -> bool:
    try:
        found = [client.get(f"{url}{path}").json()[name] for path, name in (("/whales", "whales"), ("/bars/BTC-USDT", "bars"))]
        lake = client.get(f"{url}/health").json()["queries"].get("lake", {})
        return all(found) and bool(client.get(f"{url}/spreads/BTC-USDT").json()["spreads"]) and bool(lake.get("trades"))
    except (httpx.HTTPError, KeyError, ValueError):
        return False


@built
@pytest.mark.browser
@pytest.mark.spark
@pytest.mark.emulator
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="no Chromium here: apt-get install chromium")
def test_person_at_the_dashboard_of_a_running_session(session: str, tmp_path: Path) -> None:
    published = status.read(tmp_path / "state", "api")
    assert published is not None
    assert session in (tmp_path / "log").read_text(), "the terminal tells the URL that this person opens"
    done = run_in_web(NODE, "e2e/session.mjs", session, str(published["pid"]), SCREENSHOT=str(tmp_path / "failure.png"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok - ") >= 15
