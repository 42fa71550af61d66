"""The `detect` query alone: `python -m jobs.detect` (see `jobs/stream.py` for the options)."""

import sys

from jobs.stream import main

if __name__ == "__main__":
    sys.exit(main(["--queries", "detect", *sys.argv[1:]]))
