"""The contract of a store of quality, over the fake and the emulator alike."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fakes_hot import MemoryQuality
from samples_quality import NOON, a_batch, a_sample, a_tally

from ctc.aws.hot import create_tables
from ctc.aws.quality import MAX_SAMPLES, DynamoQuality
from ctc.ports import QualityStore
from ctc.quality.counts import QualityMinute
from ctc.settings import Settings

pytestmark = pytest.mark.contract


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> QualityStore:
    if request.param == "memory":
        return MemoryQuality()
    own: Settings = request.getfixturevalue("emulator")
    create_tables(own)
    return DynamoQuality(own)


def counted(store: QualityStore) -> list[tuple[int, int, int]]:
    """Minute after noon, processed, passed."""
    return [((each.minute - NOON) // timedelta(minutes=1), each.processed, each.passed) for each in store.view().minutes]


def test_nothing_is_there_before_the_first_batch(store: QualityStore) -> None:
    view = store.view()
    assert (view.minutes, view.rules, view.samples) == ([], {}, [])


def test_minutes_add_up_over_batches_symbols_and_queries(store: QualityStore) -> None:
    store.put(a_batch(1, a_tally(59, 10, failed=2, late=1, price_missing=2), a_tally(59, 5, symbol="ETH-USDT", duplicate=3)))
    store.put(a_batch(2, a_tally(59, 1, inconsistent=1), a_tally(60, 7)))
    store.put(a_batch(1, a_tally(59, 0, failed=4, symbol="other", frame_unreadable=4), query="dead_letters", run="run-2"))
    view = store.view()
    assert view.minutes == [
        QualityMinute(minute=NOON + timedelta(minutes=59), processed=22, passed=14, failed=6, late=1, inconsistent=1, duplicates=3),
        QualityMinute(minute=NOON + timedelta(minutes=60), processed=7, passed=7),
    ]
    assert view.rules == {"late": 1, "price_missing": 2, "duplicate": 3, "inconsistent": 1, "frame_unreadable": 4}


def test_batch_that_comes_twice_counts_once(store: QualityStore) -> None:
    first, second = a_batch(1, a_tally(1, 10, late=2)), a_batch(2, a_tally(1, 5), a_tally(61, 5))
    for batch in (first, first, second, first, second):
        store.put(batch)
    assert counted(store) == [(1, 15, 13), (61, 5, 5)]
    assert store.view().rules == {"late": 2}


def test_run_that_begins_again_counts_anew(store: QualityStore) -> None:
    store.put(a_batch(7, a_tally(1, 10)))
    store.put(a_batch(0, a_tally(1, 3), run="run-9"))
    assert counted(store) == [(1, 13, 13)]


def test_view_ends_a_day_before_the_newest_minute(store: QualityStore) -> None:
    store.put(a_batch(1, a_tally(0), a_tally(1), a_tally(2)))
    store.put(a_batch(2, a_tally(1 + 24 * 60)))
    assert [minute for minute, _, _ in counted(store)] == [2, 1 + 24 * 60]


def test_samples_are_the_newest_once_each(store: QualityStore) -> None:
    samples = [a_sample(number) for number in range(MAX_SAMPLES + 5)]
    store.put(a_batch(1, samples=samples[:10]))
    store.put(a_batch(2, samples=samples[5:]))
    store.put(a_batch(2, samples=samples[5:]))
    assert store.view().samples == samples[: -MAX_SAMPLES - 1 : -1]


@pytest.mark.emulator
def test_two_processes_that_write_one_hour_lose_nothing(emulator: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    create_tables(emulator)
    store, other = DynamoQuality(emulator), DynamoQuality(emulator)
    replace = store._replace

    def overtaken(*arguments: object) -> bool:
        monkeypatch.setattr(store, "_replace", replace)
        other.put(a_batch(1, a_tally(1, 5), run="run-2"))
        return replace(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "_replace", overtaken)
    store.put(a_batch(1, a_tally(1, 10)))
    assert counted(store) == [(1, 15, 15)]
