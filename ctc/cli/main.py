"""`ctc`: the command line. Data goes to stdout, words to stderr; exit code 2 for a wrong call, 1 for a failure, 0 otherwise.

Commands of other packages (the simulator's `ctc sim`) join by the entry point group `ctc.commands`. What a command needs
beyond its options is imported when it runs: AWS, Arrow and DuckDB take a second that `ctc --help` should not.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from importlib.metadata import entry_points
from typing import Annotated

import typer

from ctc.cli.alerts import alerts
from ctc.cli.completion import completion
from ctc.cli.cost import cost
from ctc.cli.deploy import deploy
from ctc.cli.dlq import dlq
from ctc.cli.fetch import fetch
from ctc.cli.gaps import gaps
from ctc.cli.jobs import jobs, moment
from ctc.cli.live import live
from ctc.cli.normalize import normalize
from ctc.cli.options import DeploymentName, Format, State, complete_profile
from ctc.cli.ready import ready
from ctc.cli.record import record
from ctc.cli.start import start
from ctc.cli.stop import stop
from ctc.cli.tail import tail
from ctc.cli.wallets import wallets
from ctc.errors import ConfigError, CtcError
from ctc.session import reachable
from ctc.settings import DEFAULT_STATE

INTERRUPTED = 130  # what a shell gives a program that Ctrl-C ended


def command_line() -> typer.Typer:
    """The whole command line, with the commands of other packages first."""
    app = typer.Typer(
        name="ctc",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Public crypto trades in; anomalies, whales, spreads and an Iceberg lakehouse out. Start with [bold]ctc sim[/bold].\n\n"
        "For educational and analytical purposes only. Not financial advice.",
    )
    for point in sorted(entry_points(group="ctc.commands"), key=lambda point: point.name):
        app.command(name=point.name)(point.load())
    for command in (live, alerts, tail, query, gaps, wallets, status, record, fetch, normalize, cost, deploy, start, stop, ready):
        app.command()(command)
    app.add_typer(dlq, name="dlq")
    app.add_typer(jobs, name="jobs")
    app.command()(completion)
    return app


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
    from ctc.cli.query import list_named, query_named
    from ctc.cli.query import query as run_query

    if named == "ls":
        list_named(format)
        return
    if sql is not None:
        check_read_only(sql)  # before an emulator is started for it
    with reachable(state) as settings:
        if sql is not None:
            run_query(sql, format, settings)
        elif named is not None:
            query_named(named, since, snapshot, as_of, format, settings)


def status(
    format: Annotated[Format, typer.Option(help="json and csv have every digit.")] = "table",
    state: State = DEFAULT_STATE,
    profile: Annotated[
        str, typer.Option("--profile", metavar="NAME", autocompletion=complete_profile, help="A deployment on AWS, not a session.")
    ] = "",
    name: DeploymentName = "",
) -> None:
    """How the session's processes are, or how they last were; with --profile, how a deployment is.

    \b
    ctc status
    ctc status --state /tmp/second --format json
    ctc status --profile cloud
    """
    if profile:
        from ctc.cli.cloud import show_deployment

        show_deployment(profile, name, format)
        return
    from ctc.cli.status import show_status

    show_status(state, format)


def main() -> None:
    """Run the command line; one clear sentence and an exit code instead of a traceback for what we foresee."""
    try:
        command_line()(prog_name="ctc")
        sys.stdout.flush()
    except CtcError as error:
        _end(str(error), error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains when it flushes at its end
        sys.exit(1)
    except OSError as error:
        _end(f"{error}: see that there is space on the disk, and that the files named may be read and written", 1)


def _end(sentence: str, code: int) -> None:
    print(f"ctc: {sentence}", file=sys.stderr)
    sys.exit(code)
