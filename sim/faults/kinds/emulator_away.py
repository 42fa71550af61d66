"""Every AWS service away for a minute."""

from __future__ import annotations

import random

import httpx

from sim.faults.facts import Facts
from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground

AWAY_S = 60.0


class EmulatorAway(Fault):
    """The producer keeps what it can't send, Spark tries again, the API answers 503 and says so; then all go on."""

    name = "emulator_away"
    part = "Kinesis, DynamoDB, S3 and Glue"
    what = f"the emulator is stopped in order, is away for {AWAY_S:.0f} s, and is started again"
    group = "outages"
    behind_stream = True
    soaks = False
    within_s = 300.0

    def __init__(self) -> None:
        self._wrong: list[str] = []

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        ground.session.stop_emulator()
        ground.background.run(ground.aws.deaf())
        ground.counts[self.name] += 1
        yield ground.after(AWAY_S / 2)
        self._wrong += _not_503(ground)
        yield ground.after(AWAY_S / 2)
        ground.session.start_emulator()
        ground.background.run(ground.aws.listen())

    def verify(self, ground: Ground, facts: Facts) -> list[str]:
        return self._wrong


def _not_503(ground: Ground) -> list[str]:
    """What is wrong with the API's answer while its store is away."""
    try:
        answer = ground.api("/alerts")
    except httpx.TransportError as error:
        return [f"GET /alerts while the store is away: {error!r}"]
    problem = answer.headers.get("content-type", "").startswith("application/problem+json")
    right = answer.status_code == 503 and problem and "retry-after" in answer.headers
    return [] if right else [f"GET /alerts while the store is away: {answer.status_code} {answer.text[:200]}"]
