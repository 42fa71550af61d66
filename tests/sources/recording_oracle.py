"""What a recorded file holds, by json, gzip, zipfile and csv alone: shares no code with `ctc`, and no regard for speed."""

from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, getcontext
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

getcontext().prec = 60
OFF_BOOK = ("INSURANCE_FUND", "ADL", "NA")
# space -> id -> (price, quantity, taker's side, event time in microseconds)
Tape = dict[str, dict[int, tuple[Decimal, Decimal, str, int]]]


def tape_of(path: Path) -> Tape:
    """Every market trade of one file; empty when it has none that we read."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {}
    tape: Tape = defaultdict(dict)
    rows = archive_rows(path.name, text) if "rades-" in path.name and ".csv" in path.name else frame_rows(text)
    for space, number, price, quantity, side, us in rows:
        tape[space].setdefault(number, (Decimal(price), Decimal(quantity), side, us))
    return dict(tape)


def archive_rows(name: str, text: str) -> Iterator[tuple[str, int, str, str, str, int]]:
    symbol, aggregated = name.split("-")[0], "aggTrades" in name
    for row in csv.reader(text.splitlines()):
        if not row[0].isdigit():
            continue
        time, maker = (row[5], row[6]) if aggregated else (row[4], row[5])
        market = "spot" if len(row) == (8 if aggregated else 7) else "usdm"
        us = int(time) if len(time) == 16 else int(time) * 1000
        kind = "aggTrade" if aggregated else "trade"
        yield f"binance|{market}|{symbol}|{kind}", int(row[0]), row[1], row[2], "sell" if maker.lower() == "true" else "buy", us


def frame_rows(text: str) -> Iterator[tuple[str, int, str, str, str, int]]:
    for line in text.splitlines():
        if "://" in line[:20] or "{" not in line:
            continue
        try:
            frame = json.loads(line[line.index("{") :])
        except json.JSONDecodeError:
            continue
        inner = frame.get("data") if isinstance(frame.get("data"), dict) else frame
        if inner.get("e") in ("trade", "aggTrade") and inner.get("X") not in OFF_BOOK:
            yield binance_row(inner)
        elif frame.get("type") == "match":
            yield coinbase_row(frame)
        elif frame.get("channel") == "trades":
            yield from (hyperliquid_row(row) for row in frame["data"])


def binance_row(frame: dict[str, Any]) -> tuple[str, int, str, str, str, int]:
    market = "usdm" if "X" in frame or "nq" in frame else "spot"
    time = int(frame["T"])
    us = time if time > 10**14 else time * 1000
    number = frame["t"] if frame["e"] == "trade" else frame["a"]
    return f"binance|{market}|{frame['s']}|{frame['e']}", number, frame["p"], frame["q"], "sell" if frame["m"] else "buy", us


def coinbase_row(frame: dict[str, Any]) -> tuple[str, int, str, str, str, int]:
    day, clock = frame["time"].rstrip("Z").split("T")
    hours, minutes, seconds = clock.split(":")
    midnight = (date.fromisoformat(day) - date(1970, 1, 1)).days * 86_400
    us = int((Decimal(midnight + int(hours) * 3600 + int(minutes) * 60) + Decimal(seconds)) * 1_000_000)
    side = {"buy": "sell", "sell": "buy"}[frame["side"]]
    return f"coinbase|spot|{frame['product_id']}|match", frame["trade_id"], frame["price"], frame["size"], side, us


def hyperliquid_row(row: dict[str, Any]) -> tuple[str, int, str, str, str, int]:
    side = {"A": "sell", "B": "buy"}[row["side"]]
    return f"hyperliquid|perp|{row['coin']}|trade", row["tid"], row["px"], row["sz"], side, row["time"] * 1000


def volume(tape: Tape) -> dict[str, Decimal]:
    """Exact sum of price times quantity by space and side."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for space, trades in tape.items():
        for price, quantity, side, _ in trades.values():
            sums[f"{space} {side}"] += price * quantity
    return dict(sums)


# market -> (ids of its trades, aggregate id -> first and last trade id in it)
Prints = dict[tuple[str, ...], tuple[set[int], dict[int, tuple[int, int]]]]


def prints_of(folder: Path) -> Prints:
    """Every Binance trade id of a folder's files, and which trades each aggregate is made of."""
    found: Prints = defaultdict(lambda: (set(), {}))
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        try:
            text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
        except UnicodeDecodeError:
            continue
        for market, symbol, kind, number, first, last in prints(path.name, text):
            trades, aggregates = found["binance", market, symbol]
            if kind == "trade":
                trades.add(number)
            else:
                aggregates[number] = (first, last)
    return dict(found)


def prints(name: str, text: str) -> Iterator[tuple[str, str, str, int, int, int]]:
    if text.startswith('[{"path"'):
        yield from rest_prints(text)
    elif "rades-" in name and ".csv" in name:
        for space, number, *_ in archive_rows(name, text):
            _, market, symbol, kind = space.split("|")
            assert kind == "trade", "no aggregates of the archive are recorded"
            yield market, symbol, kind, number, number, number
    else:
        for line in text.splitlines():
            inner = inner_frame(line)
            if inner.get("e") in ("trade", "aggTrade") and inner.get("X") not in OFF_BOOK:
                space, number, *_ = binance_row(inner)
                _, market, symbol, kind = space.split("|")
                yield market, symbol, kind, number, inner.get("f", number), inner.get("l", number)


def inner_frame(line: str) -> dict[str, Any]:
    try:
        frame: dict[str, Any] = json.loads(line[line.index("{") :])
    except ValueError:
        return {}
    inner = frame.get("data")
    return inner if isinstance(inner, dict) else frame


def rest_prints(text: str) -> Iterator[tuple[str, str, str, int, int, int]]:
    for page in json.loads(text):
        market = {"/api": "spot", "/fapi": "usdm"}.get(page["path"][: page["path"].index("/", 1)])
        symbol = parse_qs(page["query"]).get("symbol", [""])[0]
        if market is None or not isinstance(page["data"], list):
            continue
        for row in page["data"]:
            if page["path"].endswith("/aggTrades"):
                yield market, symbol, "aggTrade", row["a"], row["f"], row["l"]
            elif page["path"].endswith(("/trades", "/historicalTrades")):
                yield market, symbol, "trade", row["id"], row["id"], row["id"]
