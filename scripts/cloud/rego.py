"""Evaluates every policy of a folder over one plan, run by .tools/infra's Python: FOLDER PLAN.json.

Prints a JSON object: the policy's name (its package under `ctc`), and what it denies.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from regopy import Interpreter


def main(folder: Path, plan: Path) -> None:
    """The policies' findings on stdout."""
    rego = Interpreter()
    policies = sorted(folder.glob("*.rego"))
    for path in policies:
        rego.add_module(path.stem, path.read_text())
    rego.set_input_term(plan.read_text())
    found = {path.stem: denied(rego, path.stem) for path in policies if path.stem != "plan"}
    print(json.dumps(found))


def denied(rego: Interpreter, name: str) -> list[str]:
    """What `data.ctc.NAME.deny` holds; a policy that can't be evaluated is an error."""
    answer = json.loads(str(rego.query(f"x = data.ctc.{name}.deny")))
    try:
        return sorted(answer["bindings"]["x"])
    except KeyError:
        raise SystemExit(f"{name} can't be evaluated: {answer}") from None


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
