"""A stream in memory that can be told to refuse: real code behind `ctc.ports.StreamWriter`, for tests of what writes to it."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from ctc.codec import read_record, unpack
from ctc.errors import PartialWrite, StreamError, Throttled
from ctc.model import Heartbeat, Trade
from ctc.ports import Record

Script = Callable[[int, Sequence[Record]], object]


class FakeStream:
    """Keeps records per key in the order in which it took them; `script(call number, records)` decides each call's fate."""

    def __init__(self, script: Script | None = None) -> None:
        self.records: list[Record] = []
        self.calls: list[list[Record]] = []
        self.overlapping: set[str] = set()
        self._script = script
        self._lock = threading.Lock()
        self._flying: set[str] = set()

    def put(self, records: Sequence[Record]) -> None:
        keys = [record.key for record in records]
        with self._lock:
            self.overlapping |= self._flying & set(keys) | {key for key in keys if keys.count(key) > 1}
            self._flying |= set(keys)
            self.calls.append(list(records))
            number = len(self.calls)
        try:
            self._decide(self._script(number, records) if self._script else None, records)
        finally:
            with self._lock:
                self._flying -= set(keys)

    def _decide(self, verdict: object, records: Sequence[Record]) -> None:
        if isinstance(verdict, StreamError):
            raise verdict
        refused = verdict if isinstance(verdict, set) else set()
        with self._lock:
            self.records += [record for index, record in enumerate(records) if index not in refused]
        if refused and len(refused) == len(records):
            raise Throttled("all refused", 0.0)
        if refused:
            raise PartialWrite("some refused", tuple(sorted(refused)))

    def lines(self) -> dict[str, list[bytes]]:
        """Every key's lines in order."""
        found: dict[str, list[bytes]] = defaultdict(list)
        for record in self.records:
            found[record.key] += unpack(record.data).splitlines()
        return dict(found)

    def decoded(self, symbol: str) -> list[Trade | Heartbeat]:
        """A symbol's trades and heartbeats in order; a reject among them is an error of the test."""
        found: list[Trade | Heartbeat] = []
        for record in self.records:
            if record.key == symbol:
                for line in read_record(record.data):
                    assert isinstance(line, Trade | Heartbeat), line
                    found.append(line)
        return found


def trades_of(lines: Iterable[Trade | Heartbeat]) -> list[Trade]:
    return [line for line in lines if isinstance(line, Trade)]


def beats_of(lines: Iterable[Trade | Heartbeat]) -> list[Heartbeat]:
    return [line for line in lines if isinstance(line, Heartbeat)]
