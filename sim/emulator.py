"""The embedded emulator: MiniStack on 127.0.0.1, with its state in the session's folder.

What it does with state (1.5.33, read and tried):
- S3 objects are on disk as they are written; Kinesis records, DynamoDB items, Glue tables and all other metadata are
  written at a graceful stop only. SIGTERM and SIGINT are the same: open requests get 3 s, then every service is written.
- A service that can't be written or read is only logged; `sim.ministack_server` makes both visible.
- Sequence numbers are wall milliseconds and a counter that begins again with each start: increasing across a restart, but
  not across a wall clock that was set back.
- Shard iterators outlive a restart, for 300 s from when they were made.
"""

from __future__ import annotations

import time
from pathlib import Path

import httpx

from ctc.errors import SessionError, SetupError
from ctc.processes import HOST, Child, port_is_free, spawn
from ctc.settings import ROOT, Settings
from sim import ministack_server

PYTHON = ROOT / ".tools" / "emulator" / "bin" / "python"
START_S = 120.0
STOP_S = 120.0


class MiniStack:
    """Starts and stops the emulator of one session (`ctc.ports.Service`)."""

    def __init__(self, settings: Settings, state: Path) -> None:
        self._aws = settings.aws
        self._state = state.resolve()
        self._folder = self._state / "emulator"
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Returns when it answers. SetupError says what the machine lacks, SessionError that the state is lost."""
        port = self._aws.emulator_port
        if not PYTHON.exists():
            raise SetupError(f"the emulator is not installed ({PYTHON.parent.parent}): run `make setup`")
        if not port_is_free(port):
            raise SetupError(f"port {port} of {HOST} is in use: stop what uses it, or choose another with CTC_AWS__EMULATOR_PORT=PORT")
        for name in ("state", "s3"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        self._child = spawn(
            "emulator",
            [ministack_server.__file__, str(self._folder)],
            self._state,
            python=PYTHON,
            environment=self._environment(),
        )
        try:
            self._await_answer(self._child)
        except BaseException:
            self._child.kill()
            self._child = None
            raise

    def check(self) -> None:
        """Raise SessionError, with its last words, when it has died; its streams and tables are lost then."""
        if self._child is not None and (status := self._child.poll()) is not None:
            raise SessionError(f"the emulator died (exit status {status}); its log, {self._child.log}, ends:\n{self._child.tail()}")

    def stop(self) -> None:
        """Returns when all state is on disk. SessionError says that it is not, and what that means."""
        child, self._child = self._child, None
        if child is None:
            return
        status = child.stop(STOP_S)
        if not (self._folder / "clean").exists():
            raise SessionError(
                f"the emulator ended without keeping its state (exit status {status}, see {child.log}): "
                f"what was in its streams and tables is lost, and this session can't be resumed"
            )

    def _environment(self) -> dict[str, str]:
        return {
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self._aws.emulator_port),
            "MINISTACK_REGION": self._aws.region,
            "MINISTACK_ACCOUNT_ID": self._aws.account,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self._folder / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self._folder / "s3"),
            "SFN_WAIT_SCALE": "0.01",  # Step Functions' waits; 0 would poll without a pause
            "LOG_LEVEL": "WARNING",
            "IOT_MTLS_ENABLED": "0",  # else it listens on 8883 as well
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": f"unix://{self._folder}/no-docker",  # else it removes other MiniStacks' containers at start
        }

    def _await_answer(self, child: Child) -> None:
        url = f"http://{HOST}:{self._aws.emulator_port}/_ministack/health"
        deadline = time.monotonic() + START_S
        with httpx.Client(trust_env=False, timeout=2) as client:
            while time.monotonic() < deadline:
                status = child.wait(0.05)
                if status is not None:
                    raise self._failure(child, status)
                try:
                    if client.get(url).is_success:
                        return
                except httpx.TransportError:
                    continue
        raise SetupError(f"the emulator did not answer on {url} within {START_S:.0f} s; its log, {child.log}, ends:\n{child.tail()}")

    def _failure(self, child: Child, status: int) -> SetupError | SessionError:
        if status == ministack_server.UNCLEAN:
            return SessionError(
                f"the emulator of {self._state} was killed before it could keep its streams and tables, "
                f"so this session can't be resumed: start a new one without --resume"
            )
        if status == ministack_server.UNREADABLE:
            return SessionError(f"what the emulator kept in {self._folder} can't be read, see {child.log}: start anew without --resume")
        return SetupError(f"the emulator ended at its start (exit status {status}); its log, {child.log}, ends:\n{child.tail()}")
