"""`ctc gaps`: what became of every trade id, from the lake's ledger."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from ctc.cli.options import Format, State, Symbol, known_symbol
from ctc.cli.output import write
from ctc.model import IdSpan, space_names
from ctc.quality.settled import settle
from ctc.session import reachable
from ctc.settings import DEFAULT_STATE, Settings, load_state

Ids = Literal["all", "received", "backfilled", "natural", "open", "lost", "halted"]
COLUMNS = ("symbol", "exchange", "kind", "state", "first_id", "last_id", "ids", "trades", "started_at", "ended_at", "native_symbol")
# Neighbours of one state as one row: a day of batches is then a few rows a market.
_SQL = """
with steps as (
  select *, exchange || '|' || market || '|' || native_symbol || '|' || kind as space,
         first_id > coalesce(max(last_id) over (partition by exchange, market, native_symbol, kind, state order by first_id, last_id
                             rows between unbounded preceding and 1 preceding), -2) + 1 as begins
  from gaps where $symbol is null or symbol = $symbol
), islands as (
  select *, sum(begins::int) over (partition by space, state order by first_id, last_id) as island from steps
)
select symbol, space, state, min(first_id) first_id, max(last_id) last_id, sum(trades)::bigint trades,
       min(started_at) started_at, max(ended_at) ended_at
from islands group by symbol, space, state, island, case when state = 'halted' then first_id end
"""


def gaps(
    ids: Annotated[Ids, typer.Option(help="Only ranges in this state.")] = "all",
    symbol: Symbol = None,
    format: Annotated[Format, typer.Option(help="json and csv for machines.")] = "table",
    state: State = DEFAULT_STATE,
) -> None:
    """What became of every trade id: received, backfilled, natural (the exchange has none), open (not here yet), lost, or halted.

    \b
    ctc gaps
        all ranges of every market, in order of ids
    ctc gaps --ids lost --symbol BTC-USDT --format json
        what is missing and was not made up for
    """
    known_symbol(load_state(state), symbol)
    with reachable(state) as settings:
        rows = [row for row in ledger(settings, symbol) if ids in ("all", row[COLUMNS.index("state")])]
    write(COLUMNS, rows, format)


def ledger(settings: Settings, symbol: str | None = None) -> list[tuple[Any, ...]]:
    """The ledger as it stands, one row a range: `COLUMNS`."""
    from ctc.aws.query import LakeReader  # half a second of imports that `ctc --help` does without

    reader = LakeReader(settings)
    try:
        found = reader.query(_SQL, {"symbol": symbol}).to_pylist()
    finally:
        reader.close()
    symbols = {row["space"]: row["symbol"] for row in found}
    spans = settle(IdSpan(**{name: value for name, value in row.items() if name != "symbol"}) for row in found)
    return [_row(symbols[span.space], span) for span in spans]


def _row(symbol: str, span: IdSpan) -> tuple[Any, ...]:
    exchange, _, native, kind = space_names(span.space)
    ids = 0 if span.state == "halted" else span.last_id - span.first_id + 1
    return symbol, exchange, kind, span.state, span.first_id, span.last_id, ids, span.trades, span.started_at, span.ended_at, native
