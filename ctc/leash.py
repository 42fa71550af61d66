"""Runs a Python module that can't outlive the process that started it: `python leash.py FD MODULE-OR-FILE ARGS...`.

FD is the reading end of a pipe whose writing end only the parent holds. However the parent ends, also by SIGKILL, the
pipe closes, and this process and all of its group get SIGTERM, and SIGKILL after a grace. (Linux's PR_SET_PDEATHSIG
would do less: it needs `preexec_fn`, fires when the *thread* that started the child ends, and exists nowhere else.)

Standard library only: the emulator's own environment runs it too.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading

GRACE_S = 60.0


def main(arguments: list[str]) -> None:
    """Become the module, on a leash."""
    leash, target, *rest = arguments
    threading.Thread(target=_follow, args=(int(leash),), name="leash", daemon=True).start()
    sys.argv = [target, *rest]
    del sys.path[0]  # this file's folder, where `status` or `schema` would hide modules of those names
    if target.endswith(".py"):
        runpy.run_path(target, run_name="__main__")
    else:
        runpy.run_module(target, run_name="__main__", alter_sys=True)


def _follow(leash: int) -> None:
    while os.read(leash, 1):
        continue
    os.killpg(0, signal.SIGTERM)
    threading.Event().wait(GRACE_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
