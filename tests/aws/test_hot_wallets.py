"""The contract of a store of wallets' scores, over the fake and the emulator alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest
from fakes_hot import MemoryWallets, Wall
from samples_wallets import RUN, SCORES, a_score, address

from ctc.aws import wallets as hot_wallets
from ctc.aws.hot import create_tables
from ctc.aws.wallets import DynamoWallets
from ctc.ports import WalletStore
from ctc.settings import Settings

pytestmark = pytest.mark.contract
LATER = msgspec.structs.replace(RUN, run="later")


@pytest.fixture
def wall() -> Wall:
    return Wall("2026-01-15T12:00:00+00:00")


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest, wall: Wall) -> WalletStore:
    if request.param == "memory":
        return MemoryWallets(wall)
    own: Settings = request.getfixturevalue("emulator")
    create_tables(own)
    return DynamoWallets(own, wall)


def test_nothing_is_there_before_the_first_run(store: WalletStore) -> None:
    assert store.run() is None
    assert list(store.wallets("none")) == []
    assert store.wallet("none", address(1)) == []


def test_run_comes_back_with_every_digit(store: WalletStore) -> None:
    store.put(RUN, SCORES)
    assert store.run() == RUN
    assert list(store.wallets(RUN.run)) == [SCORES[:2], SCORES[2:]]
    assert store.wallet(RUN.run, address(1)) == SCORES[:2]
    assert store.wallet(RUN.run, address(3)) == []


def test_wallets_are_walked_by_address_from_any_place(store: WalletStore) -> None:
    scores = [a_score(number) for number in range(450)]
    store.put(RUN, scores)
    store.put(RUN, scores)  # a job that was done again
    assert [own for (own,) in store.wallets(RUN.run)] == scores
    assert [own for (own,) in store.wallets(RUN.run, address(430))] == scores[431:]


def test_next_run_takes_its_place(store: WalletStore) -> None:
    store.put(RUN, SCORES)
    store.put(LATER, [a_score(2, episodes=99)])
    assert store.run() == LATER
    assert list(store.wallets("later")) == [[a_score(2, episodes=99)]]
    assert list(store.wallets(RUN.run)) == [SCORES[:2], SCORES[2:]], "who is reading it comes to its end"


def test_run_without_scores_is_a_run(store: WalletStore) -> None:
    store.put(RUN, SCORES)
    store.put(LATER, [])
    assert store.run() == LATER
    assert list(store.wallets("later")) == []


def test_scores_are_forgotten_after_30_days(store: WalletStore, wall: Wall) -> None:
    store.put(RUN, SCORES)
    wall.now += timedelta(days=29, hours=23)
    assert store.run() == RUN
    wall.now += timedelta(hours=2)
    assert store.run() is None


@pytest.mark.emulator
@pytest.mark.parametrize("writes", [0, 1])
def test_writer_that_dies_between_two_writes_leaves_the_run_before(
    emulator: Settings, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    create_tables(emulator)
    store = DynamoWallets(emulator)
    store.put(RUN, SCORES)
    put_batch: Callable[..., None] = hot_wallets.put_batch
    done: list[int] = []

    def killed(*words: object) -> None:
        if len(done) == writes:
            raise KeyboardInterrupt
        done.append(1)
        put_batch(*words)

    monkeypatch.setattr(hot_wallets, "put_batch", killed)
    with pytest.raises(KeyboardInterrupt):
        store.put(LATER, [a_score(number) for number in range(60)])
    assert store.run() == RUN
    assert list(store.wallets(RUN.run)) == [SCORES[:2], SCORES[2:]]
