"""The same session on Kafka, by a real broker, with Spark killed in the middle: the same trades, alerts, bars and spreads.

While it runs `/health` tells the lag by partition, and `ctc tail` names the places that the lake has.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from sessions import DEADLINE_S, MARKET, PATIENT, begun, ctc, rows, until

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


class Ran(NamedTuple):
    """A session that has ended, and what its API said of itself when its Spark had been killed."""

    state: Path
    report: dict[str, Any]
    health: dict[str, Any]


@pytest.fixture(scope="module")
def on_kafka(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A session on Kafka run to its end, whose Spark is killed in its second batch."""
    folder = tmp_path_factory.mktemp("on-kafka")
    state, log, report = folder / "state", folder / "session.log", folder / "report.json"
    told = {
        **PATIENT,
        "CTC_STREAM__SOURCE": "kafka",
        "CTC_STREAM__BOOTSTRAP": kafka.bootstrap,
        "CTC_PRODUCER__MAX_PACK_BYTES": "16384",  # some 2,000 records, so seven batches: there is a middle
    }
    words = ["sim", "--exit", *MARKET, "--state", str(state), "--free-ports", "--report", str(report)]
    with log.open("wb") as out, begun(*words, out=out, err=out, **told) as session:
        until((state / "checkpoints" / "detect" / "offsets" / "1").exists, "the second batch", session, log)
        until(lambda: bool((said(state, "detect").get("progress") or {}).get("offset")), "the first batch's offset", session, log)
        before = said(state, "detect")
        os.kill(before["pid"], signal.SIGKILL)
        assert not before.get("final"), "it was killed too late: symbols had ended"
        until(lambda: bool(said(state, "api").get("url")), "the API", session, log)
        health = httpx.get(f"{said(state, 'api')['url']}/health", timeout=60, trust_env=False).json()
        assert session.wait(DEADLINE_S) == 0, log.read_text()[-3000:]
    after = said(state, "detect")
    assert after["pid"] != before["pid"]
    assert after["batch"] > 1
    return Ran(state, json.loads(report.read_text()), health)


def said(state: Path, service: str) -> dict[str, Any]:
    """What a process last said of itself, nothing before it did."""
    return status.read(state, service) or {}


def test_health_tells_how_long_each_partition_has_waited_for_detect(on_kafka: Ran) -> None:
    lags = on_kafka.health["shards"]
    assert on_kafka.health["shards_absent"] is None
    assert list(lags) == ["partition-000000", "partition-000001"]
    assert all({"detect"} <= set(each) <= {"detect", "lake"} for each in lags.values())
    assert 0 < max(each["detect"] for each in lags.values()) < DEADLINE_S


def test_tail_names_the_places_that_the_lake_has(on_kafka: Ran) -> None:
    answer = ctc("tail", "--from", "oldest", "--format", "json", "--limit", "200", "--state", on_kafka.state)
    assert answer.returncode == 0, answer.stderr
    found = [json.loads(each) for each in answer.stdout.splitlines()]
    assert len(found) == 200
    shard, number = found[0]["shard"], found[0]["sequence_number"]
    record = [each for each in found if (each["shard"], each["sequence_number"]) == (shard, number)]
    kept = rows(
        on_kafka.state,
        f"SELECT position, exchange, trade_id FROM raw_trades WHERE shard = '{shard}' AND sequence_number = '{number}' ORDER BY position",
    )
    assert [(each["line"], each["trade"]["exchange"], each["trade"]["trade_id"]) for each in record] == [
        (each["position"], each["exchange"], each["trade_id"]) for each in kept
    ]


def test_session_on_kafka_says_exactly_what_the_reference_says_though_spark_is_killed(on_kafka: Ran) -> None:
    card = on_kafka.report["scorecard"]
    assert card["ok"], card["verdict"]
    assert {each["store"] for each in card["equality"]} == {"DynamoDB", "anomalies", "volume_aggregates", "spreads"}
    assert all(each["expected"] == each["found"] > 0 for each in card["equality"])
    assert card["trades"]["tape"] == card["trades"]["lake"] > 10_000


def test_session_on_kafka_leaves_what_the_session_on_kinesis_leaves(on_kafka: Ran, simulated: tuple[Path, dict[str, Any], str]) -> None:
    assert on_kafka.report["scorecard"] == simulated[1]["scorecard"]
    differences = compare(facts_of(simulated[0]), facts_of(on_kafka.state))
    assert [line for each in differences for line in each.first] == []
    assert all(each.none and each.expected for each in differences)


def facts_of(state: Path) -> Facts:
    """All that a session left in its stores."""
    with reachable(state) as settings:
        return read_facts(settings)
