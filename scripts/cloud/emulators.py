"""The emulators that `make infra-sim` applies to: MiniStack, and moto for what MiniStack has not got. Both on 127.0.0.1."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from ctc.cli.live import with_ports
from ctc.errors import SetupError
from ctc.processes import HOST, free_port, spawn
from ctc.settings import ROOT, Settings, load_profile
from sim.emulator import MiniStack

PYTHON = ROOT / ".tools" / "infra" / "bin" / "python"
MOTO = Path(__file__).with_name("moto_server.py")
START_S = 60.0
ON_MOTO = ("EMR_SERVERLESS", "LAKEFORMATION")


@contextmanager
def running(state: Path) -> Iterator[tuple[Settings, dict[str, str]]]:
    """The sim profile's settings with free ports, and the environment that leads Terraform to both."""
    settings = with_ports(load_profile("sim"), True, exchanges=True)
    emulator = MiniStack(settings, state)
    state.mkdir(parents=True, exist_ok=True)
    with moto(state) as moto_port:
        emulator.start()
        try:
            yield settings, environment(settings, moto_port)
        finally:
            emulator.stop()


@contextmanager
def moto(state: Path) -> Iterator[int]:
    """moto's server, its log in `state`; its port."""
    port = free_port()
    server = spawn("moto", [str(MOTO), str(port)], state, python=PYTHON)
    try:
        _await(port)
        yield port
    finally:
        server.stop()


def environment(settings: Settings, moto_port: int) -> dict[str, str]:
    """Dummy credentials, and where each service is; no other address can be reached by them."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": settings.aws.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": settings.aws.endpoint,
        **{f"AWS_ENDPOINT_URL_{name}": f"http://{HOST}:{moto_port}" for name in ON_MOTO},
        "NO_PROXY": HOST,
        "no_proxy": HOST,
    }


def _await(port: int) -> None:
    deadline = time.monotonic() + START_S
    with httpx.Client(trust_env=False, timeout=2) as client:
        while time.monotonic() < deadline:
            try:
                if client.get(f"http://{HOST}:{port}/moto-api/data.json").is_success:
                    return
            except httpx.TransportError:
                continue
    raise SetupError(f"moto did not answer on {HOST}:{port} within {START_S:.0f} s")
