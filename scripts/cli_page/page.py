"""The page: its words, its calls, and how they are made and set down."""

# ruff: noqa: E501 - sentences of the page

from __future__ import annotations

import io
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from ctc.cli.live import with_ports
from ctc.cli.main import main
from ctc.errors import ConfigError
from ctc.processes import port_is_free, spawn
from ctc.settings import ROOT, load_profile, load_state, save_state
from scripts.cli_page.session import MINUTES, SEED, small_session
from sim.plan import FIXED_START, make_plan, save_plan

COLUMNS, LINES = 80, 20
SIZE = {"COLUMNS": str(COLUMNS), "LINES": str(LINES)}
LIMIT_S = 280


@dataclass(frozen=True)
class Call:
    """One call as it is shown. `lines`: Ctrl-C after so many; `keep`: lines shown of it; `state`: whose session."""

    words: str
    lines: int | None = None
    keep: int = 14
    state: str = "session"
    code: int = 0
    stopped: bool = False  # the session, when it is called


@dataclass(frozen=True)
class Answer:
    call: Call
    text: str
    code: int


SECTIONS: list[tuple[str, str, list[Call]]] = [
    (
        "ctc status",
        "How each process of the session is, or how it was when the session stopped: what it does, how many trades it has seen, where its clock stands, "
        "how long ago it said so, and its trouble. Exit code 1 while the session has said nothing.",
        [Call("ctc status", stopped=True)],
    ),
    (
        "ctc alerts",
        "The newest alerts, newest first. `--follow` gives the newest ten, oldest first, and then each alert as it is found and again when it is "
        "completed: each revision once, also what is stored late. It ends on Ctrl-C (exit code 130) or with the session (0).",
        [
            Call("ctc alerts --limit 6"),
            Call("ctc alerts --type whale --limit 3 --format csv", keep=4),
            Call("ctc alerts --follow --limit 3", lines=4, code=130),
            Call("ctc alerts --follow --limit 1 --format json", lines=1, code=130),
        ],
    ),
    (
        "ctc tail",
        "The trades as they come off the stream, decoded by the code that the queries use; from now on, or `--from oldest`. What can't be read is shown as refused.",
        [
            Call("ctc tail --from oldest --exchange binance --limit 6"),
            Call("ctc tail --from oldest --symbol BTC-USDT --limit 1 --format json"),
            Call("ctc tail --from oldest --raw --limit 2"),
        ],
    ),
    (
        "ctc query",
        "One SELECT over the lake's tables, by DuckDB, read only. A table fits the terminal: text gives way first, then columns on the right are left out, "
        "and stderr says which; into a pipe it goes whole. json and csv have every digit.",
        [
            Call(
                'ctc query "select symbol, exchange, count(*) as trades, sum(quote_volume) as volume from raw_trades group by all order by all"'
            ),
            Call('ctc query "select window_start, symbol, spread_pct from spreads order by abs(spread_pct) desc limit 3" --format csv'),
            Call('ctc query "select symbol, price, quantity, timestamp from raw_trades order by timestamp limit 2" --format json'),
        ],
    ),
    (
        "ctc query --named",
        "Questions that are kept by name, in Athena's dialect, where Terraform puts them too ([LAKEHOUSE.md](LAKEHOUSE.md)). They ask about the last day; `--since` says otherwise.",
        [Call("ctc query --named ls"), Call("ctc query --named whales --since 2026-01-01 --format csv", keep=3)],
    ),
    ("ctc gaps", "What became of every trade id.", [Call("ctc gaps --symbol ETH-USDT")]),
    (
        "ctc wallets",
        "Which wallets traded ahead of the price ([WALLETS.md](WALLETS.md)): by address, each with its interval, no rank and no advice. The scores here are of a seeded tape "
        "(`sim/alpha_tape.py`, seed 7) in which five takers and two makers do have an edge; they were computed without Spark.",
        [
            Call("ctc wallets --role taker --horizon 300 --flagged", keep=12),
            Call("ctc wallets --role maker --horizon 3600", keep=9),
            Call("ctc wallets --flagged --format json", keep=10),
        ],
    ),
    (
        "ctc dlq",
        "What was refused, and why; [QUALITY.md](QUALITY.md) has the rules.",
        [Call("ctc dlq ls"), Call("ctc dlq ls --reason symbol_not_allowed --format csv", keep=3)],
    ),
    (
        "ctc jobs",
        "Batch jobs over the lake; [LAKEHOUSE.md](LAKEHOUSE.md) has each of them. They need Spark, but for the last three.",
        [Call("ctc jobs ls", state="", keep=16), Call("ctc jobs run update-catalog")],
    ),
    (
        "ctc record",
        "Raw frames to hourly files: `CONNECTION-HOUR.zst`, written twice a second. A kill loses what was not yet written; the next `ctc record` into the folder "
        "seals what was left. `index.json` tells of every sealed file (times, frames, connects and losses, checksum), `sha256sum -c SHA256SUMS` checks them too. "
        "Receive times are those of the profile's clock: the machine's for real exchanges, the frames' own for the simulated market. "
        "What the sockets missed is a gap of the recording; a mark says so. "
        "On real BTC-USDT trades (28 a second) the files are 9.3 times smaller than the frames; as one piece, which a kill would spoil, 14.5 times.",
        [
            Call("ctc record --out monday --minutes 0.9", state="market"),
            Call("ctc record --out monday --check", state=""),
            Call("ctc normalize monday --format json", keep=2, state=""),
        ],
    ),
    (
        "ctc fetch",
        "A public market day into files like those of `ctc record`: Binance's from its daily archive, with its checksum, Coinbase's by REST ([REPLAY.md](REPLAY.md)). "
        "Here it is a simulated market's, four minutes before midnight. What is there already is only listed, and a call that was interrupted is made again.",
        [
            Call("ctc fetch --date 2026-01-15", keep=30, state="past"),
            Call("ctc fetch --date 2026-01-15 --symbols SOL-USDT --format json", state="past"),
            Call("ctc fetch --date 2026-01-16", state="past", code=1),
        ],
    ),
    (
        "ctc score",
        "What the detectors find of what a simulated market had planted ([SCORECARD.md](SCORECARD.md)).",
        [Call("ctc score --minutes 25 --symbols SOL-USDT,USDT-USD", keep=24, state="")],
    ),
    (
        "ctc cost",
        "What the cloud would cost, by list prices and measured figures ([COST.md](COST.md)). Nothing is asked of AWS.",
        [Call("ctc cost", keep=30, state="")],
    ),
    (
        "ctc completion",
        "The script that completes commands, options and their values (profiles, symbols, exchanges, rules) in bash, zsh and fish.",
        [Call("ctc completion bash", state="")],
    ),
]

HEAD = f"""# The command line
Made by `python -m scripts.cli_page`: every answer below was given by that command, at {COLUMNS} columns, on a session of {MINUTES} minutes of the **simulated**
market (seed {SEED}) with three bad lines put into its stream. To keep it small the queries' folds ran without Spark, so `ctc status` knows of fewer processes here.
The calls were made with `--state` of that session, which is left out. Answers are cut where `...` stands.

**For educational and analytical purposes only. Not financial advice.**

- Data goes to stdout, words to stderr. Exit code 0: done; 1: a failure; 2: a wrong call; 130: Ctrl-C. `ctc sim`, `ctc live` and `ctc record` are meant to be ended by Ctrl-C, and end with 0.
- `--format json` and `csv` are for programs: exact decimals, ISO times in UTC. Where rows come one by one (`--follow`, `ctc tail`) it is one JSON object a line, each written out at once.
- Colours are for terminals: off in a pipe, and with `NO_COLOR=1`.
- A stopped session can be asked, too: the first command starts its emulator, and ends it when those that came meanwhile are through. Sessions in the past have their own "now".
- `ctc COMMAND --help` teaches by example. `ctc sim` and `ctc live` show the [screen](images/terminal.svg) of [README.md](../README.md).

"""


def capture(folder: Path) -> Iterator[tuple[str, str, list[Answer]]]:
    """Every section with its answers; the session is made in `folder`."""
    answers: dict[Call, Answer] = {}
    calls = [call for _, _, calls in SECTIONS for call in calls]
    with small_session(folder / "session"):
        answers |= {call: run(call, folder) for call in calls if not call.stopped}
    answers |= {call: run(call, folder) for call in calls if call.stopped}
    for title, prose, own in SECTIONS:
        yield title, prose, [answers[call] for call in own]


def run(call: Call, folder: Path) -> Answer:
    """Make a call as a shell would; one that needs a Ctrl-C in a process of its own."""
    words = shlex.split(call.words)[1:]
    if call.state:
        words += ["--state", str(folder / call.state)]
    market = _SERVED[call.state](folder / call.state) if call.state in _SERVED else None
    try:
        text, code = _here(words, folder) if call.lines is None else _apart(words, folder, call.lines)
        return Answer(call, text.replace(str(folder) + "/", ""), code)
    finally:
        if market is not None:
            market.stop()


def _here(words: list[str], folder: Path) -> tuple[str, int]:
    """In this process: what takes longest elsewhere is to import all that a command needs."""
    out = io.TextIOWrapper(io.BytesIO(), write_through=True)
    code = 0
    with chdir(folder), redirect_stdout(out), redirect_stderr(out):
        before, sys.argv = sys.argv, ["ctc", *words]
        os.environ.update(SIZE)
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            sys.argv = before
            for name in SIZE:
                del os.environ[name]
    out.flush()
    found = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
    return found, code


def _apart(words: list[str], folder: Path, lines: int) -> tuple[str, int]:
    code = "import sys; sys.argv[0] = 'ctc'; from ctc.cli.main import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **SIZE}
    with subprocess.Popen(
        [sys.executable, "-c", code, *words], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        text = "".join(process.stdout.readline() for _ in range(lines))
        process.send_signal(signal.SIGINT)
        return text + process.communicate(timeout=LIMIT_S)[0], process.returncode


def _market(state: Path):
    """The simulated exchanges alone, a minute of market."""
    settings = with_ports(load_profile("sim"), True, exchanges=True)
    save_state(settings, state)
    save_plan(msgspec.structs.replace(make_plan(SEED, FIXED_START, 60, settings), name="monday"), state)
    child = spawn("exchange", ("sim.exchange",), state)
    deadline = time.monotonic() + LIMIT_S
    ports = [urlsplit(settings.exchanges[name].ws).port or 0 for name in settings.session.exchanges]
    while any(port_is_free(port) for port in ports) and time.monotonic() < deadline:
        child.wait(0.1)
    return child


def _past(state: Path):
    """The simulated exchanges with a day behind them."""
    words = ("--state", str(state), "--date", "2026-01-15", "--minutes", str(MINUTES), "--seed", str(SEED))
    state.mkdir(exist_ok=True)
    child = spawn("past", ("sim.exchange.past", *words), state)
    deadline = time.monotonic() + LIMIT_S
    while child.poll() is None and not _served(state) and time.monotonic() < deadline:
        child.wait(0.1)
    return child


def _served(state: Path) -> bool:
    try:
        settings = load_state(state)
        return not any(port_is_free(urlsplit(settings.exchanges[name].rest).port or 0) for name in settings.session.exchanges)
    except ConfigError:
        return False


_SERVED = {"market": _market, "past": _past}


def set_down(sections: Iterator[tuple[str, str, list[Answer]]]) -> str:
    """The page's text."""
    parts = [HEAD]
    for title, prose, answers in sections:
        parts.append(f"## `{title}`\n{prose}\n\n")
        parts += [_block(answer) for answer in answers]
    return "".join(parts).rstrip() + "\n"


def _block(answer: Answer) -> str:
    lines = [line.rstrip() if len(line) < 160 else line[:157] + "..." for line in answer.text.splitlines()]
    shown = lines[: answer.call.keep] + (["..."] if len(lines) > answer.call.keep else [])
    said = f"# exit code {answer.code}\n" if answer.code else ""
    return f"```console\n$ {answer.call.words}\n" + "\n".join(shown) + "\n" + said + "```\n\n"
