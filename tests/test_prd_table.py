"""docs/PRD-TABLE.md: every row of the PRD is there, and what it names is there too."""

from __future__ import annotations

import ast
import re

import pytest

from ctc.settings import ROOT

PAGE = ROOT / "docs" / "PRD-TABLE.md"
SECTIONS = {
    "7.2 Services": [
        "Kinesis Data Streams", "EMR Serverless", "S3 + Iceberg", "Glue Data Catalog", "DynamoDB", "Lambda", "API Gateway", "Athena",
        "CloudWatch", "Terraform",
    ],
    "11.2 States of the batch": [
        "HistoricalLoad", "SubmitSparkJob", "WaitForJob", "RunQualityChecks", "UpdateCatalog", "SendAlert", "PublishMetrics",
    ],
    "12.1 Who may read the lake": ["emr-execution-role", "lambda-api-role", "analyst-role", "data-scientist-role"],
    "12.3 Cost safety": ["billing alarm at $25", "start/stop scripts", "DynamoDB TTL", "S3 lifecycle"],
    "14 Definition of done": [
        "Binance trade stream", "PySpark streaming job", "Athena", "Lambda API", "dashboard", "terraform apply", "scripts/start.sh",
        "README", "Well-Architected", "people have commits", "LinkedIn",
    ],
}  # fmt: skip
_SPAN = re.compile(r"`([^`]+)`")


def rows() -> dict[str, list[list[str]]]:
    """The tables' cells by section, without their heads."""
    found: dict[str, list[list[str]]] = {}
    for section in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        title, *lines = section.splitlines()
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
        found[title] = cells[2:]
    return found


def absent(reference: str) -> bool:
    """Whether a resource, a test or a file that is named is not there."""
    if reference.startswith("module."):
        module, kind, name = reference.removeprefix("module.").split(".")
        text = "".join(path.read_text() for path in (ROOT / "infra" / "modules" / module).glob("*.tf"))
        return f'resource "{kind}" "{name}"' not in text
    file, _, name = reference.partition("::")
    path = ROOT / file
    if not path.is_file():
        return True
    if not name:
        return False
    if path.suffix == ".hcl":
        return f'run "{name}" {{' not in path.read_text()
    return name not in {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("section", SECTIONS)
def test_rows_are_those_of_the_prd(section: str) -> None:
    found = [row[0] for row in rows()[section]]
    assert len(found) == len(SECTIONS[section])
    for wanted, row in zip(SECTIONS[section], found, strict=True):
        assert wanted in row


@pytest.mark.parametrize("section", SECTIONS)
def test_every_row_has_something_to_show_for_it_or_a_note(section: str) -> None:
    for name, where, shown, note in rows()[section]:
        references = _SPAN.findall(where) + _SPAN.findall(shown)
        assert references or note.startswith("Note:"), name
        assert [each for each in references if absent(each)] == [], name


@pytest.mark.parametrize(
    "reference",
    [
        "module.kinesis.aws_kinesis_stream.other",
        "module.nowhere.aws_kinesis_stream.this",
        "infra/tests/kinesis.tftest.hcl::nowhere",
        "tests/test_prd_table.py::test_nowhere",
        "tests/nowhere.py",
    ],
)
def test_what_is_not_there_is_found(reference: str) -> None:
    assert absent(reference)


def test_states_are_those_of_the_machine() -> None:
    definition = (ROOT / "infra" / "modules" / "stepfunctions" / "batch.asl.json").read_text()
    assert all(f'"{state}": {{' in definition for state in SECTIONS["11.2 States of the batch"])
