"""Children end with their parent, leave nothing behind, and a state folder has one session."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from ctc.errors import SessionError
from ctc.processes import AUTOGROUPS, Child, free_port, free_ports, locked, port_is_free, spawn

T = TypeVar("T")
DEADLINE_S = 60.0
PAUSE = threading.Event()

OBEDIENT = (
    "import signal, sys\nprint('ready', *sys.argv[1:], flush=True)\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\nsignal.pause()\n"
)
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready', flush=True)\nwhile True: signal.pause()\n"
WITH_GRANDCHILD = (
    "import signal, subprocess, sys\n"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
    "print('ready', subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']).pid, flush=True)\n"
    "signal.pause()\n"
)


def eventually(look: Callable[[], T]) -> T:
    """What `look` returns once it is true; fails after a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        PAUSE.wait(0.01)
    return found


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie, which only waits to be reaped, does not."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return shown.stdout.strip()[:1] not in ("", "Z")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """Starts a program on a leash and waits for its first line; ends all of them afterwards."""
    started: list[Child] = []

    def start(program: str, *arguments: str) -> Child:
        file = tmp_path / f"program{len(started)}.py"
        file.write_text(program)
        child = spawn(f"child{len(started)}", [str(file), *arguments], tmp_path)
        started.append(child)
        eventually(lambda: "ready" in child.tail() or child.poll() is not None)
        return child

    yield start
    for child in started:
        child.kill()


def test_child_gets_its_arguments_and_logs(start: Callable[..., Child]) -> None:
    child = start(OBEDIENT, "--symbol", "BTC-USDT")
    assert child.poll() is None
    assert child.tail() == "ready --symbol BTC-USDT"


def test_stop_asks_first(start: Callable[..., Child]) -> None:
    assert start(OBEDIENT).stop() == 7


def test_stop_kills_what_does_not_listen(start: Callable[..., Child]) -> None:
    assert start(STUBBORN).stop(timeout=0.05) == -signal.SIGKILL


def test_stop_twice_is_the_same_as_once(start: Callable[..., Child]) -> None:
    child = start(OBEDIENT)
    assert child.stop() == child.stop() == child.poll() == 7


@pytest.mark.parametrize("end", [Child.stop, Child.kill])
def test_nothing_that_a_child_started_stays(start: Callable[..., Child], end: Callable[[Child], int]) -> None:
    child = start(WITH_GRANDCHILD)
    grandchild = int(child.tail().split()[-1])
    assert is_alive(grandchild)
    end(child)
    eventually(lambda: not is_alive(grandchild))


def test_child_that_ends_by_itself_takes_its_own_with_it(start: Callable[..., Child]) -> None:
    child = start(WITH_GRANDCHILD)
    grandchild = int(child.tail().split()[-1])
    os.kill(child.pid, signal.SIGKILL)
    eventually(lambda: child.poll() is not None)
    eventually(lambda: not is_alive(grandchild))


def test_child_is_out_of_the_reach_of_ctrl_c(start: Callable[..., Child]) -> None:
    child = start(OBEDIENT)
    assert os.getsid(child.pid) == child.pid != os.getsid(0)


@pytest.mark.skipif(not AUTOGROUPS, reason="this kernel does not group processes by session")
def test_child_that_waits_gives_way_until_it_is_told_to_go(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(
        "import sys, threading; print('ready', flush=True); sys.stdin.readline(); print('told', flush=True); threading.Event().wait()"
    )
    own = Path("/proc/self/autogroup").read_text()
    child = spawn("child", [str(file)], tmp_path, waits=True)
    try:
        eventually(lambda: "ready" in child.tail())
        group = Path(f"/proc/{child.pid}/autogroup")
        assert group.read_text().split()[1:] == ["nice", "19"]
        assert Path("/proc/self/autogroup").read_text() == own
        child.go()
        eventually(lambda: "told" in child.tail())
        assert group.read_text().split()[1:] == ["nice", "0"]
        child.kill()
        child.share_cpu(19)  # nobody is left to be told
    finally:
        child.kill()


def test_tail_is_of_this_start_and_short(tmp_path: Path) -> None:
    file = tmp_path / "count.py"
    for first in (0, 100):
        file.write_text(f"for number in range({first}, {first} + 40): print(number)\n")
        child = spawn("counter", [str(file)], tmp_path)
        child.wait()
    assert child.tail(3) == "137\n138\n139"
    assert child.tail(1000).startswith("100\n")


def test_module_that_is_not_there_ends_with_its_reason(tmp_path: Path) -> None:
    child = spawn("nothing", ["ctc.no_such_module"], tmp_path)
    assert child.wait() == 1
    assert "no_such_module" in child.tail()


def test_child_sees_modules_of_the_library_not_of_the_package(tmp_path: Path) -> None:
    file = tmp_path / "look.py"
    file.write_text("import sys\nassert not any(path.endswith('/ctc') for path in sys.path), sys.path\n")
    assert spawn("look", [str(file)], tmp_path).wait() == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_child_ends_when_its_parent_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "child.py").write_text(WITH_GRANDCHILD)
    parent_code = (
        "import pathlib, signal, sys\nfrom ctc.processes import spawn\n"
        "child = spawn('child', [sys.argv[1] + '/child.py'], pathlib.Path(sys.argv[1]))\n"
        "print(child.pid, flush=True)\nsignal.pause()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", parent_code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        log = tmp_path / "logs" / "child.log"
        ready = eventually(lambda: re.match(r"ready (\d+)\n", log.read_text()))
        parent.send_signal(number)
    eventually(lambda: not is_alive(child))
    eventually(lambda: not is_alive(int(ready[1])))


def test_free_port_is_free_until_taken() -> None:
    port = free_port()
    assert port_is_free(port)
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert port < other.getsockname()[1], "among those that a connection may be given meanwhile"
    with socket.create_server(("127.0.0.1", port)):
        assert not port_is_free(port)


def test_free_ports_are_all_different(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctc.processes._LISTENING", (15_000, 15_200))  # of so few, 60 draws hit one twice
    assert len(set(free_ports(60))) == 60


def test_lock_names_the_session_that_has_it(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(SessionError, match=rf"already runs on .* \(pid {os.getpid()}\).*--state"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = "import os, pathlib, sys\nfrom ctc.processes import locked\nwith locked(pathlib.Path(sys.argv[1])): os._exit(9)\n"
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)]).returncode == 9
    with locked(tmp_path):
        pass
