"""The spool keeps records over a crash, in order, within its bound."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctc.producer import spool as spools
from ctc.producer.spool import Spool

RECORDS = st.lists(st.tuples(st.sampled_from(["BTC-USDT", "ETH-USDT"]), st.binary(max_size=50)), max_size=30)


@given(RECORDS, st.data())
def test_spool_gives_back_what_was_not_sent_in_order(tmp_path_factory: pytest.TempPathFactory, records: list, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("spool")
    first = Spool(folder, 1 << 20)
    slots = [first.append(key, body, 1, number) for number, (key, body) in enumerate(records)]
    sent = data.draw(st.integers(0, len(records)))
    for slot in slots[:sent]:
        first.sent(slot)
    after = Spool(folder, 1 << 20)
    # All of a segment that is not sent entirely come again: at least once.
    expected = records if sent < len(records) else []
    assert [(slot.key, after.read(slot), slot.beat_us) for slot in after.left_over] == [
        (key, body, number) for number, (key, body) in enumerate(expected)
    ]
    for slot in after.left_over:
        after.sent(slot)
    assert (after.bytes, after.lines) == (0, 0)
    assert list(folder.iterdir()) == []


@given(st.integers(1, 400))
def test_torn_end_is_cut_off_and_the_rest_is_read(tmp_path_factory: pytest.TempPathFactory, torn: int) -> None:
    folder = tmp_path_factory.mktemp("spool")
    first = Spool(folder, 1 << 20)
    for number in range(10):
        first.append("BTC-USDT", bytes([number]) * 20, 1, number)
    path = next(folder.iterdir())
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - torn)])
    found = Spool(folder, 1 << 20).left_over
    size = len(whole) // 10
    assert [slot.beat_us for slot in found] == list(range(max(0, len(whole) - torn) // size))


def test_segments_go_one_by_one_as_they_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "SEGMENT_BYTES", 100)
    spool = Spool(tmp_path / "spool", 250)
    slots = [spool.append("K", b"x" * 60, 2, -1) for _ in range(3)]
    assert spool.full
    assert spool.lines == 6
    assert len(list((tmp_path / "spool").iterdir())) == 2
    for slot in slots[:2]:
        spool.sent(slot)
    assert len(list((tmp_path / "spool").iterdir())) == 1
    assert not spool.full
    assert spool.read(slots[2]) == b"x" * 60
