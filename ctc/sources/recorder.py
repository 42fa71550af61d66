"""Raw frames to hourly zstd files that a replay reads: whole up to the last write whatever happens, then sealed and indexed.

Each write is a zstd frame of its own with whole lines in it, on the disk before the next begins. So a kill loses what was
not yet written, and nothing else; a write that was cut is taken off when the folder is next opened. A line is one of

    1768480200123456000 {...}                    a frame, with its receive time in nanoseconds
    wss://... <-> 1768480200.123456              the subscription holds from here on
    wss://... >-< 1768480200.123456 in words     the connection was lost

Beside the files lie `index.json` and `SHA256SUMS` (`sha256sum -c` reads it), both of what is sealed.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import zstandard

from ctc.errors import RecordingError, SessionError
from ctc.model import from_us
from ctc.processes import locked
from ctc.sources.files import DAMAGE, INDEX, SUMS, OpenPiece, Piece
from ctc.sources.frames import CONNECT, LOSS, take_apart

HOUR_US = 3_600_000_000
LEVEL = 6
_CHUNK = 1 << 20
_NAME = re.compile(r"([a-z][\w]*)-(\d+)-(\d{4}-\d\d-\d\dT\d\d)(?:\.(\d+))?\.zst")
End = Literal["hour", "stopped", "cut", "damaged"]


class RecordedFile(msgspec.Struct, kw_only=True):
    """One sealed file. `end`: its hour was over, the recorder was stopped or killed (`cut`), or it can't be read to its end."""

    file: str
    exchange: str
    symbols: tuple[str, ...] = ()
    first_at: datetime | None = None
    last_at: datetime | None = None
    frames: int = 0
    connects: int = 0
    losses: int = 0
    bytes: int = 0
    unpacked: int = 0
    sha256: str = ""
    end: End = "stopped"


class Index(msgspec.Struct):
    """What a folder holds, in the order in which it was sealed."""

    recordings: list[RecordedFile] = []


class Line(NamedTuple):
    """A line to be written: its time in microseconds, its bytes without the newline, and what it is."""

    us: int
    body: bytes
    mark: str = ""


def frame_line(us: int, frame: bytes) -> Line:
    """A frame as it came, without a time where none is known (0); a newline in it, which in JSON is only white space, is a space."""
    body = frame.replace(b"\n", b" ").replace(b"\r", b" ")
    return Line(us, b"%d000 %s" % (us, body) if us > 0 else body)


def mark_line(us: int, url: str, up: bool, why: str = "") -> Line:
    """A mark of the connection."""
    mark = CONNECT if up else LOSS
    said = " ".join(why.split())
    return Line(us, f"{url} {mark} {us // 1_000_000}.{us % 1_000_000:06d} {said}".rstrip().encode(), mark)


class Folder:
    """A folder of recordings, this process's alone while it is open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.index = load_index(path)
        self.sealed: list[RecordedFile] = []  # since it was opened

    def free_name(self, name: str, hour: int) -> str:
        """A file for this hour that is not there yet."""
        stem = f"{name}-{from_us(hour * HOUR_US):%Y-%m-%dT%H}"
        number = 1
        while (self.path / (found := f"{stem}.zst" if number == 1 else f"{stem}.{number}.zst")).exists():
            number += 1
        return found

    def seal(self, entry: RecordedFile) -> None:
        """Enter a file that is complete in the index; readers of the index never see half of one."""
        self.index.recordings.append(entry)
        self.sealed.append(entry)
        self._write()

    def _write(self) -> None:
        replace(self.path / INDEX, msgspec.json.format(msgspec.json.encode(self.index), indent=1) + b"\n")
        replace(self.path / SUMS, "".join(f"{each.sha256}  {each.file}\n" for each in self.index.recordings).encode())

    def forget(self, name: str) -> None:
        """Remove the hours of a recorder of that name, sealed or not."""
        own = sorted(self.path.glob(f"{glob.escape(name)}-????-??-??T??*.zst"))
        if not own:
            return
        gone = {path.name for path in own}
        self.index.recordings = [each for each in self.index.recordings if each.file not in gone]
        self._write()
        for path in own:
            path.unlink()

    def recover(self) -> None:
        """Seal what a recorder that was killed left behind."""
        known = {entry.file for entry in self.index.recordings}
        for path in sorted(self.path.glob("*.zst")):
            if path.name not in known and _NAME.fullmatch(path.name):
                entry = recovered(path)
                if entry is not None:
                    self.seal(entry)


@contextmanager
def opened_folder(path: Path) -> Iterator[Folder]:
    """The folder, made if it is not there, with what was left in it sealed. Raises RecordingError when another recorder has it."""
    hidden = path / ".recorder"
    try:
        with locked(hidden):
            folder = Folder(path)
            folder.recover()
            yield folder
    except SessionError as error:
        raise RecordingError(
            f"{path} can't be recorded to: another `ctc record` or `ctc fetch` has it, or it may not be written ({error})"
        ) from error


class Recorder:
    """One connection's lines, to one file an hour. `put` and `flush` may be called by two threads, one each."""

    def __init__(self, folder: Folder, name: str, exchange: str, symbols: tuple[str, ...]) -> None:
        self._folder, self.name = folder, name
        self._exchange, self._symbols = exchange, symbols
        self._lines: deque[Line] = deque()  # one thread appends, the other takes from the left: neither sees the other halfway
        self._hour = -1
        self._file: _File | None = None
        self.frames = 0
        self.bytes = 0

    def put(self, line: Line) -> None:
        """Keep a line for the next flush."""
        self._lines.append(line)

    def flush(self) -> None:
        """Write what was put; it is on the disk on return. Raises OSError, with what was written before still whole.

        What comes before the first time is known waits for it: it belongs to that hour.
        """
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if self._hour < 0:
            first = next((line.us for line in lines if line.us > 0), None)
            if first is None:
                self._lines.extendleft(reversed(lines))
                return
            self._hour = first // HOUR_US
        for hour, some in groupby(lines, self._hour_of):
            if self._file is not None and self._file.hour != hour:
                self._seal("hour")
            if self._file is None:
                entry = RecordedFile(file=self._folder.free_name(self.name, hour), exchange=self._exchange, symbols=self._symbols)
                self._file = _File(self._folder.path / entry.file, entry, hour)
            before = self._file.entry.bytes
            frames = self._file.write(list(some))
            self.frames += frames
            self.bytes += self._file.entry.bytes - before

    def close(self, end: End = "stopped") -> None:
        """Seal the file of this hour."""
        if self._file is not None:
            self._seal(end)

    def _hour_of(self, line: Line) -> int:
        self._hour = max(self._hour, line.us // HOUR_US)  # a clock that is set back does not reopen an hour
        return self._hour

    def _seal(self, end: End) -> None:
        assert self._file is not None
        entry = self._file.close(end)
        self._file = None
        self._folder.seal(entry)


class _File:
    """The open file of one hour, and what is in it so far."""

    def __init__(self, path: Path, entry: RecordedFile, hour: int) -> None:
        self.entry, self.hour = entry, hour
        self._handle = path.open("xb", buffering=0)
        _sync_folder(path.parent)
        self._packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        self._digest = hashlib.sha256()

    def write(self, lines: list[Line]) -> int:
        """Append lines as one zstd frame, all or nothing; how many frames of the exchange are among them."""
        text = b"".join(line.body + b"\n" for line in lines)
        packed = self._packer.compress(text)
        try:
            left = memoryview(packed)
            while left:
                left = left[self._handle.write(left) :]
            os.fdatasync(self._handle.fileno())
        except OSError:
            self._handle.truncate(self.entry.bytes)
            raise
        self._digest.update(packed)
        entry, frames = self.entry, sum(not line.mark for line in lines)
        entry.bytes += len(packed)
        entry.unpacked += len(text)
        entry.frames += frames
        entry.connects += sum(line.mark == CONNECT for line in lines)
        entry.losses += sum(line.mark == LOSS for line in lines)
        timed = [line.us for line in lines if line.us > 0]
        if timed:
            entry.first_at, entry.last_at = entry.first_at or from_us(timed[0]), from_us(timed[-1])
        return frames

    def close(self, end: End) -> RecordedFile:
        self._handle.close()
        self.entry.sha256, self.entry.end = self._digest.hexdigest(), end
        return self.entry


def load_index(path: Path) -> Index:
    """What is sealed in a folder; nothing where there is no index. Raises RecordingError when it is damaged."""
    try:
        return msgspec.json.decode((path / INDEX).read_bytes(), type=Index)
    except FileNotFoundError:
        return Index()
    except (OSError, msgspec.DecodeError) as error:
        raise RecordingError(f"{path / INDEX} can't be read ({error}): name another folder, or move that file away") from error


def recovered(path: Path) -> RecordedFile | None:
    """The entry of a file that was not sealed, after taking off a write that was cut; None, and no file, when nothing is left."""
    found = _NAME.fullmatch(path.name)
    assert found is not None, "only our own files are touched"
    whole = _whole_bytes(path)
    if whole is not None and whole < path.stat().st_size:
        os.truncate(path, whole)
    if whole == 0:
        path.unlink()
        return None
    entry = RecordedFile(file=path.name, exchange=found[1], end="cut" if whole is not None else "damaged")
    _count(path, entry)
    entry.bytes, entry.sha256 = path.stat().st_size, digest(path)
    return entry


def _whole_bytes(path: Path) -> int | None:
    """Where the last complete zstd frame ends; None when a frame is damaged, not cut."""
    whole = read = 0
    frame = None
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            read += len(chunk)
            while chunk:
                frame = frame or zstandard.ZstdDecompressor().decompressobj()
                try:
                    frame.decompress(chunk)
                except zstandard.ZstdError:
                    return None
                chunk = frame.unused_data if frame.eof else b""
                if frame.eof:
                    whole, frame = read - len(chunk), None
    return whole


def _count(path: Path, entry: RecordedFile) -> None:
    try:
        with OpenPiece(Piece(path)) as opened:
            for line in opened.lines():
                taken = take_apart(line)
                entry.unpacked += len(line) + 1
                entry.connects += taken is not None and taken.aside == "connect"
                entry.losses += taken is not None and taken.aside == "lost"
                entry.frames += taken is None or not taken.aside
                if taken is not None and taken.received_us is not None:
                    entry.first_at = entry.first_at or from_us(taken.received_us)
                    entry.last_at = from_us(taken.received_us)
    except DAMAGE:
        entry.end = "damaged"


def digest(path: Path) -> str:
    """The file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(path: Path) -> Iterator[tuple[RecordedFile, str]]:
    """Each sealed file of a folder, and what is wrong with it, "" when nothing is."""
    for entry in load_index(path).recordings:
        yield entry, _wrong(path / entry.file, entry)


def _wrong(path: Path, entry: RecordedFile) -> str:
    if not path.is_file():
        return "the file is missing"
    if path.stat().st_size != entry.bytes or digest(path) != entry.sha256:
        return "it is not the file that was sealed: its checksum differs"
    seen = RecordedFile(file=entry.file, exchange=entry.exchange, end="damaged")
    _count(path, seen)
    return "" if seen.frames == entry.frames else f"{seen.frames:,} of {entry.frames:,} frames can be read"


def replace(path: Path, body: bytes) -> None:
    """Put a file in its place at once, and on the disk: nobody ever sees half of it."""
    scratch = path.with_name(f".{path.name}.new")
    with scratch.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    """A new name is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
