"""`ctc`: the command line. Data goes to stdout, words to stderr; exit code 2 for a wrong call, 1 for a failure, 0 otherwise.

Commands of other packages (the simulator's `ctc sim`) join by the entry point group `ctc.commands`.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from ctc.cli.alerts import alerts
from ctc.cli.live import live
from ctc.cli.normalize import normalize
from ctc.cli.query import Format
from ctc.cli.query import query as run_query
from ctc.cli.status import show_status
from ctc.errors import CtcError
from ctc.session import reachable
from ctc.settings import DEFAULT_STATE

app = typer.Typer(
    name="ctc",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Public crypto trades in; anomalies, whales, spreads and an Iceberg lakehouse out. Start with [bold]ctc sim[/bold].\n\n"
    "For educational and analytical purposes only. Not financial advice.",
)
State = Annotated[Path, typer.Option("--state", help="The session's folder.", show_default=True)]


@app.command(epilog='Example: ctc query "select symbol, count(*) from raw_trades group by symbol" --format json')
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT; tables: raw_trades, heartbeats, anomalies, volume_aggregates, spreads.")],
    format: Annotated[Format, typer.Option(help="table, json (exact decimals) or csv.")] = "table",
    state: State = DEFAULT_STATE,
) -> None:
    """Ask the lake in SQL (DuckDB), also when no session runs."""
    with reachable(state):
        run_query(sql, format, state)


@app.command()
def status(
    format: Annotated[Format, typer.Option(help="table, json or csv.")] = "table",
    state: State = DEFAULT_STATE,
) -> None:
    """How the session's processes are, or how they last were."""
    show_status(state, format)


app.command(epilog="Example: ctc alerts --type whale --symbol BTC-USDT --limit 5 --format json")(alerts)
app.command(epilog="Example: ctc normalize recordings/ > trades.ndjson")(normalize)
app.command()(live)


def main() -> None:
    """Run the command line; one clear sentence and an exit code instead of a traceback for what we foresee."""
    for point in sorted(entry_points(group="ctc.commands"), key=lambda point: point.name):
        app.command(name=point.name)(point.load())
    try:
        app(standalone_mode=True)
    except CtcError as error:
        print(f"ctc: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
