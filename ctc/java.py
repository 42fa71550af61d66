"""The Java that Spark is going to run on, looked at before anything is started. Version 17 or later, with the vector module."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from ctc.errors import SetupError
from ctc.settings import java_home

OLDEST = 17
MODULE = "jdk.incubator.vector"  # Spark asks for it by name; some small builds of Java lack it
REMEDY = "run `make setup`, which finds or fetches one, or install openjdk-17-jre-headless"


def require_java() -> None:
    """Raise SetupError, saying how to get one, unless the Java that Spark will be given fits. Takes a tenth of a second."""
    home = java_home()
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None:
        raise SetupError(f"Java {OLDEST} is needed and there is none on this machine: {REMEDY}")
    origin = f"{java} (of JAVA_HOME)" if home else java
    try:
        shown = subprocess.run([java, "--list-modules"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    except OSError as error:
        raise SetupError(f"Java {OLDEST} is needed and {origin} can't be run ({error.strerror}): {REMEDY}") from error
    found = re.search(r"^java\.base@(\d+)", shown.stdout, re.MULTILINE)  # Java 8 does not know the option
    if found is None or int(found[1]) < OLDEST:
        raise SetupError(f"Java {OLDEST} is needed and {origin} is {f'version {found[1]}' if found else 'not one or older'}: {REMEDY}")
    if f"{MODULE}@" not in shown.stdout:
        raise SetupError(f"Java with the module {MODULE} is needed and {origin} lacks it: {REMEDY}")
