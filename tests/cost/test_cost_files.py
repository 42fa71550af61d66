"""The dated files behind `ctc cost`: complete, sourced, and the same figures as elsewhere in the repository."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from ctc.cost import model
from ctc.cost.measured import load_measured, usage
from ctc.cost.prices import NEWEST, load_prices
from ctc.cost.scenario import ASSUMED
from ctc.errors import ConfigError
from ctc.settings import ROOT

INFRA = ROOT / "infra"
PRICES = load_prices()


def default(module: str, name: str) -> str:
    """A variable's default in a module."""
    text = (INFRA / "modules" / module / "variables.tf").read_text()
    found = re.search(rf'variable "{name}" {{.*?default\s+= (.+?)\n', text, re.DOTALL)
    assert found is not None
    return found[1]


def test_every_price_is_used_and_every_used_price_is_there() -> None:
    used = set(re.findall(r'"([a-z0-9_]+)"', inspect.getsource(model)))
    assert set(PRICES.prices) <= used
    for name in PRICES.prices:
        assert PRICES.dollars(name) > 0


def test_every_price_has_a_source_and_says_whether_it_was_checked() -> None:
    for name, price in PRICES.prices.items():
        assert price.source.startswith("https://"), name
    assert {price.seen for price in PRICES.prices.values()} <= {"aws page", "second hand", "not verified"}


def test_policy_on_plans_has_the_same_prices() -> None:
    text = (INFRA / "policy" / "cost.rego").read_text()
    for name in ("kinesis_stream_hour", "endpoint_hour", "emr_vcpu_hour", "emr_gb_hour", "fargate_vcpu_hour", "fargate_gb_hour"):
        assert re.search(rf"\b{re.escape(f'{PRICES.dollars(name):.7f}'.rstrip('0'))}\b", text), name


def test_assumptions_are_what_infra_asks_for() -> None:
    assert int(default("producer", "cpu")) == ASSUMED.producer_vcpu * 1_024
    assert int(default("producer", "memory")) == ASSUMED.producer_gb * 1_024
    assert len(re.findall(r'"[a-z-]+"', default("network", "interface_endpoints"))) == ASSUMED.endpoints
    worker = (INFRA / "modules/emr-serverless/main.tf").read_text()
    assert f'cpu    = "{ASSUMED.worker_vcpu:g} vCPU"' in worker
    assert f'memory = "{ASSUMED.worker_gb:g} GB"' in worker
    assert re.search(rf"max_vcpu\s+= optional\(number, {ASSUMED.most_vcpu:g}\)", (INFRA / "variables.tf").read_text())
    assert f"memory_size                    = {ASSUMED.lambda_gb * 1_024:.0f}" in (INFRA / "modules/api/main.tf").read_text()


def test_measured_figures_name_their_machine_and_make_sense() -> None:
    found = load_measured()
    assert {"date", "revision", "cores", "CPU", "memory", "Python", "Spark"} <= set(found.machine)
    used = usage(found)
    assert used.reads >= 1  # a byte put is read
    assert 0 < used.kinesis_bytes.trade < used.line_bytes  # packing makes it smaller
    assert used.kinesis_kb.at(1, 1_000) * 1_024 >= used.kinesis_bytes.at(1, 1_000)
    assert used.spark_cpu_s.at(1, 1_000) > 0
    assert used.lake_puts > 0
    assert used.detect_checkpoints > 0
    assert used.stored_bytes > 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("date = 3", "date"),
        ('date = "d"\nregion = "r"\n[prices.a]\ndollars = -1\nunit = "u"\nsource = "s"\nseen = "aws page"', "a: a price"),
        ('date = "d"\nregion = "r"\n[prices.a]\ndollars = 1\nunit = "u"\nsource = "s"\nseen = "guessed"', "seen"),
        ("[", "prices-2030.toml"),
    ],
)
def test_price_files_that_are_wrong_are_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "prices-2030.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_prices(path)


def test_price_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigError, match="no 'tulips'"):
        PRICES.dollars("tulips")


def test_measured_files_that_are_wrong_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="measure_cost"):
        load_measured(tmp_path / "nowhere.json")


def test_file_is_called_after_its_date() -> None:
    assert NEWEST.stem == f"prices-{PRICES.date}"
