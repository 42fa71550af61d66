"""`GET /wallets` and `/wallets/{address}`: what the job `wallets` said last, by address, each score with its interval."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from ctc.api import docs, problems
from ctc.api.answers import Answers
from ctc.api.models import WalletList, WalletScores
from ctc.api.parameters import Address, AfterWallet, Flagged, Horizon, Limit, Role
from ctc.ports import WalletStore
from ctc.wallets.scored import WalletScore

EXAMINED = 2_000  # wallets a page looks at before it ends, perhaps short
FRESH = "public, max-age=60"


def router(store: WalletStore, answers: Answers) -> APIRouter:
    """The routes over this store."""
    routes = APIRouter()

    @routes.get("/wallets", **docs.WALLETS)
    async def list_wallets(
        request: Request,
        role: Role = None,
        horizon_s: Horizon = None,
        flagged: Flagged = None,
        limit: Limit = 50,
        cursor: AfterWallet = None,
    ) -> Response:
        def wanted(score: WalletScore) -> bool:
            return role in (None, score.role) and horizon_s in (None, score.horizon_s) and flagged in (None, score.flagged)

        return await answers.tagged(request, lambda: page_of(store, wanted, limit, (cursor or "").lower()), FRESH)

    @routes.get("/wallets/{address}", **docs.WALLET)
    async def read_wallet(request: Request, address: Address) -> Response:
        name = address.lower()

        def make() -> WalletScores:
            run = store.run()
            scores = store.wallet(run.run, name) if run is not None else []
            if run is None or not scores:
                raise problems.Refused(problems.UNKNOWN_WALLET, "this address has no score: `/wallets` lists those that have one")
            return WalletScores(scored=run, wallet=name, scores=scores)

        return await answers.tagged(request, make, FRESH)

    return routes


def page_of(store: WalletStore, wanted: Callable[[WalletScore], bool], limit: int, after: str) -> WalletList:
    """The wanted scores of at most `limit` wallets behind an address."""
    run = store.run()
    if run is None:
        return WalletList(scored=None, scores=[], count=0, has_more=False, next=None)
    found: list[WalletScore] = []
    shown, last, more = 0, after, False
    for examined, own in enumerate(store.wallets(run.run, after)):
        if more := shown == limit or examined == EXAMINED:
            break
        last = own[0].wallet
        kept = [score for score in own if wanted(score)]
        shown += bool(kept)
        found += kept
    return WalletList(scored=run, scores=found, count=len(found), has_more=more, next=last if more else None)
