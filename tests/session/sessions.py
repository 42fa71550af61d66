"""Whole sessions by the command line, and how to wait for what they do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from ctc import status

CTC = [sys.executable, "-c", "from ctc.cli.main import main; main()"]
DEADLINE_S = 600
# So that a starved process is not taken for a silent exchange, whose trades are late to what the others have gone on to.
PATIENT = {"CTC_PRODUCER__PATIENCE_S": "60"}
MARKET = ("--minutes", "45", "--rate", "0.5", "--seed", "7")


def ctc(*words: str | Path, **environment_too: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    environment = {**os.environ, **PATIENT, **environment_too}
    return subprocess.run([*CTC, *map(str, words)], env=environment, capture_output=True, text=True, timeout=900, check=False)


def rows(state: Path, sql: str) -> list[dict[str, Any]]:
    """What `ctc query` answers; decimals exact."""
    answer = ctc("query", sql, "--format", "json", "--state", state)
    assert answer.returncode == 0, answer.stderr
    return list(json.loads(answer.stdout, parse_float=Decimal))


def until(condition: Callable[[], bool], what: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a condition while the session lives."""
    deadline, pause = time.monotonic() + DEADLINE_S, 0.2
    while not condition():
        code = process.poll()
        assert code is None, f"the session ended with {code} before {what}:\n{log.read_text()[-3000:]}"
        assert time.monotonic() < deadline, f"{what} did not happen:\n{log.read_text()[-3000:]}"
        try:
            process.wait(pause)
        except subprocess.TimeoutExpired:
            continue


def batch_of(state: Path, query: str) -> int:
    """The newest batch that a query has told of, -1 before any."""
    found = (status.read(state, query) or {}).get("batch")
    return -1 if found is None else int(found)
