"""Gathered questions: one call at a time, and what is asked meanwhile goes into the next together."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ctc.aws.gathered import Gathered

PATIENCE_S = 60


class Store:
    """Answers calls one by one, when the test lets it."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.called = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)

    def ask(self, keys: list[str]) -> dict[str, str]:
        self.calls.append(sorted(keys))
        self.called.release()
        assert self.go_on.acquire(timeout=PATIENCE_S)
        return {key: key.upper() for key in keys if key != "absent"}


def waiting(gathered: Gathered[str], count: int) -> bool:
    """Whether so many questions wait for the call that is out."""
    deadline = threading.Event()
    for _ in range(PATIENCE_S * 100):
        if len(gathered._wanted) == count:
            return True
        deadline.wait(0.01)
    return False


def test_what_is_asked_while_a_call_is_out_goes_together_and_each_gets_its_own() -> None:
    store = Store()
    gathered = Gathered(100, store.ask)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(gathered.get, "a")
        assert store.called.acquire(timeout=PATIENCE_S)
        others = {key: pool.submit(gathered.get, key) for key in ("b", "c", "absent")}
        again = pool.submit(gathered.get, "b")
        assert waiting(gathered, 3)
        store.go_on.release(2)
        assert first.result(PATIENCE_S) == "A"
        assert {key: each.result(PATIENCE_S) for key, each in others.items()} == {"b": "B", "c": "C", "absent": None}
        assert again.result(PATIENCE_S) == "B"
    assert store.calls == [["a"], ["absent", "b", "c"]]


def test_question_is_never_answered_by_a_call_that_began_before_it() -> None:
    store = Store()
    gathered = Gathered(100, store.ask)
    with ThreadPoolExecutor(2) as pool:
        early = pool.submit(gathered.get, "a")
        assert store.called.acquire(timeout=PATIENCE_S)
        late = pool.submit(gathered.get, "a")
        assert waiting(gathered, 1)
        store.go_on.release(2)
        assert (early.result(PATIENCE_S), late.result(PATIENCE_S)) == ("A", "A")
    assert store.calls == [["a"], ["a"]]


def test_call_holds_no_more_keys_than_it_may() -> None:
    store = Store()
    gathered = Gathered(2, store.ask)
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(gathered.get, "a")]
        assert store.called.acquire(timeout=PATIENCE_S)
        found += [pool.submit(gathered.get, key) for key in "bcdef"]
        assert waiting(gathered, 5)
        store.go_on.release(10)
        assert sorted(str(each.result(PATIENCE_S)) for each in found) == list("ABCDEF")
    assert [len(keys) for keys in store.calls] == [1, 2, 2, 1]


def test_failure_reaches_all_who_were_in_the_call_and_nobody_else() -> None:
    failures = iter([ZeroDivisionError("no"), None])

    def ask(keys: list[str]) -> dict[str, str]:
        if error := next(failures):
            raise error
        return dict.fromkeys(keys, "yes")

    gathered: Gathered[str] = Gathered(100, ask)
    with pytest.raises(ZeroDivisionError):
        gathered.get("a")
    assert gathered.get("a") == "yes"
