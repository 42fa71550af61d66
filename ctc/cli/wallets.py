"""`ctc wallets`: the scores of the last run of the job `wallets`, by address, each with its interval; also when no session runs."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from ctc.cli.options import Format, State
from ctc.cli.output import write
from ctc.errors import ConfigError
from ctc.session import reachable
from ctc.settings import DEFAULT_STATE
from ctc.wallets.episodes import Role
from ctc.wallets.scored import IDENTITIES, NO_ADVICE, ScoreRun, WalletReport, WalletScore

COLUMNS = ("wallet", "role", "horizon_s", "low_bp", "alpha_bp", "high_bp", "flagged", "mean_bp", "error_bp", "days", "episodes")
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")


def wallets(
    role: Annotated[Role | None, typer.Option(help="Only scores of this role.")] = None,
    horizon: Annotated[int | None, typer.Option(min=1, metavar="SECONDS", help="Only at this time after the trade: 300 or 3600.")] = None,
    flagged: Annotated[
        bool, typer.Option("--flagged", help="Only flagged scores: better than luck explains, at a false discovery rate of 10 %.")
    ] = False,
    address: Annotated[str | None, typer.Option(metavar="0x...", help="Only of this wallet.")] = None,
    format: Annotated[Format, typer.Option(help="json and csv have every field and digit.")] = "table",
    state: State = DEFAULT_STATE,
) -> None:
    """Which wallets traded ahead of the price: by address, each with its interval, no rank. `ctc jobs run wallets` makes the scores.

    For educational and analytical purposes only. Not financial advice, and no copying of trades.

    Only Hyperliquid names its wallets; Binance and Coinbase carry no identities.

    \b
    ctc wallets --role taker --horizon 300
        basis points an episode after fees: alpha with its 90 % interval, the mean as measured
    ctc wallets --flagged --format json
        every field of the flagged: at a false discovery rate of 10 %, over many reports
    ctc wallets --address 0x31ca8395cf837de08b24da3f660e77761dfb974b
        one wallet, in each role and at each horizon
    """
    if address is not None and not _ADDRESS.fullmatch(address.lower()):
        raise ConfigError(f"{address!r} is no wallet's address: write 0x and its 40 hexadecimal digits")
    from ctc.aws.wallets import DynamoWallets  # half a second of imports that `ctc --help` does without

    with reachable(state) as settings:
        store = DynamoWallets(settings)
        run = store.run()
        found = _scores(store, run.run, address) if run is not None else []
    scores = [
        score for score in found if role in (None, score.role) and horizon in (None, score.horizon_s) and (score.flagged or not flagged)
    ]
    notes = Console(stderr=True)
    for line in _about(run, role, horizon):
        notes.print(Text(line), soft_wrap=True)
    names = COLUMNS if format == "table" else WalletScore.__struct_fields__
    write(names, [_row(score, format) for score in scores], format)


def _scores(store: Any, run: str, address: str | None) -> list[WalletScore]:
    if address is not None:
        own: list[WalletScore] = store.wallet(run, address.lower())
        return own
    return [score for each in store.wallets(run) for score in each]


def _about(run: ScoreRun | None, role: str | None, horizon: int | None) -> list[str]:
    """What the scores mean, for people."""
    if run is None:
        return ["nobody was scored here within 30 days: `ctc jobs run wallets` does it, where Hyperliquid takes part", IDENTITIES]
    tape, rate = run.tape, run.false_discovery_rate
    asked = [each for each in run.reports if role in (None, each.role) and horizon in (None, each.horizon_s)]
    return [
        f"{tape.trades:,} trades of {', '.join(tape.coins)}, {tape.since:%Y-%m-%d %H:%M} to {tape.until:%Y-%m-%d %H:%M} UTC; basis points "
        f"an episode, after {run.taker_fee_bp.normalize():f} for takers and {run.maker_fee_bp.normalize():f} for makers",
        *(_report(each, rate) for each in asked),
        f"For educational and analytical purposes only. {NO_ADVICE}",
        IDENTITIES,
    ]


def _report(report: WalletReport, rate: Decimal) -> str:
    flagged = f", {report.flagged:,} flagged at a false discovery rate of {rate:.0%}" if report.verdict == "wallets differ" else ""
    return (
        f"{report.role}s, {report.horizon_s} s: {report.verdict}; {report.scored:,} scored{flagged}; "
        f"{report.too_few:,} with too few episodes or days"
    )


def _row(score: WalletScore, format: Format) -> tuple[Any, ...]:
    if format != "table":
        return tuple(getattr(score, name) for name in score.__struct_fields__)
    values = (getattr(score, name) for name in COLUMNS)
    return tuple(round(value, 2) if isinstance(value, Decimal) else value for value in values)
