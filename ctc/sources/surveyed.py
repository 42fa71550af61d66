"""A survey kept in a session's folder: the files are looked through once, and not by each process that reads them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from ctc.sources.files import expand
from ctc.sources.survey import Survey, survey

KEPT = "survey.msgpack"


class Surveyed(msgspec.Struct, frozen=True):
    """A survey without failures, and the files as they were then: path, bytes, and time of their last change in nanoseconds."""

    files: list[tuple[str, int, int]]
    found: Survey

    def keep(self, state: Path) -> None:
        """For `kept` with the same paths, by this process or another."""
        (state / KEPT).write_bytes(msgspec.msgpack.encode(self, enc_hook=str))


def surveyed(paths: Iterable[Path]) -> Surveyed:
    """Look through files and folders. Raises RecordingError."""
    listed = list(paths)
    return Surveyed(_files(listed), survey(listed).require())


def kept(state: Path, paths: Iterable[Path]) -> Surveyed:
    """What is kept of these paths, where each file is still as it was; else looked through anew. Raises RecordingError."""
    listed = list(paths)
    try:
        found = msgspec.msgpack.decode((state / KEPT).read_bytes(), type=Surveyed, dec_hook=_path)
    except (FileNotFoundError, msgspec.MsgspecError):
        return surveyed(listed)
    return found if found.files == _files(listed) else surveyed(listed)


def _files(paths: Iterable[Path]) -> list[tuple[str, int, int]]:
    stats = [(str(path), path.stat()) for path, _ in expand(paths)]
    return [(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats]


def _path(kind: type, value: Any) -> Any:
    return kind(value)
