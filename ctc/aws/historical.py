"""Files of past trades: `s3://RAW-BUCKET/historical/symbol=/date=/`, Parquet with the columns of `raw_trades`, and their table in Glue.

Beside them, under `historical/_progress/`, lies what of each market is there (names that begin with `_` are no data to Athena and Spark).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date
from itertools import groupby
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from ctc.aws.clients import client, translating
from ctc.aws.listing import folders_under, objects_under
from ctc.errors import StoreError
from ctc.model import Trade
from ctc.schema import RAW_TRADES
from ctc.settings import Settings
from ctc.sources.past import Market, Progress
from ctc.trade_rows import TRADES_ARROW, Placed, trade_columns

PREFIX = "historical/"
PROGRESS = f"{PREFIX}_progress/"
TABLE = "historical"
_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(Progress).decode
_HIVE = {"string": "string", "bigint": "bigint", "int": "int", "boolean": "boolean", "timestamp": "timestamp"}


class HistoryShelf:
    """`ctc.sources.past.Shelf` in the session's raw bucket."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._bucket = settings, settings.lake.raw_bucket
        self._store: Any = client("s3", settings)

    def progress(self, market: Market) -> Progress:
        """What is there of a market. Raises StoreError."""
        with translating(f"reading the progress of {market.name}", self._settings):
            try:
                body = self._store.get_object(Bucket=self._bucket, Key=self._key(market))["Body"].read()
            except self._store.exceptions.NoSuchKey:
                return Progress()
        try:
            return _DECODE(body)
        except msgspec.MsgspecError as error:
            raise StoreError(
                f"s3://{self._bucket}/{self._key(market)} is damaged ({error}): remove it, and its market is loaded anew"
            ) from error

    def put(self, market: Market, first: int, trades: Sequence[Trade]) -> None:
        """One file a day; the same piece has the same names."""
        for _, key, body in piece_files(market, first, trades, self._settings):
            with translating(f"writing s3://{self._bucket}/{key}", self._settings):
                self._store.put_object(Bucket=self._bucket, Key=key, Body=body)

    def note(self, market: Market, progress: Progress) -> None:
        """What is there now."""
        with translating(f"noting the progress of {market.name}", self._settings):
            self._store.put_object(Bucket=self._bucket, Key=self._key(market), Body=_ENCODE(progress))

    def markets(self) -> list[tuple[str, Progress]]:
        """Every market's name and progress."""
        found = []
        for key, _ in objects_under(self._settings, self._bucket, PROGRESS):
            body = self._store.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            found.append((key.removeprefix(PROGRESS).removesuffix(".json"), _DECODE(body)))
        return found

    @staticmethod
    def _key(market: Market) -> str:
        return f"{PROGRESS}{market.name}.json"


def piece_files(market: Market, first: int, trades: Sequence[Trade], settings: Settings) -> Iterator[tuple[str, str, bytes]]:
    """A piece as Parquet: day, key and bytes of its file of each day."""
    late_us, tolerance = settings.quality.late_after_s * 1_000_000, settings.quality.consistency_pct / 100
    by_day = sorted(trades, key=lambda trade: trade.timestamp.date())
    for day, some in groupby(by_day, key=lambda trade: trade.timestamp.date().isoformat()):
        columns = trade_columns([Placed(trade, None, None, None) for trade in some], late_us, tolerance)
        yield day, f"{PREFIX}symbol={market.symbol}/date={day}/{market.name}-{first:020}.parquet", to_parquet(columns)


def to_parquet(columns: pa.RecordBatch) -> bytes:
    """A file's bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_batches([columns]), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def files(settings: Settings, symbols: Sequence[str], first: date | None, last: date | None) -> Iterator[str]:
    """Keys of the files of these symbols and days, both ends within."""
    for symbol in symbols:
        prefix = f"{PREFIX}symbol={symbol}/date="
        for key, _ in objects_under(settings, settings.lake.raw_bucket, prefix):
            day = date.fromisoformat(key.removeprefix(prefix)[:10])
            if (first is None or day >= first) and (last is None or day <= last) and key.endswith(".parquet"):
                yield key


def read(settings: Settings, key: str) -> pa.Table:
    """The rows of one file, with the columns of `raw_trades`. Raises StoreError where it has others, or none."""
    place = f"s3://{settings.lake.raw_bucket}/{key}"
    with translating(f"reading {place}", settings):
        body = client("s3", settings).get_object(Bucket=settings.lake.raw_bucket, Key=key)["Body"].read()
    try:
        return pq.read_table(pa.BufferReader(body)).select(TRADES_ARROW.names).cast(TRADES_ARROW)
    except (pa.ArrowException, KeyError) as error:
        raise StoreError(
            f"{place} holds no trades ({error}): remove it, and its market under {PROGRESS}, to have it loaded anew"
        ) from error


def days(settings: Settings) -> Iterator[tuple[str, str]]:
    """Symbol and date of every day that there are files of, whoever put them."""
    bucket, symbols = settings.lake.raw_bucket, f"{PREFIX}symbol="
    for symbol in folders_under(settings, bucket, symbols):
        for day in folders_under(settings, bucket, f"{symbols}{symbol}/date="):
            yield symbol, day


def register(settings: Settings) -> int:
    """Put the table and a partition (symbol, date) for every day that there are files of in Glue's catalog; how many are new.

    What is there stays. The files say which days there are: a process that died after it had put some, registered none of them.
    """
    glue: Any = client("glue", settings)
    database, place = settings.lake.database, f"s3://{settings.lake.raw_bucket}/{PREFIX}"
    there = set(days(settings))
    with translating(f"registering {TABLE} in the Glue database {database}", settings):
        try:
            glue.create_table(DatabaseName=database, TableInput=_table(place))
        except glue.exceptions.AlreadyExistsException:
            pages = glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=TABLE, ExcludeColumnSchema=True)
            there -= {tuple(each["Values"]) for page in pages for each in page["Partitions"]}
        for symbol, day in sorted(there):
            partition = {"Values": [symbol, day], "StorageDescriptor": _storage(f"{place}symbol={symbol}/date={day}/")}
            with suppress(glue.exceptions.AlreadyExistsException):  # another process was first
                glue.create_partition(DatabaseName=database, TableName=TABLE, PartitionInput=partition)
    return len(there)


def _table(place: str) -> dict[str, Any]:
    return {
        "Name": TABLE,
        "Description": "Past trades from the exchanges' REST history, as files; the job `history` merges them into raw_trades",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet", "EXTERNAL": "TRUE"},
        "PartitionKeys": [{"Name": "symbol", "Type": "string"}, {"Name": "date", "Type": "string"}],
        "StorageDescriptor": _storage(place),
    }


def _storage(place: str) -> dict[str, Any]:
    columns = [column for column in RAW_TRADES.columns if column.name != "symbol"]
    return {
        "Columns": [{"Name": column.name, "Type": _HIVE.get(column.type, column.type)} for column in columns],
        "Location": place,
        "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
    }
