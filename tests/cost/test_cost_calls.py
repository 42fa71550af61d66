"""How `scripts/measure_cost.py` counts AWS's calls: by what is billed, and by whose they are."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
import zstandard
from bench.calls import Tally, named

from sim.faults.aws_relay import Call, Reply


def call(service: str, line: str, target: str = "", body: Any = None) -> Call:
    """A request as boto3 sends it, as far as it is looked at."""
    head = f"{line} HTTP/1.1\r\nauthorization: AWS4-HMAC-SHA256 Credential=test/20261127/us-east-1/{service}/aws4_request, Signature=x\r\n"
    head += f"X-Amz-Target: {target}\r\n" if target else ""
    raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
    return Call(target.rpartition(".")[2], head.encode() + b"\r\n", raw)


def counts(*calls: Call, reply: Reply | None = None) -> dict[str, int]:
    tally = Tally("alerts")
    for each in calls:
        tally.watch(each, reply or Reply(200, b"{}"))
    return dict(tally.counts)


def record(data: bytes, key: str = "BTC-USDT") -> dict[str, str]:
    return {"Data": base64.b64encode(data).decode(), "PartitionKey": key}


def test_records_are_billed_by_the_kilobyte_begun() -> None:
    put = call("kinesis", "POST /", "Kinesis_20131202.PutRecords", {"Records": [record(b"x" * 1_016), record(b"x" * 1_017), record(b"x")]})
    found = counts(put)
    assert (found["kinesis.PutRecords"], found["kinesis.records"], found["kinesis.in_kb"]) == (1, 3, 1 + 2 + 1)
    assert found["kinesis.bytes"] == 1_016 + 1_017 + 1 + 3 * len("BTC-USDT")


def test_packed_lines_are_counted_inside() -> None:
    packed = zstandard.ZstdCompressor().compress(b'{"a":1}\n{"b":22}\n')
    found = counts(call("kinesis", "POST /", "Kinesis_20131202.PutRecords", {"Records": [record(packed)]}))
    assert (found["kinesis.lines"], found["kinesis.line_bytes"]) == (2, 17)


def test_what_is_read_is_in_the_answer() -> None:
    asked = call("kinesis", "POST /", "Kinesis_20131202.GetRecords", {})
    answer = Reply(200, msgspec.json.encode({"Records": [record(b"x" * 92)]}))
    assert counts(asked, reply=answer)["kinesis.out_bytes"] == 100
    assert "kinesis.out_bytes" not in counts(asked, reply=Reply(400, b"{}"))


@pytest.mark.parametrize(
    ("line", "body", "name"),
    [
        ("PUT /lake/warehouse/raw_trades/data/a.parquet", b"12345", "s3.PUT.lake"),
        ("PUT /lake/warehouse/spreads/metadata/v1.json", b"", "s3.PUT.detect"),
        ("GET /lake?list-type=2&prefix=heartbeats", b"", "s3.LIST.lake"),
        ("GET /lake/warehouse/anomalies/metadata/v1.json", b"", "s3.GET.detect"),
        ("POST /raw?delete", b"", "s3.DELETES.detect"),
        ("PUT /raw/dlq/invalid/dt=2026-01-01/a.ndjson", b"", "s3.PUT.lake"),
    ],
)
def test_objects_are_told_by_method_and_query(line: str, body: bytes, name: str) -> None:
    assert counts(call("s3", line, body=body))[name] == 1


def test_bytes_put_are_counted() -> None:
    assert counts(call("s3", "PUT /lake/raw_trades/a", body=b"12345"))["s3.put_bytes.lake"] == 5


def test_catalog_calls_are_told_by_their_table() -> None:
    found = counts(
        call("glue", "POST /", "AWSGlue.UpdateTable", {"DatabaseName": "d", "TableInput": {"Name": "raw_trades"}}),
        call("glue", "POST /", "AWSGlue.GetTable", {"DatabaseName": "d", "Name": "spreads"}),
    )
    assert found == {"glue.UpdateTable.lake": 1, "glue.GetTable.detect": 1}


def test_alerts_pay_for_their_indexes() -> None:
    alert = call("dynamodb", "POST /", "DynamoDB_20120810.PutItem", {"TableName": "alerts", "Item": {"doc": {"S": "x" * 1_500}}})
    assert counts(alert)["dynamodb.write_units.alerts"] == 2 * 4


def test_metrics_are_told_by_their_partition() -> None:
    def put(key: str) -> Call:
        return call("dynamodb", "POST /", "DynamoDB_20120810.PutItem", {"TableName": "metrics", "Item": {"symbol": {"S": key}}})

    found = counts(put("_session"), put("_gaps"), put("_quality"), put("BTC-USDT#bars#2026-01-15T12"))
    assert {name: count for name, count in found.items() if "units" in name} == {
        "dynamodb.write_units.snapshots": 1,
        "dynamodb.write_units.lake": 2,
        "dynamodb.write_units.windows": 1,
    }


def test_writes_in_a_batch_count_one_by_one() -> None:
    items = [{"PutRequest": {"Item": {"symbol": {"S": "BTC-USDT#bars#x"}}}}] * 3
    found = counts(call("dynamodb", "POST /", "DynamoDB_20120810.BatchWriteItem", {"RequestItems": {"metrics": items}}))
    assert found["dynamodb.write_units.windows"] == 3


def test_every_protocol_names_its_action() -> None:
    put = ("cloudwatch", "PutMetricData")
    assert named(call("monitoring", "POST /service/GraniteServiceVersion20100801/operation/PutMetricData")) == put
    assert named(call("monitoring", "POST /", body=b"Action=PutMetricData&Version=2010-08-01")) == put
    assert named(Call("", b"GET /health HTTP/1.1\r\n\r\n", b"")) == ("unsigned", "GET")
