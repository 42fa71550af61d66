"""The `lake` query alone: `python -m jobs.lake` (see `jobs/stream.py` for the options)."""

import sys

from jobs.stream import main

if __name__ == "__main__":
    sys.exit(main(["--queries", "lake", *sys.argv[1:]]))
