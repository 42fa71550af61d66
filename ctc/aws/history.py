"""A table's commits, read from its metadata file: which query wrote which batch when, and how many rows were there then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ctc.aws.clients import client, translating
from ctc.aws.located import table_finder
from ctc.errors import LakeError
from ctc.model import EPOCH
from ctc.settings import Settings


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot of a table. `at` is the wall time of the commit; `query`, `run` and `batch` are None where none of ours wrote it.

    `added` counts its rows; `rows`, `files` and `bytes` are the table's as of then.
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


class _Snapshot(msgspec.Struct):
    snapshot_id: int = msgspec.field(name="snapshot-id")
    timestamp_ms: int = msgspec.field(name="timestamp-ms")
    summary: dict[str, str] = {}


class _Metadata(msgspec.Struct):
    snapshots: list[_Snapshot] = []
    current: int | None = msgspec.field(name="current-snapshot-id", default=None)


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
        return sorted((_commit(name, each) for each in found.snapshots), key=lambda each: each.at, reverse=True)


def as_of(commits: list[Commit], moment: datetime) -> Commit | None:
    """The newest commit at or before a moment; None where the table was empty then."""
    return next((each for each in commits if each.at <= moment), None)


def _commit(table: str, found: _Snapshot) -> Commit:
    said = found.summary
    batch = said.get("ctc.batch")
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
    )
