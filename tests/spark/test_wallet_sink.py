"""`wallet_trades` on real Spark: beside `raw_trades`, from the same batch, once, whatever was killed between the two commits."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes_hot import MemoryMetrics, MemoryQuality
from pyspark.sql import DataFrame, SparkSession

from ctc.aws.lakehouse import create_tables
from ctc.aws.query import LakeReader
from ctc.codec import encode_line, pack
from ctc.exchanges import exchange
from ctc.model import Trade
from ctc.quality.counts import Totals
from ctc.schema import RAW_TRADES, WALLET_TRADES, Table
from ctc.settings import Settings
from ctc.spark.lake import PACKED, LakeFold
from ctc.spark.sinks import LakeSink

REALDATA = Path(__file__).parents[1] / "fixtures" / "realdata"
pytestmark = [pytest.mark.spark, pytest.mark.emulator, pytest.mark.timeout(600)]


class Nobody:
    """CloudWatch is not asked."""

    def publish(self, totals: Totals) -> None:
        assert totals.processed


def recorded(name: str, exchange_name: str, symbols: dict[str, str]) -> list[Trade]:
    reader = exchange(exchange_name, symbols)
    lines = gzip.decompress((REALDATA / name).read_bytes()).splitlines()
    return [trade for line in lines for trade in reader.read(line.partition(b" ")[2]).trades]


PERP = recorded("hyperliquid_btc_ws_20250126.excerpt.gz", "hyperliquid", {"BTC": "BTC-PERP"})
SPOT = recorded("binance_spot_btcusdt_20240808.excerpt.gz", "binance", {"BTCUSDT": "BTC-USDT"})[:50]


def batch(spark: SparkSession, settings: Settings, perps: list[Trade]) -> DataFrame:
    """Packed rows of both symbols, the perps sent twice."""
    rows = []
    for symbol, trades in (("BTC-PERP", perps * 2), ("BTC-USDT", SPOT)):
        data = pack(encode_line(trade) for trade in trades)
        rows += list(LakeFold(symbol, settings, None).take([("shardId-0", "77", data, 0)]))
    spark.sparkContext.setLocalProperty("sql.streaming.queryId", "a-run")
    return spark.createDataFrame(rows, PACKED)


def asked(settings: Settings, sql: str) -> list[dict[str, Any]]:
    reader = LakeReader(settings)
    try:
        return list(reader.query(sql).to_pylist())
    finally:
        reader.close()


def test_wallets_are_written_once_beside_their_trades(spark: SparkSession, emulator: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = msgspec.structs.replace(emulator, session=msgspec.structs.replace(emulator.session, symbols=("BTC-PERP", "BTC-USDT")))
    create_tables(settings)
    reports: list[dict[str, Any]] = []

    def sink() -> LakeSink:
        """That of a new process."""
        return LakeSink(settings, MemoryMetrics(), MemoryQuality(), Nobody(), lambda _, told: reports.append(told))

    commit = LakeSink._commit

    def killed(self: LakeSink, table: Table, rows: DataFrame, run: str, batch_id: int) -> None:
        if table is WALLET_TRADES:
            raise RuntimeError("killed between the two commits")
        commit(self, table, rows, run, batch_id)

    monkeypatch.setattr(LakeSink, "_commit", killed)
    with pytest.raises(RuntimeError, match="between the two commits"):
        sink()(batch(spark, settings, PERP), 0)
    monkeypatch.setattr(LakeSink, "_commit", commit)
    again = sink()
    again(batch(spark, settings, PERP), 0)
    again(batch(spark, settings, []), 1)  # no wallets in it
    sink()(batch(spark, settings, PERP), 0)  # long done
    assert [told["last"].get("wallets") for told in reports] == [64, None, 64]

    rows = asked(settings, "select * from wallet_trades order by trade_id")
    assert list(rows[0]) == WALLET_TRADES.names
    expected = sorted(PERP, key=lambda trade: trade.trade_id)
    assert len(rows) == len(expected) == 64
    for row, trade in zip(rows, expected, strict=True):
        assert trade.parties is not None
        assert (row["exchange"], row["symbol"], row["coin"], row["side"]) == ("hyperliquid", "BTC-PERP", "BTC", trade.side)
        assert (row["trade_id"], row["timestamp"], row["price"]) == (trade.trade_id, trade.timestamp, trade.price)
        assert (row["quantity"], row["quote_volume"]) == (trade.quantity, trade.quote_volume)
        assert (row["buyer"], row["seller"], row["hash"]) == (trade.parties.buyer, trade.parties.seller, trade.parties.hash)
        assert (row["shard"], row["sequence_number"], row["position"]) == ("shardId-0", "77", PERP.index(trade))
    joined = (
        f"select count(*) n from {RAW_TRADES.name} r join {WALLET_TRADES.name} w using (shard, sequence_number, position, trade_id, symbol)"
    )
    assert asked(settings, joined) == [{"n": 64}]
    assert asked(settings, "select count(*) n from raw_trades where symbol = 'BTC-PERP'") == [{"n": 64}]
