"""Ranges of objects on the emulator are what S3 gives, and no more of a file is read for them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ctc.aws.clients import client
from ctc.settings import Settings
from sim.ministack_ranges import read_ranges

BODY = random.Random(7).randbytes(100_000)


@pytest.fixture
def bucket(emulator: Settings) -> Iterator[str]:
    """A bucket with the object `body`, whose second version it is."""
    s3, name = client("s3", emulator), emulator.lake.bucket
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"before", BODY):
        s3.put_object(Bucket=name, Key="a/body", Body=body)
    yield name
    for each in s3.list_object_versions(Bucket=name)["Versions"]:
        s3.delete_object(Bucket=name, Key=each["Key"], VersionId=each["VersionId"])
    s3.delete_bucket(Bucket=name)


@pytest.mark.emulator
@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("0-0", slice(0, 1)),
        ("10-19", slice(10, 20)),
        ("99990-", slice(99_990, None)),
        ("-7", slice(-7, None)),
        ("99999-200000", slice(99_999, None)),
        ("0-99999", slice(None)),
    ],
)
def test_range_is_that_part(emulator: Settings, bucket: str, asked: str, part: slice) -> None:
    found = client("s3", emulator).get_object(Bucket=bucket, Key="a/body", Range=f"bytes={asked}")
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert found["Body"].read() == BODY[part]
    first = part.indices(len(BODY))[0]
    assert found["ContentRange"] == f"bytes {first}-{first + len(BODY[part]) - 1}/100000"


@pytest.mark.emulator
def test_all_else_is_as_it_was(emulator: Settings, bucket: str) -> None:
    s3 = client("s3", emulator)
    assert s3.get_object(Bucket=bucket, Key="a/body")["Body"].read() == BODY
    with pytest.raises(ClientError, match="InvalidRange"):
        s3.get_object(Bucket=bucket, Key="a/body", Range="bytes=100000-")
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="a/nobody", Range="bytes=0-1")
    oldest = min(s3.list_object_versions(Bucket=bucket)["Versions"], key=lambda each: each["Size"])["VersionId"]
    assert s3.get_object(Bucket=bucket, Key="a/body", VersionId=oldest)["Body"].read() == b"before"
    s3.put_object(Bucket=bucket, Key="a/body", Body=b"after")
    assert s3.get_object(Bucket=bucket, Key="a/body", Range="bytes=1-2")["Body"].read() == b"ft"


@pytest.mark.emulator
def test_parts_of_a_multipart_object(emulator: Settings, bucket: str) -> None:
    s3 = client("s3", emulator)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    parts = []
    for number, body in ((1, BODY * 60), (2, b"last")):
        tag = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number, Body=body)["ETag"]
        parts.append({"PartNumber": number, "ETag": tag})
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="parts", PartNumber=2)["Body"].read() == b"last"
    assert s3.get_object(Bucket=bucket, Key="parts", Range="bytes=5999998-6000001")["Body"].read() == BODY[-2:] + b"la"


def module(file: Path, size: int) -> Any:
    """What is changed of `ministack.services.s3`, with one object in a file; `whole` lists how often all of it was read."""
    whole: list[str] = []

    def get_object(bucket: str, key: str, headers: dict[str, str], query: dict[str, Any] | None = None) -> Any:
        body = found._read_body(bucket, key, {"size": size, "body": None})
        return body[2:5] if headers.get("range") else body

    def read_body(bucket: str, key: str, obj: dict[str, Any]) -> bytes:
        whole.append(key)
        return file.read_bytes()

    found = SimpleNamespace(_get_object=get_object, _read_body=read_body, _object_disk_path=lambda bucket, key: str(file), whole=whole)
    return found


def test_only_the_range_is_read(tmp_path: Path) -> None:
    file = tmp_path / "object"
    file.write_bytes(b"0123456789")
    s3 = module(file, 10)
    read_ranges(s3)
    assert s3._get_object("b", "k", {"range": "bytes=2-4"}, {"x-id": ["GetObject"]}) == b"234"
    assert s3.whole == []
    assert s3._get_object("b", "k", {}) == b"0123456789"
    assert s3._get_object("b", "k", {"range": "bytes=2-4"}, {"partNumber": ["1"]}) == b"234"
    assert s3.whole == ["k", "k"]


def test_file_that_is_not_the_object_is_left_to_ministack(tmp_path: Path) -> None:
    file = tmp_path / "object"
    file.write_bytes(b"0123456789")
    s3 = module(file, 11)
    read_ranges(s3)
    assert s3._get_object("b", "k", {"range": "bytes=2-4"}) == b"234"
    assert s3.whole == ["k"]
