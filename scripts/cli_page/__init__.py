"""Writes docs/CLI.md: each command with what it really answers, on a small simulated session that needs no Spark."""
