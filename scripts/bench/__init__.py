"""The parts of `make bench` (scripts/bench.py)."""
