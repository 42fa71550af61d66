"""The job `update-catalog` as a cluster starts it: `python -m jobs.update_catalog` (options: `ctc jobs run update-catalog --help`)."""

import sys

from ctc.cli.jobs import start

if __name__ == "__main__":
    sys.exit(start("update-catalog", sys.argv[1:]))
