"""Records on disk while the stream takes none: bounded, and still there after a crash.

A folder of segments; an entry is a header with a checksum, the key and the record. A segment goes when all of its entries
were sent, so after a crash some are sent again: at least once, as everything before deduplication. A torn end (the crash
came while it was written) is cut off: its lines are read again from the exchange. Written without fsync: a crash of the
process loses nothing, a power cut may lose the last seconds.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SEGMENT_BYTES = 8 << 20
# magic, length of the key, of the record, lines in it, newest heartbeat (us, -1 none), checksum of what follows
_HEADER = struct.Struct("<4sIIIqI")
_MAGIC = b"ctc1"


@dataclass(slots=True)
class _Segment:
    path: Path
    size: int = 0
    left: int = 0  # entries that were not sent


@dataclass(frozen=True, slots=True)
class Slot:
    """One record on disk; `beat_us` is the newest heartbeat in it, -1 where there is none."""

    segment: _Segment
    offset: int
    size: int
    key: str
    lines: int
    beat_us: int


class Spool:
    """Append records, read them back, say when they were sent. `left_over` is what an earlier process left, in its order."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most = most_bytes
        self._open: _Segment | None = None
        self._number = 0
        self.bytes = 0
        self.lines = 0
        self.left_over = self._read() if folder.is_dir() else []

    @property
    def full(self) -> bool:
        """Whether `append` would go past the bound."""
        return self.bytes >= self._most

    def append(self, key: str, data: bytes, lines: int, beat_us: int) -> Slot:
        """Write a record behind the others. Raises OSError where the disk takes no more."""
        name = key.encode()
        head = _HEADER.pack(_MAGIC, len(name), len(data), lines, beat_us, zlib.crc32(name + data))
        segment = self._segment()
        with segment.path.open("r+b") as file:
            file.seek(segment.size)  # over what a write that failed may have left
            file.write(head + name + data)
        slot = Slot(segment, segment.size + len(head) + len(name), len(data), key, lines, beat_us)
        self._count(slot, len(head) + len(name) + len(data))
        return slot

    def read(self, slot: Slot) -> bytes:
        """A record that was not sent yet."""
        with slot.segment.path.open("rb") as file:
            file.seek(slot.offset)
            return file.read(slot.size)

    def sent(self, slot: Slot) -> None:
        """The stream has the record: the last one of a segment removes it."""
        segment = slot.segment
        segment.left -= 1
        self.lines -= slot.lines
        if segment.left == 0:
            segment.path.unlink(missing_ok=True)
            self.bytes -= segment.size
            if segment is self._open:
                self._open = None

    def _segment(self) -> _Segment:
        if self._open is None or self._open.size >= SEGMENT_BYTES:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._number += 1
            self._open = _Segment(self._folder / f"{self._number:09d}.spool")
            self._open.path.touch(exist_ok=False)
        return self._open

    def _count(self, slot: Slot, size: int) -> None:
        slot.segment.size += size
        slot.segment.left += 1
        self.bytes += size
        self.lines += slot.lines

    def _read(self) -> list[Slot]:
        found: list[Slot] = []
        for path in sorted(self._folder.glob("*.spool")):
            self._number = max(self._number, int(path.stem))
            segment = _Segment(path)
            for slot, size in _entries(segment):
                found.append(slot)
                self._count(slot, size)
            if segment.left == 0:
                path.unlink()
        return found


def _entries(segment: _Segment) -> Iterator[tuple[Slot, int]]:
    """The whole entries of a segment, up to the first that is not."""
    data = segment.path.read_bytes()
    at = 0
    while at + _HEADER.size <= len(data):
        magic, name_size, size, lines, beat_us, checksum = _HEADER.unpack_from(data, at)
        start, end = at + _HEADER.size, at + _HEADER.size + name_size + size
        if magic != _MAGIC or end > len(data) or zlib.crc32(data[start:end]) != checksum:
            return
        key = data[start : start + name_size].decode()
        yield Slot(segment, start + name_size, size, key, lines, beat_us), end - at
        at = end
