"""`ctc`: the command line. Data goes to stdout, words to stderr; exit code 2 for a wrong call, 1 for a failure, 0 otherwise.

Commands of other packages (the simulator's `ctc sim`) join by the entry point group `ctc.commands`. Of ours only the one that is
called is imported, and what it needs beyond its options when it runs: AWS, Arrow and DuckDB take a second that `ctc --help` should not.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from importlib import import_module

import typer

from ctc.errors import CtcError

INTERRUPTED = 130  # what a shell gives a program that Ctrl-C ended
GARBAGE = 50_000  # new objects, until Python looks for cycles among them: it would after 700
# In the help's order; each is in the module of its name.
COMMANDS = (
    "live", "alerts", "tail", "query", "gaps", "wallets", "status", "record", "fetch", "normalize", "cost", "deploy", "start", "stop",
    "ready", "dlq", "jobs", "completion",
)  # fmt: skip


def command_line(only: str | None = None) -> typer.Typer:
    """The whole command line, with the commands of other packages first, or that with one command of ours alone."""
    app = typer.Typer(
        name="ctc",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Public crypto trades in; anomalies, whales, spreads and an Iceberg lakehouse out. Start with [bold]ctc sim[/bold].\n\n"
        "For educational and analytical purposes only. Not financial advice.",
        callback=_together,
    )
    if only is None:
        from importlib.metadata import entry_points

        for point in sorted(entry_points(group="ctc.commands"), key=lambda point: point.name):
            app.command(name=point.name)(point.load())
    for name in COMMANDS if only is None else (only,):
        command = getattr(import_module(f"ctc.cli.{name}"), name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command()(command)
    return app


def _together() -> None:
    """Without it Typer takes a command that is alone for the whole command line."""


def main() -> None:
    """Run the command line; one clear sentence and an exit code instead of a traceback for what we foresee."""
    _seldom_look_for_garbage()
    try:
        called = sys.argv[1] if len(sys.argv) > 1 else ""
        command_line(called if called in COMMANDS else None)(prog_name="ctc")
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


def _seldom_look_for_garbage() -> None:
    """Of 0.7 s of CPU that `ctc query` took, 0.16 went into looking for cycles, more than half of it at its end, when all goes anyway."""
    gc.set_threshold(GARBAGE)
    atexit.register(gc.freeze)


def _end(sentence: str, code: int) -> None:
    print(f"ctc: {sentence}", file=sys.stderr)
    sys.exit(code)
