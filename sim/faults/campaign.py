"""Runs sessions seed by seed: one undisturbed, then one for each group of faults, and holds the two against each other.

Faults of one group strike one session, one after the other, each measured by itself; where such a session differs, each of
them is run alone, so that the matrix names the one that it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ctc.errors import CtcError
from sim.faults.facts import KEYS, Facts, compare
from sim.faults.fault import Fault
from sim.faults.matrix import Verdict
from sim.faults.session import Outcome, Shape, run_session

MOST_TOGETHER = 9
Say = Callable[[str], None]
Kind = type[Fault]


def groups(kinds: Sequence[Kind]) -> list[list[Kind]]:
    """The faults by session."""
    found: dict[str, list[Kind]] = {}
    for kind in kinds:
        found.setdefault(kind.name if kind.group == "alone" else kind.group, []).append(kind)
    return [members[start : start + MOST_TOGETHER] for members in found.values() for start in range(0, len(members), MOST_TOGETHER)]


def campaign(seeds: Sequence[int], kinds: Sequence[Kind], shape: Shape, say: Say) -> Iterator[Verdict]:
    """Verdicts as they come. Raises CtcError when an undisturbed session fails: nothing can be told then."""
    for seed in seeds:
        say(f"seed {seed}: undisturbed")
        plain = run_session(seed, [], shape, say)
        if plain.facts is None or plain.wrong:
            raise CtcError(f"the undisturbed session of seed {seed} failed: {' '.join(plain.wrong)}")
        for group in groups(kinds):
            yield from judged(plain.facts, seed, group, shape, say)


def judged(plain: Facts, seed: int, group: Sequence[Kind], shape: Shape, say: Say) -> Iterator[Verdict]:
    """One group's session, or where that differs one session for each of its faults."""
    say(f"seed {seed}: {', '.join(kind.name for kind in group)}")
    faults = [kind() for kind in group]
    outcome = run_session(seed, faults, shape, say)
    verdicts = [verdict(plain, fault, outcome, faults) for fault in faults]
    say(f"seed {seed}: {'no difference' if all(each.ok for each in verdicts) else 'DIFFERENT'} after {outcome.took_s} s")
    if len(group) > 1 and not all(each.ok for each in verdicts):
        for line in verdicts[0].differences:
            say(line)
        for kind in group:
            yield from judged(plain, seed, [kind], shape, say)
        return
    yield from verdicts


def verdict(plain: Facts, fault: Fault, outcome: Outcome, faults: Sequence[Fault]) -> Verdict:
    """What came of one fault in a session."""
    strikes = [strike for strike in outcome.strikes if strike.fault == fault.name]
    due, found = plain, outcome.facts
    wrong = list(outcome.wrong)
    stores = []
    if found is not None:
        for each in faults:
            due = each.expected(due, found)
        stores = compare(due, found, [store for store in KEYS if all(store in each.compared for each in faults)])
        wrong += [line for store in stores for line in store.first]
    if len(strikes) < fault.times:
        wrong.append(f"{fault.name} struck {len(strikes)} times, not {fault.times}")
    empty = Facts({}, {})
    return Verdict(
        fault=fault.name,
        part=fault.part,
        what=fault.what,
        seed=outcome.seed,
        beside=[each.name for each in faults if each is not fault],
        injected=outcome.counts.get(fault.name, 0),
        strikes=len(strikes),
        rows_expected=due.count("raw_trades"),
        rows_found=(found or empty).count("raw_trades"),
        alerts_expected=due.count("DynamoDB alerts") if all("DynamoDB alerts" in each.compared for each in faults) else None,
        alerts_found=(found or empty).count("DynamoDB alerts"),
        recovery_s=[strike.recovery_s for strike in strikes],
        stores=stores,
        differences=wrong,
        note=outcome.notes.get(fault.name, ""),
    )
