"""The streaming application: `python -m jobs.stream [--queries lake,detect] [--detectors volume,whales,spread] [--standby]`.

Locally one process hosts both queries; a cluster that wants a job each runs `jobs/lake.py` and `jobs/detect.py`.
"""

from __future__ import annotations

import argparse
import logging
import sys

from ctc.aws.alerts import DynamoAlerts
from ctc.aws.cloudwatch import CloudWatchMetrics
from ctc.aws.metrics import DynamoMetrics
from ctc.aws.quality import DynamoQuality
from ctc.detect import ALL_DETECTORS
from ctc.errors import ConfigError, CtcError
from ctc.settings import session_state, settings_of
from ctc.spark.app import QueryPlan, StreamingApp
from ctc.spark.plans import dead_letters_plan, detect_plan, lake_plan
from ctc.spark.session import build_session
from ctc.spark.warmth import wait_warm
from ctc.wiring import record_source


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM; 0 when it was told to stop, else one sentence and 1, or 3 where another start would do (the JVM has ended)."""
    parser = argparse.ArgumentParser(prog="jobs.stream", description=__doc__)
    parser.add_argument("--queries", default="lake,detect", help="which queries this process runs (default: both)")
    parser.add_argument("--detectors", default=",".join(sorted(ALL_DETECTORS)), help="which detectors `detect` hosts (default: all)")
    parser.add_argument("--standby", action="store_true", help="get ready, then wait for a line of input, or its end, before beginning")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("py4j").setLevel(logging.ERROR)
    try:
        _run(_names(options.queries, {"lake", "detect"}), _names(options.detectors, ALL_DETECTORS), standby=options.standby)
    except CtcError as error:
        logging.getLogger("ctc.spark").error("%s", error)
        return error.exit_code
    return 0


def _run(queries: frozenset[str], detectors: frozenset[str], *, standby: bool) -> None:
    state = session_state()
    settings = settings_of(state)
    spark = build_session(settings, "ctc-" + "-".join(sorted(queries)), state)
    app = StreamingApp(spark, settings, state, record_source(settings))
    plans: list[QueryPlan] = []
    if "detect" in queries:
        plans.append(detect_plan(app, settings, detectors, DynamoAlerts(settings), DynamoMetrics(settings)))
    if "lake" in queries:
        quality, published = DynamoQuality(settings), CloudWatchMetrics(settings)
        plans += [
            lake_plan(app, settings, DynamoMetrics(settings), quality, published),
            dead_letters_plan(app, settings, quality, published),
        ]
    if standby:
        wait_warm(spark, state / "spark", sys.stdin, lambda folder, told: app.rehearse(plans, folder, told))
    app.run(plans, warm=standby)


def _names(given: str, known: frozenset[str] | set[str]) -> frozenset[str]:
    names = frozenset(name for name in given.split(",") if name)
    if not names or names - known:
        raise ConfigError(f"unknown: {', '.join(sorted(names - known)) or 'nothing named'}; choose among {', '.join(sorted(known))}")
    return names


if __name__ == "__main__":
    sys.exit(main())
