"""`ctc completion SHELL`: what a shell needs to complete commands, options and their values."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """Print the script that completes commands, options, profiles, symbols and rules in a shell.

    `ctc` has to be on the PATH, as in `PATH=$PWD/.venv/bin:$PATH`.

    \b
    ctc completion bash > ~/.local/share/bash-completion/completions/ctc
        bash-completion looks there by itself
    ctc completion zsh > ~/.zfunc/_ctc
        any folder of zsh's fpath
    ctc completion fish > ~/.config/fish/completions/ctc.fish
        fish looks there by itself
    """
    from typer._completion_shared import get_completion_script

    sys.stdout.write(get_completion_script(prog_name="ctc", complete_var="_CTC_COMPLETE", shell=shell) + "\n")
