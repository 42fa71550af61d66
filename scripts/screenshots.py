"""`make screenshots ARGS="--url URL"`: the pictures of docs/SCREENS.md anew, of a session that runs (or of one that ended: `--state DIR`).

Every state of the dashboard at three widths, in Chromium, as small WebP files in docs/images/screens. Look at them before they
are committed. The README shows wide-ready.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ctc import status
from ctc.errors import CtcError, SetupError
from ctc.processes import spawn
from ctc.session import reachable
from ctc.settings import ROOT, save_state

WEB = ROOT / "dashboard" / "web"
NODE = ROOT / ".tools" / "node" / "bin" / "node"
SCREENS = ROOT / "docs" / "images" / "screens"
START_S = 60


def main() -> int:
    """0 when every picture is there; what failed is said in one sentence."""
    options = _options()
    try:
        with _url(options) as url:
            _take(url, options.only)
    except CtcError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    sizes = [path.stat().st_size for path in SCREENS.glob("*.webp")]
    print(f"{len(sizes)} pictures in {SCREENS}, {sum(sizes) / 1e6:.2f} MB")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="screenshots.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="of a running session's API")
    parser.add_argument("--state", type=Path, default=ROOT / ".ctc" / "session", help="a session's folder, when no URL is given")
    parser.add_argument("--only", default="", metavar="PICTURE", help="one of them, such as wide-ready")
    return parser.parse_args()


@contextmanager
def _url(options: argparse.Namespace) -> Iterator[str]:
    if options.url:
        yield options.url
        return
    with reachable(options.state) as settings, tempfile.TemporaryDirectory() as folder:
        save_state(settings, Path(folder))
        child = spawn("api", ("ctc.api",), Path(folder))
        try:
            yield _started(Path(folder))
        finally:
            child.stop(30)


def _started(state: Path) -> str:
    pause = threading.Event()
    for _ in range(START_S * 10):
        if url := (status.read(state, "api") or {}).get("url"):
            return str(url)
        pause.wait(0.1)
    raise SetupError(f"the API of {state} did not start within {START_S} s")


def _take(url: str, only: str) -> None:
    if not NODE.exists():
        raise SetupError("Node is not installed: run `make setup`")
    path = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"
    words = [str(NODE), "e2e/screenshots.mjs", url, str(SCREENS), only]
    if subprocess.run(words, cwd=WEB, env={**os.environ, "PATH": path}, check=False).returncode:
        raise SetupError(f"the browser could not take pictures of {url}: see above")


if __name__ == "__main__":
    sys.exit(main())
