"""The job `reprocess` as a cluster starts it: `python -m jobs.reprocess` (options: `ctc jobs run reprocess --help`)."""

import sys

from ctc.cli.jobs import start

if __name__ == "__main__":
    sys.exit(start("reprocess", sys.argv[1:]))
