"""How the second plan is judged; and that all modules have tests of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cloud.simulate import changes, gaps, only

from ctc.settings import ROOT

INFRA = ROOT / "infra"


def planned(address: str, before: dict[str, Any] | None, after: dict[str, Any] | None, *actions: str, mode: str = "managed") -> Any:
    return {"address": address, "mode": mode, "change": {"actions": list(actions), "before": before, "after": after}}


def test_changes_names_what_differs_and_nothing_else() -> None:
    plan = {
        "resource_changes": [
            planned("a.same", {"x": 1}, {"x": 1}, "no-op"),
            planned("a.changed", {"x": 1, "y": [1]}, {"x": 2, "y": [1]}, "update"),
            planned("a.missing", None, {"x": 1}, "create"),
            planned("a.other", {"x": 1}, {"x": 2}, "delete", "create"),
            planned("data.a.read", None, {"x": 1}, "read", mode="data"),
        ]
    }
    assert changes(plan) == {"a.changed": ["x"], "a.missing": ["create"], "a.other": ["delete", "create"]}


def test_a_change_that_is_not_listed_is_found_as_is_a_gap_that_has_closed() -> None:
    known = {"a": ["x"], "b": ["y"]}
    assert only({"a": ["x", "z"], "c": ["x"]}, known) == {"a": ["x", "z"], "c": ["x"]}
    assert only(known, {"a": ["x"]}) == {"b": ["y"]}


def test_gaps_name_each_resource_once() -> None:
    listed = json.loads((INFRA / "sim" / "gaps.json").read_text())
    addresses = [address for gap in listed for address in gap["resources"]]
    assert len(addresses) == len(set(addresses)) == len(gaps())
    assert all(gap["why"] and gap["attributes"] for gap in listed)


@pytest.mark.parametrize("module", sorted(path.name for path in (INFRA / "modules").iterdir()))
def test_module_is_tested_and_refuses_something(module: str) -> None:
    runs = [run for path in INFRA.glob("tests/*.tftest.hcl") for run in path.read_text().split("\nrun ") if f"./modules/{module}" in run]
    assert any("assert {" in run for run in runs)
    assert any("expect_failures" in run for run in runs)


@pytest.mark.parametrize("path", sorted(INFRA.glob("**/variables.tf")), ids=lambda path: path.parent.name)
def test_variables_are_described(path: Any) -> None:
    blocks = path.read_text().split('\nvariable "')
    assert all("description" in block for block in blocks)


def test_modules_are_small() -> None:
    assert {str(path): lines for path in INFRA.glob("modules/**/*.tf") if (lines := len(path.read_text().splitlines())) > 150} == {}
