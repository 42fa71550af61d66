"""The rules of data quality (PRD 9.1), one table: the codec's rejects, the counts, the docs and the dashboard all name them from here.

A line may break several rules. What breaks a dead-letter rule is refused with all its reasons and lies in the folder of the
earliest stage of PRD 9.2 that it failed: `malformed` before `incomplete` before `invalid`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

Category = Literal["malformed", "incomplete", "invalid"]
Dimension = Literal["completeness", "validity", "timeliness", "consistency", "uniqueness"]
Action = Literal["dead letter", "flag", "drop"]
CATEGORIES: tuple[Category, ...] = ("malformed", "incomplete", "invalid")  # in the order of the stages


class Rule(NamedTuple):
    """One rule; `category` is the folder of the dead-letter queue, None where the record is processed or dropped."""

    name: str
    dimension: Dimension
    action: Action
    category: Category | None
    words: str


def _refuses(category: Category, dimension: Dimension, **rules: str) -> Iterator[Rule]:
    return (Rule(name, dimension, "dead letter", category, words) for name, words in rules.items())


_ALL = (
    *_refuses(
        "malformed",
        "validity",
        frame_unreadable="an exchange's frame is one that its reader knows, whole, with amounts a market can have",
        letter_unreadable="what the producer puts into the dead-letter stream is a dead letter",
        record_unreadable="a record unpacks, to at most 16 MiB and 100,000 lines",
        not_json="a line is JSON in UTF-8",
        not_an_object="a line is a JSON object",
        wrong_type="a field is of its type: numbers, texts, times with a zone, buy or sell",
        heartbeat_malformed="a heartbeat has all its fields, each of its type",
    ),
    *_refuses(
        "incomplete",
        "completeness",
        event_id_missing="a trade has an event_id",
        symbol_missing="a trade has a symbol",
        price_missing="a trade has a price",
        quantity_missing="a trade has a quantity",
        timestamp_missing="a trade has a timestamp",
        field_missing="a trade has every other field of its schema",
    ),
    *_refuses(
        "invalid",
        "validity",
        symbol_not_allowed="the symbol is one of the session's, and that of the record's key",
        price_not_positive="the price is above zero",
        price_does_not_fit="the price fits decimal(38,18)",
        quantity_not_positive="the quantity is above zero",
        quantity_does_not_fit="the quantity fits decimal(38,18)",
        quote_volume_not_positive="the quote volume is above zero",
        quote_volume_does_not_fit="the quote volume fits decimal(38,18)",
        timestamp_out_of_range="the exchange's time lies between 1970 and 2199",
        ingestion_timestamp_out_of_range="the producer's time lies between 1970 and 2199",
        heartbeat_symbol_not_allowed="a heartbeat's symbol is that of the record's key",
        heartbeat_peg_unusable="a heartbeat's peg is above zero and fits decimal(38,18)",
        heartbeat_out_of_range="a heartbeat's time lies between 1970 and 2199",
    ),
    Rule("late", "timeliness", "flag", None, "a trade is ingested at most 5 minutes after its own time (quality.late_after_s)"),
    Rule("inconsistent", "consistency", "flag", None, "the quote volume is price times quantity, within 0.1 % (quality.consistency_pct)"),
    Rule("duplicate", "uniqueness", "drop", None, "a trade id comes once in its market; the first in the log stays"),
)
RULES: dict[str, Rule] = {rule.name: rule for rule in _ALL}
LATE, INCONSISTENT, DUPLICATE = "late", "inconsistent", "duplicate"


def category_of(rules: Iterable[str]) -> Category:
    """The folder for a line that broke these dead-letter rules: that of the earliest stage."""
    found = {RULES[name].category for name in rules}
    return next(category for category in CATEGORIES if category in found)


def table() -> str:
    """The rules as the Markdown table of docs/QUALITY.md."""
    rows = (f"| `{rule.name}` | {rule.dimension} | {_does(rule)} | {rule.words} |" for rule in RULES.values())
    return "\n".join(("| rule | dimension | a record that breaks it | it holds when |", "|---|---|---|---|", *rows)) + "\n"


def _does(rule: Rule) -> str:
    if rule.category:
        return f"is refused: `{rule.category}`"
    return "is flagged, and stays" if rule.action == "flag" else "is dropped, and counted"
