"""A disk that is full says so as a real one does, and takes bytes again once there is room."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.faults import small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if not small_disk.permitted() or not small_disk.available():
        pytest.skip("this process may not mount (it takes CAP_SYS_ADMIN)")
    folder = tmp_path / "disk"
    small_disk.mount(folder, 2)
    yield folder
    small_disk.unmount(folder)


def test_full_disk_refuses_with_enospc_until_it_has_room(disk: Path) -> None:
    assert small_disk.fill(disk) == 2 << 20
    with pytest.raises(OSError, match="No space left") as raised:
        (disk / "one").write_bytes(b"x")
    assert raised.value.errno == errno.ENOSPC
    small_disk.free(disk)
    (disk / "one").write_bytes(b"x" * 1000)
    assert (disk / "one").read_bytes() == b"x" * 1000
