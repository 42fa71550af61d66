"""The job `quality-checks` as a cluster starts it: `python -m jobs.quality_checks` (options: `ctc jobs run quality-checks --help`)."""

import sys

from ctc.cli.jobs import start

if __name__ == "__main__":
    sys.exit(start("quality-checks", sys.argv[1:]))
