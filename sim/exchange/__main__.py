"""`python -m sim.exchange [--resume] [--rest-only]`: the exchanges of the session named by the environment, until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ctc.errors import ConfigError, CtcError
from ctc.settings import Settings, load_state, session_state
from sim.exchange.engine import Engine
from sim.exchange.venue import Venue
from sim.exchange.venues import VENUES
from sim.plan import load_plan


def build(engine: Engine, settings: Settings, rest_only: bool = False) -> dict[Venue, set[int]]:
    """The plan's venues, with the ports their settings name (REST may have one of its own).

    `rest_only` leaves the sockets' ports to something that relays to REST's: sockets are served on that as well.
    """
    found: dict[Venue, set[int]] = {}
    for name in engine.plan.kinds:
        listings = [item for item in engine.listings.values() if item.exchange == name]
        venue = VENUES[name](listings, engine)
        own = settings.exchanges[name]
        found[venue] = {_port(name, url) for url in ((own.rest,) if rest_only else (own.ws, own.rest))}
    engine.venues = list(found)
    return found


def _port(name: str, url: str) -> int:
    parts = urlsplit(url)
    if parts.hostname not in ("127.0.0.1", "localhost") or parts.port is None:
        raise ConfigError(f"exchanges.{name} is at {url}: a simulated exchange needs an address like ws://127.0.0.1:9443")
    return parts.port


async def run(state: Path, resume: bool, rest_only: bool = False) -> None:
    """Serve until SIGTERM or SIGINT; what was handed out is saved."""
    engine = Engine(load_plan(state), state, resume=resume)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    servers = [await venue.start(port) for venue, ports in build(engine, load_state(state), rest_only).items() for port in sorted(ports)]
    tasks = [asyncio.create_task(each) for each in (engine.run(), engine.keep(), stopped.wait())]
    try:
        await _until_stopped(tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        engine.close()
        for server in servers:
            server.close()
        await asyncio.gather(*(server.wait_closed() for server in servers))


async def _until_stopped(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Return when the last task is done; a failure of the others is raised at once."""
    waiting = set(tasks)
    while not tasks[-1].done():
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


def main() -> int:
    """Exit code 0 after SIGTERM, else the error's."""
    parser = argparse.ArgumentParser(prog="sim.exchange", description=__doc__)
    parser.add_argument("--resume", action="store_true", help="go on where this session's market stood")
    parser.add_argument("--rest-only", action="store_true", help="listen on the ports of `rest` alone: something else has those of `ws`")
    options = parser.parse_args()
    try:
        asyncio.run(run(session_state(), options.resume, options.rest_only))
    except CtcError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
