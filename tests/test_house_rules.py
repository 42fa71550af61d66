"""Rules of the house that no linter knows, read off the syntax tree of every file."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ctc.settings import ROOT

Offence = tuple[str, int]
AWS = {"boto3", "botocore", "aiobotocore", "pyiceberg", "localstack_client"}


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")) if "node_modules" not in path.parts]


PRODUCT = sources("ctc", "sim", "jobs", "dashboard")
CTC = sources("ctc")
EXACT = [ROOT / "ctc" / name for name in ("schema.py", "model.py", "codec.py")]


def imported(node: ast.AST) -> set[str]:
    """The top-level packages that an import statement names."""
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and not node.level:
        return {(node.module or "").split(".")[0]}
    return set()


def reads_the_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom) and node.module == "os":
        return any(alias.name in {"environ", "getenv", "putenv"} for alias in node.names)
    return isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv", "os.putenv"}


def swallows(node: ast.AST) -> bool:
    return isinstance(node, ast.ExceptHandler) and all(isinstance(step, ast.Pass) for step in node.body)


def sleeps(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node) == "time.sleep"


def asks_for_the_profile(node: ast.AST) -> bool:
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    names = {ast.unparse(side).split(".")[-1] for side in sides if isinstance(side, ast.Name | ast.Attribute)}
    return bool(names & {"profile", "profile_name"}) and any(
        isinstance(side, ast.Constant) and isinstance(side.value, str) for side in sides
    )


def makes_a_float(node: ast.AST) -> bool:
    return (isinstance(node, ast.Call) and ast.unparse(node.func) == "float") or (
        isinstance(node, ast.Constant) and isinstance(node.value, float | complex)
    )


def binds_everywhere(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in {"0.0.0.0", "::"}


def reaches_for_aws(node: ast.AST) -> bool:
    return bool(imported(node) & AWS)


def asks_which_stream(node: ast.AST) -> bool:
    asked = [node.left, *node.comparators] if isinstance(node, ast.Compare) else [node.subject] if isinstance(node, ast.Match) else []
    return any(ast.unparse(each).endswith("stream.source") for each in asked)


def knows_the_simulator(node: ast.AST) -> bool:
    return "sim" in imported(node)


RULES: dict[str, tuple[list[Path], Callable[[ast.AST], bool]]] = {
    "the environment is read in ctc/settings.py alone": ([p for p in PRODUCT if p != ROOT / "ctc" / "settings.py"], reads_the_environment),
    "nothing is swallowed by `except: pass`": (PRODUCT, swallows),
    "ctc waits on conditions, not with time.sleep": (CTC, sleeps),
    "no code asks which profile it runs in": (PRODUCT, asks_for_the_profile),
    "no float where money is defined": (EXACT, makes_a_float),
    "servers bind 127.0.0.1": (PRODUCT, binds_everywhere),
    "AWS is reached through ctc.aws alone": ([p for p in PRODUCT if ROOT / "ctc" / "aws" not in p.parents], reaches_for_aws),
    "ctc.wiring alone asks which stream it is": (
        [p for p in PRODUCT if p not in (ROOT / "ctc" / "wiring.py", ROOT / "ctc" / "settings.py")],
        asks_which_stream,
    ),
    "the platform does not know its simulator": (sources("ctc", "jobs", "dashboard"), knows_the_simulator),
}


def offences(paths: list[Path], rule: Callable[[ast.AST], bool]) -> Iterator[str]:
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if rule(node):
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


@pytest.mark.parametrize("rule", RULES)
def test_rule_holds(rule: str) -> None:
    paths, breaks = RULES[rule]
    assert paths
    assert list(offences(paths, breaks)) == [], rule


@pytest.mark.parametrize(
    ("breaks", "code"),
    [
        (reads_the_environment, "import os\nos.environ['A']"),
        (reads_the_environment, "from os import getenv"),
        (swallows, "try: f()\nexcept ValueError: pass"),
        (sleeps, "import time\ntime.sleep(1)"),
        (asks_for_the_profile, "if settings.profile == 'sim': f()"),
        (asks_for_the_profile, "if 'live' != profile: f()"),
        (makes_a_float, "float('1.5')"),
        (makes_a_float, "x = 0.5"),
        (binds_everywhere, "serve('0.0.0.0', 80)"),
        (reaches_for_aws, "def f():\n    from botocore.config import Config"),
        (asks_which_stream, "if settings.stream.source == 'kafka': f()"),
        (asks_which_stream, "match stream.source:\n    case 'kinesis': f()"),
        (knows_the_simulator, "from sim.market import Market"),
    ],
)
def test_rule_can_fail(breaks: Callable[[ast.AST], bool], code: str) -> None:
    assert any(breaks(node) for node in ast.walk(ast.parse(code)))


def test_files_name_no_machine() -> None:
    written = [
        path
        for pattern in ("*.toml", "*.yaml", "*.in", "*.lock", "Makefile", ".ci/*", ".github/workflows/*")
        for path in ROOT.glob(pattern)
    ]
    assert written
    for path in written + PRODUCT:
        assert "/work/" not in path.read_text(), path
        assert "index-url" not in path.read_text(), path
