"""Spark killed exactly between a table's commit and the checkpoint's."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import msgspec

from ctc.aws.lakehouse import TableAppender
from sim.faults.aws_relay import Call, Forward, Reply
from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground

TABLES = {"raw_trades": "lake", "heartbeats": "lake", "volume_aggregates": "detect", "spreads": "detect", "anomalies": "detect"}


class BetweenCommits(Fault):
    """The batch comes again: its table has it already, and skips it.

    The relay kills the driver when Glue has taken the table's new metadata and before it answers, so the
    checkpoint can't know. That the table holds the batch and the checkpoint does not is looked up after.
    """

    name = "between_commits"
    part = "Spark"
    what = "SIGKILL when the catalog has taken a batch's commit (any of five tables) and the checkpoint has not"
    group = "kills"
    behind_stream = True
    within_s = 360.0

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        table = rng.choice(sorted(TABLES))
        pid = ground.session.pid("spark")
        struck: list[str] = []

        async def rule(call: Call, forward: Forward) -> Reply | None:
            reply = await forward(call.body)
            if struck or reply.status != 200 or msgspec.json.decode(call.body)["TableInput"]["Name"] != table:
                return reply
            struck.append(table)
            os.kill(pid, signal.SIGKILL)
            return None

        ground.rule("UpdateTable", rule)
        yield lambda: bool(struck)
        ground.rule("UpdateTable", None)
        yield ground.restarted("spark", pid)
        self._prove(ground, table)
        ground.counts[self.name] += 1

    def _prove(self, ground: Ground, table: str) -> None:
        checkpoint = Path(ground.direct.spark.checkpoints or ground.state / "checkpoints") / TABLES[table]
        run = msgspec.json.decode((checkpoint / "metadata").read_bytes())["id"]
        in_table = TableAppender(ground.direct).last_batch(table, TABLES[table], run)
        committed = max((int(path.name) for path in (checkpoint / "commits").iterdir() if path.name.isdigit()), default=-1)
        assert in_table is not None, f"{table} holds no batch"
        assert in_table > committed, f"{table} holds batch {in_table}, and the checkpoint has committed {committed}: not between them"
        ground.notes[self.name] = f"{table}: batch {in_table} in the table, {committed} in the checkpoint"
