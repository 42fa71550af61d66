"""Every source of the settings is wired."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

from ctc.aws.kinesis_shards import KinesisShards
from ctc.kafka.shards import KafkaShards
from ctc.settings import Settings, StreamSettings, load_profile
from ctc.spark.kafka import kafka_records
from ctc.spark.kinesis import kinesis_records
from ctc.spark.session import SOURCE_JARS
from ctc.stream.lags import ShardLags
from ctc.wiring import record_source, stream_lags, trade_shards

READERS = {"kinesis": kinesis_records, "kafka": kafka_records}
SHARDS = {"kinesis": KinesisShards, "kafka": KafkaShards}
SOURCES = get_args(get_type_hints(StreamSettings)["source"])


def on(source: str) -> Settings:
    return load_profile("sim", {"stream.source": source, "stream.bootstrap": "127.0.0.1:9"})


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_has_its_reader_and_its_jars(source: str) -> None:
    assert record_source(on(source)) is READERS[source]
    assert source in SOURCE_JARS


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_is_read_by_shards_and_asked_for_its_lags(source: str) -> None:
    assert type(trade_shards(on(source))) is SHARDS[source]
    assert isinstance(stream_lags(on(source)), ShardLags)
