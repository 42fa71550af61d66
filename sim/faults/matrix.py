"""The fault matrix: what was struck, what had to be there, what was found, and how long until all was as before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec

from sim.faults.fault import Fault
from sim.faults.registry import chosen, known

HEAD = (
    "fault",
    "disturbs",
    "session",
    "seeds",
    "times",
    "rows expected",
    "rows found",
    "alerts expected",
    "alerts found",
    "recovery s",
    "differences",
)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One fault in one session. `injected` counts strikes of whatever the fault counts (calls, frames, processes).

    Rows are those of `raw_trades`, alerts those of DynamoDB (in a session without Spark: what the folds make of its log);
    `differences` are of all compared stores, in sentences.
    """

    fault: str
    seed: int
    beside: list[str]  # the other faults of the session
    injected: int
    strikes: int
    rows_expected: int
    rows_found: int
    alerts_expected: int | None  # None where only the session's own log tells
    alerts_found: int
    recovery_s: list[float]
    differences: list[str]
    note: str = ""
    revision: str = ""  # of the code; those without one are older than it is told

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def rows(verdicts: Sequence[Verdict]) -> list[tuple[str, ...]]:
    """The matrix's rows: one a fault, over all its seeds. Of a seed's verdicts the last counts; earlier ones that differed are told."""
    faults = known()
    names = dict.fromkeys(verdict.fault for verdict in sorted(verdicts, key=lambda each: (faults[each.fault].part, each.fault)))
    return [_row(faults[name], [verdict for verdict in verdicts if verdict.fault == name]) for name in names]


def _row(kind: type[Fault], given: Sequence[Verdict]) -> tuple[str, ...]:
    own = newest(given)
    before = sum(not each.ok for each in given) - sum(not each.ok for each in own)
    times = sorted(each for verdict in own for each in verdict.recovery_s)
    recovery = f"{median(times):.1f} (most {times[-1]:.1f})" if times else "-"
    sums = [_sum([getattr(each, name) for each in own]) for name in ("rows_expected", "rows_found", "alerts_expected", "alerts_found")]
    wrong = sum(not each.ok for each in own)
    return (
        kind.name,
        kind.part,
        "whole" if kind.behind_stream else "log",
        str(len({each.seed for each in own})),
        f"{sum(each.injected for each in own):,}",
        *sums,
        recovery,
        (f"in {wrong} of {len(own)} sessions" if wrong else "none") + (f" ({before} before, not when run again)" if before else ""),
    )


def _sum(values: Sequence[int | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{sum(known):,}" if len(known) == len(values) else "as its log says"


def kept(file: Path) -> list[Verdict]:
    """The verdicts of earlier runs, as they came."""
    return [msgspec.json.decode(line, type=Verdict) for line in file.read_bytes().splitlines()] if file.is_file() else []


def newest(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The last verdict of each seed and fault."""
    return list({(each.seed, each.fault): each for each in verdicts}.values())


def markdown(verdicts: Sequence[Verdict]) -> str:
    """The matrix, and what each fault does."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * 3 + "---:|" * 7 + "---|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows(verdicts)]
    lines += ["", *(f"- `{kind.name}`: {kind.what}." for kind in chosen(sorted({each.fault for each in verdicts})))]
    return "\n".join(lines) + "\n"
