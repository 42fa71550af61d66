"""Kept answers: young ones are given again, old ones asked anew by one caller alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ctc.kept import PATIENCE, Kept


class Tick:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_answer_is_given_again_until_it_is_old() -> None:
    tick, asked = Tick(), iter(range(10))
    kept: Kept[int] = Kept(8, tick)
    assert [kept.get("a", 1, lambda: next(asked)) for _ in range(3)] == [0, 0, 0]
    tick.now = 1.0
    assert kept.get("a", 1, lambda: next(asked)) == 1
    assert kept.get("b", 1, lambda: next(asked)) == 2


def test_keeping_for_no_time_always_asks() -> None:
    asked = iter(range(10))
    kept: Kept[int] = Kept(8, Tick())
    assert [kept.get("a", 0, lambda: next(asked)) for _ in range(3)] == [0, 1, 2]


def test_failure_is_not_kept() -> None:
    kept: Kept[int] = Kept(8, Tick())
    with pytest.raises(ZeroDivisionError):
        kept.get("a", 1, lambda: 1 // 0)
    assert kept.get("a", 1, lambda: 7) == 7


def test_size_bounds_what_is_remembered() -> None:
    asked: list[str] = []
    kept: Kept[None] = Kept(2, Tick())
    for key in ("a", "b", "a", "c", "a", "b"):
        kept.get(key, 1, lambda key=key: asked.append(key))  # type: ignore[misc]
    assert asked == ["a", "b", "c", "b"]


@pytest.mark.parametrize(("age", "waits"), [(1.5, False), (PATIENCE + 0.5, True)])
def test_others_get_the_old_answer_while_one_asks(age: float, waits: bool) -> None:
    tick = Tick()
    kept: Kept[int] = Kept(8, tick)
    kept.get("a", 1, lambda: 1)
    tick.now = age
    asking, go_on = threading.Event(), threading.Event()

    def slowly() -> int:
        asking.set()
        assert go_on.wait(30)
        return 2

    found: list[int] = []
    first = threading.Thread(target=lambda: found.append(kept.get("a", 1, slowly)))
    first.start()
    assert asking.wait(30)
    second = threading.Thread(target=lambda: found.append(kept.get("a", 1, lambda: 3)))
    second.start()
    if not waits:
        second.join(30)
        assert found == [1]
    go_on.set()
    first.join(30)
    second.join(30)
    assert sorted(found) == ([2, 2] if waits else [1, 2])


def test_helpers_renew_what_is_old_and_nobody_waits() -> None:
    tick = Tick()
    with ThreadPoolExecutor(1) as helpers:
        kept: Kept[int] = Kept(8, tick, helpers)
        kept.get("a", 1, lambda: 1)
        tick.now = 1.5
        assert kept.get("a", 1, lambda: 2) == 1
    assert kept.get("a", 1, lambda: 3) == 2


def test_what_a_helper_could_not_renew_is_asked_by_the_next_who_must_wait() -> None:
    tick = Tick()
    with ThreadPoolExecutor(1) as helpers:
        kept: Kept[int] = Kept(8, tick, helpers)
        kept.get("a", 1, lambda: 1)
        tick.now = 1.5
        assert kept.get("a", 1, lambda: 1 // 0) == 1
    tick.now = PATIENCE
    with pytest.raises(ZeroDivisionError):
        kept.get("a", 1, lambda: 1 // 0)
    assert kept.get("a", 1, lambda: 4) == 4


def test_answer_under_another_mark_is_old_at_once() -> None:
    kept: Kept[int] = Kept(8, Tick())
    assert kept.get("a", 60, lambda: 1, mark="x") == 1
    assert kept.get("a", 60, lambda: 2, mark="x") == 1
    assert kept.get("a", 60, lambda: 3, mark="y") == 3
    assert kept.get("a", 60, lambda: 4, mark="y") == 3


def test_answer_under_another_mark_is_borne_no_longer_than_allowed() -> None:
    tick = Tick()
    with ThreadPoolExecutor(1) as helpers:
        kept: Kept[int] = Kept(8, tick, helpers)
        kept.get("a", 60, lambda: 1, mark="x")
        assert kept.get("a", 60, lambda: 1 // 0, mark="y", bear_s=1) == 1
    tick.now = 1.0
    with pytest.raises(ZeroDivisionError):
        kept.get("a", 60, lambda: 1 // 0, mark="y", bear_s=1)
    assert kept.get("a", 60, lambda: 2, mark="y", bear_s=1) == 2


def test_at_once_gives_what_nobody_waits_for_and_has_it_renewed() -> None:
    tick = Tick()
    with ThreadPoolExecutor(1) as helpers:
        kept: Kept[int] = Kept(8, tick, helpers)
        assert kept.at_once("a", 1, lambda: 1) is None
        kept.get("a", 1, lambda: 1)
        assert kept.at_once("a", 1, lambda: 2) == 1
        tick.now = 1.5
        assert kept.at_once("a", 1, lambda: 3) == 1
    assert kept.at_once("a", 1, lambda: 4) == 3
    tick.now = 9.0
    assert kept.at_once("a", 1, lambda: 5) is None
    assert kept.at_once("a", 0, lambda: 5) is None


def test_at_once_gives_nothing_old_where_nobody_would_renew_it() -> None:
    tick = Tick()
    kept: Kept[int] = Kept(8, tick)
    kept.get("a", 1, lambda: 1)
    tick.now = 1.5
    assert kept.at_once("a", 1, lambda: 2) is None
