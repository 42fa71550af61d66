"""`GET /gaps/{symbol}`: the gap ledger as it stands."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request, Response

from ctc.api import docs
from ctc.api.answers import Answers
from ctc.api.models import Gaps, GapSpace, GapSpan
from ctc.api.parameters import Names, SymbolPath
from ctc.model import GapLedger, SpaceLedger, space_names
from ctc.ports import MetricStore
from ctc.quality.settled import still_open


def router(metrics: MetricStore, names: Names, answers: Answers) -> APIRouter:
    """The route over this store."""
    routes = APIRouter()

    @routes.get("/gaps/{symbol}", **docs.GAPS)
    async def read_gaps(request: Request, symbol: SymbolPath) -> Response:
        name = names.symbol(symbol)
        return await answers.tagged(request, lambda: gaps_of(name, metrics.ledger(name)))

    return routes


def gaps_of(symbol: str, ledger: GapLedger | None) -> Gaps:
    """The answer for a symbol, with no markets while nothing was seen of it."""
    spaces = ledger.spaces if ledger is not None else {}
    return Gaps(symbol=symbol, spaces=[_space(name, spaces[name]) for name in sorted(spaces)])


def _space(name: str, found: SpaceLedger) -> GapSpace:
    exchange, market, native, kind = space_names(name)
    spans = [GapSpan(**{field: getattr(span, field) for field in GapSpan.__struct_fields__}) for span in found.noted]
    values = msgspec.structs.asdict(found)
    if missing := still_open(found):
        values["ids"] = {**found.ids, "open": missing}
    return GapSpace(
        exchange=exchange,
        market=market,
        native_symbol=native,
        kind=kind,
        newest_at=found.newest,
        spans=spans,
        **{field: values[field] for field in ("first_id", "last_id", "ids")},
    )
