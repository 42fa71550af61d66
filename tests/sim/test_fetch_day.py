"""A public market day over real HTTP, from the simulator's archive and REST: what the market traded, whatever happens meanwhile."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from fakes_stream import trades_of
from test_exchange import play, running, until
from test_record_replay import replayed
from websockets.datastructures import Headers
from websockets.http11 import Response

from ctc.cli.fetch import markets_of
from ctc.errors import CtcError, ExchangeError, RecordingError
from ctc.exchanges import HISTORIES, exchange
from ctc.settings import Settings, load_profile
from ctc.sources.day import DayFetcher, Fetched
from ctc.sources.files import OpenPiece, Piece
from ctc.sources.past import Market
from ctc.sources.recorder import check, load_index, opened_folder
from sim.compare import TapeTrade
from sim.exchange.archive import Name
from sim.exchange.past import Past
from sim.plan import Plan, make_plan
from sim.tape import tape_of

DAY = date(2026, 1, 15)
BTC = ("BTC-USDT", "binance")


def day_plan(day: date = DAY, minutes: int = 3, **options: Any) -> Plan:
    """A market that trades in the day's last minutes and one of the next."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, minutes=-minutes)
    return make_plan(11, start, (minutes + 1) * 60, load_profile("sim", options), rate=0.5)


@asynccontextmanager
async def serving(plan: Plan, **options: Any) -> AsyncIterator[tuple[Past, Settings]]:
    """The past, and settings that lead to it."""
    past = Past(plan)
    servers = {name: await venue.start(0) for name, venue in past.venues().items()}
    at = {name: f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for name, server in servers.items()}
    rest = {f"exchanges.{name}.rest": url for name, url in at.items()} | {f"exchanges.{name}.rest_per_s": 1_000 for name in at}
    try:
        yield past, load_profile("sim", {**rest, "exchanges.binance.archive": at["binance"], **options})
    finally:
        for server in servers.values():
            server.close()
            await server.wait_closed()


def quiet(step: str, done: int, total: int | None, unit: str) -> None:
    """Nobody looks."""


async def fetch(settings: Settings, out: Path, market: Market, day: date = DAY, show: Any = quiet) -> tuple[Fetched, bool]:
    own = settings.exchanges[market.exchange]
    reader = exchange(market.exchange, {native: symbol for symbol, native in own.symbols.items()})
    fetcher = DayFetcher(HISTORIES[market.exchange](reader), own)
    try:
        with opened_folder(out) as folder:
            return await fetcher.fetch(folder, market, day, show)
    finally:
        await fetcher.close()


def btc(settings: Settings) -> Market:
    return markets_of(settings, *BTC)[0]


def frames(out: Path) -> dict[str, bytes]:
    """Every fetched file, unpacked."""
    found = {}
    for entry in load_index(out).recordings:
        with OpenPiece(Piece(out / entry.file)) as opened:
            found[entry.file] = b"\n".join(opened.lines())
    return found


def traded(plan: Plan, day: date, native: str | None = None) -> set[TapeTrade]:
    return {each for each in tape_of(plan) if each.timestamp.date() == day and native in (None, each.native_symbol)}


def sent(out: Path, state: Path) -> set[TapeTrade]:
    """What a replay sends of the folder."""
    stream = replayed(out, state)
    trades = [trade for key in stream.lines() for trade in trades_of(stream.decoded(key))]
    found = {
        TapeTrade(each.exchange, each.native_symbol, each.kind, each.trade_id, each.price, each.quantity, each.side, each.timestamp)
        for each in trades
    }
    assert len(found) == len(trades)
    return found


@pytest.mark.parametrize(("day", "digits"), [(DAY, 16), (date(2024, 12, 31), 13)])
def test_fetched_day_replays_as_what_the_market_traded(tmp_path: Path, day: date, digits: int) -> None:
    plan = day_plan(day)
    done: list[Fetched] = []

    async def scene() -> None:
        async with serving(plan) as (_, settings):
            for market in markets_of(settings, None, None):
                found, there = await fetch(settings, tmp_path / "day", market, day)
                assert not there
                done.append(found)

    play(scene)
    wanted = traded(plan, day)
    assert sent(tmp_path / "day", tmp_path / "state") == wanted
    assert len(wanted) < len(list(tape_of(plan)))  # the next day's first minute is not in it
    assert [wrong for _, wrong in check(tmp_path / "day")] == [""] * 7
    assert {(each.exchange, each.archived > 0, each.paged > 0, each.notice) for each in done} == {
        ("binance", True, False, ""),
        ("coinbase", False, True, ""),
    }
    assert sum(each.trades for each in done) == len(wanted)
    frame = msgspec.json.decode(frames(tmp_path / "day")[next(iter(done[0].files))].split(b"\n")[0].split(b" ", 1)[1])
    assert len(str(frame["T"])) == digits  # the archive's microseconds are kept
    assert not list((tmp_path / "day" / ".fetch").glob("*/"))


def test_single_trades_are_fetched_where_the_profile_says_so(tmp_path: Path) -> None:
    plan = day_plan(**{"exchanges.binance.kind": "trade"})

    async def scene() -> None:
        async with serving(plan, **{"exchanges.binance.kind": "trade"}) as (_, settings):
            found, _ = await fetch(settings, tmp_path / "day", btc(settings))
            assert "no trade history by time" in found.notice

    play(scene)
    assert sent(tmp_path / "day", tmp_path / "state") == traded(plan, DAY, "BTCUSDT")


def test_what_is_there_is_not_fetched_again_and_what_changed_is(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(day_plan()) as (_, settings):
            first = await fetch(settings, tmp_path, btc(settings))
            whole = frames(tmp_path)
            gone = load_profile("sim", {"exchanges.binance.rest": "http://127.0.0.1:9", "exchanges.binance.archive": "http://127.0.0.1:9"})
            assert await fetch(gone, tmp_path, btc(gone)) == (first[0], True)
            path = tmp_path / next(iter(first[0].files))
            path.write_bytes(path.read_bytes()[:-1])
            again, there = await fetch(settings, tmp_path, btc(settings))
            assert (there, again.files, again.notice) == (False, first[0].files, "the files that were there had changed")
            assert frames(tmp_path) == whole
            assert [wrong for _, wrong in check(tmp_path)] == [""]

    play(scene)


class Meddled:
    """The archive's answers, each changed by the next of `changes`."""

    def __init__(self, past: Past, *changes: Callable[[Response], Response]) -> None:
        self.ranges: list[str | None] = []
        self._answer, self._changes = past.archive.answer, list(changes)
        past.archive.answer = self.answer  # type: ignore[method-assign]

    def answer(self, path: str, wanted: str | None, now_us: int) -> Response:
        found = self._answer(path, wanted, now_us)
        if path.endswith(".CHECKSUM"):
            return found
        self.ranges.append(wanted)
        return self._changes.pop(0)(found) if self._changes else found


def cut(found: Response) -> Response:
    """The connection ends in the middle of the body."""
    return Response(found.status_code, found.reason_phrase, found.headers, found.body[: len(found.body) // 2])


def flipped(found: Response) -> Response:
    return Response(found.status_code, found.reason_phrase, found.headers, found.body[:-1] + bytes([found.body[-1] ^ 1]))


def zips(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("archive.zip*")]


def refused(found: Response) -> Response:
    return Response(429, "Too Many Requests", Headers({"Retry-After": "0", "Content-Length": "0", "Connection": "close"}), b"")


def whole(found: Response) -> Response:
    """A server that does not know Range."""
    return found if found.status_code == 200 else pytest.fail("the test's archive was asked for a part")


def test_download_that_is_cut_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(day_plan()) as (past, settings):
            await fetch(settings, tmp_path / "a", btc(settings))
            meddled = Meddled(past, cut, cut, refused)
            await fetch(settings, tmp_path / "b", btc(settings))
        size = len(past.archive.file(Name("aggTrades", "BTCUSDT", DAY), past.history.position) or b"")
        half = size // 2
        later = half + (size - half) // 2
        assert meddled.ranges == [None, f"bytes={half}-", f"bytes={later}-", f"bytes={later}-"]
        assert frames(tmp_path / "a") == frames(tmp_path / "b")

    play(scene)


def test_file_with_another_checksum_is_removed_and_said(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(day_plan()) as (past, settings):
            Meddled(past, flipped)
            with pytest.raises(
                ExchangeError, match=r"BTCUSDT-aggTrades-2026-01-15\.zip came with SHA-256 .* the file was removed; try again"
            ):
                await fetch(settings, tmp_path, btc(settings))
            assert (zips(tmp_path), load_index(tmp_path).recordings) == ([], [])
            assert (await fetch(settings, tmp_path, btc(settings)))[0].trades > 100

    play(scene)


def shortened(past: Past, lines: Callable[[list[bytes]], list[bytes]]) -> None:
    """The archive's file of BTCUSDT with other lines, and its checksum."""
    name = Name("aggTrades", "BTCUSDT", DAY)
    kept = past.archive.file(name, past.history.position)
    assert kept is not None
    with zipfile.ZipFile(io.BytesIO(kept)) as packed:
        body = packed.read(f"{name}.csv")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(f"{name}.csv", b"".join(lines(body.splitlines(keepends=True))))
    past.archive._files[name] = made.getvalue()


@pytest.mark.parametrize("away", [(50, 60), (0, 20), (-30, None), (10, 11)])
def test_ids_that_the_archive_lacks_come_by_rest(tmp_path: Path, away: tuple[int, int | None]) -> None:
    plan = day_plan()

    async def scene() -> None:
        async with serving(plan) as (past, settings):

            def without(rows: list[bytes]) -> list[bytes]:
                gone = set(range(len(rows))[slice(*away)])
                return [row for place, row in enumerate(rows) if place not in gone]

            shortened(past, without)
            found, _ = await fetch(settings, tmp_path / "day", btc(settings))
            assert found.paged == {(50, 60): 10, (0, 20): 20, (-30, None): 30, (10, 11): 1}[away]
            assert (found.holes, found.notice) == ([], "")

    play(scene)
    assert sent(tmp_path / "day", tmp_path / "state") == traded(plan, DAY, "BTCUSDT")


def test_day_that_the_archive_has_not_yet_comes_by_rest(tmp_path: Path) -> None:
    plan = day_plan()

    async def scene() -> None:
        async with serving(plan) as (past, settings):
            past.archive.file = lambda name, now_us: None  # type: ignore[method-assign]
            found, _ = await fetch(settings, tmp_path / "day", btc(settings))
            assert (found.archived, found.paged) == (0, found.trades)

    play(scene)
    assert sent(tmp_path / "day", tmp_path / "state") == traded(plan, DAY, "BTCUSDT")


def test_archive_alone_is_enough_unless_it_has_a_hole(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(day_plan()) as (past, settings):
            own = msgspec.structs.replace(settings.exchanges["binance"], rest="http://127.0.0.1:9")
            alone = msgspec.structs.replace(settings, exchanges={**settings.exchanges, "binance": own})
            found, _ = await fetch(alone, tmp_path / "a", btc(alone))
            assert found.notice.startswith("not compared with REST: binance at http://127.0.0.1:9 does not answer")
            shortened(past, lambda rows: [*rows[:5], *rows[8:]])
            with pytest.raises(ExchangeError, match=r"can't be had .* run it again, it goes on from here"):
                await fetch(alone, tmp_path / "b", btc(alone))
            assert load_index(tmp_path / "b").recordings == []
            assert (await fetch(settings, tmp_path / "b", btc(settings)))[0].paged == 3

    play(scene)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: [*rows[:5], rows[7], rows[6], *rows[8:]], "comes after"),
        (lambda rows: [rows[0].replace(b"True", b"perhaps").replace(b"False", b"no"), *rows[1:]], "holds no rows of spot aggTrade"),
        (lambda rows: [*rows[:5], rows[5].rpartition(b",")[0] + b"\n", *rows[6:]], "an archive row with 7 columns among rows with 8"),
    ],
)
def test_file_that_is_no_day_of_the_archive_is_refused(tmp_path: Path, change: Callable[[list[bytes]], list[bytes]], said: str) -> None:
    async def scene() -> None:
        async with serving(day_plan()) as (past, settings):
            shortened(past, change)
            with pytest.raises(RecordingError, match=said):
                await fetch(settings, tmp_path, btc(settings))

    play(scene)


def test_archive_speaks_as_the_real_one_does(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(day_plan()) as (_, settings), httpx.AsyncClient(base_url=settings.exchanges["binance"].archive) as client:
            path = "/data/spot/daily/trades/ETHUSDT/ETHUSDT-trades-2026-01-15.zip"
            file, told = await client.get(path), await client.get(f"{path}.CHECKSUM")
            assert told.text == f"{hashlib.sha256(file.content).hexdigest()}  ETHUSDT-trades-2026-01-15.zip\n"
            assert (file.status_code, file.headers["Accept-Ranges"]) == (200, "bytes")
            with zipfile.ZipFile(io.BytesIO(file.content)) as packed:
                assert packed.namelist() == ["ETHUSDT-trades-2026-01-15.csv"]
                first = packed.read("ETHUSDT-trades-2026-01-15.csv").split(b"\n")[0].decode().split(",")
            price, quantity, quote = map(Decimal, first[1:4])
            assert abs(price * quantity - quote) < Decimal("1e-8")
            assert (len(first), len(first[4]), {first[5], first[6]} <= {"True", "False"}) == (7, 16, True)
            part = await client.get(path, headers={"Range": "bytes=100-"})
            assert (part.status_code, part.content) == (206, file.content[100:])
            assert part.headers["Content-Range"] == f"bytes 100-{len(file.content) - 1}/{len(file.content)}"
            assert (await client.get(path, headers={"Range": f"bytes={len(file.content)}-"})).status_code == 416
            for other in (path.replace("01-15", "01-14"), path.replace("01-15", "01-17"), path.replace("ETH", "DOGE"), "/data/spot"):
                answer = await client.get(other)
                assert (answer.status_code, "NoSuchKey" in answer.text) == (404, True)

    play(scene)


def test_archive_of_a_session_has_no_day_that_is_not_over(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path, day_plan(), follow=False) as seen:
            answer = await seen.get("binance", "/data/spot/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2026-01-15.zip")
            assert (answer.status_code, "NoSuchKey" in answer.text) == (404, True)

    play(scene)


def test_session_that_passed_midnight_has_the_day_in_its_archive(tmp_path: Path) -> None:
    name, plan = Name("aggTrades", "SOLUSDT", DAY), day_plan(minutes=1)

    async def scene() -> None:
        async with running(tmp_path, plan) as seen:
            await until(lambda: seen.engine.phase == "ended")
            answer = await seen.get("binance", f"/data/spot/daily/aggTrades/SOLUSDT/{name}.zip")
            assert (answer.status_code, answer.content) == (200, Past(plan).archive.file(name, seen.engine.history.position))

    play(scene)


async def _error(fetching: Awaitable[Any]) -> str:
    with pytest.raises(CtcError) as caught:
        await fetching
    return str(caught.value)


def test_errors_say_what_there_is_not(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(day_plan()) as (_, settings):
            for name in ("binance", "coinbase"):
                market = markets_of(settings, "ETH-USDT", name)[0]
                said = await _error(fetch(settings, tmp_path, market, DAY + timedelta(days=2)))
                assert said == f"there is no whole 2026-01-17 of ETH-USDT yet: on {name} it is 2026-01-17 00:00 UTC; name an earlier day"
                assert "has no trade of ETH" in await _error(fetch(settings, tmp_path, market, DAY - timedelta(days=9)))
                unknown = msgspec.structs.replace(market, native="DOGEUSD")
                said = await _error(fetch(settings, tmp_path, unknown))
                assert said == f"{name} has no market DOGEUSD: correct exchanges.{name}.symbols in the profile"

    play(scene)


def test_fetch_that_dies_anywhere_is_gone_on_with(tmp_path: Path) -> None:
    """The process ends at each step that it tells of, over and over, until it comes through."""

    class Died(BaseException):
        pass

    async def scene() -> None:
        async with serving(day_plan()) as (past, settings):
            shortened(past, lambda rows: [*rows[:40], *rows[90:]])
            for market in markets_of(settings, "BTC-USDT", None):
                await fetch(settings, tmp_path / "whole", market)
                deaths = 0
                for dies_at in range(1, 100):
                    steps = 0

                    def show(*_: Any) -> None:
                        nonlocal steps
                        steps += 1
                        if steps == dies_at:  # noqa: B023 - called in this turn
                            raise Died

                    try:
                        await fetch(settings, tmp_path / "died", market, show=show)
                        break
                    except Died:
                        deaths += 1
                assert deaths >= 2
        assert frames(tmp_path / "died") == frames(tmp_path / "whole")
        assert [wrong for _, wrong in check(tmp_path / "died")] == ["", ""]

    play(scene)
