"""The pieces of a deployment, by name; each is made into a folder and says what it made."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from ctc.errors import SetupError
from ctc.settings import ROOT
from ctc.spark.session import JARS
from packing import uv
from packing.archives import Entry, files_below, write_tar, write_zip
from packing.contents import ARROWS_S3, CODE, code, environment, installed
from packing.target import Target, target

MB = 1_000_000
MOST_ZIPPED, MOST_UNPACKED = 50 * MB, 250 * MB  # what Lambda takes
SITE = ROOT / "dashboard" / "web" / "dist"
# botocore describes 400 services in 20 MB; the functions call these. CREDENTIALS: how keys are found.
CREDENTIALS = ("sso", "sso-oidc", "sts")
API_SERVICES = ("dynamodb", "ecs", "emr-serverless", "kinesis", *CREDENTIALS)
BATCH_SERVICES = ("cloudwatch", "glue", "s3", *CREDENTIALS)


class Made(NamedTuple):
    """A file of dist/. `unpacked` bytes; `target` as `ARCHITECTURE python VERSION`, "" where any machine takes it."""

    path: Path
    unpacked: int
    target: str = ""


class Pieces:
    """Makes the pieces for one architecture into one folder."""

    def __init__(self, out: Path, architecture: str) -> None:
        self._out, self._architecture = out, architecture
        self.make: dict[str, Callable[[], list[Made]]] = {
            "wheel": lambda: [self._made(self.wheel, 0)],
            "api": lambda: self._function("api", API_SERVICES),
            "batch": lambda: self._function("batch", BATCH_SERVICES),
            "emr": self._emr,
            "jobs": self._jobs,
            "jars": self._jars,
            "dashboard": self._dashboard,
        }

    @cached_property
    def wheel(self) -> Path:
        """The project's wheel, built once."""
        for old in self._out.glob("*.whl"):
            old.unlink()
        return uv.build_wheel(self._out)

    def _function(self, name: str, services: tuple[str, ...]) -> list[Made]:
        wanted = target(self._architecture, "lambda")
        with tempfile.TemporaryDirectory(prefix="ctc-package-") as folder:
            uv.install(name, Path(folder), wanted)
            packages = [entry for entry in installed(Path(folder), services) if not ARROWS_S3.search(entry.name)]
            made = self._zip(f"{name}.zip", [*packages, *code(self.wheel)], wanted)
        zipped = made.path.stat().st_size
        if zipped > MOST_ZIPPED or made.unpacked > MOST_UNPACKED:
            sizes = f"{zipped / MB:.0f} MB, {made.unpacked / MB:.0f} MB unpacked"
            raise SetupError(f"{made.path} is too large for Lambda ({sizes}): see packages/{name}.in")
        return [made]

    def _emr(self) -> list[Made]:
        wanted = target(self._architecture, "emr")
        path = self._out / "environment.tar.gz"
        with tempfile.TemporaryDirectory(prefix="ctc-package-") as folder:
            uv.install("emr", Path(folder), wanted)
            site = [*installed(Path(folder)), *code(self.wheel, (*CODE, "jobs/"))]
            return [self._made(path, write_tar(path, environment(site, wanted.python, wanted.interpreter)), wanted)]

    def _jobs(self) -> list[Made]:
        """The entry points; what they import is in the environment."""
        found = code(self.wheel, ["jobs/"])
        paths = [self._out / entry.name for entry in found]
        (self._out / "jobs").mkdir(exist_ok=True)
        for entry, path in zip(found, paths, strict=True):
            path.write_bytes(entry.data)
        return [self._made(path, 0) for path in paths]

    def _jars(self) -> list[Made]:
        """Iceberg's jars: Spark's own resolver verified them when `make setup` fetched them."""
        (self._out / "jars").mkdir(exist_ok=True)
        made = []
        for jar in JARS:
            if not jar.is_file():
                raise SetupError(f"{jar.name} is not there: run `make setup`")
            made.append(Path(shutil.copyfile(jar, self._out / "jars" / jar.name)))
        return [self._made(path, 0) for path in made]

    def _dashboard(self) -> list[Made]:
        if not (SITE / "index.html").is_file():
            raise SetupError(f"the dashboard is not built ({SITE}): run `make setup`")
        return [self._zip("dashboard.zip", files_below(SITE))]

    def _zip(self, name: str, entries: list[Entry], wanted: Target | None = None) -> Made:
        path = self._out / name
        return self._made(path, write_zip(path, entries), wanted)

    def _made(self, path: Path, unpacked: int, wanted: Target | None = None) -> Made:
        said = f"{wanted.architecture} python {wanted.python}" if wanted else ""
        return Made(path, unpacked or path.stat().st_size, said)
