"""An event loop in a thread of its own: the relays run there while the session's parent does its work."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
ANSWER_S = 30.0


class Background:
    """Use it as a context manager; what still runs at the end is cancelled."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="relays", daemon=True)

    def __enter__(self) -> Background:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.run(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it in the loop and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(ANSWER_S)

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call it in the loop and wait for its result."""

        async def called() -> T:
            return function(*arguments)

        return self.run(called())

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
