"""`dlq/_metadata/dlq_summary.json`: dead letters by day, category, reason and symbol, for monitoring (PRD 9.4).

Each run of a query keeps a part of its own: its counts and the last batch in them, in one object, so that a batch that comes
twice counts once. The summary is the parts added up. Its cost does not grow with the queue.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Any

import msgspec

from ctc.aws.clients import client, translating
from ctc.model import from_us
from ctc.quality.letters import RETENTION_DAYS, Refused, symbol_of
from ctc.settings import Settings

SUMMARY = "dlq/_metadata/dlq_summary.json"
PARTS = "dlq/_metadata/parts/"
_MERGING = threading.Lock()  # the queries of one process: each merges when the other's part is whole
Group = tuple[str, str, str]  # category, reason (a rule), symbol


class Day(msgspec.Struct):
    """One day of one part. A letter of several reasons is once in `letters`, and in a group for each reason."""

    letters: dict[str, int] = {}
    groups: list[tuple[str, str, str, int]] = []


class Part(msgspec.Struct):
    """What one run of a query has filed, up to and with `batch`."""

    run: str
    batch: int = -1
    days: dict[str, Day] = {}


_PART = msgspec.json.Decoder(Part)


class DeadLetterSummary:
    """One object serves one query in one process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._symbols = settings.session.symbols
        self._bucket = settings.lake.raw_bucket
        self._client: Any = client("s3", settings)
        self._parts: dict[str, Part] = {}

    def add(self, run: str, batch_id: int, refused: Collection[Refused]) -> bool:
        """Count a batch whose letters are filed; False when it was counted before."""
        part = self._parts.pop(run, None) or self._read(f"{PARTS}{run}.json") or Part(run)
        added = batch_id > part.batch
        if added:
            part = _counted(part, batch_id, refused, self._symbols)
            self._write(f"{PARTS}{run}.json", msgspec.json.encode(part))
        with _MERGING:
            others = [self._read(name) for name in self._names() if name != f"{PARTS}{run}.json"]
            self._write(SUMMARY, merged([part, *filter(None, others)]))
        self._parts[run] = part
        return added

    def _names(self) -> list[str]:
        with translating(f"listing s3://{self._bucket}/{PARTS}", self._settings):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=PARTS)
            return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def _read(self, name: str) -> Part | None:
        with translating(f"reading s3://{self._bucket}/{name}", self._settings):
            try:
                body: bytes = self._client.get_object(Bucket=self._bucket, Key=name)["Body"].read()
            except self._client.exceptions.NoSuchKey:
                return None
        return _PART.decode(body)

    def _write(self, name: str, body: bytes) -> None:
        with translating(f"writing s3://{self._bucket}/{name}", self._settings):
            self._client.put_object(Bucket=self._bucket, Key=name, Body=body, ContentType="application/json")


def _counted(part: Part, batch_id: int, refused: Iterable[Refused], symbols: Collection[str]) -> Part:
    """The part with a batch more, without the days that are past their retention."""
    letters = {day: dict(each.letters) for day, each in part.days.items()}
    groups: dict[str, dict[Group, int]] = {day: {(a, b, c): n for a, b, c, n in each.groups} for day, each in part.days.items()}
    for each in refused:
        day = f"{from_us(each.arrival_us):%Y-%m-%d}"
        ours, theirs = letters.setdefault(day, {}), groups.setdefault(day, {})
        ours[each.category] = ours.get(each.category, 0) + 1
        for rule in set(each.rules):
            group = each.category, rule, symbol_of(each.key, symbols)
            theirs[group] = theirs.get(group, 0) + 1
    kept = _recent(letters)
    return Part(part.run, batch_id, {day: Day(letters[day], [(*group, n) for group, n in sorted(groups[day].items())]) for day in kept})


def _recent(days: Iterable[str]) -> list[str]:
    listed = sorted(days)
    oldest = date.fromisoformat(listed[-1]) - timedelta(days=RETENTION_DAYS) if listed else date.min
    return [day for day in listed if date.fromisoformat(day) >= oldest]


def merged(parts: Iterable[Part]) -> bytes:
    """The summary's bytes: days newest first, each with its letters by category and its groups, the largest first."""
    letters: dict[str, dict[str, int]] = {}
    groups: dict[str, dict[Group, int]] = {}
    for part in parts:
        for day, each in part.days.items():
            for category, n in each.letters.items():
                ours = letters.setdefault(day, {})
                ours[category] = ours.get(category, 0) + n
            for category, rule, symbol, n in each.groups:
                theirs = groups.setdefault(day, {})
                theirs[category, rule, symbol] = theirs.get((category, rule, symbol), 0) + n
    days = [
        {
            "date": day,
            "letters": sum(letters[day].values()),
            "categories": dict(sorted(letters[day].items())),
            "groups": [
                {"category": category, "reason": rule, "symbol": symbol, "letters": n}
                for (category, rule, symbol), n in sorted(groups[day].items(), key=lambda item: (-item[1], item[0]))
            ],
        }
        for day in reversed(_recent(letters))
    ]
    return msgspec.json.format(msgspec.json.encode({"days": days}), indent=1)
