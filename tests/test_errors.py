"""The exception tree: one root, an exit code for each, and what a caller needs to go on."""

from __future__ import annotations

import inspect

import pytest

from ctc import errors
from ctc.errors import ConfigError, CtcError, DataLoss, ExchangeError, FrameError, PartialWrite, StreamError, Throttled

EVERY = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_error_has_one_root_a_promise_and_a_place_in_the_tree(kind: type[CtcError]) -> None:
    assert issubclass(kind, CtcError)
    assert kind.__doc__
    assert kind.__name__ in (errors.__doc__ or "")


def test_only_what_the_user_typed_is_a_usage_error() -> None:
    assert {kind for kind in EVERY if kind.exit_code == 2} == {ConfigError}
    assert CtcError.exit_code == 1


def test_stream_errors_say_how_to_go_on() -> None:
    assert Throttled("slow down", 0.5).retry_after == 0.5
    assert PartialWrite("2 of 3 refused", (0, 2)).failed == (0, 2)
    assert all(issubclass(kind, StreamError) for kind in (Throttled, PartialWrite, DataLoss))


def test_exchange_error_carries_the_wait_when_there_is_one() -> None:
    assert ExchangeError("418").retry_after is None
    assert ExchangeError("429", retry_after=60).retry_after == 60


def test_frame_error_keeps_the_frame() -> None:
    error = FrameError("binance", "no price", b"{}")
    assert (str(error), error.raw) == ("binance: no price", b"{}")
