"""`make package`: what the cloud takes, in dist/: the wheel, the functions' zips, Spark's environment, jobs and jars, the dashboard.

The same input gives the same bytes; dist/manifest.json tells each file's SHA-256. Data on stdout, progress on stderr.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from packing.pieces import MB, Made, Pieces
from packing.target import ARCHITECTURES
from rich.console import Console

from ctc.errors import CtcError
from ctc.settings import ROOT

DIST = ROOT / "dist"
NAMES = tuple(Pieces(DIST, "here").make)


def main() -> int:
    """0 when all is made; one sentence and the error's code otherwise."""
    options = arguments()
    try:
        listed = package(options.out, options.architecture, options.only or list(NAMES))
    except CtcError as error:
        print(f"package: {error}", file=sys.stderr)
        return error.exit_code
    if options.format == "json":
        print(json.dumps(listed, indent=1))
    else:
        for each in listed["files"]:
            print(f"{each['bytes'] / MB:8.2f} MB  {each['unpacked_bytes'] / MB:8.2f} MB unpacked  {each['sha256'][:12]}  {each['name']}")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="package", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=NAMES, help="one piece; may be given again (default: all)")
    parser.add_argument("--architecture", choices=[*ARCHITECTURES, "here"], default="arm64", help="here: this machine and its Python")
    parser.add_argument("--out", type=Path, default=DIST, metavar="DIR", help="default: dist")
    parser.add_argument("--format", choices=["table", "json"], default="table")
    return parser.parse_args()


def package(out: Path, architecture: str, names: list[str]) -> dict[str, Any]:
    """Make the pieces and the manifest, which keeps what it told of pieces that are not made now."""
    out.mkdir(parents=True, exist_ok=True)
    console, pieces, made = Console(stderr=True), Pieces(out, architecture), []
    for index, name in enumerate(names, 1):
        begun = time.monotonic()
        with console.status(f"{name} ({index} of {len(names)}) ..."):
            found = pieces.make[name]()
        size = sum(each.path.stat().st_size for each in found)
        print(f"package: {name} ({index} of {len(names)}): {size / MB:.1f} MB in {time.monotonic() - begun:.0f} s", file=sys.stderr)
        made += [described(each, out, name) for each in found]
    kept = [each for each in known(out) if each["piece"] not in names]
    listed = {"files": sorted([*kept, *made], key=lambda each: str(each["name"]))}
    (out / "manifest.json").write_text(json.dumps(listed, indent=1) + "\n")
    return listed


def described(made: Made, out: Path, piece: str) -> dict[str, Any]:
    """One file as the manifest has it."""
    with made.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    name, size = made.path.relative_to(out).as_posix(), made.path.stat().st_size
    return {"name": name, "piece": piece, "sha256": digest, "bytes": size, "unpacked_bytes": made.unpacked, "target": made.target}


def known(out: Path) -> list[dict[str, Any]]:
    path = out / "manifest.json"
    found: list[dict[str, Any]] = json.loads(path.read_text())["files"] if path.is_file() else []
    return [each for each in found if (out / each["name"]).is_file()]


if __name__ == "__main__":
    sys.exit(main())
