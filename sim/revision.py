"""Which code made a figure."""

from __future__ import annotations

import subprocess

from ctc.settings import ROOT


def revision() -> str:
    """The commit, with a plus sign where files differ from it; "unknown" outside of git."""
    commit, changes = _git("rev-parse", "--short", "HEAD"), _git("status", "--porcelain", "-uno")
    return (commit or "unknown") + ("+" if changes else "")


def _git(*words: str) -> str:
    try:
        return subprocess.run(("git", *words), cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
