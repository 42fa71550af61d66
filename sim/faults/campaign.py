"""Runs sessions seed by seed: one undisturbed, then one for each group of faults, and holds the two against each other.

Faults behind the stream strike whole sessions, with Spark; those before it sessions that end at the stream, whose log is taken
through the platform's folds (`sim.faults.folded`): a third of the time, and behind the stream all is a function of the log.
Faults of one group strike one session, one after the other, each measured by itself; where such a session differs, each of
them is run alone, so that the matrix names the one that it was. What differed in company and not alone is told too.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence

import msgspec

from ctc.errors import CtcError
from sim.faults.facts import KEYS, Facts, compare
from sim.faults.fault import Fault
from sim.faults.matrix import Verdict
from sim.faults.session import Outcome, Shape, run_session

MOST_TOGETHER = 9
Say = Callable[[str], None]
Kind = type[Fault]


def groups(kinds: Sequence[Kind]) -> list[list[Kind]]:
    """The faults by session: those behind the stream together, the others by their group."""
    found: dict[str, list[Kind]] = {}
    for kind in kinds:
        found.setdefault("whole" if kind.behind_stream else kind.name if kind.group == "alone" else kind.group, []).append(kind)
    return [part for members in found.values() for part in _parts(members)]


def _parts(members: list[Kind]) -> list[list[Kind]]:
    """As few as may be, and of one size."""
    size = -(-len(members) // -(-len(members) // MOST_TOGETHER))
    return [members[start : start + size] for start in range(0, len(members), size)]


def campaign(
    seeds: Sequence[int], kinds: Sequence[Kind], shape: Shape, say: Say, done: Container[tuple[int, str]] = ()
) -> Iterator[Verdict]:
    """Verdicts as they come, without those that are `done` by (seed, fault).

    Raises CtcError when an undisturbed session fails: nothing can be told then.
    """
    for seed in seeds:
        left = [kind for kind in kinds if (seed, kind.name) not in done]
        if not left:
            continue
        say(f"seed {seed}: undisturbed")
        plain = run_session(seed, [], reaching(shape, left), say)
        if plain.facts is None or plain.wrong:
            raise CtcError(f"the undisturbed session of seed {seed} failed: {' '.join(plain.wrong)}")
        for group in groups(left):
            yield from judged(plain.facts, seed, group, shape, say)


def reaching(shape: Shape, kinds: Sequence[Kind]) -> Shape:
    """A session that goes as far as these faults strike."""
    return msgspec.structs.replace(shape, whole=any(kind.behind_stream for kind in kinds))


def judged(plain: Facts, seed: int, group: Sequence[Kind], shape: Shape, say: Say) -> Iterator[Verdict]:
    """One group's session, and where that differs one more for each of its faults, whose verdicts come after."""
    say(f"seed {seed}: {', '.join(kind.name for kind in group)}")
    faults = [kind() for kind in group]
    outcome = run_session(seed, faults, reaching(shape, group), say)
    verdicts = [verdict(plain, fault, outcome, faults) for fault in faults]
    say(f"seed {seed}: {'no difference' if all(each.ok for each in verdicts) else 'DIFFERENT'} after {outcome.took_s} s")
    yield from verdicts
    if len(group) > 1 and not all(each.ok for each in verdicts):
        for line in verdicts[0].differences:
            say(line)
        for kind in group:
            yield from judged(plain, seed, [kind], shape, say)


def verdict(plain: Facts, fault: Fault, outcome: Outcome, faults: Sequence[Fault]) -> Verdict:
    """What came of one fault in a session."""
    strikes = [strike for strike in outcome.strikes if strike.fault == fault.name]
    due, found = plain, outcome.facts
    wrong = list(outcome.wrong)
    if found is not None:
        for each in faults:
            due = each.expected(due, found)
        stores = [store for store in KEYS if all(store in each.compared for each in faults)]
        wrong += [line for store in compare(due, found, stores) for line in store.first]
    if len(strikes) < fault.times:
        wrong.append(f"{fault.name} struck {len(strikes)} times, not {fault.times}")
    empty = Facts({}, {})
    return Verdict(
        fault=fault.name,
        seed=outcome.seed,
        beside=[each.name for each in faults if each is not fault],
        injected=outcome.counts.get(fault.name, 0),
        strikes=len(strikes),
        rows_expected=due.count("raw_trades"),
        rows_found=(found or empty).count("raw_trades"),
        alerts_expected=due.count("DynamoDB alerts") if all("DynamoDB alerts" in each.compared for each in faults) else None,
        alerts_found=(found or empty).count("DynamoDB alerts"),
        recovery_s=[strike.recovery_s for strike in strikes],
        differences=wrong,
        note=outcome.notes.get(fault.name, ""),
    )
