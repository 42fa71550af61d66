"""`ctc dlq ls | show | replay`: the dead-letter queue, also when no session runs."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from ctc.cli.options import Format, State, complete_symbol
from ctc.cli.output import write
from ctc.errors import ConfigError, StreamError
from ctc.quality.letters import Letter, printable
from ctc.quality.rules import CATEGORIES, RULES, Category
from ctc.session import reachable, running
from ctc.settings import DEFAULT_STATE, Settings

if TYPE_CHECKING:
    from ctc.aws.dead_letters import DeadLetters, Replayed
    from ctc.sources.letters import Again

SEND_WITHIN_S = 120.0
SHORTEST_ID = 4
TABLE = ("id", "arrived_at", "category", "symbol", "rules", "replayed", "raw")

dlq = typer.Typer(
    no_args_is_help=True,
    help="What was refused: list it, look at it, and send it again when a rule or decoder was fixed.\n\n"
    "Letters are kept for 7 days. [bold]ctc dlq ls[/bold] lists them, [bold]ctc dlq show ID[/bold] shows one, "
    "[bold]ctc dlq replay[/bold] sends them again.",
)


def _rule(text: str) -> str:
    if text not in RULES:
        raise typer.BadParameter(f"there is no rule {text!r}; docs/QUALITY.md lists them, as in price_missing or not_json")
    return text


def _complete_rule(incomplete: str) -> list[str]:
    return [rule for rule in RULES if rule.startswith(incomplete)]


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date; write it as 2026-01-15") from None


CategoryOption = Annotated[Category | None, typer.Option(help="Only of this folder of the queue.")]
ReasonOption = Annotated[
    str | None,
    typer.Option(parser=_rule, metavar="RULE", autocompletion=_complete_rule, help="Only what broke this rule, as in price_missing."),
]
DayOption = Annotated[str | None, typer.Option(parser=_day, metavar="DATE", help="Only what arrived on this day, UTC.")]
SymbolOption = Annotated[
    str | None,
    typer.Option(metavar="SYMBOL", autocompletion=complete_symbol, help="Only of this symbol; `other` is what belongs to none."),
]


@dlq.command()
def ls(
    category: CategoryOption = None,
    reason: ReasonOption = None,
    day: DayOption = None,
    symbol: SymbolOption = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many at most.")] = 50,
    format: Annotated[Format, typer.Option(help="json and csv have every field.")] = "table",
    state: State = DEFAULT_STATE,
) -> None:
    """List dead letters, newest first.

    \b
    ctc dlq ls --category invalid --symbol BTC-USDT
    ctc dlq ls --reason frame_unreadable --day 2026-01-15 --format json
    """
    with reachable(state) as settings:
        box = _box(settings)
        marks = box.replayed()
        found = list(islice(_matching(box, category, reason, day, symbol), limit))
    names = TABLE if format == "table" else (*Letter.__struct_fields__, "replayed")
    write(names, [_row(letter, marks.get(letter.id), format) for letter in found], format)


@dlq.command()
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="A letter's id, or enough of its beginning.")],
    format: Annotated[Literal["text", "json"], typer.Option(help="json has the bytes in base64 too.")] = "text",
    state: State = DEFAULT_STATE,
) -> None:
    """Show one dead letter: why, from where, and its bytes, unpacked and decoded as far as they can be.

    \b
    ctc dlq show 9f0c6a1b
    ctc dlq show 9f0c6a1be2d34475 --format json
    """
    if len(id) < SHORTEST_ID:
        raise ConfigError(f"give at least {SHORTEST_ID} characters of the id; `ctc dlq ls` lists them")
    with reachable(state) as settings:
        box = _box(settings)
        letter = _one(box, id)
        mark = box.replayed().get(letter.id)
    fields: dict[str, Any] = {**msgspec.structs.asdict(letter), "replayed": mark.outcome if mark else None}
    if format == "json":
        sys.stdout.write(msgspec.json.encode({**fields, "decoded": decoded(letter.raw)}).decode() + "\n")
        return
    del fields["raw_base64"]
    for name, value in fields.items():
        words = "; ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
        sys.stdout.write(f"{name:16} {printable(words.encode(errors='replace'))}\n")
    sys.stdout.write(f"\n{decoded(letter.raw)}\n")


@dlq.command()
def replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Letters by id; without any, all that match.")] = None,
    category: CategoryOption = None,
    reason: ReasonOption = None,
    day: DayOption = None,
    symbol: SymbolOption = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many at most, the newest.")] = 10_000,
    yes: Annotated[bool, typer.Option("--yes", help="Send; without it nothing is sent, only said.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also what was replayed before.")] = False,
    format: Annotated[Format, typer.Option(help="How the letters and what comes of them are written.")] = "table",
    state: State = DEFAULT_STATE,
) -> None:
    """Read dead letters again with the decoders and rules of now, and send the trades in them.

    Without --yes it only says what would be sent. Trades go to the session's stream through the producer's writer; the queries
    know each trade by its id, so one that is sent twice counts once. What is still refused stays. Past alerts do not change.

    On a stopped session the trades wait in the stream until `ctc sim --resume` or `ctc live --resume` takes them in.

    \b
    ctc dlq replay --reason symbol_not_allowed
    ctc dlq replay --reason symbol_not_allowed --yes
    ctc dlq replay 9f0c6a1be2d34475 --yes
    """
    from ctc.aws.dead_letters import Replayed
    from ctc.sources.letters import Reader

    with reachable(state) as settings:
        box = _box(settings)
        marks = {} if again else box.replayed()
        letters = [_one(box, each) for each in ids] if ids else _matching(box, category, reason, day, symbol)
        reader = Reader(settings)
        found = [reader.read(letter) for letter in islice((letter for letter in letters if letter.id not in marks), limit)]
        found.reverse()  # the oldest first, as they came
        sending = [each for each in found if each.trades]
        if yes and sending:
            asyncio.run(_send(sending, settings))
            at = datetime.now(UTC)
            box.mark(Replayed(each.letter.id, at, each.outcome) for each in sending)
    _say(found, sending, yes, format)
    if yes and sending and settings.aws.emulator and not running(state):
        print("no session runs: `ctc sim --resume` or `ctc live --resume` goes on and takes them in", file=sys.stderr)


def _say(found: list[Again], sending: list[Again], yes: bool, format: Format) -> None:
    rows = [(each.letter.id, each.letter.arrived_at, each.letter.category, each.letter.symbol, each.outcome) for each in found]
    write(("id", "arrived_at", "category", "symbol", "outcome"), rows, format)
    trades = sum(len(each.trades) for each in sending)
    words = f"{len(found)} letters: {trades} trades of {len(sending)} {'sent' if yes else 'can be sent (--yes does)'}"
    print(f"{words}, {len(found) - len(sending)} stay", file=sys.stderr)


async def _send(sending: Iterable[Again], settings: Settings) -> None:
    """Put the trades into the stream, in order, refused entries again. Raises StreamError when it does not take them in time."""
    from ctc.codec import encode_line
    from ctc.producer.batcher import Batcher
    from ctc.wiring import stream_writers

    lines = ((trade.symbol, encode_line(trade)) for each in sending for trade in each.trades)
    writer = stream_writers(settings)[0]
    own, rng = settings.producer, random.SystemRandom()
    while some := list(islice(lines, own.max_buffered_lines)):
        queue = Batcher(writer, linger_s=0, max_pack_bytes=own.max_pack_bytes, max_buffered_lines=own.max_buffered_lines, rng=rng)
        for key, line in some:
            queue.add(key, line)
        queue.close()
        try:
            await asyncio.wait_for(queue.run(), SEND_WITHIN_S)
        except TimeoutError:
            why = queue.written.trouble or "it does not answer"
            raise StreamError(f"the stream did not take the trades within {SEND_WITHIN_S:.0f} s ({why}): replay again later") from None


def _box(settings: Settings) -> DeadLetters:
    from ctc.aws.dead_letters import DeadLetters  # half a second of imports that `ctc --help` does without

    return DeadLetters(settings)


def _matching(box: DeadLetters, category: str | None, reason: str | None, day: str | None, symbol: str | None) -> Iterator[Letter]:
    for letter in box.find(categories=(category,) if category else CATEGORIES, day=day):
        if (reason is None or reason in letter.rules) and symbol in (None, letter.symbol):
            yield letter


def _one(box: DeadLetters, id: str) -> Letter:
    found = [letter for letter in box.find() if letter.id.startswith(id)]
    if not found:
        raise ConfigError(f"there is no letter {id!r}; `ctc dlq ls` lists them, and they go after 7 days")
    if len(found) > 1:
        raise ConfigError(f"{len(found)} letters begin with {id!r}: give more of the id")
    return found[0]


def _row(letter: Letter, mark: Replayed | None, format: Format) -> tuple[Any, ...]:
    if format != "table":
        return *(getattr(letter, name) for name in Letter.__struct_fields__), mark.at if mark else None
    raw, rules = printable(letter.raw, 200), ", ".join(letter.rules)
    arrived, again = f"{letter.arrived_at:%m-%d %H:%M:%S}", f"{mark.at:%m-%d %H:%M:%S}" if mark else None
    return letter.id, arrived, letter.category, letter.symbol, rules, again, raw


def decoded(raw: bytes) -> str:
    """Bytes for people: unpacked where they are a packed record, laid out where they are JSON, printable in any case."""
    from ctc.codec import unpack

    try:
        text = unpack(raw)
    except ValueError:
        text = raw
    return "\n".join(_laid_out(line) for line in text.split(b"\n")).strip("\n")


def _laid_out(line: bytes) -> str:
    try:
        pretty = msgspec.json.format(msgspec.json.encode(msgspec.json.decode(line, type=msgspec.Raw)), indent=2)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return printable(line)
    return "\n".join(printable(each) for each in pretty.split(b"\n"))
