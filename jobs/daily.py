"""The job `daily` as a cluster starts it: `python -m jobs.daily` (options: `ctc jobs run daily --help`)."""

import sys

from ctc.cli.jobs import start

if __name__ == "__main__":
    sys.exit(start("daily", sys.argv[1:]))
