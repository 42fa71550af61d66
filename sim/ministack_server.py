"""MiniStack's server process, run by the emulator's own Python (standard library and `ministack` only): FILE FOLDER.

MiniStack keeps its state only when it is stopped gracefully, and goes on with nothing when it can't read what it kept.
So here: one server at a time on a folder; `FOLDER/clean` is there only while everything is kept; and a state that was
not kept, or can't be read, ends the process before it can overwrite anything.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sys
from pathlib import Path

UNREADABLE = 3
UNCLEAN = 4
_LOAD_TROUBLE = ("failed to load", "failed to restore", "refusing to load")


class StateWatch(logging.Handler):
    """Ends the process when state can't be read, and remembers when it can't be written (MiniStack only logs both)."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lost = False

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage().lower()
        if any(words in message for words in _LOAD_TROUBLE):
            sys.stderr.write(f"the kept state can't be read: {record.getMessage()}\n")
            os._exit(UNREADABLE)
        if message.startswith(("persistence:", "failed to persist")):
            self.lost = True


def main(folder: Path) -> None:
    """Serve until SIGTERM or SIGINT, then keep the state and leave the mark."""
    marker = folder / "clean"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # waits for a server that is still keeping its state
        if not marker.exists() and any(any((folder / name).iterdir()) for name in ("state", "s3")):
            sys.exit(UNCLEAN)
        from ministack import app  # here, because it sets up logging, which must come before the watch
        from ministack.services import kinesis, s3

        sys.path.append(str(Path(__file__).resolve().parent.parent))  # this Python has not got the project installed
        from sim.ministack_expiry import expire_seldom
        from sim.ministack_ranges import read_ranges
        from sim.ministack_resends import answering_again
        from sim.ministack_shards import keep_closed_shards

        keep_closed_shards(kinesis)
        expire_seldom(kinesis)
        read_ranges(s3)
        app.app = answering_again(app.app)
        watch = StateWatch()
        logging.getLogger().addHandler(watch)
        sys.argv = ["ministack"]
        marker.unlink(missing_ok=True)
        try:
            app.main()
        except (SystemExit, OSError):
            marker.touch()  # it ends like this only before it serves: the folder is as it was
            raise
        if not watch.lost:
            marker.touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
