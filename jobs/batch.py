"""The detectors over a session's lake in batch: `python -m jobs.batch [--state DIR] [--since T] [--until T] [--out DIR]`.

Findings go to stdout, one JSON object a line with its table's name, or to Parquet under DIR/anomalies, DIR/volume_aggregates and
DIR/spreads. Nothing in the lake changes. The session may run or have ended.
"""

from __future__ import annotations

import argparse
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql.functions import lit, struct, to_json

from ctc.aws.log import Span
from ctc.errors import CtcError
from ctc.java import require_java
from ctc.session import reachable
from ctc.settings import become_child, session_state
from ctc.spark.batch import FOUND, outcomes_of, rows_of
from ctc.spark.session import build_session

MOMENT = "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"  # Spark's own form has milliseconds


def main(arguments: list[str] | None = None) -> int:
    """0 when all was said, else the error's code with one sentence."""
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("py4j").setLevel(logging.ERROR)
    span = Span(symbols=tuple(options.symbols), since=options.since, until=options.until, as_of=options.as_of, order=options.order)
    try:
        _run(options.state, span, options.out)
    except CtcError as error:
        logging.getLogger("ctc.spark").error("%s", error)
        return error.exit_code
    return 0


def _run(state: Path, span: Span, out: Path | None) -> None:
    become_child(state)
    require_java()
    with reachable(state) as settings:
        spark = build_session(settings, "ctc-batch", state)
        spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")  # not the INT96 of old, which has no zone
        outcomes = outcomes_of(spark, settings, span).persist()
        for table in FOUND:
            rows = rows_of(outcomes, table, span)
            if out is not None:
                rows.coalesce(1).write.mode("overwrite").parquet(str(out / table.name))
                continue
            line = to_json(struct(lit(table.name).alias("table"), "*"), {"timestampFormat": MOMENT}).alias("line")
            for row in rows.select(line).toLocalIterator():
                sys.stdout.write(row.line + "\n")
        spark.stop()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="jobs.batch", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, default=session_state(), help="the session's folder")
    parser.add_argument("--symbols", type=lambda text: text.split(","), default=[], metavar="LIST", help="default: the session's")
    parser.add_argument("--since", type=_moment, metavar="T", help="findings from here on; an hour before is read to warm up")
    parser.add_argument("--until", type=_moment, metavar="T", help="findings before this moment")
    parser.add_argument("--as-of", type=_moment, metavar="T", help="the tables as they were at this moment")
    parser.add_argument("--order", choices=["log"], default="log", help="the order of the lines: the log's")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write Parquet here instead of JSON to stdout")
    return parser.parse_args(arguments)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: write it as 2026-11-23T12:00:00Z") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


if __name__ == "__main__":
    sys.exit(main())
