"""A person at the inspector of a simulated session, in a real browser: every page, and from an alert to its frame."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import pytest

from ctc.settings import ROOT

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NODE = ROOT / ".tools" / "node" / "bin" / "node"
PLAYWRIGHT = ROOT / "dashboard" / "web" / "node_modules" / "playwright-core"


@pytest.mark.browser
@pytest.mark.emulator
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="no Chromium here: apt-get install chromium")
@pytest.mark.skipif(not (NODE.exists() and PLAYWRIGHT.exists()), reason="the dashboard is not built: `make setup` says why")
def test_person_at_the_inspector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    shoot = importlib.import_module("shoot_inspector")
    with shoot.shown(tmp_path / "state", 40) as url:
        done = shoot.walk(url, SCREENSHOT=str(tmp_path / "failure.png"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok - ") >= 15
