"""Each policy denies its failing example, lets the real plan pass, and denies that plan once something in it is made worse."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cloud.verify import POLICIES, denied

from ctc.settings import ROOT

Plan = dict[str, Any]
NAMES = sorted(path.stem for path in POLICIES.glob("*.rego") if path.stem != "plan")
STAR = json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::a"}]})


def worse(plan: Plan, address: str, **attributes: Any) -> Plan:
    """The plan with other attributes of one resource."""
    changed = copy.deepcopy(plan)
    (found,) = [each for each in changed["resource_changes"] if each["address"] == address]
    found["change"]["after"] |= attributes
    for name in attributes:
        found["change"].get("after_unknown", {}).pop(name, None)
    return changed


def without(plan: Plan, kind: str) -> Plan:
    """The plan without a kind of resource."""
    return {**plan, "resource_changes": [each for each in plan["resource_changes"] if each["type"] != kind]}


WORSE: dict[str, Callable[[Plan], Plan]] = {
    "encryption": lambda plan: worse(plan, 'module.kinesis.aws_kinesis_stream.this["trades"]', encryption_type="NONE"),
    "public": lambda plan: without(plan, "aws_s3_bucket_public_access_block"),
    "tags": lambda plan: worse(plan, "module.dynamodb.aws_dynamodb_table.alerts", tags_all={"Project": "ctc"}),
    "iam": lambda plan: worse(plan, 'module.iam.aws_iam_role_policy.this["producer-role"]', policy=STAR),
    "cost": lambda plan: worse(
        plan, "module.emr_serverless.aws_emrserverless_application.this", maximum_capacity=[{"cpu": "400 vCPU", "memory": "3000 GB"}]
    ),
}


def evaluated(plan: Plan, folder: Path) -> dict[str, list[str]]:
    path = folder / "plan.json"
    path.write_text(json.dumps(plan))
    return denied(path)


def test_every_policy_has_an_example_and_is_made_worse_here() -> None:
    assert {path.stem for path in POLICIES.glob("examples/*.json")} == set(NAMES) == set(WORSE)


@pytest.mark.parametrize("name", NAMES)
def test_policy_denies_its_example(name: str, policies: Path) -> None:
    assert denied(POLICIES / "examples" / f"{name}.json")[name]


@pytest.mark.emulator
@pytest.mark.terraform
@pytest.mark.timeout(900)
def test_policies_let_the_plan_pass_and_deny_it_once_made_worse(plan: Plan, policies: Path) -> None:
    assert evaluated(plan, policies) == {name: [] for name in NAMES}
    for name, change in WORSE.items():
        assert evaluated(change(plan), policies)[name], name


def test_rules_of_checkov_that_are_left_out_have_a_reason() -> None:
    lines = re.findall(r"^  - (CKV\w+)(.*)$", (ROOT / "infra" / ".checkov.yaml").read_text(), re.MULTILINE)
    assert lines
    assert [rule for rule, reason in lines if not re.match(r"\s+# \w.{8}", reason)] == []
