"""What a package is made for: the machine's architecture, its Python, and how uv resolves wheels for it from here.

Nothing is compiled or run for the target: uv takes the wheels that PyPI has for its platform, by the hashes of the lock files. A
package without such a wheel is an error, never built from source.
"""

from __future__ import annotations

import platform
import sys
from typing import NamedTuple

ARCHITECTURES = {"arm64": "aarch64", "x86_64": "x86_64"}
GLIBC = "manylinux_2_28"  # Amazon Linux 2023, of Lambda's python3.13 and of EMR's images, has glibc 2.34
LAMBDA_PYTHON = "3.13"  # `runtime` in infra/modules/*/: a test compares them
EMR_PYTHON = "3.11"  # one of the two that emr-spark-8.1.0 brings
PYTHONS = {"lambda": LAMBDA_PYTHON, "emr": EMR_PYTHON}


class Target(NamedTuple):
    """`platform` and `python` as uv takes them; `interpreter` is where a venv's links lead."""

    architecture: str
    platform: str
    python: str
    interpreter: str


def target(architecture: str, use: str) -> Target:
    """For `arm64` or `x86_64` of AWS, or for `here`: this machine and this Python, on which tests and emulators run packages."""
    if architecture == "here":
        base = getattr(sys, "_base_executable", sys.executable)
        return Target(platform.machine(), "", ".".join(map(str, sys.version_info[:2])), base)
    machine = ARCHITECTURES[architecture]
    python = PYTHONS[use]
    return Target(architecture, f"{machine}-{GLIBC}", python, f"/usr/bin/python{python}")
