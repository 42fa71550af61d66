"""The table of rules against the code: every rule can be broken, every reason names a rule, and the docs show the table."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import Row
from samples_quality import DEAD, LINES, RECORDS, SEVERAL, SEVERAL_RULES, SYMBOL, a_trade, line

from ctc.codec import MAX_REASON, encode_line, pack, read_record
from ctc.model import Reject, Trade
from ctc.quality.rules import CATEGORIES, RULES, category_of, table
from ctc.settings import ROOT
from ctc.spark.dead_letters import letters_of

ALLOWED = frozenset({SYMBOL})
REQUIRED = sorted(field.name for field in msgspec.structs.fields(Trade) if field.required)


def reject(data: bytes) -> Reject:
    (found,) = read_record(data, ALLOWED)
    assert isinstance(found, Reject)
    return found


def checked(found: Any) -> Any:
    """A reject or letter whose reasons and rules keep to the table."""
    assert len(found.rules) == len(found.reasons) > 0
    assert all(found.reasons)
    assert all(RULES[rule].category for rule in found.rules)
    assert found.category == category_of(found.rules)
    return found


def test_every_dead_letter_rule_has_a_record_that_breaks_it() -> None:
    assert {*LINES, *RECORDS, *DEAD} == {rule.name for rule in RULES.values() if rule.action == "dead letter"}


@pytest.mark.parametrize("rule", [*LINES, *RECORDS])
def test_record_breaks_exactly_the_rule_it_is_named_by(rule: str) -> None:
    found = checked(reject({**LINES, **RECORDS}[rule]))
    assert (found.rules, found.category) == ((rule,), RULES[rule].category)


@pytest.mark.parametrize("rule", LINES)
def test_line_among_good_ones_breaks_the_same_rule(rule: str) -> None:
    good, found, last = read_record(pack([encode_line(a_trade(1)), LINES[rule], encode_line(a_trade(2))]), ALLOWED)
    assert isinstance(found, Reject)
    assert (good, found.rules, last) == (a_trade(1), (rule,), a_trade(2))


@pytest.mark.parametrize("rule", DEAD)
def test_dead_letter_breaks_exactly_the_rule_it_is_named_by(rule: str) -> None:
    (found,) = letters_of(Row(data=bytearray(DEAD[rule]), partitionKey="binance", shardId="s", sequenceNumber="5", arrival_us=9))
    assert checked(found).rules == (rule,)


def test_line_carries_every_rule_it_breaks_and_lies_with_the_earliest_stage() -> None:
    found = checked(reject(SEVERAL))
    assert set(found.rules) == SEVERAL_RULES
    assert found.category == "malformed"
    assert checked(reject(line(price=0, quantity=None))).category == "incomplete"
    assert reject(b"{}").rules.count("field_missing") == len(REQUIRED) - 5


def test_reason_does_not_repeat_a_whole_line() -> None:
    found = checked(reject(line(side="x" * 100_000)))
    assert max(map(len, found.reasons)) <= MAX_REASON


json_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)


@given(st.dictionaries(st.sampled_from([*Trade.__struct_fields__, "heartbeat"]), json_values, max_size=5))
def test_every_reject_of_any_fields_keeps_to_the_table(changes: dict[str, Any]) -> None:
    for found in read_record(line(**changes), ALLOWED):
        if isinstance(found, Reject):
            checked(found)


@given(st.binary(max_size=300))
def test_every_reject_of_any_bytes_keeps_to_the_table(data: bytes) -> None:
    for found in read_record(data, ALLOWED):
        if isinstance(found, Reject):
            checked(found)
    for letter in letters_of(Row(data=bytearray(data), partitionKey="k", shardId="s", sequenceNumber="5", arrival_us=9)):
        checked(letter)


@given(st.sets(st.sampled_from(REQUIRED), min_size=1))
def test_reasons_are_those_of_each_field_by_itself(names: set[str]) -> None:
    together = reject(line(**dict.fromkeys(names, ...)))
    alone = [reject(line(**{name: ...})) for name in names]
    assert sorted(together.reasons) == sorted(reason for each in alone for reason in each.reasons)


def test_table_is_in_order_and_whole() -> None:
    assert list(RULES) == [rule.name for rule in RULES.values()]
    assert {rule.dimension for rule in RULES.values()} == {"completeness", "validity", "timeliness", "consistency", "uniqueness"}
    assert {rule.category for rule in RULES.values()} - {None} == set(CATEGORIES)
    assert all(bool(rule.category) == (rule.action == "dead letter") for rule in RULES.values())


def test_docs_show_the_table_as_it_is() -> None:
    page = (ROOT / "docs" / "QUALITY.md").read_text()
    assert table() in page, "docs/QUALITY.md is behind ctc/quality/rules.py: put what `ctc.quality.rules.table()` returns there"


def test_rejects_travel_with_their_rules() -> None:
    found = reject(SEVERAL)
    assert msgspec.convert(msgspec.to_builtins(found), Reject) == found
