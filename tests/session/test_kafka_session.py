"""The same session on Kafka, by a real broker, with Spark killed in the middle: the same trades, alerts, bars and spreads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sessions import CTC, DEADLINE_S, MARKET, until

from ctc import status
from ctc.session import reachable
from ctc.spark.session import KAFKA_JARS
from sim.faults.facts import Facts, compare, read_facts
from sim.kafka_broker import KafkaBroker

pytestmark = [
    pytest.mark.spark,
    pytest.mark.emulator,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group("simulated"),
    pytest.mark.skipif(
        not KAFKA_JARS.is_dir(), reason=f"no reader of Kafka in {KAFKA_JARS}: `make kafka-setup` gets it from Maven Central"
    ),
]


@pytest.fixture(scope="module")
def on_kafka(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A session on Kafka run to its end, whose Spark is killed in its second batch: its state, its report."""
    folder = tmp_path_factory.mktemp("on-kafka")
    state, log, report = folder / "state", folder / "session.log", folder / "report.json"
    told = {
        "CTC_STREAM__SOURCE": "kafka",
        "CTC_STREAM__BOOTSTRAP": kafka.bootstrap,
        "CTC_PRODUCER__MAX_PACK_BYTES": "16384",  # some 2,000 records, so seven batches: there is a middle
    }
    words = ["sim", "--exit", *MARKET, "--state", str(state), "--free-ports", "--report", str(report)]
    with log.open("wb") as out:
        session = subprocess.Popen([*CTC, *words], stdout=out, stderr=out, start_new_session=True, env={**os.environ, **told})
    try:
        until((state / "checkpoints" / "detect" / "offsets" / "1").exists, "the second batch", session, log)
        before = status.read(state, "detect") or {}
        os.kill(before["pid"], signal.SIGKILL)
        assert not before.get("final"), "it was killed too late: symbols had ended"
        assert session.wait(DEADLINE_S) == 0, log.read_text()[-3000:]
    finally:
        if session.poll() is None:
            os.killpg(session.pid, signal.SIGKILL)  # its processes are on a leash
            session.wait()
    after = status.read(state, "detect") or {}
    assert after["pid"] != before["pid"]
    assert after["batch"] > 1
    return state, json.loads(report.read_text())


def test_session_on_kafka_says_exactly_what_the_reference_says_though_spark_is_killed(on_kafka: tuple[Path, dict[str, Any]]) -> None:
    card = on_kafka[1]["scorecard"]
    assert card["ok"], card["verdict"]
    assert {each["store"] for each in card["equality"]} == {"DynamoDB", "anomalies", "volume_aggregates", "spreads"}
    assert all(each["expected"] == each["found"] > 0 for each in card["equality"])
    assert card["trades"]["tape"] == card["trades"]["lake"] > 10_000


def test_session_on_kafka_leaves_what_the_session_on_kinesis_leaves(
    on_kafka: tuple[Path, dict[str, Any]], simulated: tuple[Path, dict[str, Any], str]
) -> None:
    assert on_kafka[1]["scorecard"] == simulated[1]["scorecard"]
    differences = compare(facts_of(simulated[0]), facts_of(on_kafka[0]))
    assert [line for each in differences for line in each.first] == []
    assert all(each.none and each.expected for each in differences)


def facts_of(state: Path) -> Facts:
    """All that a session left in its stores."""
    with reachable(state) as settings:
        return read_facts(settings)
