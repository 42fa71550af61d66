"""What waits for a target that is away: in order, bounded, and never in the way."""

from __future__ import annotations

import pytest

from ctc.errors import StoreError
from ctc.spark.backlog import Backlog


class Target:
    def __init__(self) -> None:
        self.taken: list[int] = []
        self.away = False

    def send(self, item: int) -> None:
        if self.away:
            raise StoreError("away")
        self.taken.append(item)


def test_what_failed_goes_first_next_time_in_order() -> None:
    target = Target()
    backlog: Backlog[int] = Backlog("telling", target.send)
    backlog.offer(1)
    target.away = True
    backlog.offer(2)
    backlog.offer(3)
    assert (target.taken, len(backlog), backlog.trouble) == ([1], 2, "away")
    target.away = False
    backlog.offer(4)
    assert (target.taken, len(backlog), backlog.trouble, backlog.dropped) == ([1, 2, 3, 4], 0, None, 0)


def test_oldest_is_dropped_past_the_bound_and_counted() -> None:
    target = Target()
    target.away = True
    backlog: Backlog[int] = Backlog("telling", target.send, bound=3)
    for number in range(5):
        backlog.offer(number)
    target.away = False
    backlog.offer(5)
    assert (target.taken, backlog.dropped) == ([3, 4, 5], 3)


def test_other_errors_are_not_hidden() -> None:
    def broken(_: int) -> None:
        raise ValueError("a mistake of ours")

    with pytest.raises(ValueError, match="a mistake"):
        Backlog("telling", broken).offer(1)
