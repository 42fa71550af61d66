"""The machine that a figure belongs to."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ctc.settings import ROOT, java_home


def describe() -> dict[str, Any]:
    """Cores, memory, CPU, system, versions and the load before anything was started."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "CPU": _cpu(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": platform.python_version(),
        "Java": _java(),
        "Spark": version("pyspark"),
        "load at the start": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE) if info.exists() else None
    return found[1] if found else platform.processor() or "unknown"


def _java() -> str:
    home = java_home()
    found = re.search(r'version "([^"]+)"', _said(str(Path(home) / "bin" / "java") if home else "java", "-version"))
    return found[1] if found else "unknown"


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
