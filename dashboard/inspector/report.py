"""What the scorecard's page needs of a session's report (sim/report.py writes all of it).

Not in the page itself: Streamlit runs that as a script without a module, where msgspec can't look names up.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Card(msgspec.Struct):
    """The verdict, a row a rule, and what was compared with the reference."""

    ok: bool
    verdict: list[str]
    rules: list[dict[str, Any]]
    equality: list[dict[str, Any]]


class Report(msgspec.Struct):
    """One session that was run to its end."""

    session: str
    simulated: bool
    seed: int | None
    scorecard: Card
