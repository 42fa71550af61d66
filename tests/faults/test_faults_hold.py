"""One seed of every fault: whole sessions, disturbed, against an undisturbed one of the same seed. `make faults` runs twenty."""

from __future__ import annotations

import sys
from functools import cache

import pytest

from sim.faults.campaign import groups, judged
from sim.faults.facts import Facts
from sim.faults.registry import known
from sim.faults.session import Outcome, Shape, run_session

pytestmark = [pytest.mark.spark, pytest.mark.emulator, pytest.mark.timeout(1200)]
SEED = 1
SHAPE = Shape()
GROUPS = groups(list(known().values()))


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


@cache
def undisturbed() -> Outcome:
    return run_session(SEED, [], SHAPE, say)


def plain() -> Facts:
    found = undisturbed()
    assert not found.wrong
    assert found.facts is not None
    return found.facts


def test_undisturbed_session_has_what_a_disturbed_one_could_lose() -> None:
    facts = plain()
    assert facts.count("raw_trades") > 5_000
    rules = {row["rule"] for row in facts.tables["DynamoDB alerts"].rows}
    assert {"volume.z", "whale.single", "whale.split", "spread.raw"} <= rules
    assert facts.count("volume_aggregates") > 50
    assert facts.count("spreads") > 50
    assert not facts.letters


@pytest.mark.parametrize("group", range(len(GROUPS)), ids=[",".join(kind.name for kind in group) for group in GROUPS])
def test_disturbed_session_ends_as_the_undisturbed_one(group: int) -> None:
    verdicts = list(judged(plain(), SEED, GROUPS[group], SHAPE, say))
    assert {verdict.fault for verdict in verdicts} == {kind.name for kind in GROUPS[group]}
    for verdict in verdicts:
        assert verdict.injected > 0, verdict.fault
        assert not verdict.differences, f"{verdict.fault}: " + "\n".join(verdict.differences)
