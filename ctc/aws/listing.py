"""What lies in a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ctc.aws.clients import client, translating
from ctc.settings import Settings


def objects_under(settings: Settings, bucket: str, prefix: str) -> Iterator[tuple[str, datetime]]:
    """Key and time of every object whose key begins so. Raises StoreError or SetupError."""
    pages = client("s3", settings).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    with translating(f"listing s3://{bucket}/{prefix}", settings):
        for page in pages:
            for each in page.get("Contents", ()):
                yield each["Key"], each["LastModified"]


def folders_under(settings: Settings, bucket: str, prefix: str) -> Iterator[str]:
    """The next part of each key that begins so, up to its `/`, once each. Raises StoreError or SetupError."""
    pages = client("s3", settings).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
    with translating(f"listing s3://{bucket}/{prefix}", settings):
        for page in pages:
            for each in page.get("CommonPrefixes", ()):
                yield each["Prefix"].removeprefix(prefix).removesuffix("/")
