"""The simulated market, recorded and replayed, is the market that a producer hears: the same trades, field for field."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from fakes_stream import FakeStream, trades_of
from test_exchange import DEADLINE_S, Running, _plan, play, running, until

from ctc.codec import encode_line
from ctc.producer.main import parse, producer_of
from ctc.producer.record import Recording
from ctc.settings import Settings, load_profile
from ctc.sources.recorder import check, load_index, opened_folder
from sim.exchange.tape import read_tape


def settings_of(seen: Running) -> Settings:
    endpoints = {
        f"exchanges.{name}.{kind}": f"{scheme}://127.0.0.1:{port}"
        for name, port in seen.ports.items()
        for kind, scheme in (("ws", "ws"), ("rest", "http"))
    }
    return load_profile("sim", endpoints)


async def over(seen: Running, hear: Callable[[Settings], Awaitable[None]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await hear(settings_of(seen))


def lines(stream: FakeStream) -> dict[str, list[bytes]]:
    """Every trade as it is on the wire, by symbol, sorted."""
    return {key: sorted(encode_line(trade) for trade in trades_of(stream.decoded(key))) for key in stream.lines()}


def recorded(folder: Path, state: Path, minutes: int = 1, cut_at: int | None = None) -> None:
    """Record the market to its end, with all sockets cut after so many trades."""

    async def scene() -> None:
        async with running(state, _plan(minutes), follow=False) as seen:
            with opened_folder(folder) as opened:
                recording = Recording(settings_of(seen), opened, flush_every_s=0.02)
                task = asyncio.create_task(recording.run())
                if cut_at is not None:
                    await until(lambda: seen.engine.trades > cut_at)
                    for each in recording.connections:
                        for session in each.link._sessions:
                            session.ws.transport.abort()
                await until(lambda: seen.engine.phase == "ended")
                await until(lambda: all(each.channel.mark >= seen.engine.market_us for each in recording.connections))
                recording.stopping.set()
                await task

    play(scene)


def replayed(folder: Path, state: Path) -> FakeStream:
    stream, dead = FakeStream(), FakeStream()

    async def scene() -> None:
        made = producer_of(load_profile("sim"), state, parse(["--replay", str(folder)]), stream, dead)
        await made.run()

    play(scene)
    assert not dead.records
    return stream


def produced(state: Path, minutes: int = 1) -> FakeStream:
    """What a producer puts into the stream of the same market."""
    stream, dead = FakeStream(), FakeStream()

    async def scene() -> None:
        plan = _plan(minutes)
        assert plan.end is not None
        async with running(state, plan, follow=False) as seen:
            made = producer_of(settings_of(seen), state, parse(["--until", plan.end.isoformat()]), stream, dead)
            async with asyncio.timeout(DEADLINE_S):
                await made.run()

    play(scene)
    return stream


def test_recorded_market_replays_as_what_a_producer_hears(tmp_path: Path) -> None:
    recorded(tmp_path / "days", tmp_path / "a")
    assert [wrong for _, wrong in check(tmp_path / "days")] == ["", ""]
    replay = lines(replayed(tmp_path / "days", tmp_path / "b"))
    live = lines(produced(tmp_path / "c"))
    assert replay == live
    assert sum(map(len, replay.values())) == len(list(read_tape(tmp_path / "a"))) > 500


def test_recording_goes_on_after_its_sockets_were_cut(tmp_path: Path) -> None:
    recorded(tmp_path / "days", tmp_path / "a", cut_at=200)
    found = load_index(tmp_path / "days").recordings
    assert {entry.exchange: (entry.connects >= 2, entry.losses) for entry in found} == {"binance": (True, 1), "coinbase": (True, 1)}
    stream = replayed(tmp_path / "days", tmp_path / "b")
    wanted = {(row.native_symbol, row.trade_id) for row in read_tape(tmp_path / "a")}
    told = [(trade.native_symbol, trade.trade_id) for key in stream.lines() for trade in trades_of(stream.decoded(key))]
    assert len(told) == len(set(told))
    assert set(told) <= wanted
    assert len(wanted - set(told)) < len(wanted) / 2


@pytest.mark.parametrize(("clock", "looks_s"), [("frames", 0.01), ("frames", 3.0), ("wall", 0.01)])
def test_recording_ends_by_the_profiles_clock_however_seldom_it_looks(tmp_path: Path, clock: str, looks_s: float) -> None:
    async def scene() -> None:
        async with running(tmp_path / "a", _plan(1), follow=False) as seen:
            settings = settings_of(seen)
            settings = msgspec.structs.replace(settings, producer=msgspec.structs.replace(settings.producer, clock=clock))
            with opened_folder(tmp_path / "days") as opened:
                async with asyncio.timeout(DEADLINE_S):
                    await Recording(settings, opened, flush_every_s=looks_s).run(minutes=0.02)

    play(scene)
    assert all(entry.end in ("hour", "stopped") for entry in load_index(tmp_path / "days").recordings)
    assert [wrong for _, wrong in check(tmp_path / "days") if wrong] == []
