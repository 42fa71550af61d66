"""A batch job as a cluster starts it: `python -m jobs.run NAME [OPTIONS]` (names and options: `ctc jobs run --help`)."""

import sys

from ctc.cli.jobs import start

if __name__ == "__main__":
    sys.exit(start(sys.argv[1:]))
