"""The same rules in Polars over the same files, as simple as in `bench.rules_duckdb` and no simpler.

The cooldown of robust alerts, where one depends on the one before, is a loop over the few candidates.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby

import polars as pl

from bench.rules_duckdb import Found, places
from ctc.settings import Settings

MARKET = ("symbol", "exchange")
FOUND = ("rule", "exchange", "symbol", "us")
_MARKS = pl.List(pl.Struct({"exchange": pl.String, "connected": pl.Boolean}))


def found(trades: pl.LazyFrame, beats: pl.LazyFrame, settings: Settings) -> Counter[Found]:
    """The alerts of `raw_trades` and `heartbeats`."""
    rules = _Rules(settings)
    us = pl.col("timestamp").dt.epoch("us")
    trades = trades.select(*MARKET, "native_symbol", "side", "quantity", "quote_volume", us=us)
    beats = beats.select("symbol", "producer", "venues", "peg", us=us)
    singles, splits, sums, halves, minutes, pegs, clocks = pl.collect_all(
        [
            rules.singles(trades), rules.splits(trades), rules.sums(trades), rules.halves(trades),
            rules.minutes(beats), rules.pegs(beats), rules.clocks(beats),
        ]
    )  # fmt: skip
    scores = rules.scores(sums, minutes, clocks)
    every = (singles, splits, rules.z(scores), rules.robust(scores), *rules.spreads(halves, pegs, clocks))
    return Counter(row for each in every for row in each.select(FOUND).iter_rows())


class _Rules:
    """The steps; `places` says what the numbers mean."""

    def __init__(self, settings: Settings) -> None:
        at = places(settings)
        self._minute, self._half, self._lateness = at["minute"], at["half"], at["lateness"]
        self._bars, self._least, self._cooldown = at["baseline_bars"], at["min_bars"], at["cooldown"]
        self._z, self._robust, self._spread = float(at["z_threshold"]), float(at["robust_threshold"]), float(at["spread"])
        self._whale, self._peg_symbol = at["whale"], at["peg_symbol"]

    def singles(self, trades: pl.LazyFrame) -> pl.LazyFrame:
        return trades.filter(pl.col("quote_volume") > self._whale).with_columns(rule=pl.lit("single"))

    def splits(self, trades: pl.LazyFrame) -> pl.LazyFrame:
        groups = trades.group_by(*MARKET, "native_symbol", "side", us=pl.col("us") // 1000 * 1000).agg(
            pl.len().alias("prints"), pl.col("quote_volume").sum()
        )
        return groups.filter((pl.col("prints") >= 2) & (pl.col("quote_volume") > self._whale)).with_columns(rule=pl.lit("split"))

    def sums(self, trades: pl.LazyFrame) -> pl.LazyFrame:
        volume = pl.col("quote_volume").sum().cast(pl.Float64)
        return trades.group_by(*MARKET, minute=pl.col("us") // self._minute).agg(volume.alias("volume"))

    def halves(self, trades: pl.LazyFrame) -> pl.LazyFrame:
        sums = (
            pl.col(what).filter(pl.col("exchange") == venue).sum().cast(pl.Float64).alias(f"{venue}_{what}")
            for venue in ("binance", "coinbase")
            for what in ("quantity", "quote_volume")
        )
        return (
            trades.filter(pl.col("symbol") != self._peg_symbol)
            .group_by("symbol", half=pl.col("us") // self._half)
            .agg(*sums)
            .filter((pl.col("binance_quantity") > 0) & (pl.col("coinbase_quantity") > 0))
        )

    def minutes(self, beats: pl.LazyFrame) -> pl.LazyFrame:
        """Which minutes some producer calls up, and complete."""
        named = beats.with_columns(pl.col("venues").str.json_decode(_MARKS)).explode("venues").unnest("venues")
        producer = (*MARKET, "producer")
        lives = named.group_by(producer).agg(
            first_up=pl.col("us").filter(pl.col("connected")).min(), newest=pl.col("us").max()
        )  # fmt: skip
        start = pl.col("minute") * self._minute
        return (
            named.join(lives, on=producer)
            .filter(~pl.col("connected") | (pl.col("us") > pl.col("first_up")))
            .group_by(*producer, "first_up", "newest", minute=(pl.col("us") - 1) // self._minute)
            .agg(up=pl.col("connected").all())
            .group_by(*MARKET, "minute")
            .agg(
                up=pl.col("up").any(),
                complete=(pl.col("up") & (pl.col("first_up") <= start) & (pl.col("newest") >= start + self._minute)).any(),
            )
        )

    def pegs(self, beats: pl.LazyFrame) -> pl.LazyFrame:
        return beats.filter(pl.col("peg").is_not_null()).select("symbol", "us", pl.col("peg").cast(pl.Float64)).sort("us")

    def clocks(self, beats: pl.LazyFrame) -> pl.LazyFrame:
        return beats.group_by("symbol").agg(closed=pl.col("us").max() - self._lateness)

    def scores(self, sums: pl.DataFrame, minutes: pl.DataFrame, clocks: pl.DataFrame) -> pl.DataFrame:
        """The closed bars that have a baseline, with their scores."""
        bars = (
            sums.join(minutes, on=(*MARKET, "minute"), how="full", coalesce=True)
            .filter(pl.col("volume").is_not_null() | pl.col("up"))
            .join(clocks, on="symbol")
            .filter((pl.col("minute") + 1) * self._minute <= pl.col("closed"))
            .with_columns(pl.col("volume").fill_null(0.0), pl.col("complete").fill_null(False))
            .with_columns(log=(1 + pl.col("volume")).log())
            .sort(*MARKET, "minute")
        )
        volume, log = (pl.col(name).filter(pl.col("complete")) for name in ("volume", "log"))
        baselines = bars.rolling("minute", period=f"{self._bars}i", closed="left", group_by=MARKET).agg(
            n=pl.col("complete").sum(), mean=volume.mean(), std=volume.std(), middle=log.median(), mad=(log - log.median()).abs().median()
        )
        return bars.join(baselines, on=(*MARKET, "minute")).filter(pl.col("n") >= self._least).select(
            *MARKET, "complete", "minute",
            pl.when(pl.col("std") > 0).then((pl.col("volume") - pl.col("mean")) / pl.col("std")).round(8).alias("z"),
            pl.when(pl.col("mad") > 0).then((pl.col("log") - pl.col("middle")) / (1.4826 * pl.col("mad"))).round(8).alias("score"),
        )  # fmt: skip

    def z(self, scores: pl.DataFrame) -> pl.DataFrame:
        return self._far(scores, "z", self._z).select(*MARKET, rule=pl.lit("z"), us=pl.col("minute") * self._minute)

    def robust(self, scores: pl.DataFrame) -> pl.DataFrame:
        rows = []
        odd = self._far(scores, "score", self._robust).sort(*MARKET, "minute").select(*MARKET, "minute")
        for market, own in groupby(odd.iter_rows(), key=lambda row: row[:2]):
            said: int | None = None
            for *_, minute in own:
                if said is None or minute > said + self._cooldown:
                    said = minute
                    rows.append((*market, "robust", minute * self._minute))
        return pl.DataFrame(rows, schema={"symbol": pl.String, "exchange": pl.String, "rule": pl.String, "us": pl.Int64}, orient="row")

    def spreads(self, halves: pl.DataFrame, pegs: pl.DataFrame, clocks: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        binance, coinbase = (pl.col(f"{venue}_quote_volume") / pl.col(f"{venue}_quantity") for venue in ("binance", "coinbase"))
        pairs = (
            halves.join(clocks, on="symbol")
            .with_columns(exchange=pl.lit("binance-coinbase"), us=(pl.col("half") + 1) * self._half)
            .filter(pl.col("us") <= pl.col("closed"))
            .sort("us")
            .join_asof(pegs, on="us", by="symbol", check_sortedness=False)  # both are sorted by `us`
            .with_columns(
                raw=((binance - coinbase) / coinbase * 100).round(8),
                adjusted=((binance * pl.col("peg") - coinbase) / coinbase * 100).round(8),
                us=pl.col("half") * self._half,
            )
        )
        raw, peg = (pairs.filter(pl.col(name).abs() > self._spread) for name in ("raw", "adjusted"))
        return raw.with_columns(rule=pl.lit("raw")), peg.with_columns(rule=pl.lit("peg"))

    @staticmethod
    def _far(scores: pl.DataFrame, name: str, threshold: float) -> pl.DataFrame:
        """Spikes, and droughts of complete bars."""
        return scores.filter((pl.col(name) > threshold) | (pl.col("complete") & (pl.col(name) < -threshold)))
