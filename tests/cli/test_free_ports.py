"""`--free-ports` moves what a session starts itself, and nothing else."""

from __future__ import annotations

import pytest

from ctc.cli.live import with_ports
from ctc.settings import load_profile


@pytest.mark.parametrize(("profile", "moved"), [("sim", True), ("live", True), ("localstack", False), ("cloud", False)])
def test_only_an_emulator_of_the_session_gets_another_endpoint(profile: str, moved: bool) -> None:
    before = load_profile(profile)
    after = with_ports(before, True, exchanges=False)
    assert bool(before.aws.emulator) is moved
    if moved:
        assert after.aws.endpoint == f"http://127.0.0.1:{after.aws.emulator_port}"
        assert after.aws.emulator_port != before.aws.emulator_port
    else:
        assert after.aws == before.aws
    assert after.exchanges == before.exchanges
    assert not {after.api.port, after.inspector.port} & {before.api.port, before.inspector.port}


def test_simulated_exchanges_each_get_a_port() -> None:
    before = load_profile("localstack")
    after = with_ports(before, True, exchanges=True)
    assert after.aws == before.aws
    assert all(venue.ws.startswith("ws://127.0.0.1:") for venue in after.exchanges.values())
    assert not {venue.ws for venue in after.exchanges.values()} & {venue.ws for venue in before.exchanges.values()}


def test_without_the_option_nothing_moves() -> None:
    before = load_profile("sim")
    assert with_ports(before, False, exchanges=True) is before
