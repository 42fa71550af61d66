"""Every source of the settings is wired, and says what it can't do."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

from ctc.errors import ConfigError
from ctc.settings import Settings, StreamSettings, load_profile
from ctc.spark.kafka import kafka_records
from ctc.spark.kinesis import kinesis_records
from ctc.spark.session import SOURCE_JARS
from ctc.wiring import record_source, stream_lags, trade_shards

READERS = {"kinesis": kinesis_records, "kafka": kafka_records}
SOURCES = get_args(get_type_hints(StreamSettings)["source"])


def on(source: str) -> Settings:
    return load_profile("sim", {"stream.source": source, "stream.bootstrap": "127.0.0.1:9"})


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_has_its_reader_and_its_jars(source: str) -> None:
    assert record_source(on(source)) is READERS[source]
    assert source in SOURCE_JARS


def test_kafka_is_not_read_as_if_it_had_shards_of_kinesis() -> None:
    assert stream_lags(on("kafka")) is None
    with pytest.raises(ConfigError, match=r"Kafka topic trades at 127\.0\.0\.1:9"):
        trade_shards(on("kafka"))
