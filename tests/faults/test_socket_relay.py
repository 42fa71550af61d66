"""The relay between the producer and an exchange, with the real client and a real server on its ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from ctc.processes import free_port
from sim.faults.frames import take_frames, text_frame, time_us
from sim.faults.gate import TRICKLE, Gate
from sim.faults.market import broken, garbage, tradeless
from sim.faults.socket_relay import SocketRelay

FRAMES = [f'{{"e":"aggTrade","E":{1_000 + number},"a":{number}}}' for number in range(200)]
DEADLINE_S = 60


def run(test: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await test

    asyncio.run(bounded())


@asynccontextmanager
async def relayed(
    say: Callable[[ServerConnection], Coroutine[Any, Any, None]], gate: Gate | None = None
) -> AsyncIterator[tuple[SocketRelay, str]]:
    """A relay before a server that does `say` to each client; and the relay's URL."""
    relay, port = SocketRelay(gate), free_port()
    async with serve(say, "127.0.0.1", 0) as server:
        await relay.listen("binance", port, next(iter(server.sockets)).getsockname()[1])
        yield relay, f"ws://127.0.0.1:{port}"
        relay.close()


async def speak(link: ServerConnection) -> None:
    """All frames, then nothing until the client goes."""
    for frame in FRAMES:
        await link.send(frame)
    await link.wait_closed()


async def heard(link: Any, count: int, found: list[Any] | None = None) -> list[Any]:
    found = [] if found is None else found
    for _ in range(count):
        found.append(await link.recv())
    return found


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - relays say nothing of themselves
        await asyncio.sleep(0.005)


@given(st.lists(st.binary(max_size=70_000), max_size=8), st.data())
def test_frames_come_out_as_they_went_in_however_the_bytes_are_cut(payloads: list[bytes], data: st.DataObject) -> None:
    wire, buffer, found = b"".join(map(text_frame, payloads)), bytearray(), []
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        buffer += wire[start:end]
        found += list(take_frames(buffer))
    assert [frame.payload for frame in found] == payloads
    assert b"".join(frame.wire for frame in found) == wire
    assert not buffer


def test_frames_and_requests_pass_unchanged() -> None:
    async def test() -> None:
        async def echo(link: ServerConnection) -> None:
            async for text in link:
                await link.send(text)

        async with relayed(echo) as (_, url), connect(url, compression=None) as link:
            for text in ("a", "b" * 70_000):
                await link.send(text)
                assert await link.recv() == text
            await (await link.ping())

    run(test())


def test_cut_inside_a_frame_loses_it_and_what_is_behind_it() -> None:
    async def test() -> None:
        async with relayed(speak) as (relay, url):
            relay.tampers["binance"] = lambda frame: _cut_at(relay, frame.payload, FRAMES[100])
            found: list[Any] = []
            async with connect(url, compression=None) as link:
                with pytest.raises(ConnectionClosed):
                    await heard(link, len(FRAMES), found)
            assert found == FRAMES[: len(found)]  # a cut also takes what the client had not read yet
            assert len(found) <= 101
            await until(lambda: not relay.wires)

    run(test())


def _cut_at(relay: SocketRelay, payload: bytes, where: str) -> None:
    for wire in relay.wires:
        wire.cut_inside = wire.cut_inside or payload.decode() == where


def test_cut_ends_the_connection_and_another_can_be_made() -> None:
    async def test() -> None:
        async with relayed(speak) as (relay, url):
            async with connect(url, compression=None) as link:
                await heard(link, 10)
                assert relay.cut("coinbase") == 0
                assert relay.cut("binance") == 1
                with pytest.raises(ConnectionClosed):
                    await heard(link, len(FRAMES))
            async with connect(url, compression=None) as link:
                assert await heard(link, len(FRAMES)) == FRAMES

    run(test())


def test_stalled_connection_is_open_silent_and_loses_nothing() -> None:
    async def test() -> None:
        async def two_parts(link: ServerConnection) -> None:
            await link.send("before")
            await link.recv()
            await speak(link)

        async with relayed(two_parts) as (relay, url), connect(url, compression=None) as link:
            assert await link.recv() == "before"
            for wire in relay.wires:
                wire.flowing.clear()
            await link.send("go on")
            await until(lambda: relay.frames > 1)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await link.recv()
            for wire in relay.wires:
                wire.flowing.set()
            assert await heard(link, len(FRAMES)) == FRAMES

    run(test())


def test_injected_frames_stand_between_the_others_and_tampered_ones_in_their_places() -> None:
    async def test() -> None:
        async with relayed(speak) as (relay, url):
            relay.tampers["binance"] = lambda frame: [b"first", b"second"] if frame.payload == FRAMES[3].encode() else None
            async with connect(url, compression=None) as link:
                await heard(link, 5)
                assert relay.inject("binance", [b"x", b"y" * 200_000]) == 2
                found = await heard(link, len(FRAMES) - 2)
            assert found.count("x") == found.count("y" * 200_000) == 1
            assert [text for text in found if text[0] == "{"] == FRAMES[4:]

    run(test())


def test_gate_holds_newer_frames_back_and_lets_them_trickle() -> None:
    async def test() -> None:
        start = 1_050 * 1000
        began, gate = time.monotonic(), Gate(start)
        async with relayed(speak, gate) as (_, url), connect(url, compression=None) as link:
            early = [text for text in FRAMES if time_us(text.encode()) <= start]  # type: ignore[operator]
            assert await heard(link, len(early)) == early
            assert start <= gate.passed_us <= gate.now_us <= start + (time.monotonic() - began) * 1_000_000 * TRICKLE
            gate.run_to(2_000 * 1000)
            assert await heard(link, len(FRAMES) - len(early)) == FRAMES[len(early) :]
            assert gate.passed_us == 1_199 * 1000

    run(test())


def test_times_are_read_from_frames_of_both_exchanges() -> None:
    assert time_us(b'{"stream":"x","data":{"e":"trade","E":1700000000123,"T":1}}') == 1_700_000_000_123_000
    assert time_us(b'{"type":"match","time":"2023-11-14T22:13:20.123456Z"}') == 1_700_000_000_123_456
    assert time_us(b'{"type":"last_match","time":"2023-11-14T22:13:20.123456Z"}') is None
    assert time_us(b'{"result":null,"id":1}') is None


@pytest.mark.parametrize("venue", ["binance", "coinbase"])
def test_made_frames_are_what_they_are_meant_to_be(venue: str) -> None:
    import random

    from ctc.errors import FrameError
    from ctc.exchanges import exchange

    reader, rng = exchange(venue, {"BTCUSDT": "BTC-USDT", "BTC-USD": "BTC-USDT"}, "spot"), random.Random(5)
    reading = reader.read(tradeless(venue, 1_700_000_000_000_000, 7))
    assert not reading.trades
    assert not reading.error
    good = {
        "binance": b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1700000000000,"s":"BTCUSDT","a":5,"p":"1.5","q":"2",'
        b'"f":1,"l":1,"T":1700000000000,"m":true,"M":true}}',
        "coinbase": b'{"type":"match","trade_id":5,"side":"sell","size":"2","price":"1.5","product_id":"BTC-USD","sequence":1,'
        b'"time":"2023-11-14T22:13:20.000000Z"}',
    }[venue]
    assert len(reader.read(good).trades) == 1
    for number in range(60):
        for payload in (garbage(venue, rng, number), broken(rng, good)):
            with pytest.raises(FrameError):
                reader.read(payload)
