"""Commands on a stopped session: the first starts its emulator, those that come meanwhile use the same, and the first ends it when all
are through.

Each of three files in the state folder is a lock that ends with its process, however that ends. `calls` has the command that looks for
an emulator or starts one; others look when it is through. `serving` has the command whose emulator is up; it says the port. `served`
is shared by the others, and who serves takes it alone before it ends its emulator. Nobody is kept out meanwhile, so a command that
another one of them has started, and waits for, is not either.
"""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

import msgspec

from ctc.ports import Service
from ctc.processes import HOST, free_port, held, lock_file, port_is_free, queued
from ctc.settings import Settings
from ctc.wiring import emulator

log = logging.getLogger("ctc.session")


@contextmanager
def emulated(settings: Settings, state: Path) -> Iterator[Settings]:
    """Settings that reach the folder's one emulator, which is up until the block ends. No session may run on the folder."""
    with ExitStack() as until_end:
        with queued(state):
            port = _joined(state, until_end) or _serving(settings, state, until_end)
        yield _at(settings, port)


def _joined(state: Path, until_end: ExitStack) -> int | None:
    """The port of the emulator that another command has up, and keeps up until the stack is closed; None where none has."""
    with ExitStack() as stack:
        fcntl.flock(stack.enter_context(lock_file(state, "served")), fcntl.LOCK_SH)  # waits for one that is being ended
        with lock_file(state, "serving") as serving:
            if held(serving, fcntl.LOCK_EX):
                return None
            serving.seek(0)
            port = int(serving.read())
        until_end.push(stack.pop_all())
        return port


def _serving(settings: Settings, state: Path, until_end: ExitStack) -> int:
    """The port of an emulator that is started here, on another than the settings' where something else has taken that."""
    serving = until_end.enter_context(lock_file(state, "serving"))
    fcntl.flock(serving, fcntl.LOCK_EX)
    (state / "served").unlink(missing_ok=True)  # what uses the emulator of a command that was killed keeps this one from nothing
    port = settings.aws.emulator_port if port_is_free(settings.aws.emulator_port) else free_port()
    server = emulator(_at(settings, port), state.resolve())
    assert server is not None, "the profile names an emulator"
    server.start()
    until_end.callback(_end, server, state, serving)
    serving.truncate(0)
    serving.write(f"{port}\n")
    serving.flush()
    return port


def _end(server: Service, state: Path, serving: TextIO) -> None:
    with lock_file(state, "served") as served, serving:  # this closed first: who waits for `served` finds then that nobody serves
        try:
            if not held(served, fcntl.LOCK_EX):
                log.warning("other commands use the emulator that this one has started, which waits for them (Ctrl-C ends it for them)")
                fcntl.flock(served, fcntl.LOCK_EX)
        finally:
            server.stop()


def _at(settings: Settings, port: int) -> Settings:
    if port == settings.aws.emulator_port:
        return settings
    aws = msgspec.structs.replace(settings.aws, emulator_port=port, endpoint=f"http://{HOST}:{port}")
    return msgspec.structs.replace(settings, aws=aws)
