"""Files as streams of lines, whatever they are packed in: told by their first bytes, never by their names."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self, cast

import zstandard

from ctc.errors import RecordingError

# What a damaged or cut file raises while it is read.
DAMAGE = (OSError, EOFError, zlib.error, zstandard.ZstdError, zipfile.BadZipFile, RuntimeError, NotImplementedError)
LONGEST_LINE = 16 << 20
INDEX, SUMS = "index.json", "SHA256SUMS"  # what `ctc record` writes beside its recordings
_BUFFER = 1 << 17
# Packed bytes taken at a time: 4 of them can unpack to a block of 128 KiB.
_ZSTD_STEP = 1 << 10
_BOM = b"\xef\xbb\xbf"
_GZIP, _ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"


class Piece(NamedTuple):
    """A file, or one member of a zip file."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.path.name}:{self.member}" if self.member else self.path.name


class _Gradual(io.RawIOBase):
    """Gives what a gzip file has so far, so that a cut one is read up to the cut; GzipFile.readinto throws that part away."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Frames(io.RawIOBase):
    """The zstd frames of a file, one after the other; unlike zstandard's own reader it raises EOFError at a cut."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame: Any = None
        self._packed = b""
        self._data = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._data:
            self._packed = self._packed or self._file.read(_ZSTD_STEP)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("Compressed file ended before the end-of-stream marker was reached")  # as gzip says it
                return 0
            self._unpack()
        count = min(len(buffer), len(self._data))
        buffer[:count] = self._data[:count]
        self._data = self._data[count:]
        return count

    def _unpack(self) -> None:
        frame = self._frame if self._frame is not None else zstandard.ZstdDecompressor().decompressobj()
        self._data = memoryview(frame.decompress(self._packed))
        self._packed = frame.unused_data if frame.eof else b""
        self._frame = None if frame.eof else frame


class OpenPiece:
    """A piece's unpacked bytes; a context manager, which knows how far it is in the file on disk."""

    def __init__(self, piece: Piece) -> None:
        self._closing = ExitStack()
        self._left_at = 0
        try:
            self._file = self._closing.enter_context(piece.path.open("rb"))
            self.stream = self._unpack(piece)
        except BaseException:
            self._closing.close()
            raise

    def _unpack(self, piece: Piece) -> io.BufferedReader:
        if piece.member:
            archive = self._closing.enter_context(zipfile.ZipFile(self._file))
            inner: BinaryIO = cast(BinaryIO, self._closing.enter_context(archive.open(piece.member)))
            return io.BufferedReader(cast(io.RawIOBase, inner), _BUFFER)
        magic = self._file.peek(4)[:4]
        if magic.startswith(_GZIP):
            return io.BufferedReader(_Gradual(self._closing.enter_context(gzip.GzipFile(fileobj=self._file))), _BUFFER)
        if magic == _ZSTD:
            return io.BufferedReader(_Frames(self._file), _BUFFER)
        return self._file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._left_at = self.position()  # a reader dropped half way may be ended after its file
        self._closing.close()

    def position(self) -> int:
        """Bytes of the file on disk that were read so far."""
        return self._left_at if self._file.closed else self._file.tell()

    def lines(self) -> Iterator[bytes]:
        """Its lines without surrounding white space, byte order mark and empty ones; memory stays flat whatever is in it.

        A line beyond 16 MB is cut there. Raises one of DAMAGE where the file is damaged or cut.
        """
        readline = self.stream.readline
        line = readline(LONGEST_LINE).removeprefix(_BOM)
        while line:
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                self._finish_line()
            stripped = line.strip()
            if stripped:
                yield stripped
            line = readline(LONGEST_LINE)

    def _finish_line(self) -> None:
        while (rest := self.stream.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass


def first_lines(piece: Piece, count: int) -> list[bytes]:
    """Up to so many lines from its start. Raises RecordingError when not even one can be read."""
    lines: list[bytes] = []
    try:
        with OpenPiece(piece) as opened:
            lines.extend(islice(opened.lines(), count))
    except DAMAGE as error:
        if not lines:
            raise RecordingError(f"{piece.path} can't be read: {words(error)}") from error
    return lines


def pieces(path: Path) -> list[Piece]:
    """The file itself, or the members of a zip file in its order. Raises RecordingError when it can't be opened."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
            if magic != _ZIP:
                return [Piece(path)]
            with zipfile.ZipFile(file) as archive:
                return [Piece(path, info.filename) for info in archive.infolist() if not info.is_dir()]
    except DAMAGE as error:
        raise RecordingError(f"{path} can't be read: {words(error)}") from error


def expand(paths: Iterable[Path]) -> list[tuple[Path, bool]]:
    """Every file once, in order, and whether it was named (not found in a folder).

    In a folder, what is hidden or is a recorder's account of its files is passed over. Raises RecordingError for a path
    that is not there.
    """
    found: dict[Path, tuple[Path, bool]] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(entry for entry in path.rglob("*") if entry.is_file() and not _beside(entry.relative_to(path)))
            for entry in inside:
                found.setdefault(entry.resolve(), (entry, False))
        elif path.exists():
            found[path.resolve()] = (path, True)
        else:
            raise RecordingError(f"there is no file or folder {path}")
    return list(found.values())


def _beside(path: Path) -> bool:
    return path.name in (INDEX, SUMS) or any(part.startswith(".") for part in path.parts)


def words(error: BaseException) -> str:
    """An error of DAMAGE in a few words."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
