"""`python -m sim.calibrate --realdata DIR`: recorded markets beside the simulated ones, statistic by statistic.

A burst is what one taker side traded in one millisecond. Recordings are some minutes to an hour long: read the table as
"same kind of market", not to the digit.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from ctc.errors import RecordingError
from ctc.model import to_us
from ctc.settings import load_profile
from sim.market import Market
from sim.orders import Bools, Floats, Ints
from sim.plan import FIXED_START, make_plan

MINUTES = 100


class Sample(NamedTuple):
    """Single prints in order: time (us), price, size in USD, whether the taker bought."""

    at: Ints
    price: Floats
    usd: Floats
    buy: Bools


def _sample(rows: Iterable[tuple[int, float, float, bool]]) -> Sample:
    at, price, quantity, buy = zip(*rows, strict=True)
    prices = np.array(price)
    return Sample(np.array(at), prices, prices * np.array(quantity), np.array(buy))


def frames(path: Path) -> Sample:
    """Trades of a recording of `<receive ns> <json>` lines, each id once, in order of ids."""
    found = {}
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if '"e":"trade"' in line:
                trade = msgspec.json.decode(line.split(" ", 1)[1])["data"]
                found[trade["t"]] = (trade["T"] * 1000, float(trade["p"]), float(trade["q"]), not trade["m"])
    return _sample(found[number] for number in sorted(found))


def parquet(path: Path) -> Sample:
    """Trades of the recorded half hour."""
    table = pq.read_table(path)
    columns = (table.column(name).to_numpy() for name in ("datetime", "price", "quantity", "is_buyer_maker"))
    at, price, quantity, maker = columns
    return Sample(at.astype("datetime64[us]").astype(np.int64), price, price * quantity, maker == 0)


def coinbase_csv(path: Path) -> Sample:
    """Trades of the recorded Coinbase hour (the file says neither whose side it names nor ids)."""
    with path.open() as lines:
        rows = [(row["timestamp"], float(row["price"]), float(row["amount"]), row["side"] == "buy") for row in csv.DictReader(lines)]
    return _sample((to_us(datetime.fromisoformat(text)), price, amount, buy) for text, price, amount, buy in rows)


RECORDINGS: tuple[tuple[str, str, str, Callable[[Path], Sample]], ...] = (
    ("BTCUSDT 2024-08-08", "binance_spot_btcusdt_20240808.gz", "binance:BTCUSDT", frames),
    ("BTCUSDT 2024-01-01", "binance_spot_btcusdt_trades_20240101_1200-1230.parquet", "binance:BTCUSDT", parquet),
    ("ETHUSDT 2024-08-08", "binance_spot_ethusdt_20240808.gz", "binance:ETHUSDT", frames),
    ("Coinbase BTC-USD 2023-09-05", "coinbase_btcusd_trades_20230905_16h_questdb.csv", "coinbase:BTC-USD", coinbase_csv),
)


def simulated(seed: int, minutes: int = MINUTES) -> dict[str, Sample]:
    """Single prints of every listing over that many minutes, without planted anomalies."""
    plan = make_plan(seed, FIXED_START, minutes * 60, load_profile("sim"), anomalies=False)
    market = Market(plan)
    state = market.first_state()
    parts: dict[str, list[Sample]] = {name: [] for name in plan.listings}
    for _ in range(minutes):
        minute, state = market.step(state)
        for name, columns in minute.prints.items():
            item = market.listings[name]
            price = columns.price / 10**item.price_digits
            parts[name].append(Sample(columns.at, price, price * columns.quantity / 10**item.lot_digits, columns.buy))
    return {name: Sample(*(np.concatenate(column) for column in zip(*several, strict=True))) for name, several in parts.items()}


def statistics(sample: Sample) -> dict[str, float]:
    """What is compared, by name."""
    seconds = (sample.at[-1] - sample.at[0]) / 1e6
    keys = sample.at // 1000 * 2 + sample.buy
    bursts, place = np.unique(keys, return_inverse=True)
    count = np.bincount(place)
    notional = np.bincount(place, weights=sample.usd)
    moments = np.unique(bursts // 2)
    gaps = np.diff(moments) / 1e3
    minute = np.bincount((sample.at - sample.at[0]) // 60_000_000, weights=sample.usd)[:-1]
    fresh = np.concatenate([[True], (np.diff(keys) != 0) | (np.diff(sample.price) != 0)])
    return {
        "prints/s": sample.at.size / seconds,
        "bursts/s": bursts.size / seconds,
        "prints per aggTrade": sample.at.size / fresh.sum(),
        "median print, USD": float(np.median(sample.usd)),
        "mean print, USD": float(sample.usd.mean()),
        "p99 print, USD": float(np.quantile(sample.usd, 0.99)),
        "prints above $100k, per 10,000": float((sample.usd > 1e5).mean() * 1e4),
        "bursts of several prints, %": float((count > 1).mean() * 100),
        "prints that share their ms, %": float(count[count > 1].sum() / count.sum() * 100),
        "p99 prints in a burst": float(np.quantile(count, 0.99)),
        "median burst, USD": float(np.median(notional)),
        "p90 burst, USD": float(np.quantile(notional, 0.9)),
        "p99 burst, USD": float(np.quantile(notional, 0.99)),
        "p99.9 burst, USD": float(np.quantile(notional, 0.999)),
        "bursts above $100k, per 10,000": float((notional > 1e5).mean() * 1e4),
        "median gap between bursts, ms": float(np.median(gaps) * 1e3),
        "CV of the gaps": float(gaps.std() / gaps.mean()),
        "CV of minute volume": float(minute.std() / minute.mean()),
        "same side as the burst before, %": float((np.diff(bursts & 1) == 0).mean() * 100),
    }


def comparison(folder: Path, seed: int) -> Iterator[tuple[str, dict[str, float], dict[str, float]]]:
    """Title, recorded and simulated statistics of each recording. Raises RecordingError for a missing one."""
    samples = simulated(seed)
    for title, file, name, read in RECORDINGS:
        if not (folder / file).is_file():
            raise RecordingError(f"{folder / file} is missing: name the folder of recordings with --realdata")
        yield title, statistics(read(folder / file)), statistics(samples[name])


def table(folder: Path, seed: int) -> Table:
    """The comparison as Markdown-like columns: recorded, then simulated."""
    shown = Table("", *(heading for title, *_ in RECORDINGS for heading in (title, "simulated")), box=None)
    rows = list(comparison(folder, seed))
    for statistic in rows[0][1]:
        shown.add_row(
            statistic,
            *(f"{each[statistic]:,.3g}" if each[statistic] < 10 else f"{each[statistic]:,.0f}" for _, *pair in rows for each in pair),
        )
    return shown


def markdown(folder: Path, seed: int) -> Iterator[str]:
    """The same as lines of a Markdown table."""
    rows = list(comparison(folder, seed))
    yield "| | " + " | ".join(f"{title} | simulated" for title, *_ in rows) + " |"
    yield "|---" * (1 + 2 * len(rows)) + "|"
    for statistic in rows[0][1]:
        values = (f"{each[statistic]:,.2f}" if each[statistic] < 10 else f"{each[statistic]:,.0f}" for _, *pair in rows for each in pair)
        yield f"| {statistic} | " + " | ".join(values) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="sim.calibrate", description=__doc__)
    parser.add_argument("--realdata", type=Path, required=True, help="folder of recordings")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--markdown", action="store_true", help="for docs/SIMULATOR.md")
    options = parser.parse_args()
    console = Console(width=180)
    if options.markdown:
        console.print("\n".join(markdown(options.realdata, options.seed)), markup=False, soft_wrap=True)
    else:
        console.print(table(options.realdata, options.seed))


if __name__ == "__main__":
    main()
