"""Options that several commands have, so that they are called the same, checked the same and completed the same everywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from ctc.errors import ConfigError
from ctc.settings import DEFAULT_STATE, Settings, load_state, profile_names

Format = Literal["table", "json", "csv"]
DEFAULT_SHOWN = ".ctc/session"  # where settings.DEFAULT_STATE is, without this machine's path


def _session(context: typer.Context) -> Settings | None:
    """The session that a command line being completed speaks of; None where there is none."""
    try:
        return load_state(Path(context.params.get("state") or DEFAULT_STATE))
    except ConfigError:
        return None


def complete_symbol(context: typer.Context, incomplete: str) -> list[str]:
    """The session's symbols that begin so."""
    settings = _session(context)
    return [symbol for symbol in settings.session.symbols if symbol.startswith(incomplete.upper())] if settings else []


def complete_exchange(context: typer.Context, incomplete: str) -> list[str]:
    """The session's exchanges that begin so."""
    settings = _session(context)
    return [name for name in settings.session.exchanges if name.startswith(incomplete)] if settings else []


def complete_profile(incomplete: str) -> list[str]:
    """The profiles that begin so."""
    return [name for name in profile_names() if name.startswith(incomplete)]


def moment(text: str) -> datetime:
    """An ISO time or date, UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no ISO time; write it as 2026-01-15T12:30:00Z or 2026-01-15") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def known_symbol(settings: Settings, symbol: str | None) -> None:
    """Raise ConfigError, naming the known ones, for a symbol that the session has not."""
    symbols = settings.session.symbols
    if symbol is not None and symbol not in symbols:
        raise ConfigError(f"this session has no symbol {symbol!r}; choose one of: {', '.join(symbols)}")


def known_exchange(settings: Settings, exchange: str | None) -> None:
    """Raise ConfigError, naming the known ones, for an exchange that the session has not."""
    names = settings.session.exchanges
    if exchange is not None and exchange not in names:
        raise ConfigError(f"this session has no exchange {exchange!r}; choose one of: {', '.join(names)}")


State = Annotated[
    Path,
    typer.Option("--state", metavar="DIR", file_okay=False, show_default=DEFAULT_SHOWN, help="The session's folder."),
]
StateInstead = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", file_okay=False, help="The exchanges of the session in this folder, not a profile's."),
]
Symbol = Annotated[str | None, typer.Option(metavar="SYMBOL", autocompletion=complete_symbol, help="Only of this symbol, as in BTC-USDT.")]
ExchangeName = Annotated[
    str | None, typer.Option("--exchange", metavar="NAME", autocompletion=complete_exchange, help="Only of this exchange, as in binance.")
]
Profile = Annotated[
    str, typer.Option(metavar="NAME", autocompletion=complete_profile, help="A profile: its values are in profiles/NAME.toml.")
]
Producers = Annotated[
    int, typer.Option(min=1, max=2, metavar="N", help="2: two producers on the same markets; nothing is doubled, and either may die.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where the last session in the folder stopped.")]
FreePorts = Annotated[bool, typer.Option("--free-ports", help="Take any free ports instead of the profile's.")]
CloudProfile = Annotated[str, typer.Option("--profile", metavar="NAME", autocompletion=complete_profile, help="Whose deployment.")]
DeploymentName = Annotated[
    str, typer.Option("--name", metavar="NAME", show_default="ctc-PROFILE", help="The deployment, as Terraform named it.")
]
