"""Two faults before the stream on a short session without Spark: the harness itself, end to end, in a minute."""

from __future__ import annotations

import sys

import pytest

from sim.faults.campaign import judged
from sim.faults.kinds.huge_frame import HugeFrame
from sim.faults.kinds.puts_refused import PutsRefused
from sim.faults.session import Shape, run_session

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(600)]
SHAPE = Shape(minutes=6, rate=0.3, whole=False)


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def test_huge_frame_closes_the_connection_and_loses_no_trade_and_refused_entries_come_again() -> None:
    undisturbed = run_session(2, [], SHAPE, say)
    assert not undisturbed.wrong
    assert undisturbed.facts is not None
    verdicts = {verdict.fault: verdict for verdict in judged(undisturbed.facts, 2, [HugeFrame, PutsRefused], SHAPE, say)}
    assert {name: verdict.differences for name, verdict in verdicts.items()} == {"huge_frame": [], "puts_refused": []}
    assert verdicts["huge_frame"].injected == 1
    assert verdicts["puts_refused"].injected > 0
    assert verdicts["huge_frame"].rows_found > 500
