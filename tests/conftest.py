"""What every test may use: Settings of a running emulator, its names each test's own, and Spark in this process."""

from __future__ import annotations

import os
import signal
import uuid
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from ctc.processes import free_port
from ctc.settings import ROOT, Settings, become_child, load_profile, machine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from sim.kafka_broker import KafkaBroker


def pytest_configure() -> None:
    """Hear Ctrl-C: a shell has what it starts in the background ignore it, and so would every process of a test.

    And have no width of a terminal: readline, which pytest imports, tells every process that it starts of one with 80 columns.
    """
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked slow, unless `-m` speaks of it. PySpark in this process leaves its sockets to the garbage collector.

    Files that may take long come first, so that no worker ends with one of them alone.
    """
    longest: dict[Path, float] = defaultdict(float)
    for item in items:
        if limit := item.get_closest_marker("timeout"):
            longest[item.path] = max(longest[item.path], limit.args[0])
    items.sort(key=lambda item: -longest[item.path])
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"))
    if "slow" in (config.option.markexpr or ""):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run it with -m slow"))


@pytest.fixture(scope="session")
def emulator_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of the emulator that this run shares: `CTC_TEST_ENDPOINT` when set, else one started for the run."""
    running = machine("CTC_TEST_ENDPOINT")
    if running:
        yield load_profile("sim", {"aws.endpoint": running})
        return
    if not (ROOT / ".tools" / "emulator").is_dir():
        pytest.fail("the emulator's environment .tools/emulator is missing: run `make setup`", pytrace=False)
    from sim.emulator import MiniStack

    port = free_port()
    settings = load_profile("sim", {"aws.endpoint": f"http://127.0.0.1:{port}", "aws.emulator_port": port})
    service = MiniStack(settings, Path(tmp_path_factory.mktemp("emulator")))
    service.start()
    try:
        yield settings
    finally:
        service.stop()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """The Kafka broker that this run shares; skipped where its jars could not be had."""
    from sim.kafka_broker import JARS, KafkaBroker, class_path

    if not class_path():
        pytest.skip(f"no Kafka broker in {JARS}: `make kafka-setup` gets it from Maven Central")
    broker = KafkaBroker(tmp_path_factory.mktemp("kafka"))
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def spark(emulator_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The one Spark session of this process: PySpark has but one, and who stops it stops it for all."""
    from ctc.spark.job import fresh
    from ctc.spark.session import build_session

    state = tmp_path_factory.mktemp("spark")
    become_child(state)
    session = fresh(build_session(emulator_settings, "ctc-tests", state))
    yield session
    session.stop()


@pytest.fixture
def emulator(emulator_settings: Settings) -> Settings:
    """The shared emulator with streams, buckets, tables and a database of this test's own (not created yet)."""
    own = f"t{uuid.uuid4().hex[:10]}"
    found = emulator_settings
    return msgspec.structs.replace(
        found,
        stream=msgspec.structs.replace(found.stream, trades=f"{own}-trades", dead_letters=f"{own}-dlq"),
        lake=msgspec.structs.replace(found.lake, database=f"{own}_db", bucket=f"{own}-lake", raw_bucket=f"{own}-raw"),
        tables=msgspec.structs.replace(found.tables, alerts=f"{own}-alerts", metrics=f"{own}-metrics"),
    )


@pytest.fixture
def streams_on_kafka(emulator: Settings, kafka: KafkaBroker) -> Settings:
    """The same with its streams on the shared broker."""
    return msgspec.structs.replace(emulator, stream=msgspec.structs.replace(emulator.stream, source="kafka", bootstrap=kafka.bootstrap))
