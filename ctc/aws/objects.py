"""S3's objects as pyiceberg reads them, by boto3: Arrow's own reader of S3 is 6 MB of a package that has 50 (ADR 21)."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile

from ctc.aws.clients import MISSING, client
from ctc.errors import LakeError
from ctc.settings import Settings

PIECE = 8 << 20  # bytes of the first request, from the end, where a Parquet file tells what is where; a small file is whole in it


class Objects(FileIO):
    """Files at `s3://BUCKET/KEY`, read only; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._store: Any = client("s3", settings)

    def new_input(self, location: str) -> InputFile:
        """The file there, of which nothing is asked yet."""
        return _Object(self._store, location)

    def new_output(self, location: str) -> OutputFile:
        """Raises LakeError: nothing is written."""
        raise LakeError(f"{location} was to be written, and is only read here")

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Raises LakeError: nothing is deleted."""
        raise LakeError(f"{location} was to be deleted, and is only read here")


class _Object(InputFile):
    def __init__(self, store: Any, location: str) -> None:
        super().__init__(location)
        parts = urlsplit(location)
        self._store, self._named = store, {"Bucket": parts.netloc, "Key": parts.path.lstrip("/")}

    def __len__(self) -> int:
        return int(self._store.head_object(**self._named)["ContentLength"])

    def exists(self) -> bool:
        try:
            return len(self) >= 0
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                return False
            raise

    def open(self, seekable: bool = True) -> InputStream:
        return io.BufferedReader(_Pieces(self._store, self._named), 1 << 20)


class _Pieces(io.RawIOBase):
    """An object's bytes; what is not in its last piece is asked for when it is read."""

    def __init__(self, store: Any, named: dict[str, str]) -> None:
        self._store, self._named, self._at = store, named, 0
        answer = store.get_object(**named, Range=f"bytes=-{PIECE}")
        self._last = answer["Body"].read()
        self._size = int(answer["ContentRange"].rpartition("/")[2])

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        there = self._size - len(self._last)
        if self._at >= there:
            body = self._last[self._at - there : end - there]
        else:
            body = self._store.get_object(**self._named, Range=f"bytes={self._at}-{end - 1}")["Body"].read()
        buffer[: len(body)] = body
        self._at += len(body)
        return len(body)
