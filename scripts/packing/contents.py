"""What goes into each package: installed wheels without what an installer adds or nobody runs, and the project's code from its wheel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from zipfile import ZipFile

from packing.archives import Entry, files_below

CODE = ("ctc/", "profiles/")
# Made by the installer, naming this machine or the moment; bytecode, which names no source that is there; tests, headers and type
# stubs, a third of pandas and pyarrow; and of pyarrow and zstandard what nobody here imports (Flight alone is 33 MB) or what is there
# under another name (libarrow_python.so is the loader's libarrow_python.so.N).
LEFT_OUT = re.compile(
    r"""(^|/)__pycache__/ | \.py[co]$ | \.pyi$ | ^bin/ | ^\.lock$ | ^share/
    | \.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json|uv_cache\.json|uv_build\.json)$
    | ^(numpy|pandas|pyarrow)/(.*/)?(tests?|include|_examples)/ | ^pyarrow/.*\.(pxd|pyx|pxi|h|cc)$ | ^(numpy|grpc)/.*\.(h|a|pxd)$
    | ^pyarrow/(libarrow_flight|libarrow_python_flight|_flight|_pyarrow_cpp_tests)\b | ^pyarrow/lib\w+\.so(\.\d+\.\d+\.\d+)?$
    | ^zstandard/(_cffi\.|backend_cffi\.py$)""",
    re.VERBOSE,
)


ARROWS_S3 = re.compile(r"^pyarrow/(libarrow_s3|_s3fs)\b")  # the functions read by boto3 (ctc/aws/objects.py)


def installed(folder: Path, services: Sequence[str] = ()) -> list[Entry]:
    """The files of installed packages; of botocore's models only those of `services`, where they are named."""
    found = [entry for entry in files_below(folder) if not LEFT_OUT.search(entry.name)]
    return [entry for entry in found if not services or _model(entry.name) in (None, *services)]


def _model(name: str) -> str | None:
    """The service whose description a file of botocore or boto3 is, None for any other file."""
    known = re.match(r"(?:botocore|boto3)/data/([^/]+)/.", name)
    return known[1] if known else None


def code(wheel: Path, folders: Iterable[str] = CODE) -> list[Entry]:
    """The project's files below these folders, as its wheel has them."""
    with ZipFile(wheel) as archive:
        wanted = [name for name in archive.namelist() if name.startswith(tuple(folders)) and not name.endswith("/")]
        return [Entry(name, data=archive.read(name)) for name in wanted]


def environment(site: Iterable[Entry], python: str, interpreter: str) -> list[Entry]:
    """A virtual environment as Spark unpacks it: links to the machine's Python, and the packages where that looks for them."""
    settings = f"home = {Path(interpreter).parent}\ninclude-system-site-packages = false\nversion = {python}\n"
    inside = f"lib/python{python}/site-packages/"
    return [
        Entry("bin/python", link=interpreter),
        Entry("bin/python3", link="python"),
        Entry("pyvenv.cfg", data=settings.encode()),
        *(entry._replace(name=inside + entry.name) for entry in site),
    ]
