"""Commands on a stopped session share one emulator: each asks the right port, nobody waits for itself, a kill leaves nothing."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ctc.errors import SessionError
from ctc.processes import free_port, locked
from ctc.session import running
from ctc.settings import load_profile, load_state, save_state

DEADLINE_S = 60.0
# An emulator that says whose it is, and takes a moment to keep its state as the real one does; one at a time on a folder, too.
SERVER = """
import fcntl, signal, socket, sys, threading
with open("emulator.lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
        print("ready", flush=True)
        try:
            while True:
                with server.accept()[0] as connection:
                    connection.sendall(b"the emulator")
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            ending.wait(0.3)
"""
# A command: says the port once its stores are up; asks at each line it is given; at the end of its input it is through.
COMMAND = """
import socket, sys
from pathlib import Path
from ctc import calls
from ctc.processes import spawn
from ctc.session import reachable

class Emulator:
    def __init__(self, settings, state):
        self.port, self.state = settings.aws.emulator_port, state
    def start(self):
        self.child = spawn("emulator", [str(self.state / "server.py"), str(self.port)], self.state)
        while "ready" not in self.child.tail():
            assert self.child.wait(0.02) is None, self.child.tail()
    def stop(self):
        self.child.stop()

calls.emulator = Emulator

def ask(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
            return link.recv(100).decode()
    except OSError as error:
        return type(error).__name__

with reachable(Path(sys.argv[1])) as settings:
    port = settings.aws.emulator_port
    print(port, ask(port), flush=True)
    for line in sys.stdin:
        print(ask(port), flush=True)
print("through", flush=True)
"""


class Command:
    """A process that has a stopped session's stores up until it is told to end."""

    def __init__(self, state: Path) -> None:
        words = [sys.executable, "-c", COMMAND, str(state)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def line(self, within_s: float = DEADLINE_S) -> str | None:
        """What it says next; None while that has not come."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], within_s)[0]:
            return None
        return self.process.stdout.readline().decode().strip()

    def up(self) -> int:
        """The port that it reaches the emulator at."""
        port, _, answer = (self.line() or "").partition(" ")
        assert answer == "the emulator", self.process.communicate()
        return int(port)

    def asks(self) -> str | None:
        """What it is answered now."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return self.line()

    def end(self) -> None:
        """Tell it to end; it may wait for others."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def through(self) -> None:
        """It has ended well."""
        assert (self.line(), self.process.wait(DEADLINE_S)) == ("through", 0)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The folder of a session that has stopped."""
    (tmp_path / "server.py").write_text(SERVER)
    port = free_port()
    save_state(load_profile("sim", {"aws.endpoint": f"http://127.0.0.1:{port}", "aws.emulator_port": port}), tmp_path)
    return tmp_path


@pytest.fixture
def command(state: Path) -> Iterator[Callable[[], Command]]:
    """Starts commands on it; ends all of them afterwards."""
    with ExitStack() as stack:

        def start() -> Command:
            made = Command(state)
            stack.enter_context(made.process)
            stack.callback(made.kill)
            return made

        yield start


def own_port(state: Path) -> int:
    """The port that the session had."""
    return load_state(state).aws.emulator_port


def refused(port: int) -> bool:
    """Whether nothing listens there, within the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            return True
        threading.Event().wait(0.02)
    return False


def one_waits_for_another(command: Callable[[], Command]) -> tuple[Command, Command, int]:
    """A command that would end, another that uses its emulator, and the port of that."""
    first = command()
    port = first.up()
    second = command()
    assert second.up() == port
    first.end()
    assert first.line(0.5) is None, "it ended, and the emulator with it, while another used that"
    return first, second, port


def test_commands_share_the_emulator_of_the_first_and_each_is_answered_to_its_end(state: Path, command: Callable[[], Command]) -> None:
    with socket.create_server(("127.0.0.1", own_port(state))):  # not an emulator, and it never answers
        first, second, port = one_waits_for_another(command)
        assert port != own_port(state)
        assert second.asks() == "the emulator"
        third = command()  # as the second might start, and wait for
        assert third.up() == port
        third.end()
        third.through()
        second.end()
        second.through()
        first.through()
    assert refused(port)
    assert first.process.stderr is not None
    assert b"other commands use the emulator" in first.process.stderr.read()


def test_many_commands_at_once_are_all_answered(command: Callable[[], Command]) -> None:
    many = [command() for _ in range(6)]
    for each in many:
        each.end()
    for each in many:
        assert (each.line() or "").endswith(" the emulator"), each.process.communicate()
        each.through()


def test_command_whose_emulators_owner_was_killed_hinders_nobody(state: Path, command: Callable[[], Command]) -> None:
    first = command()
    port = first.up()
    orphan = command()
    assert orphan.up() == port
    first.kill()
    after = command()  # the emulator of the one that was killed is still ending
    assert after.up()
    assert orphan.asks() in (
        "ConnectionRefusedError",
        "ConnectionResetError",
        "",
        "the emulator",
    )  # the last where the new one has the port
    after.end()
    after.through()
    assert orphan.process.poll() is None
    with pytest.raises(SessionError, match="commands are at work"), locked(state):
        pass
    orphan.end()
    orphan.through()
    with locked(state):
        pass


def test_command_that_was_killed_is_not_waited_for(command: Callable[[], Command]) -> None:
    first, second, _ = one_waits_for_another(command)
    second.kill()
    first.through()


def test_command_is_no_session_but_keeps_one_from_starting(state: Path, command: Callable[[], Command]) -> None:
    first = command()
    first.up()
    assert not running(state)
    with (
        pytest.raises(SessionError, match=r"commands are at work .*: wait until they are through, or choose another folder"),
        locked(state),
    ):
        pass
    first.end()
    first.through()
    with locked(state):
        assert running(state)


def test_interrupted_while_it_waits_a_command_ends_its_emulator(command: Callable[[], Command]) -> None:
    first, _, port = one_waits_for_another(command)
    os.kill(first.process.pid, signal.SIGINT)
    first.process.wait(DEADLINE_S)
    assert refused(port)
