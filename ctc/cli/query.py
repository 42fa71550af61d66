"""`ctc query`: the lake's tables on stdout, as a table, JSON or CSV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from ctc.cli.options import Format, State, moment
from ctc.cli.output import write
from ctc.errors import ConfigError
from ctc.session import reachable
from ctc.settings import DEFAULT_STATE, Settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ROWS = 2_048  # at a time: as many as DuckDB makes


def query(
    sql: Annotated[
        str | None,
        typer.Argument(
            metavar="[SQL]", help="One SELECT; tables: raw_trades, heartbeats, anomalies, volume_aggregates, spreads, gaps, quality."
        ),
    ] = None,
    named: Annotated[str | None, typer.Option(metavar="NAME", help="A query by name instead; --named ls lists them.")] = None,
    since: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="T", help="Of a named one: from then on, not the last day.")
    ] = None,
    snapshot: Annotated[int | None, typer.Option(metavar="ID", help="Of a named one: the table at this snapshot.")] = None,
    as_of: Annotated[datetime | None, typer.Option(parser=moment, metavar="T", help="Of a named one: the table at this time.")] = None,
    format: Annotated[Format, typer.Option(help="json has exact decimals.")] = "table",
    state: State = DEFAULT_STATE,
) -> None:
    """Ask the lake in SQL (DuckDB), also when no session runs.

    \b
    ctc query "select symbol, count(*) from raw_trades group by symbol"
    ctc query "select * from spreads order by spread_pct desc" --format csv
    ctc query "describe raw_trades"
    ctc query --named ls
    ctc query --named whales --since 2026-01-15
    """
    if (sql is None) == (named is None):
        raise ConfigError('give one question: SQL, as in ctc query "select 1", or --named NAME')
    from ctc.aws.query import check_read_only

    if named == "ls":
        list_named(format)
        return
    if sql is not None:
        check_read_only(sql)  # before an emulator is started for it
    with reachable(state) as settings:
        if sql is not None:
            answer(sql, format, settings)
        elif named is not None:
            answer_named(named, since, snapshot, as_of, format, settings)


def answer(sql: str, format: Format, settings: Settings) -> None:
    """Print the answer to SQL; what is not data goes to stderr. Raises ConfigError or LakeError."""
    from ctc.aws.query import LakeReader

    with closing(LakeReader(settings)) as reader, reader.answering(sql) as rows:
        show(rows, format)


def list_named(format: Format) -> None:
    """Print the named queries."""
    from ctc.aws.named import names

    rows = list(names().items())
    write(("name", "what it answers"), rows, format)


def answer_named(
    name: str, since: datetime | None, snapshot: int | None, as_of: datetime | None, format: Format, settings: Settings
) -> None:
    """Print a named query's answer. Raises ConfigError or LakeError."""
    from ctc.aws.named import NamedReader, Values

    with closing(NamedReader(settings)) as reader:
        sql = reader.prepared(name, Values(since=since, snapshot=snapshot, moment=as_of))
        with reader.answering(sql) as rows:
            show(rows, format)


def show(rows: DuckDBPyConnection, format: Format, out: TextIO | None = None) -> None:
    """Write what a cursor has left in one of the formats, as it is read: an answer need not fit into memory."""
    write([column[0] for column in rows.description or ()], _rows(rows), format, out=out)


def _rows(rows: DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while some := rows.fetchmany(ROWS):
        yield from some
