"""How quickly the API answers with a full store: each endpoint at a steady rate, from another process.

A latency counts from the time at which its request was due, so that a server that stalls can't hide it.
"""

from __future__ import annotations

import http.client
import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from bench.table import Row
from bench.writing import WORDS, writing
from ctc import status
from ctc.aws.alerts import DynamoAlerts
from ctc.aws.hot import create_tables
from ctc.aws.metrics import DynamoMetrics
from ctc.aws.quality import DynamoQuality
from ctc.aws.wallets import DynamoWallets
from ctc.cli.live import with_ports
from ctc.errors import CtcError
from ctc.model import Alert, Bar, GapLedger, IdSpan, Snapshot, SpaceLedger, Spread, to_us
from ctc.processes import spawn
from ctc.quality.counts import QualityBatch, Tally
from ctc.session import clear
from ctc.settings import Settings, load_profile, load_state, save_state
from ctc.wallets import AlphaRules, Role, Score, SkillReport, Tape, scored
from ctc.wallets.episodes import ROLES
from ctc.wiring import emulator
from sim.plan import FIXED_START

RATE = 200
CLIENTS = 24
WRITE_AT_ONCE = 2_000
NOW = FIXED_START + timedelta(hours=24)
WALLETS = [f"0x{number:040x}" for number in range(500)]
BARE = """
import asyncio
async def answer(reader, writer):
    while line := await reader.readline():
        if line == b"\\r\\n":
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    writer.close()
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
Say = Callable[[str], None]


def api(state: Path, say: Say, alerts: int, seconds: float) -> list[Row]:
    """p50 and p99 of each endpoint, with that many alerts of the last 24 hours stored."""
    clear(state)
    settings = with_ports(load_profile("sim", {"api.requests_per_s": 100_000, "api.burst": 100_000}), True, exchanges=True)
    save_state(settings, state)
    server = emulator(settings, state)
    assert server is not None  # the profile names one
    server.start()
    try:
        create_tables(settings)
        say(f"storing {alerts:,} alerts")
        ids = _fill(settings, alerts)
        child = spawn("api", ("ctc.api",), state)
        try:
            url = _url(state, child.poll)
            with writing(state):
                beside = f"{RATE} requests/s, {alerts:,} alerts and {len(WALLETS)} wallets stored, {WORDS}"
                return measure(url, ids, seconds, say, beside, wallets=WALLETS)
        finally:
            child.stop(30.0)
    finally:
        server.stop()


def of_running(url: str, say: Say, seconds: float, filled: Path | None, alerts: int) -> list[Row]:
    """The same of a running session, with what it holds; its limits per client must let `RATE` pass (`CTC_API__REQUESTS_PER_S`).

    `filled` is the session's folder: that many alerts are stored in it first, over the 24 hours before its clock.
    """
    try:
        found = httpx.get(f"{url}/alerts", params={"limit": 200}, trust_env=False).raise_for_status().json()
        now = datetime.fromisoformat(httpx.get(f"{url}/session", trust_env=False).raise_for_status().json()["clock"])
    except httpx.HTTPError as error:
        raise CtcError(f"the API at {url} does not answer: {error}") from error
    ids, beside = [alert["alert_id"] for alert in found["alerts"]], f"{RATE} requests/s, the pipeline running"
    if filled is not None:
        say(f"storing {alerts:,} alerts")
        ids += _fill_alerts(load_state(filled), alerts, now)
        beside += f", {alerts:,} alerts stored"
    return measure(url, ids, seconds, say, beside, now)


def measure(url: str, ids: list[str], seconds: float, say: Say, beside: str, now: datetime = NOW, wallets: Sequence[str] = ()) -> list[Row]:
    """A row for each endpoint of the API at this URL; `ids` are of alerts that it has, `wallets` of scores, `now` is its stream's clock."""
    rows = []
    for name, paths in _paths(ids, wallets, now).items():
        say(f"GET {name}")
        _at_a_rate(url, paths, 2.0)  # warm
        p50, p99 = _percentiles(url, paths, seconds)
        with _bare() as bare:
            least = _percentiles(bare, _always("/"), seconds / 2)[1]
        more = f"p50 {p50:.1f} ms, {beside}; a server that answers nothing else: p99 {least:.1f} ms"
        rows.append(Row(section="api", what=f"GET {name}, p99", value=p99, unit="ms", aim="50 ms", beside=more, ratio=p99 / least))
    return rows


def _percentiles(url: str, paths: Iterator[str], seconds: float) -> tuple[float, float]:
    """p50 and p99 in milliseconds."""
    found = sorted(_at_a_rate(url, paths, seconds))
    return 1000 * found[len(found) // 2], 1000 * found[int(0.99 * (len(found) - 1))]


@contextmanager
def _bare() -> Iterator[str]:
    """The URL of the least that a Python process can do with a request: what this machine, as busy as it is, adds to each figure."""
    process = subprocess.Popen([sys.executable, "-c", BARE], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # it is a pipe
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


def _paths(ids: list[str], wallets: Sequence[str], now: datetime) -> dict[str, Iterator[str]]:
    rng = random.Random(7)
    places = [f"{int((now - timedelta(seconds=rng.uniform(0, 7200))).timestamp() * 1e6)}.{uuid.UUID(int=0)}" for _ in range(500)]
    fixed = (
        "/alerts?type=whale&symbol=BTC-USDT",
        "/alerts?severity=critical",
        "/whales",
        "/symbols",
        "/metrics/BTC-USDT",
        "/bars/BTC-USDT",
        "/spreads/BTC-USDT",
        "/gaps/BTC-USDT",
        "/quality?step=10",
    )
    of_wallets = {
        "/wallets": _always("/wallets"),
        "/wallets?flagged=true": _always("/wallets?flagged=true"),
        "/wallets/{address}, any": (f"/wallets/{rng.choice(wallets)}" for _ in _always("")),
    }
    return {
        "/alerts": _always("/alerts"),
        "/alerts?cursor=, anywhere in the last two hours": (f"/alerts?cursor={rng.choice(places)}" for _ in _always("")),
        "/alerts/{alert_id}?trades=false, any": (f"/alerts/{rng.choice(ids)}?trades=false" for _ in _always("")),
        **{path: _always(path) for path in fixed},
        **(of_wallets if wallets else {}),
        "/session": _always("/session"),
        "/health": _always("/health"),
    }


def _always(path: str) -> Iterator[str]:
    while True:
        yield path


def _at_a_rate(url: str, paths: Iterator[str], seconds: float) -> list[float]:
    """Seconds from each request's due time to its answer. Raises CtcError for an answer that is no 200."""
    host = urlsplit(url).netloc
    wanted = [next(paths) for _ in range(int(RATE * seconds))]
    began = time.perf_counter() + 0.05
    pause = threading.Event()

    def client(number: int) -> list[float]:
        connection = http.client.HTTPConnection(host, timeout=30)
        found = []
        for index in range(number, len(wanted), CLIENTS):
            due = began + index / RATE
            pause.wait(max(0.0, due - time.perf_counter()))
            connection.request("GET", wanted[index])
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise CtcError(f"GET {wanted[index]} answered {answer.status}")
            found.append(time.perf_counter() - due)
        connection.close()
        return found

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [latency for each in pool.map(client, range(CLIENTS)) for latency in each]


def _url(state: Path, ended: Callable[[], int | None]) -> str:
    deadline, pause = time.monotonic() + 60, threading.Event()
    while time.monotonic() < deadline and ended() is None:
        if url := (status.read(state, "api") or {}).get("url"):
            return str(url)
        pause.wait(0.1)
    raise CtcError(f"the API did not start: see {state / 'logs'}")


def _fill_alerts(settings: Settings, count: int, now: datetime) -> list[str]:
    rng = random.Random(1)
    store = DynamoAlerts(settings)
    step = timedelta(hours=24) / count
    made = [an_alert(rng, settings.session.symbols[number % 3], now - step * number - timedelta(seconds=1)) for number in range(count)]
    for start in range(0, count, WRITE_AT_ONCE):
        store.put(made[start : start + WRITE_AT_ONCE])
    return [alert.alert_id for alert in made]


def _fill(settings: Settings, count: int) -> list[str]:
    ids = _fill_alerts(settings, count, NOW)
    bars = [
        a_bar(symbol, venue, minute)
        for symbol in settings.session.symbols[:3]
        for venue in settings.session.exchanges
        for minute in range(1440)
    ]
    spreads = [a_spread(symbol, step) for symbol in settings.session.symbols[:3] for step in range(2880)]
    metrics = DynamoMetrics(settings)
    metrics.put([a_snapshot(symbol, NOW, 1000) for symbol in settings.session.symbols], bars, spreads)
    for symbol in settings.session.symbols:
        metrics.put_ledger(symbol, GapLedger(spaces={"binance|spot|BTCUSDT|aggTrade": _ids()}))
    DynamoQuality(settings).put(QualityBatch(query="lake", run="bench", batch_id=1, tallies=[_tally(minute) for minute in range(1440)]))
    tape = Tape(snapshot=1, trades=100_000, coins=["BTC", "ETH"], since=NOW - timedelta(days=14), until=NOW)
    DynamoWallets(settings).put(*scored([_skill(role, horizon) for role in ROLES for horizon in (300, 3600)], tape, AlphaRules()))
    return ids


def _skill(role: Role, horizon_s: int) -> SkillReport:
    """A report in which every tenth wallet is flagged."""
    scores = [
        Score(
            wallet=wallet, episodes=40, days=14, mean_bp=3.2, error_bp=1.1, p_value=0.001,
            alpha_bp=2.4, low_bp=0.3, high_bp=4.5, p_positive=0.97, flagged=number % 10 == 0,
        )
        for number, wallet in enumerate(WALLETS)
    ]  # fmt: skip
    return SkillReport(
        role=role, horizon_s=horizon_s, verdict="wallets differ", scores=scores,
        between_bp=2.0, between_p=0.001, mean_bp=-3.1, unpriced=3, too_few=900,
    )  # fmt: skip


def _ids() -> SpaceLedger:
    """As many spans as a ledger keeps."""
    spans = [
        IdSpan(space="", state="backfilled", first_id=n * 1000, last_id=n * 1000 + 99, trades=100, started_at=NOW, ended_at=NOW)
        for n in range(100)
    ]
    return SpaceLedger(first_id=1, last_id=100_000, newest=NOW, ids={"received": 90_000, "backfilled": 10_000}, noted=spans)


def _tally(minute: int) -> Tally:
    start = FIXED_START + timedelta(minutes=minute)
    return Tally("BTC-USDT", to_us(start), kept=3000, passed=2990, failed=4, rules={"price_positive": 4})


def an_alert(rng: random.Random, symbol: str, at: datetime) -> Alert:
    """An alert as large as they get."""
    kind: Any = rng.choice(("volume_spike", "whale", "spread"))
    rule = {"volume_spike": "volume.z", "whale": "whale.single", "spread": "spread.raw"}[kind]
    amount = Decimal(rng.randrange(10**12)).scaleb(-6)
    start = at.replace(second=0, microsecond=0)
    return Alert(
        alert_id=str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        type=kind,
        rule=rule,
        revision=1,
        final=True,
        exchange=rng.choice(("binance", "coinbase")),
        symbol=symbol,
        severity=rng.choices(("low", "medium", "high", "critical"), (60, 25, 10, 5))[0],
        detected_at=at,
        event_time=at,
        threshold=Decimal("2.5"),
        message=f"{symbol} volume 3.3x above 1h average on Binance",
        window_start=start,
        window_end=start + timedelta(minutes=1),
        quote_volume=amount,
        z_score=Decimal("3.2"),
        window_volume=amount,
        rolling_mean=amount,
        rolling_std=amount,
        baseline_bars=60,
        shard="shardId-000000000000",
        sequence_number="49600000000000000000000000000000000000000000000000000042",
        position=1,
    )


def a_bar(symbol: str, venue: str, minute: int) -> Bar:
    """The bar of a minute since the market's first."""
    start = FIXED_START + timedelta(minutes=minute)
    values = {name: Decimal("123456.789") for name in ("volume", "quote_volume", "rolling_mean", "rolling_std", "z_score", "robust_score")}
    return Bar(
        exchange=venue, symbol=symbol, window_start=start, window_end=start + timedelta(minutes=1),
        trade_count=100, complete=True, baseline_bars=60, **values,
    )  # fmt: skip


def a_spread(symbol: str, step: int) -> Spread:
    """The spread of a half minute since the market's first."""
    start = FIXED_START + timedelta(seconds=30 * step)
    names = [name for name in Spread.__struct_fields__ if name not in ("symbol", "window_start", "window_end")]
    return Spread(symbol=symbol, window_start=start, window_end=start + timedelta(seconds=30), **dict.fromkeys(names, Decimal("1.2345678")))


def a_snapshot(symbol: str, now: datetime, trades: int) -> Snapshot:
    """A symbol's values at a moment."""
    both = {"binance": Decimal("67432.5"), "coinbase": Decimal("67445")}
    return Snapshot(
        symbol=symbol, current_price=both, spread_pct=Decimal("0.01"), volume_1h=both, anomaly_count_24h=7, last_whale=None,
        updated_at=now, clock=now, newest_trade=dict.fromkeys(both, now), trades=trades, duplicates=0, late=0,
    )  # fmt: skip
