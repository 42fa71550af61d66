"""Options that several commands have, so that they are called the same and checked the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Format = Literal["table", "json", "csv"]
DEFAULT_SHOWN = ".ctc/session"  # where settings.DEFAULT_STATE is, without this machine's path

State = Annotated[
    Path,
    typer.Option("--state", metavar="DIR", file_okay=False, show_default=DEFAULT_SHOWN, help="The session's folder."),
]
Profile = Annotated[str, typer.Option(metavar="NAME", help="A profile: its values are in profiles/NAME.toml.")]
Producers = Annotated[
    int, typer.Option(min=1, max=2, metavar="N", help="2: two producers on the same markets; nothing is doubled, and either may die.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where the last session in the folder stopped.")]
FreePorts = Annotated[bool, typer.Option("--free-ports", help="Take any free ports instead of the profile's.")]
