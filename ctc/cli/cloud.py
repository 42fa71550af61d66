"""What the commands on a deployment share: progress on stderr, job runs on stdout, `ctc status --profile`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from ctc.cli.options import Format
from ctc.cli.output import write
from ctc.errors import SetupError

if TYPE_CHECKING:
    from ctc.aws.job_runs import JobRun


@contextmanager
def saying(command: str) -> Iterator[Callable[[str], None]]:
    """A function that tells how far it is: each line once, and on a terminal a sign that it goes on."""
    console = Console(stderr=True, highlight=False)
    last = ""
    with console.status(f"{command} ...") as shown:

        def say(line: str) -> None:
            nonlocal last
            if line != last:
                console.print(f"{command}: {line}", markup=False, soft_wrap=True)
            last = line
            shown.update(f"{command}: {line}")

        yield say


def telling(command: str) -> Callable[[str], None]:
    """The same without a sign, for what asks people something itself."""
    console = Console(stderr=True, highlight=False)
    return lambda line: console.print(f"{command}: {line}", markup=False, soft_wrap=True)


def write_runs(runs: list[JobRun], format: Format) -> None:
    """Job runs, newest first."""
    rows = [(run.name, run.id, run.state, run.created_at, run.details or None) for run in runs]
    write(("name", "id", "state", "created", "details"), rows, format, wrap="details")


def show_deployment(profile: str, name: str, format: Format) -> None:
    """One row a part of the deployment. Raises SetupError when nothing of it could be asked."""
    from ctc.aws.deployment import find
    from ctc.cloud.look import Row, look
    from ctc.cloud.parts import parts_of

    rows = look(parts_of(find(profile, name)))
    write(Row._fields, rows, format, wrap="detail")
    if all(row.state == "unknown" for row in rows):
        raise SetupError(f"AWS answered none of it, first: {rows[0].detail}")
