"""A small session with real data: simulated exchanges, the producer, the emulator, and the queries' own folds without Spark."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import msgspec
import pyarrow as pa

from ctc.aws.alerts import DynamoAlerts
from ctc.aws.dead_letters import DeadLetters
from ctc.aws.kinesis_shards import KinesisShards
from ctc.aws.lakehouse import TableAppender, rows_of_bars, rows_of_spreads
from ctc.aws.metrics import DynamoMetrics
from ctc.cli.live import with_ports
from ctc.codec import encode_line, pack
from ctc.detect.fold import SymbolFold
from ctc.exchanges import exchange
from ctc.ports import Record
from ctc.processes import locked
from ctc.producer.main import parse, producer_of
from ctc.settings import Settings, load_profile, save_state
from ctc.spark.lake import LakeFold, from_ipc
from ctc.stream.tail import Tail
from ctc.wiring import create_resources, stream_writers
from sim.emulator import MiniStack
from sim.exchange.__main__ import build
from sim.exchange.engine import Engine
from sim.plan import FIXED_START, make_plan, save_plan
from sim.wallet_lake import put_scores

MINUTES, SEED = 4, 7
_FRAME = b'{"e":"aggTrade","E":%d,"s":"BTCUSDT","a":1,"p":"67432.50","q":"0.25","f":1,"l":1,"T":%d,"m":false,"M":true}'


@contextmanager
def small_session(state: Path) -> Iterator[Settings]:
    """A session over MINUTES of the simulated market, all of it through; it seems to run while the block does."""
    settings = with_ports(load_profile("sim"), True, exchanges=True)
    save_state(settings, state)
    with locked(state):
        emulator = MiniStack(settings, state)
        emulator.start()
        try:
            create_resources(settings)
            asyncio.run(_produce(settings, state))
            _fold(settings)
            put_scores(settings, SEED)
            yield settings
        finally:
            emulator.stop()


async def _produce(settings: Settings, state: Path) -> None:
    plan = make_plan(SEED, FIXED_START, MINUTES * 60, settings)
    save_plan(plan, state)
    engine = Engine(plan, state)
    assert plan.end is not None
    async with AsyncExitStack() as stack:
        for venue, ports in build(engine, settings).items():
            for port in sorted(ports):
                server = await venue.start(port)
                stack.callback(server.close)
        market = asyncio.create_task(engine.run())
        trades, dead = stream_writers(settings)
        await producer_of(settings, state, parse(["--until", plan.end.isoformat()]), trades, dead).run()
        market.cancel()
        await asyncio.gather(market, return_exceptions=True)
        engine.close()
    for key, data in _bad_records(settings):
        trades.put([Record(key, data)])


def _bad_records(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """What no producer of ours writes."""
    ms = 1_768_478_400_000
    reader = exchange("binance", settings.exchanges["binance"].names)
    trade = reader.read(_FRAME % (ms, ms)).trades[0]
    yield "BTC-USDT", pack([encode_line(msgspec.structs.replace(trade, symbol="DOGE-USDT")), b'{"symbol":"BTC-USDT","price":', b"\xff\xfe"])


def _fold(settings: Settings) -> None:
    """What the queries `lake` and `detect` would write of the stream."""
    records: dict[str, list[tuple[str, str, bytes, int]]] = defaultdict(list)
    tail = Tail(KinesisShards(settings, settings.stream.trades), oldest=True)
    while not tail.at_tip:
        for shard, entry in tail.read():
            records[entry.key].append((shard, entry.sequence_number, entry.data, entry.arrival_us))
    alerts, metrics, appender = DynamoAlerts(settings), DynamoMetrics(settings), TableAppender(settings)
    for number, (symbol, found) in enumerate(sorted(records.items())):
        outcomes = SymbolFold(symbol, settings).take_records([record[:3] for record in found], frozenset({symbol}))
        alerts.put(outcomes.alerts)
        metrics.put([outcomes.snapshot], outcomes.bars, outcomes.spreads)
        rows = list(LakeFold(symbol, settings, None).take(found))
        tables = {
            "volume_aggregates": [rows_of_bars(outcomes.bars)],
            "spreads": [rows_of_spreads(outcomes.spreads)],
            "raw_trades": [from_ipc(row.trade_rows) for row in rows if row.trade_rows],
            "gaps": [from_ipc(row.gap_rows) for row in rows if row.gap_rows],
        }
        for name, parts in tables.items():
            if parts:
                appender.append_once(name, pa.concat_tables(parts), query=f"page-{symbol}", run="page", batch_id=0)
        for row in rows:
            if row.reject_rows:
                DeadLetters(settings).put("page", number, symbol, row.reject_rows)
