"""Letters for people: bounded, and nothing in them that a terminal or a page would act on."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctc.quality.letters import OTHER, SHOWN, Letter, Refused, letter_of, printable, sample_of

SYMBOLS = ("BTC-USDT",)


def refused(raw: bytes = b"{}", **changes: object) -> Refused:
    found = Refused("invalid", ("why",), raw, "BTC-USDT", "s", "5", 3, 9, ("price_missing",))
    return msgspec.structs.replace(found, **changes)


@given(st.binary(max_size=2_000), st.text(max_size=600), st.text(max_size=50))
def test_sample_is_bounded_and_printable(raw: bytes, reason: str, exchange: str) -> None:
    sample = sample_of(refused(raw, reasons=(reason,) * 9, rules=("price_missing",) * 9, exchange=exchange), SYMBOLS)
    texts = (sample.raw, sample.exchange or "", *sample.reasons)
    assert all(len(text) <= SHOWN and (text.isprintable()) for text in texts)
    assert (len(sample.reasons), sample.size) == (5, len(raw))
    assert len(msgspec.json.encode(sample)) < 10_000


@pytest.mark.parametrize(
    ("raw", "shown"),
    [(b'{"a": 1}', '{"a": 1}'), (b"\xff\x00\n", "\\xff\\x00\\n"), (b"\x1b[2J", "\\x1b[2J"), ("ü‮x".encode(), "ü\\u202ex"), (b"", "")],
)
def test_printable_escapes_what_is_not_text(raw: bytes, shown: str) -> None:
    assert printable(raw) == shown


def test_printable_says_that_it_was_cut() -> None:
    assert printable(b"x" * 10, 10) == "x" * 10
    assert printable(b"x" * 11, 10) == "x" * 9 + "…"
    assert printable(b"\x00" * 4, 10) == "\\x00\\x00\\…"


@given(st.binary(max_size=300))
def test_letter_round_trips_with_its_bytes(raw: bytes) -> None:
    letter = letter_of(refused(raw), SYMBOLS)
    assert msgspec.json.decode(msgspec.json.encode(letter), type=Letter) == letter
    assert letter.raw == raw


def test_id_is_that_of_the_place() -> None:
    places = [refused(), refused(position=4), refused(sequence_number="6"), refused(shard="t"), refused(source="frames")]
    assert len({each.id for each in places}) == len(places)
    assert refused(b"x", arrival_us=10).id == refused().id


def test_key_that_is_no_symbol_is_other() -> None:
    assert letter_of(refused(key="../../x"), SYMBOLS).symbol == OTHER
    assert letter_of(refused(), SYMBOLS).symbol == "BTC-USDT"
