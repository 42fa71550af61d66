"""`ctc query` on the named queries of infra/queries: the whole command, and the question alone."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from ctc.aws.history import LakeHistory
from ctc.aws.named import NamedReader, Values, names
from ctc.errors import CtcError
from ctc.schema import RAW_TRADES
from ctc.settings import ROOT, Settings

COMMAND = "from ctc.cli.main import main; main()"


class Asked(msgspec.Struct, frozen=True):
    """Median seconds: of the command from its start to its end, and of the question in a process that is up, by a new reader."""

    command: float
    question: float


def asked(settings: Settings, state: Path, times: int, since: datetime) -> dict[str, Asked]:
    """Every named query, about all that the lake holds from `since` on; time travel is to the newest snapshot of `raw_trades`."""
    newest = LakeHistory(settings).commits()[RAW_TRADES.name][0]
    values = Values(since=since, snapshot=newest.snapshot_id, moment=newest.at)
    found = {}
    for name in names():
        options = ["--since", since.isoformat(), "--snapshot", str(newest.snapshot_id), "--as-of", newest.at.isoformat()]
        command = [sys.executable, "-c", COMMAND, "query", "--named", name, *options, "--format", "json", "--state", str(state)]
        found[name] = Asked(
            command=_median(times, partial(_command, command)), question=_median(times, partial(_ask, settings, name, values))
        )
    return found


def _command(words: list[str]) -> None:
    if subprocess.run(words, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode:
        raise CtcError(f"`ctc {' '.join(words[3:])}` failed: what it said is above")


def _ask(settings: Settings, name: str, values: Values) -> None:
    reader = NamedReader(settings)
    try:
        reader.ask(name, values)
    finally:
        reader.close()


def _median(times: int, act: Callable[[], object]) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return statistics.median(took)
