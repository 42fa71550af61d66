"""The platform's own session on what Terraform made: simulated exchanges, producer, Spark and API, to their end and their scorecard."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ctc.errors import SetupError
from ctc.processes import port_is_free, spawn
from ctc.settings import Settings, as_environment, child_environment

MARKET = ("--minutes", "45", "--rate", "0.5", "--seed", "7")
WITHIN_S = 3600


def chosen(settings: Settings) -> dict[str, str]:
    """Where the emulator and the simulated exchanges are, as settings that everything is told, Terraform's functions among them."""
    venues = {f"exchanges.{name}.{what}": getattr(venue, what) for name, venue in settings.exchanges.items() for what in ("ws", "rest")}
    return {"aws.endpoint": settings.aws.endpoint, **venues}


def run_session(settings: Settings, told: Mapping[str, str], state: Path) -> dict[str, Any]:
    """The report of a session with these settings, all of whose scorecard holds. SetupError, with its last words, when it does not."""
    own = {
        "aws.emulator": "",  # it is there
        "spark.checkpoints": "",  # the local Spark has no file system for S3
        "producer.patience_s": "60",  # a starved process is no silent exchange
        "api.port": str(settings.api.port),
        "inspector.port": str(settings.inspector.port),
    }
    report = state.with_suffix(".json")
    words = ["sim", "--exit", *MARKET, "--state", str(state), "--report", str(report)]
    done = subprocess.run(
        [sys.executable, "-c", "from ctc.cli.main import main; main()", *words],
        env=child_environment(state, as_environment({**told, **own}, "sim")),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )
    if done.returncode:
        raise SetupError(f"the session failed (exit status {done.returncode})\n{(done.stdout + done.stderr)[-6000:]}")
    found: dict[str, Any] = json.loads(report.read_text())
    return found


@contextmanager
def exchanges(settings: Settings, state: Path) -> Iterator[None]:
    """The simulated exchanges of a session that has ended: they answer for its past."""
    server = spawn("exchange", ("sim.exchange", "--resume"), state)
    ports = [int(settings.exchanges[name].rest.rpartition(":")[2]) for name in settings.session.exchanges]
    try:
        while any(map(port_is_free, ports)):
            if server.wait(0.2) is not None:
                raise SetupError(f"the simulated exchanges ended:\n{server.tail()}")
        yield
    finally:
        server.stop()
