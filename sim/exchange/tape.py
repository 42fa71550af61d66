"""The recorded tape: every market trade the exchanges have emitted, as STATE/tape.ndjson.zst, for the scorecard.

One line a trade, in order of time. The file is appended in zstd frames; a reader takes whole frames only, so a file that
is being written (or was cut off) reads up to its last whole frame. `sim.tape` makes the same trades again from the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import zstandard

from ctc.errors import SessionError

FILE = "tape.ndjson.zst"


class TapeRow(msgspec.Struct, frozen=True, gc=False):
    """A market trade as the exchange showed it: decimal texts, the taker's side, microseconds since the epoch."""

    exchange: str
    native_symbol: str
    kind: str
    trade_id: int
    price: str
    quantity: str
    side: str
    time_us: int


class TapeWriter:
    """Appends to the tape; `size` is the length in bytes that holds everything appended so far."""

    def __init__(self, state: Path, size: int = 0) -> None:
        """Go on after the first `size` bytes; what is beyond them is dropped (it will be emitted again)."""
        state.mkdir(parents=True, exist_ok=True)
        self._file = (state / FILE).open("r+b" if size else "wb")
        self._file.truncate(size)
        self._file.seek(size)
        self._compressor = zstandard.ZstdCompressor(level=3)
        self.size = size

    def append(self, lines: Iterable[bytes]) -> None:
        """One more frame, handed to the operating system before this returns; nothing is written for no lines."""
        text = b"\n".join(lines)
        if not text:
            return
        self.size += self._file.write(self._compressor.compress(text + b"\n"))
        self._file.flush()

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


def read_tape(state: Path) -> Iterator[TapeRow]:
    """Every row of the tape so far, in order of time. Raises SessionError when there is no tape."""
    path = state / FILE
    if not path.is_file():
        raise SessionError(f"{path} is missing: no simulated exchange has run in this folder; start one with `ctc sim`")
    decoder = msgspec.json.Decoder(TapeRow)
    for text in _frames(path.read_bytes()):
        for line in text.splitlines():
            yield decoder.decode(line)


def _frames(data: bytes) -> Iterator[bytes]:
    """The contents of the whole zstd frames at the head of `data`."""
    while data:
        unpacker = zstandard.ZstdDecompressor().decompressobj()
        text = unpacker.decompress(data)
        if not unpacker.eof:
            return
        yield text
        data = unpacker.unused_data
