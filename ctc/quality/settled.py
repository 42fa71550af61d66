"""Spans of the gap ledger as they stand now, whoever told them: the stream batch by batch, and the job `history` beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from ctc.model import GapLedger, IdSpan, SpaceLedger
from ctc.quality.ids import Intervals
from ctc.quality.ledger import MAX_NOTED, PRESENT


def settle(spans: Iterable[IdSpan]) -> list[IdSpan]:
    """Spans of any order and many batches as they stand now: neighbours are one, and what came after all, or never was, is lost no more.

    Ids between them that nothing was told of are `open`: from the time of what is below them to that of what is above.
    """
    found: list[IdSpan] = []
    for _, group in groupby(sorted(spans, key=_place), key=lambda span: span.space):
        own = list(group)
        known = {"natural": _ids(own, *PRESENT), "lost": _ids(own, *PRESENT, "natural")}
        for span in own:
            found += _left(span, known[span.state]) if span.state in known else [span]
    there = _joined(sorted((span for span in found if span.state in PRESENT), key=_place))
    standing = sorted([*there, *(span for span in found if span.state not in PRESENT)], key=_place)
    return sorted([*standing, *_open(standing)], key=_place)


def still_open(view: SpaceLedger) -> int:
    """How many ids between the first and the last that anything was told of are neither here nor given up."""
    first = min([view.first_id, *(span.first_id for span in view.noted)])
    last = max([view.last_id, *(span.last_id for span in view.noted)])
    return max(0, last - first + 1 - sum(view.ids.values()))


def amended(ledger: GapLedger | None, told: Iterable[IdSpan]) -> GapLedger | None:
    """The stream's view and what the job `history` told beside it: what came by either way, or never was, is lost no more.

    The spans told are `backfilled` or `natural`, in any order, and may overlap. An id that the stream gave up stops counting as lost
    while the view still notes its span, which is so for the newest 100 of a space.
    """
    spaces = dict(ledger.spaces) if ledger is not None else {}
    for name, group in groupby(sorted(told, key=_place), key=lambda span: span.space):
        spaces[name] = _amend(spaces.get(name), list(group))
    return GapLedger(spaces=spaces) if spaces else ledger


def _amend(view: SpaceLedger | None, told: Sequence[IdSpan]) -> SpaceLedger:
    highest = max(told, key=lambda span: span.last_id)
    if view is None:
        view = SpaceLedger(first_id=told[0].first_id, last_id=highest.last_id, newest=highest.ended_at)
    known = {"natural": _ids(told, "backfilled"), "lost": _ids(told, "backfilled", "natural")}
    left = [piece for span in view.noted for piece in (_left(span, known[span.state]) if span.state in known else (span,))]
    noted = [span for span in view.noted if span.state != "backfilled" or span.trades == _size(span)]
    came = _new(told, "backfilled", _ids(noted, "backfilled"))
    never = _new(told, "natural", _ids([*noted, *told], "backfilled"), _ids(noted, "natural"))
    ids = Counter(view.ids)
    for span in view.noted:
        ids[span.state] -= _size(span)
    for span in (*left, *came, *never):
        ids[span.state] += _size(span)
    above = highest.last_id > view.last_id
    return SpaceLedger(
        first_id=min(view.first_id, told[0].first_id),
        last_id=highest.last_id if above else view.last_id,
        newest=highest.ended_at if above else view.newest,
        ids={state: count for state, count in ids.items() if count or state in view.ids},
        noted=sorted([*left, *_joined(came), *_joined(never)], key=lambda span: span.ended_at)[-MAX_NOTED:],
    )


def _new(told: Iterable[IdSpan], state: str, *known: Intervals) -> list[IdSpan]:
    """The pieces of the spans in this state whose ids are not known, each id once."""
    seen = Intervals([], [])
    for ids in known:
        for first, last in zip(ids.starts, ids.ends, strict=True):
            seen.add(first, last)
    found = []
    for span in told:
        if span.state == state:
            found += _left(span, seen)
            seen.add(span.first_id, span.last_id)
    return [msgspec.structs.replace(piece, trades=_size(piece)) for piece in found] if state in PRESENT else found


def _size(span: IdSpan) -> int:
    return span.last_id - span.first_id + 1


def _place(span: IdSpan) -> tuple[str, int, int]:
    return span.space, span.first_id, span.last_id


def _ids(spans: Iterable[IdSpan], *states: str) -> Intervals:
    ids = Intervals([], [])
    for span in spans:
        if span.state in states:
            ids.add(span.first_id, span.last_id)
    return ids


def _left(span: IdSpan, known: Intervals) -> list[IdSpan]:
    return [
        msgspec.structs.replace(span, first_id=first, last_id=last, trades=0) for first, last in known.missing(span.first_id, span.last_id)
    ]


def _open(spans: list[IdSpan]) -> list[IdSpan]:
    found = []
    for space, group in groupby(spans, key=lambda span: span.space):
        told = [span for span in group if span.state != "halted"]
        ids = _ids(told, *(span.state for span in told))
        below, above = {span.last_id + 1: span.ended_at for span in told}, {span.first_id - 1: span.started_at for span in told}
        for first, last in ids.missing(ids.starts[0], ids.ends[-1]) if told else ():
            since, until = below[first], above[last]
            found.append(IdSpan(space=space, state="open", first_id=first, last_id=last, trades=0, started_at=since, ended_at=until))
    return found


def _joined(spans: list[IdSpan]) -> list[IdSpan]:
    joined: list[IdSpan] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last and last.space == span.space and last.state == span.state and last.last_id + 1 == span.first_id:
            joined[-1] = msgspec.structs.replace(
                last,
                last_id=span.last_id,
                trades=last.trades + span.trades,
                started_at=min(last.started_at, span.started_at),
                ended_at=max(last.ended_at, span.ended_at),
            )
        else:
            joined.append(span)
    return joined
