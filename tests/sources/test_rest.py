"""Requests to one host: what a refusal holds back, and what it does not."""

from __future__ import annotations

import pytest
from fakes_exchange import FakeExchange, run

from ctc.errors import ExchangeError
from ctc.sources.rest import Rest

PATH = "/api/v3/time"


@pytest.mark.parametrize(("status", "files", "held"), [(404, False, True), (404, True, False), (429, True, True), (418, False, True)])
def test_refusal_holds_the_next_request_back_unless_a_file_is_not_there(status: int, files: bool, held: bool) -> None:
    async def test() -> None:
        async with FakeExchange() as server:
            rest = Rest("binance", server.rest, 1_000, key="archive" if files else "rest", files=files)
            server.refusals = [(status, {})]
            with pytest.raises(ExchangeError, match=f"HTTP {status}") as refused:
                await rest.get(PATH)
            assert refused.value.status == status
            if held:
                with pytest.raises(ExchangeError, match="asked for no requests for another") as waiting:
                    await rest.get(PATH)
                assert (waiting.value.status, (waiting.value.retry_after or 0) > 5) == (None, True)
            else:
                assert b"serverTime" in await rest.get(PATH)
            assert rest.requests == (1 if held else 2)
            await rest.close()

    run(test())


def test_missing_endpoint_is_named_by_the_setting_it_is_from() -> None:
    async def test() -> None:
        async with FakeExchange() as server:
            for key in ("rest", "archive"):
                rest = Rest("binance", server.rest, 1_000, key=key)
                server.refusals = [(404, {})]
                with pytest.raises(ExchangeError, match=rf"check exchanges\.binance\.{key} in the profile"):
                    await rest.get(PATH)
                await rest.close()

    run(test())


def test_host_that_is_away_is_named() -> None:
    async def test() -> None:
        rest = Rest("coinbase", "http://127.0.0.1:9", 1_000)
        with pytest.raises(ExchangeError, match=r"coinbase at http://127\.0\.0\.1:9 does not answer \(ConnectError"):
            await rest.get("/time")
        await rest.close()

    run(test())
