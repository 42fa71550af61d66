"""The producer's dead letters, read back: the frame's own bytes and the reason; nothing stops the query."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import Row

from ctc.codec import pack
from ctc.errors import FrameError
from ctc.producer.tape import MAX_LINE_BYTES, dead_letter
from ctc.quality.letters import Refused
from ctc.spark.dead_letters import letters_of

RECEIVED = datetime(2026, 1, 5, tzinfo=UTC)


def read(data: bytes) -> list[Refused]:
    return list(letters_of(Row(data=bytearray(data), partitionKey="binance", shardId="s", sequenceNumber="5", arrival_us=9)))


@given(raw=st.binary(max_size=200) | st.text(max_size=50).map(str.encode), reason=st.text(max_size=30))
def test_letter_gives_back_the_frame_and_the_reason(raw: bytes, reason: str) -> None:
    (letter,) = read(pack([dead_letter(FrameError("binance", reason, raw), RECEIVED)]))
    place, rules = ("binance", "s", "5", 0, 9), ("frame_unreadable",)
    assert letter == Refused("malformed", (f"binance: {reason}",), raw, *place, rules, "frames", "binance", RECEIVED)


def test_letters_of_one_record_are_told_apart() -> None:
    frames = [b"one\r\ntwo", b"\xff\x00", "drei\u2028\x85".encode()]
    letters = read(pack([dead_letter(FrameError("coinbase", "why", raw), RECEIVED) for raw in frames]))
    assert [(letter.raw, letter.position) for letter in letters] == list(zip(frames, range(3), strict=True))


def test_frame_that_was_cut_says_so() -> None:
    raw = b"\xff" * (2 * MAX_LINE_BYTES)
    (letter,) = read(pack([dead_letter(FrameError("binance", "too long", raw), RECEIVED)]))
    assert letter.raw == raw[: len(letter.raw)]
    assert (letter.reasons, letter.cut_from) == (("binance: too long",), 2_000_000)


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[]",
        b'{"exchange":"binance","reason":"x","raw":5}',
        b'{"exchange":"binance","raw":"x"}',
        b'{"exchange":"b","reason":"x","raw":"***","encoding":"base64"}',
        b'{"exchange":"b","reason":"x","raw":"\xff"}',
        b'{"exchange":"b","deep":' + b"[" * 100_000,
        zstandard.ZstdCompressor().compress(bytes(80 << 20)),
        b"\x28\xb5\x2f\xfd broken",
    ],
    ids=range(9),
)
def test_what_is_no_letter_is_kept_whole(line: bytes) -> None:
    (letter,) = read(line)
    assert letter.raw == line
    assert letter.reasons[0].startswith("unreadable dead letter")


@given(st.binary(max_size=300))
def test_any_bytes_give_letters(data: bytes) -> None:
    assert all(isinstance(letter.raw, bytes) and letter.reasons for letter in read(data))
    msgspec.msgpack.encode(read(data))
