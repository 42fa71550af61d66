"""The token bucket by itself, on a clock of the test's."""

from __future__ import annotations

from ctc.api.limits import CLIENTS, RequestLimit


class Tick:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def nothing(scope: object, receive: object, send: object) -> None:
    raise AssertionError("no request is passed on here")


def test_bucket_fills_up_to_its_burst_and_no_further() -> None:
    tick = Tick()
    limit = RequestLimit(nothing, per_s=2, burst=3, tick=tick)
    assert [limit._wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    tick.now = 0.5
    assert [limit._wait("a") for _ in range(2)] == [0, 0.5]
    tick.now = 1000
    assert [limit._wait("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_clients_do_not_pay_for_each_other_and_are_forgotten() -> None:
    limit = RequestLimit(nothing, per_s=1, burst=1, tick=Tick())
    for number in range(CLIENTS + 50):
        assert limit._wait(f"client {number}") == 0
    assert len(limit._buckets) == CLIENTS
    assert limit._wait(f"client {CLIENTS + 49}") > 0
