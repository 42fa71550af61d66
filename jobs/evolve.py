"""The job `evolve` as a cluster starts it: `python -m jobs.evolve` (options: `ctc jobs run evolve --help`)."""

import sys

from ctc.cli.jobs import start

if __name__ == "__main__":
    sys.exit(start("evolve", sys.argv[1:]))
