"""The embedded emulator keeps its state over a graceful stop, and says when it could not."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ctc.aws.clients import client
from ctc.errors import SessionError, SetupError
from ctc.processes import free_port
from ctc.settings import Settings, load_profile
from sim import emulator
from sim.emulator import MiniStack


@pytest.fixture
def settings() -> Settings:
    port = free_port()
    return load_profile("sim", {"aws.emulator_port": port, "aws.endpoint": f"http://127.0.0.1:{port}"})


@pytest.fixture
def ministack(settings: Settings, tmp_path: Path) -> Iterator[MiniStack]:
    service = MiniStack(settings, tmp_path)
    yield service
    if service.pid:
        os.killpg(service.pid, signal.SIGKILL)


def fill(settings: Settings) -> None:
    """One of everything that a session keeps in the emulator."""
    kinesis, s3, dynamodb, glue = (client(name, settings) for name in ("kinesis", "s3", "dynamodb", "glue"))
    kinesis.create_stream(StreamName="trades", ShardCount=2)
    kinesis.put_records(StreamName="trades", Records=[{"Data": bytes([n, 255]), "PartitionKey": f"key-{n}"} for n in range(50)])
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="a/b", Body=b"\x00body")
    dynamodb.create_table(
        TableName="alerts",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName="alerts", Item={"id": {"S": "1"}, "price": {"N": "67432.50"}, "raw": {"B": b"\xff"}})
    glue.create_database(DatabaseInput={"Name": "db"})
    glue.create_table(DatabaseName="db", TableInput={"Name": "t", "Parameters": {"metadata_location": "s3://bucket/a/b"}})


def contents(settings: Settings) -> dict[str, Any]:
    """What `fill` wrote, read back; records with their sequence numbers."""
    kinesis, s3, dynamodb, glue = (client(name, settings) for name in ("kinesis", "s3", "dynamodb", "glue"))
    records = []
    for shard in kinesis.list_shards(StreamName="trades")["Shards"]:
        where = {"StreamName": "trades", "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        found = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**where)["ShardIterator"])["Records"]
        records += [(record["SequenceNumber"], record["PartitionKey"], record["Data"]) for record in found]
    return {
        "records": records,
        "object": s3.get_object(Bucket="bucket", Key="a/b")["Body"].read(),
        "item": dynamodb.get_item(TableName="alerts", Key={"id": {"S": "1"}})["Item"],
        "table": glue.get_table(DatabaseName="db", Name="t")["Table"]["Parameters"],
    }


@pytest.mark.emulator
def test_state_outlives_a_graceful_stop(ministack: MiniStack, settings: Settings) -> None:
    ministack.start()
    fill(settings)
    before = contents(settings)
    assert len(before["records"]) == 50
    ministack.stop()
    ministack.start()
    assert contents(settings) == before
    ministack.stop()


@pytest.mark.emulator
def test_sequence_numbers_go_on_growing_after_a_restart(ministack: MiniStack, settings: Settings) -> None:
    def put() -> int:
        return int(client("kinesis", settings).put_record(StreamName="trades", Data=b"x", PartitionKey="k")["SequenceNumber"])

    ministack.start()
    client("kinesis", settings).create_stream(StreamName="trades", ShardCount=1)
    numbers = [put(), put()]
    ministack.stop()
    ministack.start()
    numbers += [put(), put()]
    ministack.stop()
    assert numbers == sorted(set(numbers))


@pytest.mark.emulator
def test_hard_kill_is_told_and_not_resumable(ministack: MiniStack, settings: Settings) -> None:
    ministack.start()
    fill(settings)
    assert ministack.pid
    os.killpg(ministack.pid, signal.SIGKILL)
    with pytest.raises(SessionError, match="can't be resumed"):
        ministack.stop()
    with pytest.raises(SessionError, match="without --resume"):
        ministack.start()


@pytest.mark.emulator
def test_state_that_cannot_be_read_is_told_and_left_alone(ministack: MiniStack, settings: Settings, tmp_path: Path) -> None:
    ministack.start()
    fill(settings)
    ministack.stop()
    kept = tmp_path / "emulator" / "state" / "kinesis.json"
    kept.write_text(kept.read_text()[:-10])
    damaged = kept.read_text()
    with pytest.raises(SessionError, match="can't be read"):
        ministack.start()
    assert kept.read_text() == damaged


@pytest.mark.emulator
def test_state_that_cannot_be_written_is_told(ministack: MiniStack, settings: Settings, tmp_path: Path) -> None:
    ministack.start()
    fill(settings)
    (tmp_path / "emulator" / "state" / "kinesis.json").mkdir()
    with pytest.raises(SessionError, match="without keeping its state"):
        ministack.stop()


@pytest.mark.emulator
def test_log_is_quiet(ministack: MiniStack, settings: Settings, tmp_path: Path) -> None:
    ministack.start()
    fill(settings)
    ministack.stop()
    assert (tmp_path / "logs" / "emulator.log").read_text() == ""


@pytest.mark.emulator
def test_emulator_listens_on_this_machine_only(ministack: MiniStack) -> None:
    ministack.start()
    shown = Path(f"/proc/{ministack.pid}/net/tcp")
    if not shown.exists():
        pytest.skip("no /proc here")
    inodes = {str(path.readlink()) for path in Path(f"/proc/{ministack.pid}/fd").iterdir() if path.is_symlink()}
    rows = [line.split() for line in shown.read_text().splitlines()[1:]]
    own = [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]
    assert [address.split(":")[0] for address in own] == ["0100007F"]
    ministack.stop()


def test_stop_without_start_does_nothing(ministack: MiniStack) -> None:
    ministack.stop()


def test_port_in_use_is_a_setup_error_with_a_remedy(ministack: MiniStack, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator, "PYTHON", Path(__file__))
    with (
        socket.create_server(("127.0.0.1", settings.aws.emulator_port)),
        pytest.raises(SetupError, match=r"port \d+ of 127\.0\.0\.1 is in use: .*CTC_AWS__EMULATOR_PORT"),
    ):
        ministack.start()


def test_missing_environment_says_make_setup(ministack: MiniStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator, "PYTHON", tmp_path / "bin" / "python")
    with pytest.raises(SetupError, match="run `make setup`"):
        ministack.start()
