"""Worker processes for a call that many files are read in, or many jobs done: they never see Ctrl-C, and end with their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def mapped(work: Callable[[Item], Result], items: Iterable[Item], processes: int) -> Iterator[Iterator[Result]]:
    """The results of a module's function, in the order of the items; with one process it is called here, as they are asked for."""
    if processes < 2:
        yield map(work, items)
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=end_with_parent) as pool:
        try:
            with interrupts_held():
                # Not `pool.map`: interrupted, it cancels what waits, and the pool's own thread says so with a traceback.
                results = [pool.submit(work, item) for item in items]
            yield (result.result() for result in results)
        except BaseException:
            abandon(pool)
            raise


def abandon(pool: ProcessPoolExecutor) -> None:
    """End what is running: nobody who has pressed Ctrl-C waits for it."""
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in multiprocessing.active_children():
        worker.terminate()


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Ctrl-C waits for the end of the block; processes and threads that begin in it, and theirs, never see it.

    A terminal sends it to the whole group: a worker that it met would say so with a traceback. The parent ends the workers.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """For a worker's beginning: one that was being started when Ctrl-C came may be known to nobody, and ends by itself."""
    threading.Thread(target=_end_after_parent, daemon=True).start()


def _end_after_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "a pool's initializer runs in a worker"
    parent.join()
    os._exit(1)
