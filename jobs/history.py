"""The job `history` as a cluster starts it: `python -m jobs.history` (options: `ctc jobs run history --help`)."""

import sys

from ctc.cli.jobs import start

if __name__ == "__main__":
    sys.exit(start("history", sys.argv[1:]))
