"""dist/ in S3: what job runs take from the bucket of artifacts, and the dashboard's pages. A file that is there already is left."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import msgspec
from botocore.exceptions import ClientError

from ctc.aws.clients import MISSING, client, translating
from ctc.aws.deployment import Deployment
from ctc.aws.job_runs import CODE
from ctc.errors import SetupError, StoreError

MANIFEST = "manifest.json"
FOR_JOBS = ("emr", "jobs", "jars")
API_META = b'<meta name="ctc-api" content=""'  # in dashboard/web/index.html
LONG, SHORT = "public, max-age=31536000, immutable", "no-cache"  # names in assets/ change with what is in them
Say = Callable[[str], None]


class Packed(msgspec.Struct, frozen=True):
    """A file of dist/, as dist/manifest.json has it."""

    name: str
    piece: str
    sha256: str
    bytes: int
    unpacked_bytes: int = 0
    target: str = ""


class _Manifest(msgspec.Struct, frozen=True):
    files: list[Packed]


def manifest(dist: Path) -> list[Packed]:
    """What `make package` made. Raises SetupError where a file is missing or is not what the manifest says."""
    path = dist / MANIFEST
    if not path.is_file():
        raise SetupError(f"there is no {path}: run `make package`")
    found = msgspec.json.decode(path.read_bytes(), type=_Manifest).files
    for each in found:
        file = dist / each.name
        if not file.is_file() or _digest(file) != each.sha256:
            raise SetupError(f"{file} is not what {path} says: run `make package` again")
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Artifacts:
    """The bucket of artifacts and that of the dashboard."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._bucket, self._site = deployment.made.artifacts_bucket, deployment.made.dashboard_bucket
        self._s3: Any = client("s3", deployment.settings, read_timeout_s=300)

    def upload(self, dist: Path, say: Say) -> list[str]:
        """Put there what job runs take, and the manifest at last; the names of what was sent."""
        files = [each for each in manifest(dist) if each.piece in FOR_JOBS]
        if {each.piece for each in files} != set(FOR_JOBS):
            raise SetupError(f"{dist} lacks some of {', '.join(FOR_JOBS)}: run `make package`")
        sent = []
        for each in files:
            key = f"{CODE}/{each.name}"
            if self._hash(self._bucket, key) == each.sha256:
                continue
            say(f"uploading {each.name} ({each.bytes / 1e6:.1f} MB)")
            with translating(f"uploading {each.name} to {self._bucket}", self._deployment.settings):
                self._s3.upload_file(str(dist / each.name), self._bucket, key, ExtraArgs={"Metadata": {"sha256": each.sha256}})
            sent.append(each.name)
        self._put(self._bucket, f"{CODE}/{MANIFEST}", msgspec.json.encode(_Manifest(files)))
        return sent

    def deployed(self) -> list[Packed]:
        """What the bucket's manifest names, each of which is there by that hash. Raises SetupError otherwise."""
        try:
            with translating(f"reading {CODE}/{MANIFEST} of {self._bucket}", self._deployment.settings):
                body = self._s3.get_object(Bucket=self._bucket, Key=f"{CODE}/{MANIFEST}")["Body"].read()
        except StoreError as error:
            if not _absent(error.__cause__):
                raise
            raise SetupError(f"no code is in {self._bucket}: run `ctc deploy`") from error
        files = msgspec.json.decode(body, type=_Manifest).files
        wrong = [each.name for each in files if self._hash(self._bucket, f"{CODE}/{each.name}") != each.sha256]
        if wrong:
            raise SetupError(f"{self._bucket} has not got {', '.join(wrong)} as it was packed: run `ctc deploy`")
        return files

    def jars(self) -> list[str]:
        """URLs of the jars that were uploaded."""
        return [f"s3://{self._bucket}/{CODE}/{each.name}" for each in self.deployed() if each.piece == "jars"]

    def publish_dashboard(self, dist: Path) -> int:
        """Put the pages there, told where the API is, the index last; how many there are."""
        pages = list(dashboard_pages(dist / "dashboard.zip", self._deployment.made.api_url))
        for name, body in sorted(pages, key=lambda page: page[0] == "index.html"):
            self._put(self._site, name, body, mimetypes.guess_type(name)[0], LONG if name.startswith("assets/") else SHORT)
        cloudfront: Any = client("cloudfront", self._deployment.settings)
        batch = {
            "Paths": {"Quantity": 1, "Items": ["/index.html"]},
            "CallerReference": hashlib.sha256(repr(pages).encode()).hexdigest()[:32],
        }
        with translating("telling CloudFront that the page has changed", self._deployment.settings):
            cloudfront.create_invalidation(DistributionId=self._deployment.made.distribution, InvalidationBatch=batch)
        return len(pages)

    def page(self) -> bytes:
        """The dashboard's index as it is published. Raises StoreError where there is none."""
        with translating(f"reading index.html of {self._site}", self._deployment.settings):
            return bytes(self._s3.get_object(Bucket=self._site, Key="index.html")["Body"].read())

    def _put(self, bucket: str, key: str, body: bytes, kind: str | None = None, cache: str = SHORT) -> None:
        with translating(f"uploading {key} to {bucket}", self._deployment.settings):
            self._s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=kind or "application/octet-stream", CacheControl=cache)

    def _hash(self, bucket: str, key: str) -> str:
        """The SHA-256 that an object was uploaded with, "" where it is not there."""
        try:
            return str(self._s3.head_object(Bucket=bucket, Key=key)["Metadata"].get("sha256", ""))
        except ClientError as error:
            if _absent(error):
                return ""
            with translating(f"looking at {key} in {bucket}", self._deployment.settings):
                raise


def dashboard_pages(build: Path, api: str) -> Iterator[tuple[str, bytes]]:
    """The build's files by name, its index told the API's URL. Raises SetupError where the build has no place for that."""
    if not build.is_file():
        raise SetupError(f"there is no {build}: run `make package`")
    with ZipFile(build) as archive:
        for name in archive.namelist():
            body = archive.read(name)
            if name == "index.html":
                if API_META not in body:
                    raise SetupError(f"index.html in {build} has no empty ctc-api: run `make package`")
                body = body.replace(API_META, b'<meta name="ctc-api" content="%s"' % api.rstrip("/").encode())
            yield name, body


def _absent(error: BaseException | None) -> bool:
    return isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in MISSING
