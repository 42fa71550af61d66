"""AWS calls of a session, counted as AWS bills them: by service, action and what is paid for in it (bytes, records, write units)."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator
from math import ceil
from typing import Any

import msgspec
import zstandard

from sim.faults.aws_relay import Call, Reply

KB = 1024
LAKE_TABLES = ("raw_trades", "heartbeats", "gaps", "quality")
INDEXED_TABLE = 1 + 3  # a write of an alert, and of it in each of its three indexes
_SERVICE = re.compile(rb"(?i)^authorization:.*?/([a-z0-9-]+)/aws4_request", re.MULTILINE)
_TARGET = re.compile(rb"(?i)^x-amz-target:\s*(\S+)", re.MULTILINE)
_OPERATION = re.compile(rb"/operation/(\w+)")
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")


class Tally:
    """Counts by name, as in `kinesis.PutRecords` (calls) or `kinesis.in_kb` (what is billed). Its watcher runs in the relay's loop.

    Calls of S3 and Glue end with the query that makes them (`s3.PUT.lake`), units of DynamoDB with what they are for.
    """

    def __init__(self, alerts_table: str) -> None:
        self.counts: Counter[str] = Counter()
        self._alerts = alerts_table

    def watch(self, call: Call, reply: Reply) -> None:
        """Count one call; one that failed is a call too."""
        service, action = named(call)
        by = f".{query(call)}" if service in ("s3", "glue") else ""
        self.counts[f"{service}.{action}{by}"] += 1
        for name, count in self._billed(service, action, call, reply):
            self.counts[f"{service}.{name}"] += count

    def _billed(self, service: str, action: str, call: Call, reply: Reply) -> Iterator[tuple[str, int]]:
        if (service, action) == ("kinesis", "PutRecords"):
            sizes = [_size(record) for record in call.json()["Records"]]  # type: ignore[attr-defined]
            yield "records", len(sizes)
            yield "bytes", sum(sizes)
            yield "in_kb", sum(ceil(size / KB) for size in sizes)
            lines = [_lines(record["Data"]) for record in call.json()["Records"]]  # type: ignore[attr-defined]
            yield "lines", sum(each.count(b"\n") for each in lines)
            yield "line_bytes", sum(map(len, lines))
        elif (service, action) == ("kinesis", "GetRecords") and reply.status == 200:
            found: dict[str, Any] = msgspec.json.decode(reply.body)
            yield "out_bytes", sum(_size(record) for record in found["Records"])
        elif service == "dynamodb" and action in ("PutItem", "UpdateItem", "BatchWriteItem"):
            for table, item in _items(call.json()):
                yield f"write_units.{self._purpose(table, item)}", self._units(table, item)
        elif service == "s3" and action == "PUT":
            yield f"put_bytes.{query(call)}", len(call.body)

    def _units(self, table: str, item: Any) -> int:
        """Of one item: a unit a KB begun, of the JSON that says it (which is a little more than AWS counts)."""
        each = ceil(len(msgspec.json.encode(item)) / KB)
        return each * (INDEXED_TABLE if table == self._alerts else 1)

    def _purpose(self, table: str, item: Any) -> str:
        """Alerts, a query's snapshots (one a symbol and batch), quality and gaps (of `lake`), or bars and spreads."""
        if table == self._alerts:
            return "alerts"
        text = msgspec.json.encode(item)
        for key, purpose in ((b'"_session"', "snapshots"), (b'"_gaps"', "lake"), (b'"_quality"', "lake")):
            if key in text:
                return purpose
        return "windows"


def query(call: Call) -> str:
    """Whose call of S3 or Glue it is: tables are written by one query each."""
    text = call.head.split(b"\r\n", 1)[0] + (call.body if b"AWSGlue" in call.head else b"")
    return "lake" if any(name.encode() in text for name in (*LAKE_TABLES, "/dlq")) else "detect"


def named(call: Call) -> tuple[str, str]:
    """Service and action; of S3 the method, LIST, or DELETES (many at once: a POST that costs nothing)."""
    found = _SERVICE.search(call.head)
    service = {b"monitoring": "cloudwatch"}.get(found[1], found[1].decode()) if found else "unsigned"
    if target := _TARGET.search(call.head):
        return service, target[1].rpartition(b".")[2].decode()
    if operation := _OPERATION.search(call.head) or _ACTION.search(call.body):
        return service, operation[1].decode()
    method, path = call.head.split(b" ", 2)[:2]
    if method == b"POST" and path.endswith((b"?delete", b"?delete=")):
        return service, "DELETES"
    return service, "LIST" if method == b"GET" and b"list-type=" in path else method.decode()


def _lines(data: str) -> bytes:
    """A packed record's lines; the stream of dead letters holds none."""
    raw = base64.b64decode(data)
    return zstandard.ZstdDecompressor().decompress(raw, max_output_size=1 << 24) if raw.startswith(zstandard.FRAME_HEADER) else b""


def _size(record: dict[str, Any]) -> int:
    return len(base64.b64decode(record["Data"])) + len(record["PartitionKey"])


def _items(request: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if "RequestItems" in request:
        for table, writes in request["RequestItems"].items():
            yield from ((table, write) for write in writes)
    else:
        yield request["TableName"], request.get("Item") or [request.get("Key"), request.get("ExpressionAttributeValues")]
