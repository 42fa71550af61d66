"""Zips and tar archives whose bytes depend on what is in them alone: names sorted, one date, no owner, no bytecode."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import time
from collections.abc import Iterable
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

OLDEST = 315_532_800  # 1980-01-01, before which a zip knows no date
LEVEL = 6


class Entry(NamedTuple):
    """A file of an archive: its bytes lie in `path`, or it is a link to `link`."""

    name: str
    path: Path | None = None
    link: str = ""
    data: bytes = b""

    def read(self) -> bytes:
        return self.path.read_bytes() if self.path else self.data

    @property
    def runs(self) -> bool:
        """Whether it may be executed."""
        return self.path is not None and bool(self.path.stat().st_mode & stat.S_IXUSR)


def made_at() -> int:
    """The date of every entry, in seconds since 1970: SOURCE_DATE_EPOCH, else 1980."""
    return max(OLDEST, int(os.environ.get("SOURCE_DATE_EPOCH") or OLDEST))


def write_zip(target: Path, entries: Iterable[Entry]) -> int:
    """Write it and return how many bytes it unpacks to."""
    date, size = time.gmtime(made_at())[:6], 0
    with ZipFile(target, "w") as archive:
        for entry in sorted(entries, key=attrgetter("name")):
            info = ZipInfo(entry.name, date)
            info.external_attr = (stat.S_IFREG | (0o755 if entry.runs else 0o644)) << 16
            info.create_system = 3  # Unix, wherever it is made
            info.compress_type = ZIP_DEFLATED
            body = entry.read()
            archive.writestr(info, body, ZIP_DEFLATED, LEVEL)
            size += len(body)
    return size


def write_tar(target: Path, entries: Iterable[Entry]) -> int:
    """Write a .tar.gz and return how many bytes it unpacks to."""
    size = 0
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for entry in sorted(entries, key=attrgetter("name")):
            body = entry.read()
            archive.addfile(_tar_info(entry, len(body)), io.BytesIO(body))
            size += len(body)
    return size


def _tar_info(entry: Entry, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(entry.name)
    info.mtime, info.size = made_at(), size
    info.mode = 0o755 if entry.runs or entry.link else 0o644
    if entry.link:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
    return info


def files_below(folder: Path, inside: str = "") -> list[Entry]:
    """Every file of a folder, named from there, behind `inside`."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return [Entry(inside + path.relative_to(folder).as_posix(), path) for path in found]
