"""A fast, seeded mutator of JSON-like bytes: a few microseconds each, the same frames for the same seed."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_VALUE = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null')
_FIELD = re.compile(rb'"[^"]*":(?:"(?:[^"\\]|\\.)*"|[^,{}\[\]]+),?')

NUMBERS = (
    b"0", b"-0", b"-1", b"1", b"00", b"1.", b".5", b"+1", b"0x10", b"1e400", b"-1e400", b"1e-400",
    b"1E+2", b"NaN", b"Infinity", b"-Infinity",
    b"9" * 19, b"9" * 20, b"9" * 21, b"9" * 40, b"1" + b"0" * 5000, b"0." + b"0" * 17 + b"1", b"0." + b"0" * 18 + b"1", b"0." + b"1" * 80,
    b"99999999999999999999.999999999999999999", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809",
    b"18446744073709551616", b"253402300799999", b"-62135596800000", b"1723161255000000", b"1723161255", b"12345678901234567890123",
    b"1_000", b"1,5", "\u0661\u0662".encode(), b"null", b"true", b"{}", b"[]", b'"1"', b'""', b'"1e3"', b'"NaN"', b'" 1"', b"1e3",
)  # fmt: skip
TEXTS = (
    rb'"\ud800"', rb'"\udc00\ud800"', rb'"\u0000"', b'"\x00"', b'"\x1f"', rb'"\x"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"',
    b'"\xff\xfe"', b'"\xef\xbb\xbf"', '"\u202e\u2066"'.encode(), '"e\u0301\u0327"'.encode(), '"\U0001f40b"'.encode(), '"\u2028"'.encode(),
    b'""', b'" "', b'"' + b"A" * 65 + b'"', b'"' + b"x" * 5_000 + b'"', rb'"\n\t\"\\"', b"'a'",
    b'"BTC|USDT|x|y"', b'"2024-13-45T99:00:00Z"',
    b'"0001-01-01T00:00:00+23:59"', b'"9999-12-31T23:59:59.999999-23:59"', b'"2024-08-08T00:00:00"', b'"1969-12-31T23:59:59Z"',
    b'"2024-08-08T00:00:00.123456789Z"', b'"2200-01-01T00:00:00Z"', b'"buy"', b'"sell"', b'"BUY"', b'"trade"', b'"aggTrade"', b'"match"',
    b"null", b"true", b"[1]", b'{"a":1}', b"7",
)  # fmt: skip
LITTLE = (
    b"",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"\\",
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b"\x00",
    b"\xff",
    b"\xc3",
    b"//",
    b"e",
    b"-",
    b"{}",
    b"null",
)


class Mutator:
    """Draws a seed frame and changes it, or leaves it as it is. Every frame depends on the numbers drawn before it alone."""

    def __init__(self, seeds: Sequence[bytes], seed: int) -> None:
        self.rng = random.Random(seed)
        self._seeds = list(seeds)
        self._numbers = [[match.span() for match in _NUMBER.finditer(frame)] for frame in seeds]
        self._values = [[match.span() for match in _VALUE.finditer(frame)] for frame in seeds]
        self._fields = [[match.span() for match in _FIELD.finditer(frame)] for frame in seeds]
        self._aimed = (self._number, self._number, self._number, self._value, self._value, self._drop, self._double, self._nest)
        self._blind = (self.flip, self.flip, self.truncate, self._splice, self._insert, self._whitespace)

    def frame(self) -> bytes:
        """The next one."""
        rng = self.rng
        index = rng.randrange(len(self._seeds))
        chance = rng.random()
        if chance < 0.06:
            return self._seeds[index]
        if chance < 0.66:
            frame = rng.choice(self._aimed)(index)
            return frame if chance < 0.56 else rng.choice(self._blind)(frame)
        frame = rng.choice(self._blind)(self._seeds[index])
        return frame if chance < 0.9 else rng.choice(self._blind)(frame)

    def _put(self, index: int, spans: list[tuple[int, int]], value: bytes) -> bytes:
        frame = self._seeds[index]
        if not spans:
            return frame + value
        start, end = self.rng.choice(spans)
        return frame[:start] + value + frame[end:]

    def _number(self, index: int) -> bytes:
        value = (
            self.rng.choice(NUMBERS) if self.rng.random() < 0.8 else str(self.rng.getrandbits(self.rng.choice((8, 32, 62, 70)))).encode()
        )
        return self._put(index, self._numbers[index], value)

    def _value(self, index: int) -> bytes:
        return self._put(index, self._values[index], self.rng.choice(TEXTS))

    def _drop(self, index: int) -> bytes:
        return self._put(index, self._fields[index], b"")

    def _double(self, index: int) -> bytes:
        frame, spans = self._seeds[index], self._fields[index]
        if not spans:
            return frame * 2
        start, end = self.rng.choice(spans)
        return frame[:start] + frame[start:end].rstrip(b",") + b"," + frame[start:]

    def _nest(self, index: int) -> bytes:
        rng = self.rng
        depth = rng.choice((1, 2, 30, 300)) if rng.random() < 0.98 else 30_000
        opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}"), (b"[", b"")))
        return self._put(index, self._values[index], opening * depth + b"1" + closing * depth)

    def flip(self, frame: bytes) -> bytes:
        """One to three bits changed."""
        if not frame:
            return frame
        changed, rng = bytearray(frame), self.rng
        for _ in range(rng.randrange(1, 4)):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        return bytes(changed)

    def truncate(self, frame: bytes) -> bytes:
        """The beginning of it."""
        return frame[: self.rng.randrange(len(frame) + 1)]

    def _splice(self, frame: bytes) -> bytes:
        other = self.rng.choice(self._seeds)
        return frame[: self.rng.randrange(len(frame) + 1)] + other[self.rng.randrange(len(other) + 1) :]

    def _insert(self, frame: bytes) -> bytes:
        place = self.rng.randrange(len(frame) + 1)
        return frame[:place] + self.rng.choice(LITTLE) + frame[place:]

    def _whitespace(self, frame: bytes) -> bytes:
        return self.rng.choice((b" ", b"\n", b"\t", b"\r", b"\xef\xbb\xbf", b"")) + frame + self.rng.choice((b" ", b"\t ", b"\x00", b"\r"))
