"""A disk of a few megabytes that can be filled: a tmpfs in a mount namespace of this process and its children.

It needs the right to mount (CAP_SYS_ADMIN: root, also in most containers of CI); `permitted` says whether there is that.
"""

from __future__ import annotations

import ctypes
import re
import subprocess
from functools import cache
from pathlib import Path

CLONE_NEWNS = 0x00020000
CAP_SYS_ADMIN = 21
_FILLER = "filler"


def permitted() -> bool:
    """Whether this process may mount; asks only."""
    status = Path("/proc/self/status")
    found = re.search(r"^CapEff:\s+([0-9a-f]+)", status.read_text(), re.MULTILINE) if status.exists() else None
    return found is not None and bool(int(found[1], 16) >> CAP_SYS_ADMIN & 1)


@cache
def available() -> bool:
    """Whether this process can mount. Gives it (once) a mount namespace of its own: nothing of this is seen outside."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not permitted() or libc.unshare(CLONE_NEWNS) != 0:
        return False
    return subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, check=False).returncode == 0


def mount(folder: Path, megabytes: int) -> None:
    """Put a disk of that size under the folder. Raises CalledProcessError."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True, capture_output=True)


def unmount(folder: Path) -> None:
    """Take it away, with what is on it."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


def fill(folder: Path) -> int:
    """Write until the disk has no byte left; how many it took."""
    written = 0
    with (folder / _FILLER).open("wb", buffering=0) as out:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    written += out.write(b"\0" * size)
            except OSError:
                continue
    return written


def free(folder: Path) -> None:
    """Give the room back."""
    (folder / _FILLER).unlink()
