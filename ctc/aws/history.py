"""A table's commits, read from its metadata file: which query wrote which batch when, and how many rows were there then.

They are main's own, from the newest back along the parents. A snapshot that only a branch had is none of them, whether the branch was
given up or is being written now. Where older ones have expired the line ends: what must outlast that, a newer commit says again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ctc.aws.clients import client, translating
from ctc.aws.located import table_finder
from ctc.errors import LakeError
from ctc.model import EPOCH
from ctc.settings import Settings


class Standing(msgspec.Struct, frozen=True):
    """Runs whose swaps stand in `anomalies`, the oldest first; the highest number is the newest word, wherever it comes in the line."""

    number: int = 0
    runs: tuple[str, ...] = ()


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot of a table. `at` is the wall time of the commit; `query`, `run` and `batch` are None where none of ours wrote it.

    `added` counts its rows; `rows`, `files` and `bytes` are the table's as of then. `standing` is None where the commit says nothing of it.
    """

    table: str
    snapshot_id: int
    at: datetime
    operation: str
    query: str | None
    run: str | None
    batch: int | None
    added: int
    rows: int
    files: int
    bytes: int
    standing: Standing | None = None


class _Snapshot(msgspec.Struct):
    snapshot_id: int = msgspec.field(name="snapshot-id")
    timestamp_ms: int = msgspec.field(name="timestamp-ms")
    parent: int | None = msgspec.field(name="parent-snapshot-id", default=None)
    summary: dict[str, str] = {}


class _Metadata(msgspec.Struct):
    snapshots: list[_Snapshot] = []
    current: int | None = msgspec.field(name="current-snapshot-id", default=None)


STANDING_PROPERTY = "ctc.standing"  # JSON of `Standing`
_METADATA = msgspec.json.Decoder(_Metadata)


class LakeHistory:
    """Commits of every table of the session's database. A metadata file never changes, so each is read once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._find = table_finder(settings)
        self._store: Any = client("s3", settings)
        self._known: dict[str, tuple[str, list[Commit]]] = {}

    def commits(self) -> dict[str, list[Commit]]:
        """By table, newest first. Raises LakeError for metadata that can't be read."""
        return {name: self._of(name, location) for name, location in sorted(self._find().items())}

    def of(self, table: str) -> list[Commit]:
        """One table's, newest first; none where there is no such table. Raises LakeError for metadata that can't be read."""
        location = self._find().get(table)
        return self._of(table, location) if location else []

    def _of(self, name: str, location: str) -> list[Commit]:
        known = self._known.get(name)
        if known is None or known[0] != location:
            known = self._known[name] = (location, self._read(name, location))
        return known[1]

    def _read(self, name: str, location: str) -> list[Commit]:
        parts = urlsplit(location)
        with translating(f"reading the metadata of the table {name}", self._settings):
            body: bytes = self._store.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read()
        try:
            found = _METADATA.decode(body)
        except msgspec.MsgspecError as error:
            raise LakeError(f"the metadata of the table {name}, {location}, can't be read: {error}") from error
        return [_commit(name, each) for each in _line(found)]


def _line(metadata: _Metadata) -> Iterator[_Snapshot]:
    """Main's snapshots that are there, newest first."""
    known = {each.snapshot_id: each for each in metadata.snapshots}
    found = known.get(metadata.current) if metadata.current is not None else None
    while found is not None:
        yield found
        found = known.get(found.parent) if found.parent is not None else None


def standing_in(commits: list[Commit]) -> Standing:
    """What the newest word says; nothing stands where there is none."""
    return max((each.standing for each in commits if each.standing is not None), key=lambda each: each.number, default=Standing())


def as_of(commits: list[Commit], moment: datetime) -> Commit | None:
    """The newest commit at or before a moment; None where the table was empty then."""
    return next((each for each in commits if each.at <= moment), None)


def _commit(table: str, found: _Snapshot) -> Commit:
    said = found.summary
    batch, standing = said.get("ctc.batch"), said.get(STANDING_PROPERTY)
    return Commit(
        table=table,
        snapshot_id=found.snapshot_id,
        at=(EPOCH + timedelta(milliseconds=found.timestamp_ms)).astimezone(UTC),
        operation=said.get("operation", ""),
        query=said.get("ctc.query"),
        run=said.get("ctc.run"),
        batch=int(batch) if batch else None,
        added=int(said.get("added-records", 0)),
        rows=int(said.get("total-records", 0)),
        files=int(said.get("total-data-files", 0)),
        bytes=int(said.get("total-files-size", 0)),
        standing=msgspec.json.decode(standing, type=Standing) if standing else None,
    )
