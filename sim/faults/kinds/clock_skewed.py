"""An exchange whose clock is wrong."""

from __future__ import annotations

import random
import re
from datetime import datetime, timedelta

from ctc.model import to_us
from sim.faults.facts import Facts, Table
from sim.faults.fault import Fault, Script
from sim.faults.frames import Frame
from sim.faults.ground import Ground
from sim.faults.market import VENUES, iso

SKEW_US = 5_000_000
_MS = re.compile(rb'"([ET])":(\d+)')
_ISO = re.compile(rb'"time":"([^"]+)"')
_ID = re.compile(rb'"(?:a|t|trade_id)":(\d+)')
_MARKET = re.compile(rb'"(?:s|product_id)":"([^"]+)"')


class ClockSkewed(Fault):
    """No trade is refused or lost. Bars, spreads and alerts follow the times that were told: they are held to the session's own log."""

    name = "clock_skewed"
    part = "exchange sockets"
    what = "one exchange's clock is 5 s ahead, or 5 s behind, for two to four minutes, and then right again"
    group = "alone"
    soaks = False
    market_minutes = 4.5
    compared = ("raw_trades",)

    def __init__(self) -> None:
        self._skewed: dict[tuple[str, int], int] = {}

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        venue, skew = rng.choice(VENUES), rng.choice((-SKEW_US, SKEW_US))

        def tamper(frame: Frame) -> list[bytes] | None:
            if b'"last_match"' in frame.payload:
                return None
            if frame.is_trade:
                market, number = _MARKET.search(frame.payload), _ID.search(frame.payload)
                assert market is not None, frame.payload
                assert number is not None, frame.payload
                self._skewed[market[1].decode(), int(number[1])] = skew
                ground.counts[self.name] += 1
            return [shifted(frame.payload, skew)]

        ground.sockets.tampers[venue] = tamper
        yield ground.market_passes(rng.uniform(120, 240))
        del ground.sockets.tampers[venue]

    def expected(self, undisturbed: Facts, found: Facts) -> Facts:
        rows = [dict(row) for row in undisturbed.tables["raw_trades"].rows]
        for row in rows:
            skew = self._skewed.get((row["native_symbol"], row["trade_id"]))
            if skew is not None:
                row["raw_event_payload"] = shifted(row["raw_event_payload"].encode(), skew).decode()
                row["timestamp"] += timedelta(microseconds=skew)
        return Facts({**undisturbed.tables, "raw_trades": Table("raw_trades", rows)}, undisturbed.letters)


def shifted(payload: bytes, skew_us: int) -> bytes:
    """The frame with every time of the exchange moved."""
    if b'"time":"' in payload:
        return _ISO.sub(lambda found: b'"time":"%s"' % _moved(found[1], skew_us), payload)
    return _MS.sub(lambda found: b'"%s":%d' % (found[1], int(found[2]) + skew_us // 1000), payload)


def _moved(text: bytes, skew_us: int) -> bytes:
    return iso(to_us(datetime.fromisoformat(text.decode())) + skew_us).encode()
