"""uv, as `make setup` installed it: wheels for another machine, and the project's own wheel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ctc.errors import SetupError
from ctc.settings import ROOT
from packing.target import Target

UV = ROOT / ".tools" / "uv" / "bin" / "uv"
LOCKS = ROOT / "packages"


def install(lock: str, into: Path, wanted: Target) -> None:
    """The packages of `packages/LOCK.lock`, as their wheels have them, by hash; SetupError when one can't be had."""
    words: list[str | Path] = [
        "pip",
        "install",
        "--target",
        into,
        "--require-hashes",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--no-compile-bytecode",
    ]
    words += ["--link-mode", "copy", "--python", sys.executable, "--python-version", wanted.python]
    words += ["--python-platform", wanted.platform] if wanted.platform else []
    run([*words, "-r", LOCKS / f"{lock}.lock"], "does this machine reach its Python package index, and is there a wheel for the target?")


def build_wheel(into: Path) -> Path:
    """The project's wheel; what builds it is locked too."""
    lock = LOCKS / "build.lock"
    words: list[str | Path] = ["build", "--wheel", "--quiet", "--out-dir", into, "--python", sys.executable]
    run([*words, "--build-constraints", lock, "--require-hashes", ROOT], "does this machine reach its Python package index?")
    (wheel,) = into.glob("*.whl")
    return wheel


def run(words: list[str | Path], remedy: str) -> None:
    """uv's progress goes to a terminal; elsewhere only what it says when it fails."""
    command: list[str | Path] = [UV, "--no-python-downloads", "--no-config", *([] if sys.stderr.isatty() else ["--quiet"]), *words]
    done = subprocess.run(command, stdout=sys.stderr, stderr=None if sys.stderr.isatty() else subprocess.PIPE, text=True)
    if done.returncode:
        raise SetupError(f"`uv {words[0]} {words[1]}` failed: {remedy}\n{(done.stderr or '')[-3000:]}".rstrip())
