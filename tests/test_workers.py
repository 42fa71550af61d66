"""Worker processes: results in order, and a Ctrl-C that only the parent sees."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from ctc.workers import mapped

SLEEPING = """
import time
from ctc.workers import mapped
with mapped(time.sleep, [600] * 5, 2) as results:
    print("begun", flush=True)
    list(results)
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_items(processes: int) -> None:
    with mapped(abs, [-3, 1, -2], processes) as results:
        assert list(results) == [3, 1, 2]


def test_interrupt_ends_the_workers_and_is_said_once() -> None:
    command = [sys.executable, "-c", SLEEPING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert said.count("Traceback") == 1
    assert said.rstrip().endswith("KeyboardInterrupt")
