"""The contract of an alert store, over the fake and the emulator alike."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fakes_hot import MemoryAlerts, Wall
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples_hot import NOON, an_alert

from ctc.aws.alerts import DynamoAlerts
from ctc.aws.hot import create_tables
from ctc.model import Alert
from ctc.ports import AlertStore
from ctc.settings import Settings

pytestmark = pytest.mark.contract


@pytest.fixture
def wall() -> Wall:
    return Wall("2030-01-01T00:00:00+00:00")


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest, wall: Wall) -> AlertStore:
    if request.param == "memory":
        return MemoryAlerts(wall=wall)
    own: Settings = request.getfixturevalue("emulator")
    create_tables(own)
    return DynamoAlerts(own, wall)


def ids(alerts: list[Alert]) -> list[int]:
    return [int(alert.alert_id.replace("-", ""), 16) for alert in alerts]


def page(store: AlertStore, **filters: object) -> tuple[list[int], bool]:
    found = store.page(**({"now": NOON, "type": None, "symbol": None, "since": None, "limit": 50} | filters))  # type: ignore[arg-type]
    return ids(found.alerts), found.has_more


def test_alert_comes_back_exactly(store: AlertStore) -> None:
    alert = an_alert(
        1,
        price=Decimal("0.000000000000000001"),
        quote_volume=Decimal("12345678901234567890.123456789012345678901234567890"),
        z_score=Decimal("-3.00000000"),
        detected_at=NOON.replace(microsecond=1),
        message='quotes " and 🐋',
    )
    store.put([alert])
    assert store.get(alert.alert_id) == alert
    assert str(store.get(alert.alert_id).z_score) == "-3.00000000"  # type: ignore[union-attr]


def test_alert_that_is_not_there_is_none(store: AlertStore) -> None:
    assert store.get("nobody") is None


def test_put_keeps_the_highest_revision(store: AlertStore) -> None:
    early, done = an_alert(1, revision=0), an_alert(1, revision=1, message="completed")
    store.put([done])
    store.put([early])
    assert store.get(early.alert_id) == done


def test_put_of_one_revision_twice_changes_nothing(store: AlertStore) -> None:
    store.put([an_alert(1)])
    store.put([an_alert(1, message="again")])
    assert store.get(an_alert(1).alert_id) == an_alert(1)
    assert page(store) == ([1], False)


def test_put_of_nothing_is_fine(store: AlertStore) -> None:
    store.put([])
    assert page(store) == ([], False)


def test_put_many_at_once(store: AlertStore) -> None:
    alerts = [an_alert(n, detected_at=NOON - timedelta(seconds=n)) for n in range(300)]
    store.put(iter(alerts))
    assert page(store, limit=200) == (list(range(200)), True)


def test_page_is_newest_first_across_hours(store: AlertStore) -> None:
    store.put([an_alert(n, detected_at=NOON - timedelta(minutes=50 * n)) for n in (4, 0, 3, 1, 2)])
    assert page(store) == ([0, 1, 2, 3, 4], False)


def test_page_of_one_moment_goes_by_id(store: AlertStore) -> None:
    store.put([an_alert(n) for n in (2, 9, 4)])
    assert page(store) == ([9, 4, 2], False)


@pytest.mark.parametrize(("limit", "more"), [(1, True), (4, True), (5, False), (6, False)])
def test_has_more_is_exact(store: AlertStore, limit: int, more: bool) -> None:
    store.put([an_alert(n, detected_at=NOON - timedelta(minutes=40 * n)) for n in range(5)])
    assert page(store, limit=limit) == (list(range(min(limit, 5))), more)


def test_since_is_exclusive_to_the_microsecond(store: AlertStore) -> None:
    tick = timedelta(microseconds=1)
    store.put([an_alert(1, detected_at=NOON - tick), an_alert(2, detected_at=NOON), an_alert(3, detected_at=NOON + tick)])
    assert page(store, since=NOON) == ([3], False)
    assert page(store, since=NOON - tick) == ([3, 2], False)


def test_since_defaults_to_a_day_before_now(store: AlertStore) -> None:
    store.put([an_alert(1, detected_at=NOON - timedelta(hours=24)), an_alert(2, detected_at=NOON - timedelta(hours=23, minutes=59))])
    assert page(store) == ([2], False)
    assert page(store, now=NOON - timedelta(minutes=1)) == ([2, 1], False)


def test_since_years_ago_finds_everything(store: AlertStore) -> None:
    store.put([an_alert(1, detected_at=NOON - timedelta(days=900)), an_alert(2)])
    assert page(store, since=datetime.fromisoformat("0001-01-01T00:00:00+00:00")) == ([2, 1], False)


def test_filters_by_type_and_symbol_combine(store: AlertStore) -> None:
    store.put(
        [
            an_alert(1),
            an_alert(2, symbol="ETH-USDT"),
            an_alert(3, type="spread", rule="raw"),
            an_alert(4, type="spread", rule="raw", symbol="ETH-USDT"),
        ]
    )
    assert page(store, type="spread") == ([4, 3], False)
    assert page(store, symbol="BTC-USDT") == ([3, 1], False)
    assert page(store, type="spread", symbol="BTC-USDT") == ([3], False)
    assert page(store, type="volume_spike") == ([], False)


def test_has_more_counts_what_both_filters_leave(store: AlertStore) -> None:
    store.put([an_alert(n, type="spread" if n % 7 == 0 else "whale", detected_at=NOON - timedelta(seconds=n)) for n in range(60)])
    assert page(store, type="spread", symbol="BTC-USDT", limit=9) == ([7 * n for n in range(9)], False)
    assert page(store, type="spread", symbol="BTC-USDT", limit=8) == ([7 * n for n in range(8)], True)


def test_alert_is_gone_a_day_after_its_write(store: AlertStore, wall: Wall) -> None:
    store.put([an_alert(1)])
    wall.now += timedelta(hours=23, minutes=59)
    assert page(store) == ([1], False)
    store.put([an_alert(2)])
    wall.now += timedelta(minutes=1)
    assert page(store) == ([2], False)
    assert store.get(an_alert(1).alert_id) is None


def test_bucket_expires_and_returns(store: AlertStore, wall: Wall) -> None:
    store.put([an_alert(1)])
    wall.now += timedelta(hours=30)
    store.put([an_alert(2, detected_at=NOON + timedelta(hours=2))])
    assert page(store, since=NOON - timedelta(hours=1)) == ([2], False)
    store.put([an_alert(3)])
    assert page(store, since=NOON - timedelta(hours=1)) == ([2, 3], False)


_BATCHES = st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6), max_size=5)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=_BATCHES)
def test_any_order_of_writes_ends_in_the_highest_revision(store: AlertStore, batches: list[list[tuple[int, int]]]) -> None:
    base = uuid.uuid4().int & ~3  # the examples share one store
    highest: dict[int, int] = {}
    for batch in batches:
        store.put([an_alert(base + n, revision=revision, message=f"{revision}") for n, revision in batch])
        for n, revision in batch:
            highest[n] = max(revision, highest.get(n, 0))
    for n, revision in highest.items():
        assert store.get(an_alert(base + n).alert_id) == an_alert(base + n, revision=revision, message=f"{revision}")


def test_pages_lose_and_repeat_nothing_while_alerts_arrive(store: AlertStore) -> None:
    there = [an_alert(n, detected_at=NOON - timedelta(minutes=n // 3)) for n in range(40)]  # three of each moment
    store.put(there)
    found: list[int] = []
    below = None
    for number in range(100):
        got = store.page(now=NOON, type=None, symbol=None, since=None, limit=7, below=below)
        found += ids(got.alerts)
        store.put([an_alert(100 + number, detected_at=NOON + timedelta(minutes=1 + number))])  # newer ones, after the walk began
        store.put([an_alert(n, revision=1, detected_at=there[n].detected_at) for n in range(number, 40, 9)])  # completions
        if not got.has_more:
            break
        below = got.next
    assert found == ids(sorted(there, key=lambda alert: (alert.detected_at, alert.alert_id), reverse=True))


def test_until_is_inclusive_to_the_microsecond(store: AlertStore) -> None:
    tick = timedelta(microseconds=1)
    store.put([an_alert(1, detected_at=NOON - tick), an_alert(2, detected_at=NOON), an_alert(3, detected_at=NOON + tick)])
    assert page(store, until=NOON) == ([2, 1], False)
    assert page(store, until=NOON - tick) == ([1], False)


def test_page_that_examined_enough_ends_short_and_goes_on_from_there(store: AlertStore) -> None:
    store.put([an_alert(n, severity="high" if n in (0, 29) else "low", detected_at=NOON - timedelta(minutes=n)) for n in range(30)])
    found, below, pages = [], None, 0
    while pages == 0 or below is not None:
        got = store.page(
            now=NOON, type=None, symbol=None, since=None, limit=5, below=below, matching=lambda alert: alert.severity == "high", examine=10
        )
        assert got.has_more is (got.next is not None)
        found += ids(got.alerts)
        below, pages = got.next, pages + 1
    assert (found, pages) == ([0, 29], 3)


def test_reader_that_keeps_answers_sees_a_new_alert_when_they_are_old(emulator: Settings) -> None:
    create_tables(emulator)
    writer, reader = DynamoAlerts(emulator), DynamoAlerts(emulator, keep_s=3600)
    writer.put([an_alert(1)])
    assert page(reader) == ([1], False)
    writer.put([an_alert(2)])
    assert page(reader) == ([1], False)
    assert page(DynamoAlerts(emulator, keep_s=3600)) == ([2, 1], False)


def test_reader_asks_again_for_what_was_written_to_however_old_and_for_nothing_else(emulator: Settings, wall: Wall) -> None:
    create_tables(emulator)
    writer, reader = DynamoAlerts(emulator, wall), DynamoAlerts(emulator, wall, keep_s=1e-9)  # its calendars are always old
    asked: list[str] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        asked.append(params["ExpressionAttributeValues"][":bucket"]["S"])

    reader._reader.meta.events.register("provide-client-params.dynamodb.Query", note)
    writer.put([an_alert(n, detected_at=NOON - timedelta(minutes=20 * n)) for n in range(4)])
    assert page(reader) == ([0, 1, 2, 3], False)
    wall.now += timedelta(seconds=5)  # the indexes have caught up
    assert page(reader) == ([0, 1, 2, 3], False)
    asked.clear()
    assert page(reader) == ([0, 1, 2, 3], False)
    assert asked == []
    writer.put([an_alert(3, revision=1, detected_at=NOON - timedelta(minutes=60)), an_alert(9, detected_at=NOON - timedelta(minutes=61))])
    assert page(reader) == ([0, 1, 2, 3, 9], False)
    assert reader.page(now=NOON, type=None, symbol=None, since=None, limit=9).alerts[3].revision == 1
    assert asked == ["2026-01-15T11:3", "2026-01-15T11:2"]


def test_alerts_are_read_by_id_many_at_once(emulator: Settings) -> None:
    create_tables(emulator)
    store = DynamoAlerts(emulator)
    store.put([an_alert(n) for n in range(40)])
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda n: store.get(an_alert(n).alert_id), range(60)))
    assert found == [an_alert(n) for n in range(40)] + [None] * 20
