"""Frames that are garbage."""

from __future__ import annotations

import random
from collections import Counter

from sim.faults.facts import Facts
from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground
from sim.faults.market import VENUES, garbage

FRAMES = 50


class MalformedFrames(Fault):
    """Each is in the dead-letter queue, byte for byte, and stops nothing."""

    name = "malformed_frames"
    part = "exchange sockets"
    what = f"{FRAMES} frames between the others that are no JSON, cut-off JSON, no UTF-8, or trades that break a field"
    group = "sockets"

    def __init__(self) -> None:
        self._sent: Counter[bytes] = Counter()

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        venue = rng.choice(VENUES)
        for _ in range(5):
            payloads = [garbage(venue, rng, ground.counts[self.name] + number) for number in range(FRAMES // 5)]
            wires = ground.inject(venue, payloads) // len(payloads)
            ground.counts[self.name] += wires * len(payloads)
            self._sent.update(payload for payload in payloads for _ in range(wires))
            yield ground.market_passes(5)

    def verify(self, ground: Ground, facts: Facts) -> list[str]:
        held = Counter(raw for letters in facts.letters.values() for raw in letters)
        return [
            f"the frame {raw[:60]!r} was sent {count} times and is {held[raw]} times in the dead-letter queue"
            for raw, count in self._sent.items()
            if held[raw] != count
        ]
