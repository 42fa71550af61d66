"""The job `publish-metrics` as a cluster starts it: `python -m jobs.publish_metrics` (options: `ctc jobs run publish-metrics --help`)."""

import sys

from ctc.cli.jobs import start

if __name__ == "__main__":
    sys.exit(start("publish-metrics", sys.argv[1:]))
