"""The producer's way into the configured emulator: what it sent can be read back, in order and exact."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from fakes_exchange import agg_trade, run, until

from ctc.aws.clients import client
from ctc.aws.kinesis import KinesisWriter
from ctc.codec import read_record
from ctc.model import Heartbeat, Trade
from ctc.producer.main import producer_of
from ctc.settings import Settings

pytestmark = pytest.mark.emulator


def test_replay_into_the_emulator_can_be_read_back(emulator: Settings, tmp_path: Path) -> None:
    kinesis = client("kinesis", emulator)
    stream = emulator.stream.trades
    kinesis.create_stream(StreamName=stream, ShardCount=2)
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(agg_trade(i, i * 10, ("BTCUSDT", "ETHUSDT")[i % 2]) for i in range(5000)))

    async def test() -> None:
        await until(lambda: kinesis.describe_stream(StreamName=stream)["StreamDescription"]["StreamStatus"] == "ACTIVE")
        options = argparse.Namespace(replay=[path], speed="max", until=None)
        await producer_of(emulator, tmp_path, options, KinesisWriter(kinesis, stream), KinesisWriter(kinesis, "none")).run()

    run(test())
    found: dict[str, list[int]] = {"BTC-USDT": [], "ETH-USDT": []}
    finals = 0
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
        for record in kinesis.get_records(ShardIterator=iterator, Limit=10_000)["Records"]:
            for line in read_record(record["Data"]):
                if isinstance(line, Trade):
                    assert record["PartitionKey"] == line.symbol
                    found[line.symbol].append(line.trade_id)
                finals += isinstance(line, Heartbeat) and line.final
    assert found == {"BTC-USDT": list(range(0, 5000, 2)), "ETH-USDT": list(range(1, 5000, 2))}
    assert finals == 2
