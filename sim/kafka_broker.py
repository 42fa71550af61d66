"""A real Kafka broker on 127.0.0.1: one node in KRaft mode, from Maven Central's jars (`make kafka-setup`).

`python -m sim.kafka_broker FOLDER PORT` runs one until Ctrl-C; a session is put on it by CTC_STREAM__SOURCE=kafka and
CTC_STREAM__BOOTSTRAP=127.0.0.1:PORT. What it was told is in FOLDER and there again when it is started again.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ctc.errors import SetupError
from ctc.processes import HOST, Child, free_port, port_is_free, spawn
from ctc.settings import ROOT, java_home

PACKAGES = ("org.apache.kafka:kafka_2.13:4.1.1",)
JARS = ROOT / ".tools" / "kafka" / "broker" / "jars"
START_S = 60.0
STOP_S = 30.0
CLUSTER = "Y3RjLXNpbXVsYXRlZC1icg"
JAVA_OPTIONS = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
log.dirs={log}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.cleaner.enable=false
"""


class KafkaBroker:
    """Starts and stops a broker on a folder of its own (`ctc.ports.Service`)."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self._folder = folder.resolve()
        self._port = port or free_port()
        self._child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """What `stream.bootstrap` is to be."""
        return f"{HOST}:{self._port}"

    def start(self) -> None:
        """Returns when it answers. SetupError says what the machine lacks."""
        if not class_path():
            raise SetupError(f"there is no Kafka in {JARS}: run `make kafka-setup`")
        if not port_is_free(self._port):
            raise SetupError(f"port {self._port} of {HOST} is in use: stop what uses it, or choose another")
        self._child = spawn("kafka", ["sim.kafka_broker", str(self._folder), str(self._port)], self._folder)
        try:
            self._await_answer(self._child)
        except BaseException:
            self.kill()
            raise

    def check(self) -> None:
        """Raise SetupError, with its last words, when it has died."""
        if self._child is not None and (status := self._child.poll()) is not None:
            raise SetupError(f"the Kafka broker ended (exit status {status}); its log, {self._child.log}, ends:\n{self._child.tail()}")

    def stop(self) -> None:
        """Returns when it has ended in order."""
        child, self._child = self._child, None
        if child is not None:
            child.stop(STOP_S)

    def kill(self) -> None:
        """End it as a crash would."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()

    def _await_answer(self, child: Child) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 200})
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            self.check()
            try:
                admin.list_topics(timeout=1)
            except KafkaException:
                continue
            return
        raise SetupError(f"the Kafka broker did not answer on {self.bootstrap} within {START_S:.0f} s; {child.log} ends:\n{child.tail()}")


def class_path() -> str:
    """Kafka's jars and the Scala that they were made for, which Spark has; "" where they are not."""
    if not JARS.is_dir():
        return ""
    import pyspark

    scala = Path(pyspark.__file__).parent / "jars"
    return ":".join(map(str, [*sorted(JARS.glob("*.jar")), *scala.glob("scala-library-*.jar")]))


def java(main: str, *arguments: str) -> list[str]:
    """The command that runs a class of Kafka's."""
    home = java_home()
    return [str(Path(home) / "bin" / "java") if home else "java", *JAVA_OPTIONS, "-cp", class_path(), main, *arguments]


def main(arguments: Sequence[str]) -> int:
    """Make the folder a broker's, if it is not yet, and run it; its exit code."""
    folder, port = Path(arguments[0]).resolve(), int(arguments[1])
    log, properties = folder / "log", folder / "server.properties"
    folder.mkdir(parents=True, exist_ok=True)
    properties.write_text(PROPERTIES.format(host=HOST, port=port, controller=free_port(), log=log))
    if not (log / "meta.properties").exists():
        subprocess.run(java("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(properties)), check=True)
    broker = subprocess.Popen(java("kafka.Kafka", str(properties)))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: broker.terminate())
    return broker.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
