"""The truth ledger: what was planted into the market, when, how big it was meant to be and became. Saved as STATE/truth.json.

Whether a seed *qualifies* is for the scorecard to say, from the trades and the rule's formula (docs/FOLDS.md).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from ctc.errors import SessionError


class Seeded(msgspec.Struct, frozen=True, kw_only=True):
    """One planted anomaly. `rules` may fire on it if it is large enough, `rule` is the one that it was sized for.

    [start, end) is the rule's window (whales: their millisecond; a de-peg: all its minutes). `intended` and `planted` are
    on the scale of `measure`: quote_volume, z_score, robust_score (both by the simulator's own floats, over the bars of the
    session so far), spread_pct (raw) or peg (depth). Ids are of the kind that the session's tape holds. For volume and
    spread `trade_count`, `quote_volume` and the first and last id span the whole window of `native_symbol`; `trade_ids`
    lists whales' prints. `prints` counts single prints inside.
    """

    id: str
    type: str
    rule: str
    rules: tuple[str, ...]
    exchange: str
    symbol: str
    native_symbol: str
    kind: str
    start: datetime
    end: datetime
    size: str
    measure: str
    intended: Decimal
    planted: Decimal | None
    side: str | None
    trade_count: int
    prints: int
    first_trade_id: int | None
    last_trade_id: int | None
    quote_volume: Decimal
    trade_ids: tuple[int, ...] = ()


class Ledger:
    """Collects what was planted; a seed seen again (after a resume) replaces itself. Seeds that are over several minutes widen."""

    def __init__(self, state: Path, name: str, seed: int) -> None:
        self._path = state / "truth.json"
        self._head = {"session": name, "seed": seed}
        self._seeds: dict[str, Seeded] = {}

    def load(self) -> None:
        """Take over what an earlier run of this session wrote."""
        if self._path.is_file():
            self._seeds = {seed.id: seed for seed in load_truth(self._path.parent)}

    def add(self, planted: tuple[Seeded, ...]) -> None:
        """Enter a minute's seeds and replace the file if there are any."""
        if not planted:
            return
        self._seeds.update({seed.id: seed for seed in planted})
        self.save()

    def save(self) -> None:
        """Replace STATE/truth.json; readers never see half of it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        body = {**self._head, "seeds": sorted(self._seeds.values(), key=lambda seed: (seed.start, seed.id))}
        scratch = self._path.with_suffix(".new")
        scratch.write_bytes(msgspec.json.format(msgspec.json.encode(body), indent=1))
        scratch.replace(self._path)


class _File(msgspec.Struct):
    session: str
    seed: int
    seeds: list[Seeded]


def load_truth(state: Path) -> list[Seeded]:
    """What was planted so far in the session in `state`, in order of time. Seeds appear up to a minute ahead of the market."""
    path = state / "truth.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File).seeds
    except FileNotFoundError:
        raise SessionError(f"{path} is missing: no simulated exchange has run in this folder; start one with `ctc sim`") from None
