"""`python -m ctc.producer` as a process: exit codes, words, and a SIGTERM that loses nothing."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes_exchange import FakeExchange, agg_trade, heartbeat, run, session, until
from fakes_kinesis import FakeKinesis

from ctc import status
from ctc.settings import child_environment, save_state


async def start(state: Path, *options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ctc.producer", *options, env=child_environment(state), stderr=asyncio.subprocess.PIPE
    )


def prepare(state: Path, kinesis: FakeKinesis, binance: str, coinbase: str) -> None:
    settings = session(binance, coinbase)
    save_state(msgspec.structs.replace(settings, aws=msgspec.structs.replace(settings.aws, endpoint=kinesis.endpoint)), state)


def test_sigterm_sends_everything_read_and_exits_cleanly(tmp_path: Path) -> None:
    def script(number: int, stream: str, entries: list[dict[str, str]]) -> Any:
        return {0} if number % 3 == 1 else None

    async def test(kinesis: FakeKinesis) -> None:
        async with FakeExchange() as binance, FakeExchange(acknowledge=True) as coinbase:
            prepare(tmp_path, kinesis, binance.url, coinbase.url)
            process = await start(tmp_path)
            await until(lambda: binance.sockets and coinbase.sockets)
            for number in range(2000):
                await binance.say(agg_trade(number, number))
                if number % 100 == 0:
                    await coinbase.say(heartbeat(1, number))
            await until(lambda: (status.read(tmp_path, "producer") or {}).get("trades", 0) > 1500)
            process.send_signal(signal.SIGTERM)
            _, told = await asyncio.wait_for(process.communicate(), 60)
            assert process.returncode == 0, told.decode()

    with FakeKinesis(script) as kinesis:
        run(test(kinesis))
        ids = [line["trade_id"] for line in kinesis.lines("trades") if "trade_id" in line]
        last = status.read(tmp_path, "producer")
    assert ids == list(range(len(ids)))
    assert last is not None
    assert (last["phase"], last["trades"], last["buffered_lines"]) == ("done", len(ids), 0)
    assert len(ids) > 1500
    assert last["retries"] > 0


def test_until_ends_the_process_with_a_final_heartbeat(tmp_path: Path) -> None:
    async def test(kinesis: FakeKinesis) -> None:
        async with FakeExchange() as binance, FakeExchange(acknowledge=True) as coinbase:
            prepare(tmp_path, kinesis, binance.url, coinbase.url)
            process = await start(tmp_path, "--until", "2023-11-14T22:13:25Z")
            await until(lambda: binance.sockets and coinbase.sockets)
            for number in range(60):
                await binance.say(agg_trade(number, number * 100))
                await coinbase.say(heartbeat(1, number * 100))
            _, told = await asyncio.wait_for(process.communicate(), 60)
            assert process.returncode == 0, told.decode()

    with FakeKinesis() as kinesis:
        run(test(kinesis))
        lines = [line for line in kinesis.lines("trades") if line["symbol"] == "BTC-USDT"]
    assert len([line for line in lines if "trade_id" in line]) == 50
    assert lines[-1]["final"] is True
    assert lines[-1]["heartbeat"] == "2023-11-14T22:14:35Z"


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--until", "soon"], 2, "is not a time"),
        (["--speed", "3"], 2, "invalid choice"),
        (["--replay", "/nowhere/at/all"], 1, "/nowhere/at/all"),
        ([], 2, "no session in"),
    ],
)
def test_process_says_in_one_sentence_what_is_wrong(tmp_path: Path, options: list[str], code: int, words: str) -> None:
    async def test(kinesis: FakeKinesis) -> None:
        if options:
            prepare(tmp_path, kinesis, "ws://127.0.0.1:9", "ws://127.0.0.1:9")
        process = await start(tmp_path, *options)
        _, told = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == code
        assert words in told.decode()
        assert "Traceback" not in told.decode()

    with FakeKinesis() as kinesis:
        run(test(kinesis))


def test_missing_stream_ends_the_process_with_the_remedy(tmp_path: Path) -> None:
    gone = (400, {"__type": "ResourceNotFoundException", "message": "Stream trades not found"})
    path = tmp_path / "x.jsonl"
    path.write_text(agg_trade(1, 0))

    async def test(kinesis: FakeKinesis) -> None:
        prepare(tmp_path, kinesis, "ws://127.0.0.1:9", "ws://127.0.0.1:9")
        process = await start(tmp_path, "--replay", str(path))
        _, told = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 1
        assert "ctc up" in json.loads(told.decode().splitlines()[-1])["text"]

    with FakeKinesis(lambda number, stream, entries: gone) as kinesis:
        run(test(kinesis))
    last = status.read(tmp_path, "producer")
    assert last is not None
    assert last["phase"] == "failed"
