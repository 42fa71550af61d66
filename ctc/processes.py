"""A session's processes: started on a leash, logged to a file, stopped in order; and the state folder's lock.

A child is in a session of its own, so Ctrl-C in the terminal reaches only the parent, which decides; and it ends with its
parent whatever happens (`ctc.leash`).
"""

from __future__ import annotations

import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from ctc import leash
from ctc.errors import SessionError
from ctc.settings import child_environment

HOST = "127.0.0.1"
_TAIL_BYTES = 16_384
_TRIES, _AGAIN_S = 20, 0.1
# Whether the kernel groups processes by session when it shares out the CPU, so that one which waits can give way to the others.
AUTOGROUPS = Path("/proc/self/autogroup").exists()
# Above what services are known by, below what systems give to connections that go out.
_LISTENING = (15_000, 32_768)
_ANY = random.SystemRandom()  # processes that look at the same time, and tests that seed `random`, find others


class Child:
    """A running process of the session; `spawn` makes one."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], line: int, log: Path, log_start: int) -> None:
        self.name = name
        self.pid = process.pid
        self.log = log
        self._process = process
        self._autogroup = Path(f"/proc/{self.pid}/autogroup")
        self._line: int | None = line
        self._log_start = log_start

    def poll(self) -> int | None:
        """The exit status once it has ended (negative: the signal), else None."""
        return self.wait(0)

    def wait(self, timeout: float | None = None) -> int | None:
        """Like `poll`, after waiting up to `timeout` seconds for the end."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        status = self._process.returncode
        if status is not None and self._line is not None:
            self._signal_group(signal.SIGKILL)  # what it left behind, such as a JVM
            os.close(self._line)
            self._line = None
            if self._process.stdin is not None:
                self._process.stdin.close()
        return status

    def go(self) -> None:
        """Tell a process that was spawned with `waits` that it need not wait any more."""
        assert self._process.stdin is not None, f"{self.name} was not spawned to wait"
        self.share_cpu(0)
        with suppress(BrokenPipeError):  # it has just ended: `poll` says so
            self._process.stdin.write(b"\n")
            self._process.stdin.close()

    def share_cpu(self, nice: int) -> None:
        """Have it and all it started give way to other sessions' processes (19), or not (0), where the kernel groups them by session.

        A nice value of its own could not be lowered again without rights; one of its autogroup can (sched(7)).
        """
        for _ in range(_TRIES):
            try:
                self._autogroup.write_text(str(nice))
            except BlockingIOError:  # somebody else's was changed within a tenth of a second
                self.wait(_AGAIN_S)
            except OSError:  # no such kernel, or it has just ended
                return
            else:
                return

    def stop(self, timeout: float = 10.0) -> int:
        """Ask it to end, then after `timeout` seconds end it and all it started. Returns the exit status.

        Only the process itself gets SIGTERM: a Spark driver needs its JVM to stop in order.
        """
        if self.poll() is None:
            self._process.terminate()
            self.wait(timeout)
        return self.kill()

    def kill(self) -> int:
        """End it and all it started, now. Returns the exit status."""
        if self.poll() is None:
            self._signal_group(signal.SIGKILL)
        status = self.wait()
        assert status is not None  # wait() without a timeout returns only then
        return status

    def tail(self, lines: int = 15) -> str:
        """The last lines that it has logged since its start, for a message."""
        with self.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, size - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _signal_group(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def spawn(
    name: str,
    command: Sequence[str],
    state: Path,
    *,
    python: Path | str = sys.executable,
    environment: Mapping[str, str] | None = None,
    waits: bool = False,
) -> Child:
    """Start `python -m COMMAND...` for the session in `state`, logging to `STATE/logs/NAME.log` (appended).

    With `waits` it has an input that ends when it is told to go (`Child.go`), and until then only the CPU that others leave.
    `command` begins with a module's name or a file ending in .py. It runs in the state folder, so pass absolute paths.
    """
    state = state.resolve()
    log = state / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    reading, line = os.pipe()  # not inheritable: no other child can hold the line
    try:
        with log.open("ab") as out:
            process = subprocess.Popen(
                [str(python), leash.__file__, str(reading), *command],
                stdin=subprocess.PIPE if waits else subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=state,
                env=child_environment(state, environment),
                start_new_session=True,
                pass_fds=(reading,),
            )
            child = Child(name, process, line, log, out.tell())
        if waits:
            child.share_cpu(19)
        return child
    except BaseException:
        os.close(line)
        raise
    finally:
        os.close(reading)


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on now; not one of those that connections going out are given (Linux: 32768 and up)."""
    while True:
        port = _ANY.randrange(*_LISTENING)
        if port_is_free(port):
            return port


def free_ports(count: int) -> list[int]:
    """So many of them, no two alike: one that is drawn stays free, and may be drawn again, until something listens on it."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is not "in use"
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):  # OverflowError: no port has such a number
            return False
    return True


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold the state folder for one session; SessionError names the process that has it."""
    with lock_file(state, "lock") as lock:
        if not held(lock, fcntl.LOCK_EX):
            raise SessionError(f"{_holder(state, lock)}, or choose another folder with --state")
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
        lock.truncate(0)


def _holder(state: Path, lock: TextIO) -> str:
    if held(lock, fcntl.LOCK_SH):
        return f"commands are at work on what the last session left in {state}: wait until they are through"
    lock.seek(0)
    return f"a session already runs on {state} (pid {lock.read().strip() or 'unknown'}): stop it"


def is_locked(state: Path) -> bool:
    """Whether a session holds the state folder now."""
    try:
        with (state / "lock").open() as lock:
            return not held(lock, fcntl.LOCK_SH)  # shared, so that those who ask don't see each other
    except OSError:
        return False


@contextmanager
def kept_stopped(state: Path) -> Iterator[bool]:
    """Let no session begin on the state folder until the block ends; False, and nothing is kept, where one runs."""
    with lock_file(state, "lock") as lock:
        yield held(lock, fcntl.LOCK_SH)


@contextmanager
def queued(state: Path) -> Iterator[None]:
    """Wait for the calls before this one (`ctc query` and the like, where no session runs), and keep later ones waiting."""
    with lock_file(state, "calls") as queue:
        fcntl.flock(queue, fcntl.LOCK_EX)
        yield


def held(lock: TextIO, how: int) -> bool:
    """Take the lock, alone or shared (`fcntl`), if that can be done at once; whether it was."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_file(state: Path, name: str) -> TextIO:
    """A file of the state folder to lock; what it holds stays. Raises SessionError where it can't be written."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        return (state / name).open("a+")
    except OSError as error:
        raise SessionError(f"{state} can't hold a session ({error.strerror}): name a folder that may be written to with --state") from error
