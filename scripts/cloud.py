"""`make infra-test` and `make infra-sim`: infra/ tested without an AWS account. `test --only "module tests"` runs one step."""

from __future__ import annotations

import argparse
import sys

from cloud.simulate import simulate
from cloud.verify import verify

from ctc.errors import CtcError


def main() -> int:
    """0 when what could run has passed; one sentence where something has not."""
    parser = argparse.ArgumentParser(prog="infra", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("sim")
    commands.add_parser("test").add_argument("--only", action="append", default=[])
    options = parser.parse_args()
    try:
        return simulate() if options.command == "sim" else verify(frozenset(options.only))
    except CtcError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
