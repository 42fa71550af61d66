"""The dead-letter queue in S3 (PRD 9.4): `dlq/{malformed,incomplete,invalid}/dt=YYYY-MM-DD/<run>-<batch>-<key>.ndjson`.

Beside it `dlq/_metadata/`: the summary (`ctc.aws.dead_letter_summary`), and which letters were sent again
(`replayed/<name>.ndjson`). A rule of the bucket removes everything under `dlq/` after 7 days.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import msgspec
from botocore.exceptions import ClientError

from ctc.aws.clients import client, translating
from ctc.quality.letters import RETENTION_DAYS, Letter, Refused, letter_of
from ctc.quality.rules import CATEGORIES, Category
from ctc.settings import Settings

READERS = 8
_BATCH = re.compile(r"-(\d{9})-")
REPLAYED = "dlq/_metadata/replayed/"
_REFUSED = msgspec.msgpack.Decoder(list[Refused])
_LETTER = msgspec.json.Decoder(Letter)


class Replayed(msgspec.Struct, frozen=True):
    """That a letter was read again, when, and what came of it."""

    id: str
    at: datetime
    outcome: str


_MARK = msgspec.json.Decoder(Replayed)


class DeadLetters:
    """Writes a batch's refused lines, the same batch again replacing its own files; finds letters, and marks them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._symbols = settings.session.symbols
        self._bucket = settings.lake.raw_bucket
        self._client: Any = client("s3", settings)

    def put(self, run: str, batch_id: int, key: str, refused: bytes) -> list[Refused]:
        """File what one partition key had in a batch by the day of its arrival; `refused` is a msgpack list of `Refused`."""
        found = _REFUSED.decode(refused)
        files: dict[tuple[str, str], list[bytes]] = defaultdict(list)
        for each in found:
            letter = letter_of(each, self._symbols)
            files[letter.category, f"{letter.arrived_at:%Y-%m-%d}"].append(msgspec.json.encode(letter))
        for (category, day), lines in sorted(files.items()):
            self._write(f"dlq/{category}/dt={day}/{run}-{batch_id:09d}-{_file_name(key)}.ndjson", lines)
        return found

    def find(self, *, categories: Sequence[str] = CATEGORIES, day: str | None = None) -> Iterator[Letter]:
        """The letters of a day (else of all that are there), newest first; each day is read when its turn comes."""
        names: dict[str, list[str]] = defaultdict(list)
        for category in categories:
            prefix = f"dlq/{category}/dt={day}/" if day else f"dlq/{category}/"
            for name in self._names(prefix):
                names[name.split("/")[2]].append(name)
        for _, files in sorted(names.items(), reverse=True):
            letters = [_LETTER.decode(line) for name in files for line in self._lines(name)]
            yield from sorted(letters, key=lambda letter: (letter.arrived_at, letter.id), reverse=True)

    def newest(self, files: int, category: Category | None = None) -> list[Letter]:
        """The letters of the newest files, newest first: what a look costs does not grow with the queue."""
        prefixes = [f"dlq/{name}/" for name in ((category,) if category else CATEGORIES)]
        names = sorted((name for prefix in prefixes for name in self._names(prefix)), key=_day_and_batch, reverse=True)[:files]
        with ThreadPoolExecutor(READERS) as pool:
            letters = [_LETTER.decode(line) for lines in pool.map(self._lines, names) for line in lines]
        return sorted(letters, key=lambda letter: (letter.arrived_at, letter.id), reverse=True)

    def replayed(self) -> dict[str, Replayed]:
        """By letter, when it was sent again and what came of it; the first time stays."""
        marks = [_MARK.decode(line) for name in self._names(REPLAYED) for line in self._lines(name)]
        return {mark.id: mark for mark in sorted(marks, key=lambda mark: mark.at, reverse=True)}

    def mark(self, marks: Iterable[Replayed]) -> None:
        """Note that letters were sent again."""
        lines = [msgspec.json.encode(mark) for mark in marks]
        if lines:
            self._write(f"{REPLAYED}{sha256(b''.join(lines)).hexdigest()[:32]}.ndjson", lines)

    def _write(self, name: str, lines: list[bytes]) -> None:
        with translating(f"writing dead letters to s3://{self._bucket}/{name}", self._settings):
            self._client.put_object(Bucket=self._bucket, Key=name, Body=b"\n".join(lines) + b"\n")

    def _names(self, prefix: str) -> list[str]:
        with translating(f"listing dead letters in s3://{self._bucket}/{prefix}", self._settings):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def _lines(self, name: str) -> list[bytes]:
        with translating(f"reading dead letters from s3://{self._bucket}/{name}", self._settings):
            body: bytes = self._client.get_object(Bucket=self._bucket, Key=name)["Body"].read()
        return [line for line in body.split(b"\n") if line]


def expire_letters(settings: Settings) -> None:
    """Have the bucket remove what lies under `dlq/` after 7 days. Rules that are there stay, among them one for that (Terraform's)."""
    store, bucket = client("s3", settings), settings.lake.raw_bucket
    with translating(f"setting the retention of s3://{bucket}/dlq/", settings):
        rules = _rules(store, bucket)
        if not any(rule.get("Filter", {}).get("Prefix") == "dlq/" and "Expiration" in rule for rule in rules):
            rules.append({"ID": "dead-letters", "Status": "Enabled", "Filter": {"Prefix": "dlq/"}, "Expiration": {"Days": RETENTION_DAYS}})
            store.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


def _rules(store: Any, bucket: str) -> list[Any]:
    try:
        return list(store.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
            raise
        return []


def _day_and_batch(name: str) -> tuple[str, str]:
    """The day of a file of letters, and the number of its batch: within a run, later is larger."""
    _, _, day, file = name.split("/")
    found = _BATCH.search(file)
    return day, found[1] if found else ""


def _file_name(key: str) -> str:
    """Safe in a name; a partition key may have 256 letters of any kind, S3's keys have 1,024 bytes."""
    quoted = quote(key, safe="")
    return quoted if len(quoted) <= 100 else f"{quoted[:50]}-{sha256(key.encode()).hexdigest()[:16]}"
