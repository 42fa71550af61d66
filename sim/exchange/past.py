"""`python -m sim.exchange.past --date D --state DIR`: a simulated market day that is over, by REST and as the archive's files.

`ctc fetch --state DIR --date D` fetches it. Nothing flows on its sockets.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path

from ctc.cli.live import with_ports
from ctc.errors import CtcError
from ctc.model import to_us
from ctc.settings import Settings, load_profile, save_state
from sim.exchange.archive import Archive, DayFiles
from sim.exchange.history import History
from sim.exchange.venue import Venue
from sim.exchange.venues import Binance, Coinbase
from sim.market import Market, Minute
from sim.plan import Plan, make_plan


class Past:
    """A plan whose span is over: what venues see of an engine, standing at the end of its last day."""

    minute: Minute

    def __init__(self, plan: Plan) -> None:
        assert plan.end is not None, "what has no end is never over"
        minutes = int((plan.end - plan.start).total_seconds()) // 60
        self.plan, self.history, self.archive = plan, History(minutes), Archive(plan)
        self.market = Market(plan)
        state = self.market.first_state()
        for day, some in groupby(range(minutes), lambda minute: (plan.start + timedelta(minutes=minute)).date()):
            files = DayFiles(self.market.listings.values(), day)
            for _ in some:
                self.minute, state = self.market.step(state)
                self.history.add(self.minute)
                files.add(self.minute)
            self.archive.put(day, files)
        end_us = to_us(datetime.combine((plan.end - timedelta(seconds=1)).date(), time(), UTC) + timedelta(days=1))
        self.history.position, self.position = end_us, 2 * end_us

    def subscriptions_changed(self) -> None:
        """Nothing waits for subscribers."""

    def venues(self) -> dict[str, Venue]:
        """Both exchanges over it."""
        listed = self.market.listings.values()
        return {
            "binance": Binance((item for item in listed if item.exchange == "binance"), self),
            "coinbase": Coinbase((item for item in listed if item.exchange == "coinbase"), self),
        }


def prepared(state: Path, day: date, minutes: int, seed: int, rate: float) -> tuple[Settings, Plan]:
    """Settings with free ports, in the folder, and the day's plan."""
    settings = with_ports(load_profile("sim"), True, exchanges=True)
    save_state(settings, state)
    start = datetime.combine(day, time(), UTC) + timedelta(days=1, minutes=-minutes)
    return settings, make_plan(seed, start, minutes * 60, settings, rate=rate)


async def serve(settings: Settings, plan: Plan) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    past = await asyncio.to_thread(Past, plan)
    servers = [await venue.start(int(settings.exchanges[name].rest.rpartition(":")[2])) for name, venue in past.venues().items()]
    sys.stderr.write(f"serving {plan.start:%Y-%m-%d %H:%M} to {plan.end:%Y-%m-%d %H:%M} UTC, simulated, seed {plan.seed}\n")
    sys.stderr.flush()
    await stopped.wait()
    for server in servers:
        server.close()
    await asyncio.gather(*(server.wait_closed() for server in servers))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 after a signal, else the error's, with one sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m sim.exchange.past", description="A simulated market day that is over.")
    parser.add_argument("--state", type=Path, required=True, metavar="DIR", help="the folder that `ctc fetch --state` is given")
    parser.add_argument("--date", type=date.fromisoformat, required=True, metavar="DAY", help="as in 2026-01-15")
    parser.add_argument("--minutes", type=int, default=1440, help="of the day's end in which the market trades")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1.0, help="multiplies the market's activity")
    options = parser.parse_args(arguments)
    try:
        settings, plan = prepared(options.state, options.date, options.minutes, options.seed, options.rate)
        asyncio.run(serve(settings, plan))
    except CtcError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
