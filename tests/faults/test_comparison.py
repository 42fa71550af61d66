"""The comparison that every verdict rests on can see each kind of difference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sim.faults.campaign import MOST_TOGETHER, groups
from sim.faults.facts import KEYS, Facts, Table, compare
from sim.faults.matrix import Verdict, kept, markdown, newest, rows
from sim.faults.registry import chosen, known


def trade(number: int, **changed: Any) -> dict[str, Any]:
    row = {"exchange": "binance", "market": "spot", "native_symbol": "BTCUSDT", "kind": "aggTrade", "trade_id": number}
    return {**row, "price": number, "raw_event_payload": "{}", **changed}


def facts(*trades: dict[str, Any]) -> Facts:
    return Facts({**{name: Table(name, []) for name in KEYS}, "raw_trades": Table("raw_trades", list(trades))}, {})


PLAIN = facts(trade(1), trade(2), trade(3))


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (facts(trade(1), trade(3)), "missing"),
        (facts(trade(1), trade(2), trade(3), trade(4)), "extra"),
        (facts(trade(1), trade(2), trade(2), trade(3)), "doubled"),
        (facts(trade(1), trade(2, price=9), trade(3)), "different"),
        (facts(trade(1), trade(2, raw_event_payload="{x"), trade(3)), "different"),
    ],
)
def test_difference_is_seen_and_named(found: Facts, kind: str) -> None:
    first = compare(PLAIN, found)[0]
    assert not first.none
    assert getattr(first, kind) == 1
    assert len(first.first) == 1


def test_order_does_not_matter_and_a_filled_trade_may_have_another_payload() -> None:
    filled = trade(2)
    del filled["raw_event_payload"]
    assert all(each.none for each in compare(PLAIN, facts(trade(3), filled, trade(1))))


def verdict(seed: int, *differences: str) -> Verdict:
    return Verdict(
        fault="spark_killed",
        seed=seed,
        beside=[],
        injected=2,
        strikes=1,
        rows_expected=10,
        rows_found=10,
        alerts_expected=3,
        alerts_found=3,
        recovery_s=[float(seed)],
        differences=list(differences),
    )


def test_matrix_adds_up_seeds_and_says_where_something_differs() -> None:
    assert rows([verdict(1), verdict(2), verdict(6)]) == [
        ("spark_killed", "Spark", "whole", "3", "6", "30", "30", "9", "9", "2.0 (most 6.0)", "none")
    ]
    table = markdown([verdict(1), verdict(2, "a row is missing")])
    assert "in 1 of 2 sessions" in table
    assert f"- `spark_killed`: {known()['spark_killed'].what}." in table


def test_verdicts_are_kept_and_the_newest_of_a_seed_counts_while_earlier_differences_are_told(tmp_path: Path) -> None:
    file = tmp_path / "faults.jsonl"
    assert kept(file) == []
    file.write_bytes(b"\n".join(msgspec.json.encode(each) for each in (verdict(1), verdict(2, "a row is missing"), verdict(2))))
    assert newest(kept(file)) == [verdict(1), verdict(2)]
    ((*_, rows_found, _, _, _, differences),) = rows(kept(file))
    assert (rows_found, differences) == ("20", "none (1 before, not when run again)")


@pytest.mark.parametrize("count", [9, 10, 12, 19])
def test_faults_behind_the_stream_share_as_few_sessions_as_may_be_of_one_size(count: int) -> None:
    kind = known()["spark_killed"]
    sizes = [len(part) for part in groups([kind] * count)]
    assert sum(sizes) == count
    assert len(sizes) == -(-count // MOST_TOGETHER)
    assert max(sizes) - min(sizes) <= len(sizes)


def test_every_fault_is_found_described_and_can_be_chosen() -> None:
    faults = known()
    assert {"spark_killed", "between_commits", "resharded", "emulator_away", "disk_full", "late_trades", "huge_frame"} <= set(faults)
    assert all(kind.part and kind.what and kind.__doc__ for kind in faults.values())
    assert [kind.name for kind in chosen(["resharded"])] == ["resharded"]
    with pytest.raises(Exception, match="choose among"):
        chosen(["no_such"])
