"""What a session does about programs that die, and about an emulator that is stopped on purpose."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ctc.session
from ctc.errors import SessionError
from ctc.session import MAX_RESTARTS, Program, Session
from ctc.settings import load_profile

KILLS_ITSELF = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
WAITS = "import threading\nthreading.Event().wait()\n"
DEADLINE_S = 60


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    found = Session(load_profile("sim"), tmp_path, lambda text: None)
    yield found
    found.stop()


def started(session: Session, script: str) -> None:
    """Run a script as the session's producer."""
    path = session.state / "program.py"
    path.write_text(script)
    session.start([Program("producer", (str(path),))])


def kept_up_until_another(session: Session, pid: int) -> int:
    """Keep the session up until the program has another process id."""
    deadline = time.monotonic() + DEADLINE_S
    while session.pid("producer") == pid:
        assert time.monotonic() < deadline
        session.keep_up()
    return session.pid("producer")


def test_program_that_dies_again_and_again_ends_the_session(session: Session) -> None:
    started(session, KILLS_ITSELF)
    pid = session.pid("producer")
    for _ in range(MAX_RESTARTS):
        pid = kept_up_until_another(session, pid)
    with pytest.raises(SessionError, match="producer ended with exit code -9"):
        kept_up_until_another(session, pid)


def test_program_that_dies_now_and_then_is_always_started_again(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctc.session, "RESTARTS_WITHIN_S", 0.0)
    started(session, WAITS)
    pid = session.pid("producer")
    for _ in range(MAX_RESTARTS + 2):
        os.kill(pid, signal.SIGKILL)
        pid = kept_up_until_another(session, pid)


WRITES_WHO_RUNS = """import os, sys, threading
from pathlib import Path
if sys.argv[1:] == ["standby"]:
    Path("ready").touch()
    sys.stdin.readline()
Path("runs").write_text(str(os.getpid()))
threading.Event().wait()
"""


@pytest.fixture
def with_standby(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setattr(ctc.session, "STANDBY_AFTER_S", 0.0)
    found = Session(load_profile("sim", {"spark.standby": True}), tmp_path, lambda text: None)
    path = tmp_path / "program.py"
    path.write_text(WRITES_WHO_RUNS)
    found.start([Program("producer", (str(path),), standby=(str(path), "standby"))])
    yield found
    found.stop()


def kept_up_until(session: Session, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        session.keep_up()


def runs(session: Session) -> str:
    path = session.state / "runs"
    return path.read_text() if path.exists() else ""


def test_standby_takes_the_place_of_what_died_and_gets_a_standby_itself(with_standby: Session) -> None:
    session, ready = with_standby, with_standby.state / "ready"
    for _ in range(2):
        kept_up_until(session, lambda: ready.exists() and runs(session) == str(session.pid("producer")))
        standby = session.standby_pid("producer")
        assert standby is not None
        ready.unlink()
        os.kill(session.pid("producer"), signal.SIGKILL)
        kept_up_until(session, lambda: session.pid("producer") == standby)  # noqa: B023 - used before it changes


def test_standby_that_died_is_replaced_and_what_it_stood_by_for_goes_on(with_standby: Session) -> None:
    session = with_standby
    kept_up_until(session, lambda: session.standby_pid("producer") is not None and runs(session) != "")
    first, running = session.standby_pid("producer"), session.pid("producer")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    kept_up_until(session, lambda: session.standby_pid("producer") not in (None, first))
    assert session.pid("producer") == running


def test_standby_is_kept_only_where_the_profile_asks_for_one(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctc.session, "STANDBY_AFTER_S", 0.0)
    (session.state / "program.py").write_text(WAITS)
    session.start([Program("producer", (str(session.state / "program.py"),), standby=(str(session.state / "program.py"),))])
    session.keep_up()
    assert session.standby_pid("producer") is None


class Emulator:
    """A service that says whether it runs; dead when it was not stopped."""

    def __init__(self) -> None:
        self.runs = self.died = False

    def start(self) -> None:
        self.runs = True

    def check(self) -> None:
        if self.died:
            raise SessionError("the emulator died")

    def stop(self) -> None:
        self.runs = False


def test_emulator_may_be_stopped_on_purpose_and_may_not_die(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Emulator()
    monkeypatch.setattr(ctc.session, "emulator", lambda settings, state: service)
    monkeypatch.setattr(ctc.session, "create_resources", lambda settings: None)
    session.prepare()
    session.stop_emulator()
    assert not service.runs
    session.keep_up()
    session.start_emulator()
    assert service.runs
    service.died = True
    with pytest.raises(SessionError, match="died"):
        session.keep_up()
