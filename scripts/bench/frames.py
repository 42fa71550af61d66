"""Recorded frames through the normaliser, beside `json.loads` over the same frames."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from bench.table import Row
from ctc.exchanges import Binance
from ctc.settings import ROOT, machine
from ctc.sources.files import OpenPiece, Piece

FULL = "binance_spot_btcusdt_20240808.gz"
EXCERPT = ROOT / "tests" / "fixtures" / "realdata" / "binance_spot_btcusdt_20240808.excerpt.gz"
RUNS = 5


def frames(at_least: int) -> list[Row]:
    """All of a recording's frames (order book and tickers among them), then the trades alone; CPU time, best of 5."""
    recorded = list(_recorded())
    venue = Binance({"BTCUSDT": "BTC-USDT"})
    trades = [frame for frame in recorded if venue.read(frame).trades]
    rows = []
    for what, chosen in ((f"all {len(recorded):,} recorded frames", recorded), (f"its {len(trades):,} trade frames", trades)):
        several = chosen * -(-at_least // len(chosen))
        bare, read = _rates(several, json.loads, Binance({"BTCUSDT": "BTC-USDT"}).read)
        rows.append(
            Row(section="frames", what=what, value=read, unit="frames/s", beside=f"json.loads: {bare:,.0f} frames/s", ratio=read / bare)
        )
    return rows


def _recorded() -> Iterable[str]:
    folder = machine("CTC_REALDATA")
    full = Path(folder) / FULL
    with OpenPiece(Piece(full if folder and full.is_file() else EXCERPT)) as opened:
        for line in islice(opened.stream, 200_000):
            _, _, frame = line.decode().rstrip("\n").partition(" ")
            if frame.startswith("{"):
                yield frame


def _rates(several: list[str], *readers: Callable[[str], object]) -> list[float]:
    """Frames a CPU-second of each reader; they take turns, so that a busy moment hits both."""
    best = [float("inf")] * len(readers)
    for _ in range(RUNS):
        for index, read in enumerate(readers):
            began = time.process_time()
            for frame in several:
                read(frame)
            best[index] = min(best[index], time.process_time() - began)
    return [len(several) / seconds for seconds in best]
