"""`ctc jobs ls | run NAME`: the batch jobs, one command each; a cluster starts them by `jobs/run.py`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

import msgspec
import typer

from ctc.cli.options import Format, State, complete_profile, known_symbol, moment
from ctc.cli.output import write
from ctc.cli.steps import steps
from ctc.errors import ConfigError, CtcError
from ctc.settings import DEFAULT_STATE, with_values

DETECTORS = ("volume", "whales", "spread")
RULES = ("volume", "whales", "spread", "folds")

jobs = typer.Typer(
    no_args_is_help=True,
    help="Batch jobs over the lake: reprocess, maintain, evolve, history, wallets and the daily checks.\n\n"
    "[bold]ctc jobs ls[/bold] lists them, [bold]ctc jobs run NAME --help[/bold] explains one. "
    "A job that is interrupted leaves the lake as it was before, or as it is after; run it again.",
)
run = typer.Typer(no_args_is_help=True, help="Run one job to its end. The session of --state may run meanwhile, or have ended.")
jobs.add_typer(run, name="run")


def names(known: Sequence[str], given: str | None) -> tuple[str, ...]:
    """The names of a list with commas, all known; without a list all of them."""
    listed = tuple(name for name in (given or ",".join(known)).split(",") if name)
    if unknown := [name for name in listed if name not in known]:
        raise ConfigError(f"unknown: {', '.join(unknown)}; choose among {', '.join(known)}")
    return listed


def values(given: list[str] | None) -> dict[str, str]:
    """KEY=VALUE options."""
    found = {}
    for each in given or []:
        key, equals, value = each.partition("=")
        if not equals:
            raise ConfigError(f"{each!r} sets nothing: write it as KEY=VALUE, as in whales.threshold=250000")
        found[key.strip()] = value.strip()
    return found


ProfileInstead = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", autocompletion=complete_profile, help="Of a profile instead of a session: for a cluster."),
]
Since = Annotated[datetime | None, typer.Option(parser=moment, metavar="T", help="From this time on.")]
Until = Annotated[datetime | None, typer.Option(parser=moment, metavar="T", help="Before this time.")]
Symbols = Annotated[str | None, typer.Option(metavar="LIST", help="Only these symbols, as in BTC-USDT,ETH-USDT.")]


@jobs.command()
def ls(format: Annotated[Format, typer.Option(help="json and csv for machines.")] = "table") -> None:
    """List the jobs.

    \b
    ctc jobs ls
    ctc jobs ls --format json
    """
    rows = [(command.name or "", _summary(command.callback.__doc__)) for command in run.registered_commands if command.callback is not None]
    write(("job", "what it does"), rows, format)


def _summary(text: str | None) -> str:
    return (text or "").strip().splitlines()[0]


@run.command("reprocess")
def reprocess(
    since: Since = None,
    until: Until = None,
    symbols: Symbols = None,
    snapshot: Annotated[int | None, typer.Option(metavar="ID", help="raw_trades as of this snapshot.")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="T", help="raw_trades as of this moment of the wall clock.")
    ] = None,
    order: Annotated[Literal["log", "event-time"], typer.Option(help="event-time counts late trades, back-fills and history.")] = "log",
    detectors: Annotated[str | None, typer.Option(metavar="LIST", help="Only these of volume, whales, spread.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Another threshold; may be given again.")] = None,
    differences: Annotated[bool, typer.Option("--differences", help="Every alert that differs, instead of their number.")] = False,
    swap: Annotated[bool, typer.Option("--swap", help="Then put the result in the place of the stream's alerts.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Compute nothing: take back the last swap.")] = False,
    unexplained: Annotated[bool, typer.Option("--unexplained", help="Swap also where a difference has no known reason.")] = False,
    format: Annotated[Format, typer.Option(help="json and csv for machines.")] = "table",
    state: State = DEFAULT_STATE,
    profile: ProfileInstead = None,
) -> None:
    """Alerts anew from raw_trades into anomalies_reprocessed, compared with anomalies, and swapped with them if asked.

    In log order with the session's thresholds that gives exactly the session's alerts.

    \b
    ctc jobs run reprocess
    ctc jobs run reprocess --set whales.threshold=250000
    ctc jobs run reprocess --since 2026-11-23 --order event-time
    ctc jobs run reprocess --snapshot 123456789 --differences
    ctc jobs run reprocess --swap
    ctc jobs run reprocess --undo
    """
    if snapshot is not None and as_of is not None:
        raise ConfigError("--snapshot and --as-of name two states of the table: give one of them")
    chosen, changes = frozenset(names(DETECTORS, detectors)), values(set_)
    from ctc.aws.log import Span
    from ctc.daily.stores import stores
    from ctc.schema import RAW_TRADES
    from ctc.spark.job import engine
    from ctc.spark.reprocess import reprocess as compute
    from ctc.spark.swap import Swapped
    from ctc.spark.swap import swap as put_in
    from ctc.spark.swap import undo as take_back

    with stores(state, profile) as settings, steps("reprocess") as say:
        rules = with_values(settings, changes, RULES)
        versions = {} if snapshot is None else {RAW_TRADES.name: snapshot}
        listed = names(settings.session.symbols, symbols) if symbols else ()
        span = Span(symbols=listed, since=since, until=until, as_of=as_of, order=order, versions=versions)
        say("starting Spark")
        with engine("reprocess", settings, state, by_row=False) as spark:
            if undo:
                _show_swap(take_back(spark, settings, say), format)
                return
            done = compute(spark, settings, rules, span, chosen, say)
            swapped: Swapped | None = put_in(spark, settings, say, unexplained=unexplained) if swap else None
    if swapped is not None:
        _show_swap(swapped, format)
    elif differences:
        _show_differences(done.comparison.differences, format)
    else:
        rows = done.comparison.summary()
        write(("verdict", "reason", "rule", "alerts"), rows, format)


def _show_differences(found: Sequence[msgspec.Struct], format: Format) -> None:
    columns = found[0].__struct_fields__ if found else ("verdict", "reason", "alert_id")
    rows = [tuple(", ".join(v) if isinstance(v := getattr(each, name), tuple) else v for name in columns) for each in found]
    write(columns, rows, format)


def _show_swap(swapped: msgspec.Struct, format: Format) -> None:
    columns = swapped.__struct_fields__
    write(columns, [tuple(getattr(swapped, name) for name in columns)], format)


@run.command("maintain")
def maintain(
    tables: Annotated[str | None, typer.Option(metavar="LIST", help="Only these tables, as in raw_trades,anomalies.")] = None,
    keep_hours: Annotated[int, typer.Option(min=0, metavar="N", help="Snapshots younger than this stay, for time travel.")] = 168,
    format: Annotated[Format, typer.Option(help="json and csv for machines.")] = "table",
    state: State = DEFAULT_STATE,
    profile: ProfileInstead = None,
) -> None:
    """Compact files and manifests, expire old snapshots, remove files that nobody refers to; before and after.

    What the streaming queries remember in their snapshots stays. Files are removed a day after nobody refers to them.

    \b
    ctc jobs run maintain
    ctc jobs run maintain --tables raw_trades --keep-hours 24 --format json
    """
    from ctc.daily.stores import stores
    from ctc.schema import TABLES
    from ctc.spark.job import engine
    from ctc.spark.maintain import COLUMNS
    from ctc.spark.maintain import maintain as tidy

    chosen = names(tuple(TABLES), tables)
    with stores(state, profile) as settings, steps("maintain") as say:
        say("starting Spark")
        with engine("maintain", settings, state) as spark:
            done = [each.row() for each in tidy(spark, settings, chosen, timedelta(hours=keep_hours), say)]
    write(COLUMNS, done, format)


@run.command("evolve")
def evolve(
    table: Annotated[str, typer.Option(metavar="NAME", help="volume_aggregates or spreads.")] = "volume_aggregates",
    column: Annotated[str, typer.Option(metavar="NAME", help="The new column.")] = "market_cap_rank",
    type: Annotated[Literal["int", "bigint", "string"], typer.Option(help="Its type.")] = "int",
    by_symbol: Annotated[
        list[str] | None, typer.Option("--by-symbol", metavar="SYMBOL=VALUE", help="What new rows of a symbol hold; may be given again.")
    ] = None,
    format: Annotated[Format, typer.Option(help="json and csv for machines.")] = "table",
    state: State = DEFAULT_STATE,
    profile: ProfileInstead = None,
) -> None:
    """Add a column without rewriting a file, and prove it: old rows read NULL, new ones are filled, old snapshots read.

    A session that runs goes on, and fills the column from its next commit on. Run again, it changes the values.

    \b
    ctc jobs run evolve --by-symbol BTC-USDT=1 --by-symbol ETH-USDT=2
    ctc jobs run evolve --table spreads --column desk --type string
    """
    given = values(by_symbol)
    from ctc.daily.stores import stores
    from ctc.spark.evolve import evolve as add
    from ctc.spark.job import engine

    with stores(state, profile) as settings, steps("evolve") as say:
        for symbol in given:
            known_symbol(settings, symbol)
        say("starting Spark")
        with engine("evolve", settings, state) as spark:
            checks = add(spark, settings, table, column, type, given, say)
    write(("what", "seen", "holds"), [(each.what, each.seen, each.holds) for each in checks], format, wrap="seen")


@run.command("history")
def history(
    since: Since = None,
    until: Until = None,
    from_id: Annotated[int | None, typer.Option(min=0, metavar="ID", help="From this trade id on, of one exchange and symbol.")] = None,
    to_id: Annotated[int | None, typer.Option(min=0, metavar="ID", help="To this id; without it to the newest.")] = None,
    exchanges: Annotated[str | None, typer.Option(metavar="LIST", help="Only these exchanges, as in binance,coinbase.")] = None,
    symbols: Symbols = None,
    merge: Annotated[bool, typer.Option("--merge/--no-merge", help="Into raw_trades as well, or only into files.")] = True,
    format: Annotated[Format, typer.Option(help="json and csv for machines.")] = "table",
    state: State = DEFAULT_STATE,
    profile: ProfileInstead = None,
) -> None:
    """Past trades from the exchanges' REST history into files, into raw_trades (each once), and into the gap ledger.

    What is there already is not asked for again: run it again after an interruption. A simulated exchange answers while its session runs.

    \b
    ctc jobs run history --since 2026-11-23 --until 2026-11-24
    ctc jobs run history --since 2026-11-23 --exchanges binance --no-merge
    """
    _refuse_no_range(since, until, from_id, to_id)
    from ctc.aws.load import Wanted, load_history
    from ctc.daily.stores import stores
    from ctc.spark.job import engine

    with stores(state, profile) as settings, steps("history") as say:
        chosen = names(settings.session.symbols, symbols)
        wanted = Wanted(
            exchanges=names(settings.session.exchanges, exchanges), symbols=chosen, since=since, until=until, first=from_id, last=to_id
        )
        loaded = load_history(settings, wanted, say)
        merged = {}
        if merge:
            from ctc.spark.historical import merge as merge_files

            days = (since and since.date(), until and until.date())
            say("starting Spark")
            with engine("history", settings, state) as spark:
                merged = {each.symbol: each.merged for each in merge_files(spark, settings, chosen, *days, say)}
    columns = ("exchange", "symbol", "first_id", "last_id", "loaded", "there_before", "holes", "refused", "requests", "merged_of_symbol")
    counts = ("first", "last", "trades", "known", "holes", "refused", "requests")
    rows = [(e.market.exchange, e.market.symbol, *(getattr(e, name) for name in counts), merged.get(e.market.symbol)) for e in loaded]
    write(columns, rows, format)


def _refuse_no_range(since: datetime | None, until: datetime | None, from_id: int | None, to_id: int | None) -> None:
    if (since is None) == (from_id is None):
        raise ConfigError("say what to load: --since (and --until), or --from-id (and --to-id) of one exchange and symbol")
    if (from_id is not None and to_id is not None and to_id < from_id) or (since and until and until <= since):
        raise ConfigError("the range ends before it begins: give the earlier end first")


@run.command("wallets")
def wallets(
    since: Since = None,
    until: Until = None,
    snapshot: Annotated[int | None, typer.Option(metavar="ID", help="wallet_trades as of this snapshot.")] = None,
    format: Annotated[Format, typer.Option(help="json and csv for machines.")] = "table",
    state: State = DEFAULT_STATE,
    profile: ProfileInstead = None,
) -> None:
    """Scores of the wallets that a tape names into wallet_scores, with intervals and a stated false discovery rate.

    Not financial advice. Only Hyperliquid names its wallets; Binance and Coinbase carry no identities. `ctc wallets` shows the scores.

    \b
    ctc jobs run wallets
    ctc jobs run wallets --since 2026-11-01 --until 2026-11-15 --format json
    """
    from ctc.aws.wallets import DynamoWallets
    from ctc.daily.stores import stores
    from ctc.spark.job import engine
    from ctc.spark.wallets import Asked, score
    from ctc.wallets import AlphaRules, WalletReport

    asked = Asked(since=since, until=until, snapshot=snapshot)
    with stores(state, profile) as settings, steps("wallets") as say:
        say("starting Spark")
        with engine("wallets", settings, state) as spark:
            done = score(spark, settings, DynamoWallets(settings), asked, AlphaRules(), say)
    columns = WalletReport.__struct_fields__
    write(columns, [tuple(getattr(each, name) for name in columns) for each in done.reports], format)


@run.command("daily")
def daily(
    since: Since = None,
    until: Until = None,
    format: Annotated[Format, typer.Option(help="json and csv for machines.")] = "table",
    state: State = DEFAULT_STATE,
    profile: ProfileInstead = None,
) -> None:
    """The Spark job of the daily batch: the history's files of a day into raw_trades, then reprocess in event time, without a swap.

    \b
    ctc jobs run daily --since 2026-11-23 --until 2026-11-24
    ctc jobs run daily --since 2026-11-23 --until 2026-11-24 --profile cloud
    """
    if since is None or until is None or until <= since:
        raise ConfigError("say which day: --since and a later --until, as in --since 2026-11-23 --until 2026-11-24")
    from ctc.aws.log import Span
    from ctc.daily.stores import stores
    from ctc.detect import ALL_DETECTORS
    from ctc.spark.historical import merge as merge_files
    from ctc.spark.job import engine
    from ctc.spark.reprocess import reprocess as compute

    with stores(state, profile) as settings, steps("daily") as say:
        say("starting Spark")
        with engine("daily", settings, state) as spark:
            last = (until - timedelta(microseconds=1)).date()
            merged = merge_files(spark, settings, settings.session.symbols, since.date(), last, say)
            span = Span(since=since, until=until, order="event-time")
            done = compute(spark, settings, settings, span, ALL_DETECTORS, say)
    rows: list[tuple[str, str, str, int]] = [("merged", "", each.symbol, each.merged) for each in merged]
    rows += done.comparison.summary()
    write(("verdict", "reason", "rule", "alerts"), rows, format)


Day = Annotated[datetime | None, typer.Option("--date", parser=moment, metavar="DATE", help="The day, UTC; without it yesterday.")]


def _day(given: datetime | None) -> date:
    return (given.astimezone(UTC) if given else datetime.now(UTC) - timedelta(days=1)).date()


@run.command("quality-checks")
def quality_checks(
    day: Day = None,
    format: Annotated[Format, typer.Option(help="json and csv for machines.")] = "table",
    state: State = DEFAULT_STATE,
    profile: ProfileInstead = None,
) -> None:
    """Counts and schema of what the lake holds of a day; exit code 1 where a check fails. Needs no Spark.

    \b
    ctc jobs run quality-checks --date 2026-11-23
    ctc jobs run quality-checks --format json
    """
    from ctc.daily.checks import check, refuse_failed
    from ctc.daily.stores import stores

    with stores(state, profile) as settings:
        done = check(settings, _day(day))
    write(("check", "broken"), [(each.what, each.broken) for each in done.checks], format)
    refuse_failed(done)


@run.command("update-catalog")
def update_catalog(
    format: Annotated[Format, typer.Option(help="json and csv for machines.")] = "table",
    state: State = DEFAULT_STATE,
    profile: ProfileInstead = None,
) -> None:
    """The tables' column statistics in Glue, which Athena plans joins by. Needs no Spark.

    \b
    ctc jobs run update-catalog
    ctc jobs run update-catalog --format json
    """
    from ctc.daily.catalog import update_catalog as refresh
    from ctc.daily.stores import stores

    with stores(state, profile) as settings:
        done = refresh(settings)
    write(("table", "rows", "columns"), [(each.table, each.rows, each.columns) for each in done], format)


@run.command("publish-metrics")
def publish_metrics(
    day: Day = None,
    format: Annotated[Format, typer.Option(help="json and csv for machines.")] = "table",
    state: State = DEFAULT_STATE,
    profile: ProfileInstead = None,
) -> None:
    """A day's figures to CloudWatch, once. Needs no Spark.

    \b
    ctc jobs run publish-metrics --date 2026-11-23
    ctc jobs run publish-metrics --format json
    """
    from ctc.daily.checks import check
    from ctc.daily.metrics import publish
    from ctc.daily.stores import stores

    with stores(state, profile) as settings:
        done = publish(settings, check(settings, _day(day)))
    rows = [(name, value, done.new) for name, value in done.figures.items()]
    write(("metric", "value", "published_now"), rows, format)


def start(words: Sequence[str]) -> int:
    """Run the job that the words name, as `python -m jobs.run` does; the exit code of `ctc jobs run`."""
    try:
        run(args=list(words), prog_name="ctc jobs run")
    except SystemExit as end:
        return int(end.code or 0)
    except CtcError as error:
        sys.stderr.write(f"{words[0]}: {error}\n")
        return error.exit_code
    return 0
