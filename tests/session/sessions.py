"""Whole sessions by the command line, and how to wait for what they do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from ctc import leash, status

COMMAND_LINE = Path(__file__).with_name("run_ctc.py")
DEADLINE_S = 600
# So that a starved process is not taken for a silent exchange, whose trades are late to what the others have gone on to.
PATIENT = {"CTC_PRODUCER__PATIENCE_S": "60"}
MARKET = ("--minutes", "45", "--rate", "0.5", "--seed", "7")


@contextmanager
def begun(*words: str | Path, out: IO[bytes] | int, err: IO[bytes] | int, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command that outlives neither the block nor the test's own process."""
    reading, writing = os.pipe()
    command = [sys.executable, leash.__file__, str(reading), str(COMMAND_LINE), *map(str, words)]
    try:
        process = subprocess.Popen(
            command, stdout=out, stderr=err, start_new_session=True, pass_fds=(reading,), env={**os.environ, **environment}
        )
    finally:
        os.close(reading)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # its own processes are on a leash
            process.wait()
        os.close(writing)


def ctc(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    with begun(*words, out=subprocess.PIPE, err=subprocess.PIPE, **PATIENT, **environment) as process:
        said = [each.decode() for each in process.communicate(timeout=900)]
    return subprocess.CompletedProcess(words, process.returncode, *said)


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
