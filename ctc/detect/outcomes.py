"""What a fold says about a piece of a log."""

from __future__ import annotations

import msgspec

from ctc.model import Alert, Bar, Snapshot, Spread
from ctc.quality.dedup import Gap


class Findings(msgspec.Struct):
    """The lists that the detectors of one fold append to, in the order of what is said."""

    alerts: list[Alert] = []
    bars: list[Bar] = []
    spreads: list[Spread] = []


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """All that a piece of a symbol's log led to, each list in the order in which it was said; `snapshot` is after it."""

    alerts: list[Alert]
    bars: list[Bar]
    spreads: list[Spread]
    gaps: list[Gap]
    snapshot: Snapshot
