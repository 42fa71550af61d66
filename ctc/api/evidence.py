"""The trades behind an alert, from the lake."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from threading import BoundedSemaphore
from typing import Any

import msgspec

from ctc.api.models import EvidenceTrade
from ctc.errors import CtcError
from ctc.lineage import trades_behind
from ctc.model import Alert
from ctc.ports import LakeReader

log = logging.getLogger(__name__)

MOST = 50
AT_ONCE, WAIT_S = 3, 5.0  # questions to the lake: so that they never take all the threads that answer
COLUMNS = ", ".join(EvidenceTrade.__struct_fields__)


class Trades(msgspec.Struct, frozen=True):
    """The largest trades behind an alert, how many there are, and why there are none."""

    trades: list[EvidenceTrade] = []
    total: int = 0
    absent: str | None = None


Trace = Callable[[Alert], Trades]


def no_lake(alert: Alert) -> Trades:
    """What the API says where it has no lake to read."""
    return Trades(absent="trades are not read here: ask the lake, with Athena or `ctc query`")


class LakeTrace:
    """A `Trace` over the lake, which is opened at the first question."""

    def __init__(self, open_lake: Callable[[], LakeReader]) -> None:
        self._lake = cache(open_lake)
        self._busy = BoundedSemaphore(AT_ONCE)

    def __call__(self, alert: Alert) -> Trades:
        """The largest trades; what goes wrong is said, not raised, since the alert itself can be shown."""
        if not self._busy.acquire(timeout=WAIT_S):
            return Trades(absent="the lake is busy with other questions; ask again")
        try:
            return self._trace(alert)
        finally:
            self._busy.release()

    def _trace(self, alert: Alert) -> Trades:
        condition, values = trades_behind(msgspec.structs.asdict(alert))
        sql = (
            f"select {COLUMNS}, count(*) over () as total from raw_trades where {condition} "  # noqa: S608 - only names and placeholders
            f"order by quote_volume desc, trade_id limit {MOST}"
        )
        try:
            rows: list[dict[str, Any]] = self._lake().query(sql, values).to_pylist()
        except CtcError as error:
            log.warning("the lake gave no trades: %s", error)
            return Trades(absent="the lake does not answer")
        if not rows:
            return Trades(absent="not in the lake: it takes trades in some seconds after they were seen, and forgets old ones")
        return Trades(trades=[msgspec.convert(row, EvidenceTrade) for row in rows], total=rows[0]["total"])
