"""The same session on Kafka, by a real broker, with Spark killed in the middle: the same trades, alerts, bars and spreads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sessions import CTC, DEADLINE_S, MARKET, batch_of, until

from ctc import status
from ctc.session import reachable
from ctc.spark.session import KAFKA_JARS
from sim.faults.facts import Facts, compare, read_facts
from sim.kafka_broker import KafkaBroker

pytestmark = [
    pytest.mark.spark,
    pytest.mark.emulator,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        not KAFKA_JARS.is_dir(), reason=f"no reader of Kafka in {KAFKA_JARS}: `make kafka-setup` gets it from Maven Central"
    ),
]


def test_session_on_kafka_says_what_the_session_on_kinesis_says_though_spark_is_killed(
    simulated: tuple[Path, dict[str, Any], str], kafka: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CTC_STREAM__SOURCE", "kafka")
    monkeypatch.setenv("CTC_STREAM__BOOTSTRAP", kafka.bootstrap)
    monkeypatch.setenv("CTC_PRODUCER__MAX_PACK_BYTES", "4096")  # many records, so that there is a middle
    state, log, report = tmp_path / "state", tmp_path / "session.log", tmp_path / "report.json"
    with log.open("wb") as out:
        words = ["sim", "--exit", *MARKET, "--state", str(state), "--free-ports", "--report", str(report)]
        session = subprocess.Popen([*CTC, *words], stdout=out, stderr=out, start_new_session=True)
    try:
        until(lambda: batch_of(state, "detect") >= 1 and batch_of(state, "lake") >= 0, "the first batches", session, log)
        before = status.read(state, "detect") or {}
        os.kill(before["pid"], signal.SIGKILL)
        assert session.wait(DEADLINE_S) == 0, log.read_text()[-3000:]
    finally:
        if session.poll() is None:
            os.killpg(session.pid, signal.SIGKILL)  # its processes are on a leash
            session.wait()
    after = status.read(state, "detect") or {}
    assert after["pid"] != before["pid"]
    assert after["batch"] > before["batch"]
    assert {**json.loads(report.read_text()), "timings": None} == {**simulated[1], "timings": None}
    differences = compare(facts_of(simulated[0]), facts_of(state))
    assert [line for each in differences for line in each.first] == []
    assert all(each.none and each.expected for each in differences)


def facts_of(state: Path) -> Facts:
    """All that a session left in its stores."""
    with reachable(state) as settings:
        return read_facts(settings)
