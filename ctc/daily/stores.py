"""What a job works on: a session's settings with its stores up, or a profile's, in a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ctc.session import reachable
from ctc.settings import Settings, load_profile, profile_instead


@contextmanager
def stores(state: Path, profile: str | None) -> Iterator[Settings]:
    """Settings of the profile where one is named, else of the session in `state`, whose emulator is up until the block ends.

    Where there is no session the profile may be named by CTC_PROFILE, as a job run's environment does.
    """
    if name := profile or profile_instead(state):
        yield load_profile(name)
        return
    with reachable(state) as settings:
        yield settings
