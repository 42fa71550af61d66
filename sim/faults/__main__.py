"""`python -m sim.faults [--fault NAME ...] [--seeds N] [--first SEED] [--format table|json] [--write]`: the fault matrix, by running it.

With `--write` verdicts are kept in docs/faults.jsonl as they come, and those found there are not run again: remove it to begin anew.
Exit code 0 when no session differs from its undisturbed run, 1 when one does.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import msgspec

from ctc.errors import CtcError
from ctc.settings import ROOT
from sim.faults.campaign import campaign
from sim.faults.matrix import Verdict, kept, markdown, newest
from sim.faults.registry import chosen, known
from sim.faults.session import Shape
from sim.revision import revision

PAGE = ROOT / "docs" / "FAULTS.md"
KEPT = ROOT / "docs" / "faults.jsonl"
BEGIN, END = "<!-- matrix: written by python -m sim.faults --write -->", "<!-- end of the matrix -->"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Options; argparse ends the process with code 2 when they are wrong."""
    shape = Shape()
    parser = argparse.ArgumentParser(prog="python -m sim.faults", description=__doc__)
    parser.add_argument("--fault", action="append", default=[], metavar="NAME", help="only this one; may be repeated (default: all)")
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="how many seeds (default 20)")
    parser.add_argument("--first", type=int, default=1, metavar="SEED", help="the first seed (default 1)")
    parser.add_argument("--minutes", type=int, default=shape.minutes, metavar="N", help=f"of market a session (default {shape.minutes})")
    parser.add_argument("--rate", type=float, default=shape.rate, metavar="X", help=f"of the market's activity (default {shape.rate})")
    parser.add_argument("--without-spark", action="store_true", help="only faults before the stream, in sessions that end there (quick)")
    parser.add_argument("--format", choices=("table", "json"), default="table", help="of what is printed at the end")
    parser.add_argument(
        "--write", action="store_true", help=f"go on with {KEPT.relative_to(ROOT)}, and put the matrix into {PAGE.relative_to(ROOT)}"
    )
    parser.add_argument("--list", action="store_true", help="name the faults and end")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign; verdicts are printed also when it is interrupted."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    if options.list:
        print("\n".join(f"{kind.name:20} {kind.part}: {kind.what}" for kind in known().values()))
        return 0
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:7.1f} s] {text}", file=sys.stderr, flush=True)

    verdicts = kept(KEPT) if options.write else []
    done = {(verdict.seed, verdict.fault) for verdict in newest(verdicts) if verdict.ok}
    try:
        shape = Shape(options.minutes, options.rate)
        kinds = [kind for kind in chosen(options.fault) if not (options.without_spark and kind.behind_stream)]
        code = revision()
        for found in campaign(range(options.first, options.first + options.seeds), kinds, shape, say, done):
            verdict = msgspec.structs.replace(found, revision=code)
            verdicts.append(verdict)
            if options.write:
                with KEPT.open("ab") as file:
                    file.write(msgspec.json.encode(verdict) + b"\n")
            for line in verdict.differences:
                say(f"{verdict.fault}: {line}")
    except CtcError as error:
        say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted: what follows is what was finished")
    finally:
        _tell(verdicts, options)
    return 0 if verdicts and all(verdict.ok for verdict in newest(verdicts)) else 1


def _tell(verdicts: list[Verdict], options: argparse.Namespace) -> None:
    table = markdown(verdicts)
    print(msgspec.json.format(msgspec.json.encode(verdicts)).decode() if options.format == "json" else table)
    if options.write and verdicts:
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table}{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    sys.exit(main())
