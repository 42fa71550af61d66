"""Pictures of the inspector's pages for docs/INSPECTOR.md: a filled session, the inspector over it, and a browser at both.

`python scripts/shoot_inspector.py` writes docs/images/inspector-*.png; needs Chromium and the project's Node (`make setup`).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from PIL import Image

from ctc.cli.live import with_ports
from ctc.errors import SetupError
from ctc.processes import Child, spawn
from ctc.session import inspector_program
from ctc.settings import ROOT, load_profile, save_state
from ctc.wiring import create_resources, emulator
from sim.filled import fill
from sim.wallet_lake import put_scores

WEB = ROOT / "dashboard" / "web"
NODE = ROOT / ".tools" / "node" / "bin" / "node"
KEPT = ("alert", "wallets", "sql")
WIDTH, COLORS = 1100, 96
START_S = 120.0


@contextmanager
def shown(state: Path, minutes: int, rate: float = 1.0) -> Iterator[str]:
    """The URL of an inspector over a simulated session of so many minutes."""
    settings = with_ports(load_profile("sim"), True, exchanges=True)
    state.mkdir(parents=True, exist_ok=True)
    save_state(settings, state)
    server = emulator(settings, state)
    assert server is not None, "the profile names one"
    server.start()
    try:
        create_resources(settings)
        fill(settings, state, seed=7, minutes=minutes, batch_minutes=10, rate=rate, say=lambda words: print(words, file=sys.stderr))
        put_scores(settings, seed=7)
        child = spawn("inspector", inspector_program(settings).command, state)
        try:
            yield _answering(f"http://127.0.0.1:{settings.inspector.port}", child)
        finally:
            child.stop()
    finally:
        server.stop()


def walk(url: str, folder: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a person does there, in a browser (dashboard/web/e2e/inspector.mjs)."""
    words = [str(NODE), "e2e/inspector.mjs", url, *([str(folder)] if folder else [])]
    return subprocess.run(words, cwd=WEB, env={**os.environ, **environment}, capture_output=True, text=True, timeout=900, check=False)


def _answering(url: str, child: Child) -> str:
    deadline = time.monotonic() + START_S
    with httpx.Client(trust_env=False, timeout=5) as client:
        while time.monotonic() < deadline and child.wait(0.2) is None:
            try:
                if client.get(f"{url}/_stcore/health").is_success:
                    return url
            except httpx.TransportError:
                continue
    raise SetupError(f"the inspector did not answer on {url}; its log, {child.log}, ends:\n{child.tail()}")


def main() -> int:
    """0 when all pictures were taken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="of an inspector that runs; without it a session is filled for the pictures")
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="keep every picture, as it was taken, in this folder too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        pictures = options.all or Path(scratch, "pictures")
        if options.url:
            done = walk(options.url, pictures.resolve())
        else:
            with shown(Path(scratch, "state"), 80) as url:
                done = walk(url, pictures.resolve())
        sys.stderr.write(done.stdout + done.stderr)
        for name in KEPT if done.returncode == 0 else ():
            _keep(pictures / f"inspector-{name}.png", ROOT / "docs" / "images")
    return done.returncode


def _keep(path: Path, folder: Path) -> None:
    """A smaller copy with few colours: some tens of kB."""
    with Image.open(path) as taken:
        small = taken.convert("RGB").resize((WIDTH, round(taken.height * WIDTH / taken.width)), Image.Resampling.LANCZOS)
        small.quantize(COLORS, dither=Image.Dither.NONE).save(folder / path.name, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
