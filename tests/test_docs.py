"""What every Markdown file names is there: files, links, commands and their options, scripts, imports of snippets; and the runbook
has a section for every alarm."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

from ctc.cli.main import command_line
from ctc.settings import ROOT

MADE = ("dist/", ".ctc/", ".venv/", ".tools/", "historical/")  # by the project itself, where it has run; the last in its bucket
PAGES = [
    page
    for folder in (".", "docs/**", "agents/**", "dashboard/web", "infra/**", "tests/**")
    for page in sorted(ROOT.glob(f"{folder}/*.md"))
]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"\.?\w[\w.-]*(?:/[\w.*-]+)+/?|\w[\w-]*/")
_ASSIGNED = re.compile(r"[A-Z_]+=")
_SCRIPT = re.compile(r"(?:scripts|\.ci)/[\w./-]+")


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return _FENCE.sub("", page.read_text())


def blocks(page: Path, *languages: str) -> Iterator[str]:
    return (body for language, body in _FENCE.findall(page.read_text()) if language in languages)


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)}


def dead_links(page: Path) -> Iterator[str]:
    for target in _LINK.findall(prose(page)):
        if "://" in target:
            continue
        name, _, part = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (part and part not in anchors(path)):
            yield target


def missing_files(text: str) -> Iterator[str]:
    """Paths of the project in backticks that aren't there. What begins with a slash is a URL's, with STATE/ a session's."""
    for span in _SPAN.findall(text):
        if _PATH.fullmatch(span) and not span.startswith(("STATE/", *MADE)) and not any(ROOT.glob(span.rstrip("/"))):
            yield span


def commands(page: Path) -> Iterator[str]:
    """Calls of make, ctc, python -m and scripts, in code blocks and in backticks."""
    lines = [line for block in blocks(page, "sh", "") for line in block.splitlines()]
    for line in [*lines, *_SPAN.findall(prose(page))]:
        words = line.split()
        while words and _ASSIGNED.match(words[0]):
            del words[0]
        if not words:
            continue
        program = words[0].removeprefix(".venv/bin/")
        if program in ("make", "ctc") or _SCRIPT.fullmatch(program) or (program == "python" and len(words) > 1):
            yield line


def calls(line: str) -> Iterator[list[str]]:
    """The words of each call in a line, without variables before it, comments and redirections."""
    words = shlex.split(line, comments=True)
    call: list[str] = []
    for word in [*words, "|"]:
        if word in ("|", ">", "<", "&&", ";"):
            if call:
                yield call
            call = []
        elif call or not _ASSIGNED.match(word):
            call.append(word)


@cache
def options() -> dict[str, set[str]]:
    """The options of each `ctc` command, by its words: `sim`, `dlq`, `dlq replay`."""
    found: dict[str, set[str]] = {}
    left = [("", typer.main.get_command(command_line()))]
    while left:
        name, command = left.pop()
        found[name] = {"--help", "-h", *(word for each in command.params for word in (*each.opts, *each.secondary_opts))}
        left += [(f"{name} {word}".strip(), part) for word, part in getattr(command, "commands", {}).items()]
    return found


@cache
def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def wrong(call: list[str]) -> str:
    """What of a call isn't there, "" when all is."""
    program, *words = call
    program = program.removeprefix(".venv/bin/")
    if program == "make":
        return _wrong_make(words)
    if program == "ctc":
        return _wrong_ctc(words)
    if program == "python":
        return _wrong_python(words)
    return program if _SCRIPT.fullmatch(program) and not (ROOT / program).exists() else ""


def _wrong_python(words: list[str]) -> str:
    if words[:1] != ["-m"]:
        return "" if words[0].startswith("-") or (ROOT / words[0]).exists() else words[0]
    module = ROOT / words[1].replace(".", "/")
    known = module.with_suffix(".py").exists() or (module / "__main__.py").exists() or words[1] in ("pytest", "http.server")
    return "" if known else words[1]


def _wrong_make(words: list[str]) -> str:
    unknown = [word for word in words if not _ASSIGNED.match(word) and word not in targets()]
    passed = next((word.partition("=")[2] for word in words if word.startswith("ARGS=")), "")
    goal = next((word for word in words if word in ("sim", "live")), "")
    return " ".join(unknown) or (_wrong_ctc([goal, *shlex.split(passed)]) if passed and goal else "")


def _wrong_ctc(words: list[str]) -> str:
    if not words or words[0] in ("COMMAND", "--help"):
        return ""
    name, *rest = words
    if name not in options():
        return name
    while rest and f"{name} {rest[0]}" in options():
        name, rest = f"{name} {rest[0]}", rest[1:]
    if rest and any(each.startswith(f"{name} ") for each in options()) and not rest[0].startswith("-") and rest[0] != "NAME":
        return f"{name} {rest[0]}"
    unknown = [word for word in rest if word.startswith("-") and word.partition("=")[0] not in options()[name]]
    return f"{name} {' '.join(unknown)}" if unknown else ""


def absent_imports(code: str) -> Iterator[str]:
    """Names that a snippet imports from the project and that their modules don't have at their top."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("ctc", "sim", "jobs"):
            source = (ROOT / str(node.module).replace(".", "/")).with_suffix(".py")
            found = names(ast.parse(source.read_text())) if source.exists() else set()
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name not in found)


def names(module: ast.Module) -> set[str]:
    found = {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assigned = [target for node in module.body if isinstance(node, ast.Assign) for target in node.targets]
    return found | {target.id for target in assigned if isinstance(target, ast.Name)}


named = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@named
def test_links_lead_somewhere(page: Path) -> None:
    assert list(dead_links(page)) == []


@named
def test_files_that_are_named_are_there(page: Path) -> None:
    assert list(missing_files(prose(page))) == []


@named
def test_commands_are_those_of_the_project(page: Path) -> None:
    assert [found for line in commands(page) for call in calls(line) if (found := wrong(call))] == []


@named
def test_diagrams_are_mermaid_that_github_draws(page: Path) -> None:
    """As far as can be told without drawing: a known kind, closed brackets, closed subgraphs."""
    for block in blocks(page, "mermaid"):
        kind, *lines = [line.strip() for line in block.splitlines() if line.strip()]
        assert kind.split()[0] in ("flowchart", "sequenceDiagram", "stateDiagram-v2"), kind
        bare = re.sub(r'"[^"]*"', "", block)
        assert '"' not in bare
        for opened, closed in ("()", "[]", "{}"):
            assert bare.count(opened) == bare.count(closed), kind
        assert sum(line.startswith("subgraph ") for line in lines) == lines.count("end")


@named
def test_snippets_import_what_is_there(page: Path) -> None:
    assert [name for block in blocks(page, "python") for name in absent_imports(block)] == []


def alarms() -> set[str]:
    """What can ring: CloudWatch's alarms, a billing alarm for each amount, and EventBridge's rules of infra/modules/monitoring."""
    module = ROOT / "infra" / "modules" / "monitoring"
    known = set(re.findall(r"^    ([a-z-]+) = (?:merge\(|\{)", (module / "alarms.tf").read_text(), re.MULTILINE))
    amounts = re.search(r'variable "billing_alarms" {.*?default\s+= \[([^]]+)\]', (module / "variables.tf").read_text(), re.DOTALL)
    rules = re.findall(r'"aws_cloudwatch_event_rule" "(\w+)"', (module / "main.tf").read_text())
    assert amounts is not None
    return known | {f"billing-{each.strip()}" for each in amounts[1].split(",")} | {rule.replace("_", "-") for rule in rules}


def test_every_alarm_has_its_section_in_the_runbook() -> None:
    sections = set(re.findall(r"^### ([a-z0-9-]+)$", (ROOT / "docs" / "RUNBOOK.md").read_text(), re.MULTILINE))
    assert {"quality-score", "iterator-age", "billing-50", "job-failed"} <= alarms()
    assert sections == alarms()


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, left = set[Path](), [ROOT / "README.md"]
    while left:
        page = left.pop()
        if page not in reached:
            reached.add(page)
            linked = [(page.parent / target.partition("#")[0]).resolve() for target in _LINK.findall(prose(page)) if "://" not in target]
            left += [path for path in linked if path.suffix == ".md" and path.exists()]
    assert set(PAGES) - reached == set()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("make frobnicate", "frobnicate"),
        ('make sim ARGS="--exit --reprot r.json"', "sim --reprot"),
        ("ctc sims", "sims"),
        ("CTC_WHALES__THRESHOLD=1 ctc live --fast | head  # why", "live --fast"),
        ("python -m ctc.nowhere", "ctc.nowhere"),
        (".venv/bin/python scripts/nowhere.py --all", "scripts/nowhere.py"),
        ("scripts/nowhere.sh", "scripts/nowhere.sh"),
        ("ctc dlq forget", "dlq forget"),
        ("ctc dlq ls --yes", "dlq ls --yes"),
        ("ctc dlq replay --yes", ""),
        ("python scripts/bench.py --quick", ""),
        ('ctc query "select 1 - 2" --format json > a.json', ""),
        ("CTC_REALDATA=DIR make test", ""),
    ],
)
def test_wrong_commands_are_found(line: str, complaint: str) -> None:
    assert [found for call in calls(line) if (found := wrong(call))] == ([complaint] if complaint else [])


@pytest.mark.parametrize("span", ["ctc/nowhere.py", "tests/nowhere/", "nowhere/"])
def test_missing_files_are_found(span: str) -> None:
    assert list(missing_files(f"see `{span}`, `/alerts`, `STATE/plan.json`, `ctc/*.py` and `ctc/detect`")) == [span]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_has_no_marks_of_a_merge(page: Path) -> None:
    assert not re.search(r"^(<{7}|={7}|>{7})( |$)", page.read_text(), re.MULTILINE)
