"""The detectors' rules (docs/FOLDS.md) once more, as one DuckDB query over `raw_trades` and `heartbeats`.

Simpler than the folds, which only shows in logs that a quiet session does not leave: no trade is late, none comes twice, no id is
missing, and of several producers each is taken to have lived to the end of every minute that it names. Means, deviations and
logarithms are doubles, where the folds have 40 and 76 digits. It says which alerts there are, not what is in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from ctc.settings import Settings

Found = tuple[str, str, str, int]  # rule as tables have it, exchange, symbol, microseconds of the window's start or of the event

SQL = """
WITH RECURSIVE
trades AS MATERIALIZED (
  SELECT exchange, symbol, native_symbol, side, quantity, quote_volume, epoch_us(timestamp) AS us FROM raw_trades
),
clocks AS (SELECT symbol, max(epoch_us(timestamp)) - {lateness} AS closed FROM heartbeats GROUP BY symbol),
named AS MATERIALIZED (
  SELECT symbol, producer, epoch_us(timestamp) AS us, mark.exchange AS exchange, mark.connected AS connected
  FROM (
    SELECT *, unnest(from_json(venues, '[{{"exchange": "VARCHAR", "connected": "BOOLEAN"}}]')) AS mark FROM heartbeats
  )
),
producers AS (
  SELECT symbol, exchange, producer, min(us) FILTER (connected) AS first_up, max(us) AS newest FROM named GROUP BY ALL
),
marks AS (
  SELECT symbol, exchange, producer, first_up, newest, (us - 1) // {minute} AS minute, bool_and(connected) AS up
  FROM named JOIN producers USING (symbol, exchange, producer)
  WHERE NOT connected OR us > first_up
  GROUP BY ALL
),
minutes AS (
  SELECT symbol, exchange, minute, bool_or(up) AS up,
    bool_or(up AND first_up <= minute * {minute} AND newest >= (minute + 1) * {minute}) AS complete
  FROM marks GROUP BY ALL
),
sums AS (
  SELECT symbol, exchange, us // {minute} AS minute, sum(quote_volume)::DOUBLE AS volume FROM trades GROUP BY ALL
),
bars AS (
  SELECT symbol, exchange, minute, coalesce(volume, 0) AS volume, ln(1 + coalesce(volume, 0)) AS log, coalesce(complete, false) AS complete
  FROM sums FULL JOIN minutes USING (symbol, exchange, minute) JOIN clocks USING (symbol)
  WHERE (volume IS NOT NULL OR up) AND (minute + 1) * {minute} <= closed
),
baselines AS (
  SELECT *, count(*) FILTER (complete) OVER hour AS n,
    avg(volume) FILTER (complete) OVER hour AS mean, stddev_samp(volume) FILTER (complete) OVER hour AS std,
    median(log) FILTER (complete) OVER hour AS middle, mad(log) FILTER (complete) OVER hour AS mad
  FROM bars
  WINDOW hour AS (PARTITION BY symbol, exchange ORDER BY minute RANGE BETWEEN {baseline_bars} PRECEDING AND 1 PRECEDING)
),
scores AS MATERIALIZED (
  SELECT symbol, exchange, minute, complete, round((volume - mean) / nullif(std, 0), 8) AS z,
    round((log - middle) / nullif(1.4826 * mad, 0), 8) AS score
  FROM baselines WHERE n >= {min_bars}
),
odd AS MATERIALIZED (
  SELECT symbol, exchange, minute FROM scores WHERE score > {robust_threshold} OR (complete AND score < -{robust_threshold})
),
robust AS (
  SELECT symbol, exchange, min(minute) AS minute FROM odd GROUP BY ALL
  UNION ALL
  SELECT symbol, exchange, min(odd.minute) FROM robust JOIN odd USING (symbol, exchange)
  WHERE odd.minute > robust.minute + {cooldown} GROUP BY ALL
),
halves AS (
  SELECT symbol, us // {half} AS half,
    sum(quote_volume) FILTER (exchange = 'binance')::DOUBLE / sum(quantity) FILTER (exchange = 'binance')::DOUBLE AS binance,
    sum(quote_volume) FILTER (exchange = 'coinbase')::DOUBLE / sum(quantity) FILTER (exchange = 'coinbase')::DOUBLE AS coinbase
  FROM trades WHERE symbol <> '{peg_symbol}' GROUP BY ALL
),
pegs AS (SELECT symbol, epoch_us(timestamp) AS us, peg::DOUBLE AS peg FROM heartbeats WHERE peg IS NOT NULL),
spreads AS (
  SELECT symbol, half, round((binance - coinbase) / coinbase * 100, 8) AS raw,
    round((binance * peg - coinbase) / coinbase * 100, 8) AS adjusted
  FROM (SELECT *, (half + 1) * {half} AS ends FROM halves WHERE binance IS NOT NULL AND coinbase IS NOT NULL) AS pairs
  JOIN clocks USING (symbol)
  ASOF LEFT JOIN pegs ON pegs.symbol = pairs.symbol AND pegs.us <= pairs.ends
  WHERE ends <= closed
)
SELECT 'z' AS rule, exchange, symbol, minute * {minute} AS us FROM scores WHERE z > {z_threshold} OR (complete AND z < -{z_threshold})
UNION ALL SELECT 'robust', exchange, symbol, minute * {minute} FROM robust
UNION ALL SELECT 'single', exchange, symbol, us FROM trades WHERE quote_volume > {whale}
UNION ALL SELECT 'split', exchange, symbol, us // 1000 * 1000 FROM trades
  GROUP BY exchange, symbol, native_symbol, side, us // 1000 HAVING count(*) >= 2 AND sum(quote_volume) > {whale}
UNION ALL SELECT 'raw', 'binance-coinbase', symbol, half * {half} FROM spreads WHERE abs(raw) > {spread}
UNION ALL SELECT 'peg', 'binance-coinbase', symbol, half * {half} FROM spreads WHERE abs(adjusted) > {spread}
"""


def found(ask: Callable[[str], pa.Table], settings: Settings) -> Counter[Found]:
    """The alerts; `ask` answers SQL."""
    rows = ask(SQL.format(**places(settings))).to_pydict()
    return Counter(zip(rows["rule"], rows["exchange"], rows["symbol"], rows["us"], strict=True))


def places(settings: Settings) -> dict[str, Any]:
    """The rules' numbers, times in microseconds, the cooldown in bars."""
    volume, second = settings.volume, 1_000_000
    return {
        "lateness": settings.folds.lateness_s * second, "minute": volume.window_s * second, "half": settings.spread.window_s * second,
        "baseline_bars": volume.baseline_bars, "min_bars": max(volume.min_bars, 2), "cooldown": volume.robust_cooldown_s // volume.window_s,
        "z_threshold": volume.z_threshold, "robust_threshold": volume.robust_threshold, "whale": settings.whales.threshold,
        "spread": settings.spread.threshold_pct, "peg_symbol": settings.session.peg_symbol,
    }  # fmt: skip
