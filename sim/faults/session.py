"""One session under the harness: relays around it, faults in it, and what it left behind."""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ctc.aws.query import LakeReader
from ctc.errors import CtcError
from ctc.model import to_us
from ctc.processes import HOST, free_ports
from ctc.session import Program, Session, opened_session, platform_programs
from ctc.settings import Settings, load_profile
from sim.compare import compare_hot, compare_lake, newest
from sim.faults.aws_relay import AwsRelay
from sim.faults.background import Background
from sim.faults.director import Director, Strike
from sim.faults.facts import Facts, read_facts
from sim.faults.fault import Fault
from sim.faults.folded import read_folded
from sim.faults.gate import Gate
from sim.faults.ground import Ground
from sim.faults.socket_relay import SocketRelay
from sim.plan import FIXED_START, Plan, make_plan, save_plan
from sim.report import all_alerts, reference_of, windows
from sim.run import Done

LOOK_S = 0.1
PATIENCE_S = 60  # so that a starved process is not taken for a silent exchange
BEHIND = ("spark", "api")
# Thresholds at which a short, quiet market has alerts of every kind.
OVERRIDES = {
    "volume.min_bars": 4,
    "whales.threshold": "20000",
    "spread.threshold_pct": "0.02",
    "spark.lake_trigger_s": 3,
}


class Shape(msgspec.Struct, frozen=True):
    """How much market a session has: minutes, and the rate of its trades; and whether Spark and the API are part of it.

    Where they are not (`whole` False), what the log comes to is computed by the platform's folds in this process (`sim.faults.folded`).
    """

    minutes: int = 14
    rate: float = 0.4
    whole: bool = True


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one session. `wrong` are sentences: stores against its own log, and what faults found."""

    seed: int
    faults: list[str]
    strikes: list[Strike]
    counts: dict[str, int]  # what faults counted
    notes: dict[str, str]
    facts: Facts | None
    wrong: list[str]
    took_s: float


class Seen:
    """What a session's faults have done so far; kept also when it fails."""

    def __init__(self) -> None:
        self.strikes: list[Strike] = []
        self.counts: Counter[str] = Counter()
        self.notes: dict[str, str] = {}


def session_settings(faults: Sequence[Fault], overrides: Mapping[str, object] = OVERRIDES) -> Settings:
    """Settings with free ports and the relays between; what the faults need is in them."""
    settings = load_profile("sim", {"producer.patience_s": PATIENCE_S, **overrides})
    ports = iter(free_ports(3 + 2 * len(settings.exchanges)))
    venues = {
        name: msgspec.structs.replace(venue, ws=f"ws://{HOST}:{next(ports)}", rest=f"http://{HOST}:{next(ports)}")
        for name, venue in settings.exchanges.items()
    }
    settings = msgspec.structs.replace(
        settings,
        aws=msgspec.structs.replace(settings.aws, emulator_port=next(ports), endpoint=f"http://{HOST}:{next(ports)}"),
        api=msgspec.structs.replace(settings.api, port=next(ports)),
        exchanges=venues,
    )
    for fault in faults:
        settings = fault.shaped(settings)
    return settings


def without_relay(settings: Settings) -> Settings:
    """The same with the emulator itself as the endpoint."""
    aws = msgspec.structs.replace(settings.aws, endpoint=f"http://{HOST}:{settings.aws.emulator_port}")
    return msgspec.structs.replace(settings, aws=aws)


def run_session(seed: int, faults: Sequence[Fault], shape: Shape, say: Callable[[str], None], keep: Path | None = None) -> Outcome:
    """Run it to its end and read what it left. A session that fails is an outcome too: its reason is in `wrong`.

    `keep`: the state stays in this folder; else it is removed where nothing is wrong.
    """
    folder = keep or Path(tempfile.mkdtemp(prefix="ctc-faults-"))
    began = time.monotonic()
    seen = Seen()
    facts: Facts | None = None
    wrong: list[str] = []
    try:
        facts, wrong = _run(seed, faults, shape, say, folder, seen)
    except (CtcError, AssertionError) as error:
        wrong = [f"{type(error).__name__}: {error}"]
    finally:
        for fault in faults:
            fault.close()
    if wrong:
        say(f"its state is kept in {folder}")
    elif keep is None:
        shutil.rmtree(folder, ignore_errors=True)
    return Outcome(
        seed=seed,
        faults=[fault.name for fault in faults],
        strikes=seen.strikes,
        counts=dict(seen.counts),
        notes=seen.notes,
        facts=facts,
        wrong=wrong,
        took_s=round(time.monotonic() - began, 1),
    )


def _run(seed: int, faults: Sequence[Fault], shape: Shape, say: Callable[[str], None], folder: Path, seen: Seen) -> tuple[Facts, list[str]]:
    settings = session_settings(faults)
    direct = without_relay(settings)
    plan = make_plan(seed, FIXED_START, shape.minutes * 60, settings, pace="max", rate=shape.rate)
    rng = random.Random(f"{seed} {' '.join(fault.name for fault in faults)}")
    with (
        surrounded(settings, to_us(plan.start)) as (background, aws, sockets, gate),
        opened_session(settings, folder, say, resume=False) as session,
    ):
        save_plan(plan, session.state)
        session.prepare()
        session.start(programs(plan, max((fault.producers for fault in faults), default=1), shape.whole))
        ground = Ground(session, direct, background, aws, sockets, gate, to_us(plan.start), end_us(plan), whole=shape.whole)
        director = Director(ground, faults, shape.minutes, rng)
        seen.strikes, seen.counts, seen.notes = director.strikes, ground.counts, ground.notes
        _lead(session, director, Done(session, say) if shape.whole else session.all_sent, say)
        facts, wrong = (read_facts(direct), own_log(direct)) if shape.whole else read_folded(direct)
        wrong += [line for fault in faults for line in fault.verify(ground, facts)]
    return facts, wrong


def end_us(plan: Plan) -> int:
    """When the market ends, in microseconds."""
    assert plan.end is not None
    return to_us(plan.end)


def _lead(session: Session, director: Director, done: Callable[[], bool], say: Callable[[str], None]) -> None:
    pause, said = threading.Event(), ""
    while not pause.wait(LOOK_S):
        session.keep_up()
        director.step()
        if director.doing != said:
            said = director.doing
            say(said)
        if director.done and done():
            return


def programs(plan: Plan, producers: int = 1, whole: bool = True) -> list[Program]:
    """The session's processes; the exchange leaves its sockets' ports to the relay."""
    market = Program("exchange", ("sim.exchange", "--rest-only"), again=("sim.exchange", "--rest-only", "--resume"))
    assert plan.end is not None
    platform = platform_programs(("--until", plan.end.isoformat()), producers)
    return [market, *(program for program in platform if whole or program.name not in BEHIND)]


@contextmanager
def surrounded(settings: Settings, start_us: int, gated: bool = True) -> Iterator[tuple[Background, AwsRelay, SocketRelay, Gate]]:
    """The relays that the settings name, listening."""
    gate = Gate(start_us)
    aws = AwsRelay(_port(settings.aws.endpoint), settings.aws.emulator_port)
    sockets = SocketRelay(gate if gated else None)
    with Background() as background:
        background.run(aws.listen())
        for name in settings.session.exchanges:
            venue = settings.exchanges[name]
            background.run(sockets.listen(name, _port(venue.ws), _port(venue.rest)))
        try:
            yield background, aws, sockets, gate
        finally:
            background.call(sockets.close)
            background.run(aws.deaf())


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def own_log(settings: Settings) -> list[str]:
    """Where the stores differ from the reference over the session's own log, in sentences."""
    lake = LakeReader(settings)
    try:
        with tempfile.TemporaryDirectory(prefix="ctc-log-") as folder:
            results = {symbol: reference_of(lake, symbol, settings, Path(folder)) for symbol in settings.session.symbols}
        wanted = newest(alert for result in results.values() for alert in result.alerts)
        rows = lake.query("select * from anomalies").to_pylist()
        checks = [compare_hot(wanted, all_alerts(settings)), compare_lake(wanted, rows), *windows(lake, results)]
        return [f"against its own log: {line}" for check in checks for line in check.sentences()]
    finally:
        lake.close()
