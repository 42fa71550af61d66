"""The dead-letter queue in S3 (PRD 9.4): `dlq/{malformed,incomplete,invalid}/dt=YYYY-MM-DD/<run>-<batch>-<symbol>.ndjson`."""

from __future__ import annotations

import base64
from collections import defaultdict
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import msgspec

from ctc.aws.clients import client, translating
from ctc.model import from_us
from ctc.settings import Settings


class DeadLetters:
    """Writes a batch's refused lines; the same batch again replaces its own files."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bucket = settings.lake.raw_bucket
        self._client: Any = client("s3", settings)

    def put(self, run: str, batch_id: int, symbol: str, refused: bytes) -> None:
        """`refused` is the msgpack list of `ctc.spark.lake.Refused`; filed by the day of their arrival in the stream."""
        files: dict[tuple[str, str], list[bytes]] = defaultdict(list)
        for category, reasons, raw, key, shard, sequence_number, position, arrival_us in map(_fields, msgspec.msgpack.decode(refused)):
            arrival = from_us(arrival_us)
            letter = {
                "reasons": reasons,
                "raw_base64": base64.b64encode(raw).decode(),
                "partition_key": key,
                "shard": shard,
                "sequence_number": sequence_number,
                "position": position,
                "arrived_at": arrival,
            }
            files[category, f"{arrival:%Y-%m-%d}"].append(msgspec.json.encode(letter))
        for (category, day), lines in sorted(files.items()):
            name = f"dlq/{category}/dt={day}/{run}-{batch_id:09d}-{_file_name(symbol)}.ndjson"
            with translating(f"writing dead letters to s3://{self._bucket}/{name}", self._settings):
                self._client.put_object(Bucket=self._bucket, Key=name, Body=b"\n".join(lines) + b"\n")


def _file_name(symbol: str) -> str:
    """Safe in a key; a partition key may have 256 letters of any kind, S3's keys have 1,024 bytes."""
    quoted = quote(symbol, safe="")
    return quoted if len(quoted) <= 100 else f"{quoted[:50]}-{sha256(symbol.encode()).hexdigest()[:16]}"


def _fields(letter: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(letter[name] for name in ("category", "reasons", "raw", "key", "shard", "sequence_number", "position", "arrival_us"))
