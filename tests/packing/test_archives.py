"""Archives depend on what is in them alone: not on order, dates, owners or the folder that they were made in."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from packing.archives import OLDEST, Entry, files_below, write_tar, write_zip
from packing.contents import LEFT_OUT, environment, installed

Write = Callable[[Path, list[Entry]], int]
writers = pytest.mark.parametrize("write", [write_zip, write_tar])


def folder(at: Path, names: list[str], date: int) -> Path:
    for name in names:
        path = at / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, (date, date))
    return at


@writers
def test_same_files_give_the_same_bytes(write: Write, tmp_path: Path) -> None:
    one = folder(tmp_path / "one", ["b/c.py", "a.py", "z"], 1_700_000_000)
    other = folder(tmp_path / "other", ["z", "a.py", "b/c.py"], 1_800_000_000)
    assert write(tmp_path / "x", files_below(one)) == write(tmp_path / "y", files_below(other)[::-1]) == len("b/c.pya.pyz")
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


@writers
def test_another_byte_another_name_or_another_mode_gives_other_bytes(write: Write, tmp_path: Path) -> None:
    script = folder(tmp_path / "in", ["run"], 1_700_000_000) / "run"
    made = set()
    for name, body, mode in (("run", "1", 0o644), ("run", "2", 0o644), ("ran", "1", 0o644), ("run", "1", 0o755)):
        script.write_text(body)
        script.chmod(mode)
        write(tmp_path / "made", [Entry(name, script)])
        made.add((tmp_path / "made").read_bytes())
    assert len(made) == 4


@writers
def test_date_is_that_of_source_date_epoch(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [Entry("a", data=b"a")]
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    write(tmp_path / "old", entries)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(OLDEST))
    write(tmp_path / "same", entries)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1764244800")
    write(tmp_path / "new", entries)
    assert (tmp_path / "old").read_bytes() == (tmp_path / "same").read_bytes() != (tmp_path / "new").read_bytes()


def test_zip_keeps_what_may_be_executed(tmp_path: Path) -> None:
    script = folder(tmp_path, ["run"], 1_700_000_000) / "run"
    script.chmod(0o755)
    write_zip(tmp_path / "x.zip", [Entry("run", script), Entry("read", data=b"")])
    with ZipFile(tmp_path / "x.zip") as archive:
        assert {info.filename: oct(info.external_attr >> 16)[-3:] for info in archive.infolist()} == {"run": "755", "read": "644"}


def test_tar_of_an_environment_links_to_the_machines_python(tmp_path: Path) -> None:
    write_tar(tmp_path / "x.tar.gz", environment([Entry("ctc/a.py", data=b"a")], "3.11", "/usr/bin/python3.11"))
    with tarfile.open(tmp_path / "x.tar.gz") as archive:
        members = {member.name: member for member in archive}
        assert members["bin/python"].linkname == "/usr/bin/python3.11"
        assert members["bin/python3"].linkname == "python"
        assert {(each.uid, each.gid, each.mtime) for each in members.values()} == {(0, 0, OLDEST)}
        assert "lib/python3.11/site-packages/ctc/a.py" in members


@pytest.mark.parametrize(
    "name",
    [
        "a/__pycache__/b.cpython-311.pyc",
        "bin/fastapi",
        "x-1.dist-info/RECORD",
        "x-1.dist-info/direct_url.json",
        "pandas/core/tests/a.py",
        "pyarrow/include/a.h",
        "pyarrow/libarrow_flight.so.2600",
        "pyarrow/_flight.cpython-313-aarch64-linux-gnu.so",
        "pyarrow/libarrow_python.so",
        "pyarrow/libarrow_python.so.2600.1.0",
        "zstandard/_cffi.cpython-313-aarch64-linux-gnu.so",
        ".lock",
    ],
)
def test_what_an_installer_leaves_or_nobody_runs_is_left_out(name: str) -> None:
    assert LEFT_OUT.search(name)


@pytest.mark.parametrize(
    "name",
    [
        "a/b.py",
        "x-1.dist-info/METADATA",
        "x-1.dist-info/entry_points.txt",
        "numpy/testing/__init__.py",
        "a/bin/b.py",
        "pyarrow/libarrow.so.2600",
        "pyarrow/libarrow_python.so.2600",
        "pyarrow/lib.cpython-313-aarch64-linux-gnu.so",
        "zstandard/backend_c.cpython-313-aarch64-linux-gnu.so",
    ],
)
def test_what_is_needed_stays(name: str) -> None:
    assert not LEFT_OUT.search(name)


def test_only_named_services_models_are_kept(tmp_path: Path) -> None:
    names = [
        "botocore/data/dynamodb/2/s.json",
        "botocore/data/ec2/2/s.json",
        "botocore/data/endpoints.json",
        "boto3/data/ec2/2/r.json",
        "botocore/a.py",
    ]
    found = {entry.name for entry in installed(folder(tmp_path, names, 1_700_000_000), ["dynamodb"])}
    assert found == {"botocore/data/dynamodb/2/s.json", "botocore/data/endpoints.json", "botocore/a.py"}
