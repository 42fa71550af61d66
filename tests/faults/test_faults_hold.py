"""One seed of every fault: sessions that are disturbed, against an undisturbed one of the same seed. `make faults` runs twenty.

Faults behind the stream strike a whole session, those before it sessions that end there, as in `make faults`.
"""

from __future__ import annotations

import sys
from functools import cache

import pytest

from sim.faults import small_disk
from sim.faults.campaign import groups, judged
from sim.faults.facts import Facts, compare
from sim.faults.matrix import newest
from sim.faults.registry import known
from sim.faults.session import Outcome, Shape, run_session

pytestmark = [pytest.mark.spark, pytest.mark.emulator, pytest.mark.timeout(3600)]
SEED = 1
WHOLE, QUICK = Shape(), Shape(whole=False)
MOUNTS = "disk_full"  # needs the right to mount
GROUPS = groups([kind for kind in known().values() if kind.name != MOUNTS or small_disk.permitted()])


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


@cache
def undisturbed(shape: Shape) -> Outcome:
    return run_session(SEED, [], shape, say)


def plain(shape: Shape) -> Facts:
    found = undisturbed(shape)
    assert not found.wrong
    assert found.facts is not None
    return found.facts


def test_undisturbed_session_has_what_a_disturbed_one_could_lose() -> None:
    facts = plain(WHOLE)
    assert facts.count("raw_trades") > 5_000
    rules = {row["rule"] for row in facts.tables["DynamoDB alerts"].rows}
    assert {"volume.z", "whale.single", "whale.split", "spread.raw"} <= rules
    assert facts.count("volume_aggregates") > 50
    assert facts.count("spreads") > 50
    assert not facts.letters


def test_log_without_spark_comes_to_what_the_session_with_spark_holds() -> None:
    assert not [line for each in compare(plain(QUICK), plain(WHOLE)) for line in each.first]


def test_every_fault_is_struck_here() -> None:
    struck = {kind.name for group in GROUPS for kind in group}
    if not small_disk.permitted():
        pytest.skip(f"{MOUNTS}: this process may not mount a disk that can be filled (it takes CAP_SYS_ADMIN)")
    assert struck == set(known())


@pytest.mark.parametrize("group", range(len(GROUPS)), ids=[",".join(kind.name for kind in group) for group in GROUPS])
def test_disturbed_session_ends_as_the_undisturbed_one(group: int) -> None:
    verdicts = list(judged(plain(WHOLE), SEED, GROUPS[group], WHOLE, say))
    assert {verdict.fault for verdict in verdicts} == {kind.name for kind in GROUPS[group]}
    for verdict in newest(verdicts):
        assert verdict.injected > 0, verdict.fault
        assert not verdict.differences, f"{verdict.fault}: " + "\n".join(verdict.differences)
    ended = [verdict for verdict in verdicts if verdict.rows_found]  # in company too: a session that did not end well may be run again
    assert not [line for verdict in ended for line in verdict.differences]
