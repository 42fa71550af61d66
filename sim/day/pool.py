"""Jobs in processes of their own, a few at a time."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing.queues import Queue
from queue import Empty

from ctc.settings import Settings
from ctc.workers import abandon, end_with_parent, interrupts_held
from sim.day.symbol import Job, SymbolRun, run_symbol

LOOK_S = 0.2
_told: Queue[int] | None = None  # of a worker process: minutes that it has done


def run_all(chosen: Sequence[Job], settings: Settings, jobs: int, tell: Callable[[int], None]) -> list[SymbolRun]:
    """All jobs, `jobs` at a time, each in a process that has little else in its memory; in the order given."""
    if jobs == 1:
        return [run_symbol(job, settings, tell) for job in chosen]
    context = multiprocessing.get_context("spawn")
    told: Queue[int] = context.Queue()
    # A process that ends with its job gives back its memory, and its peak is that job's.
    pool = ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(told,), max_tasks_per_child=1)
    interrupted = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: interrupted.set())  # raised where nothing is half begun
    try:
        with interrupts_held():
            futures = [pool.submit(_work, job, settings) for job in chosen]
        _watch(futures, told, tell, interrupted)
    except BaseException:
        abandon(pool)
        raise
    finally:
        pool.shutdown()
        signal.signal(signal.SIGINT, before)
    return [future.result() for future in futures]


def _begin(told: Queue[int]) -> None:
    global _told
    _told = told
    end_with_parent()


def _work(job: Job, settings: Settings) -> SymbolRun:
    assert _told is not None, "the pool's initializer has run"
    return run_symbol(job, settings, _told.put)


def _watch(futures: Sequence[Future[SymbolRun]], told: Queue[int], tell: Callable[[int], None], interrupted: threading.Event) -> None:
    """Pass on what the workers tell until all have ended, or one has failed. Raises KeyboardInterrupt after Ctrl-C."""
    left = set(futures)
    while left:
        if interrupted.is_set():
            raise KeyboardInterrupt
        done, left = wait(left, LOOK_S, FIRST_COMPLETED)
        for future in done:
            future.result()
        for minutes in _waiting(told):
            tell(minutes)


def _waiting(told: Queue[int]) -> Iterator[int]:
    while True:
        try:
            yield told.get_nowait()
        except Empty:
            return
