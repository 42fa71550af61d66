"""The job `maintain` as a cluster starts it: `python -m jobs.maintain` (options: `ctc jobs run maintain --help`)."""

import sys

from ctc.cli.jobs import start

if __name__ == "__main__":
    sys.exit(start("maintain", sys.argv[1:]))
