"""Which commands start, stop, resume and kill the session that is shown, and where it lives. This page runs none of them."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Any

import pandas as pd
import streamlit as st

from ctc.session import running
from ctc.settings import DEFAULT_STATE, Settings
from dashboard.inspector import data, frame
from dashboard.inspector.data import Source

FILES = {
    "settings.json": "the resolved profile; what every process and later command reads",
    "plan.json": "simulator: the seed, the markets and what is to be planted",
    "truth.json": "simulator: what was planted",
    "report.json": "the scorecard of a session that was run to its end, where --report wrote it here",
    "emulator": "the streams and tables; kept only when it is stopped in order",
    "checkpoints": "how far each Spark query is",
    "status": "what each process last said of itself",
    "logs": "one file a process",
}


def show(origin: Source, settings: Settings) -> None:
    """Draw the page."""
    state = Path(origin.state)
    up = running(state)
    label, icon = (
        ("A session runs on this folder", ":material/play_circle:") if up else ("No session runs on this folder", ":material/stop_circle:")
    )
    (st.success if up else st.warning)(f"{label}: `{state}`", icon=icon)
    st.caption("Commands to copy into a terminal; nothing is run from here.")
    left, right = st.columns(2)
    with left:
        _commands("Start, stop, go on", _running(settings, state))
    with right:
        _commands("Look", _looking(state))
    st.markdown("#### Processes and ports")
    _processes(data.services(origin))
    _ports(settings)
    st.markdown("#### The state folder")
    rows = [(name, "yes" if (state / name).exists() else "absent", words) for name, words in FILES.items()]
    st.dataframe(pd.DataFrame(rows, columns=["in it", "there", "what it is"]), hide_index=True, height="content")


def _option(state: Path) -> str:
    return "" if state == DEFAULT_STATE.resolve() else f" --state {quote(str(state))}"


def _running(settings: Settings, state: Path) -> dict[str, str]:
    word = "live" if settings.session.market == "live" else "sim"
    option, lock, report = _option(state), quote(str(state / "lock")), quote(str(state / "report.json"))
    return {
        "Stop: Ctrl-C in its terminal, or this; every process ends in order, and the state is kept": f"kill -INT $(cat {lock})",
        "Go on where it was stopped": f"ctc {word}{option} --resume",
        "Begin anew (clears the folder)": f"ctc {word}{option}",
        "Simulated, to its end, with the scorecard that the page Scorecard shows": f"ctc sim --exit{option} --report {report}",
        "What if a process dies? Kill one: it is started again, and nothing is lost (docs/FAULTS.md)": "kill -9 PID",
    }


def _looking(state: Path) -> dict[str, str]:
    option = _option(state)
    return {
        "How its processes are": f"ctc status{option}",
        "The newest alerts": f"ctc alerts{option} --type whale",
        "SQL": f'ctc query{option} "from spreads limit 5"',
        "What was refused": f"ctc dlq ls{option}",
        "What is missing": f"ctc gaps{option} --ids lost",
    }


def _commands(title: str, listed: dict[str, str]) -> None:
    st.markdown(f"#### {title}")
    for words, command in listed.items():
        st.caption(words)
        st.code(command, language="shell", wrap_lines=True)


def _processes(found: dict[str, dict[str, Any]]) -> None:
    if not found:
        st.info("No process has said anything: the session is not running, or has just begun.")
        return
    rows = [
        (name, str(values.get("pid", "")), str(values.get("phase") or values.get("state") or "running")) for name, values in found.items()
    ]
    st.dataframe(pd.DataFrame(rows, columns=["process", "pid", "state"]), hide_index=True, height="content")


def _ports(settings: Settings) -> None:
    rows = [
        ("API and dashboard", settings.api.port, "CTC_API__PORT"),
        ("inspector", settings.inspector.port, "CTC_INSPECTOR__PORT"),
        ("emulator (AWS)", settings.aws.emulator_port if settings.aws.emulator else 0, "CTC_AWS__EMULATOR_PORT"),
    ]
    listed = [(what, f"127.0.0.1:{port}", variable) for what, port, variable in rows if port]
    st.dataframe(pd.DataFrame(listed, columns=["port of", "address", "changed by"]), hide_index=True, height="content")
    links = st.columns(4)
    links[0].link_button("Dashboard", f"http://127.0.0.1:{settings.api.port}/", width="stretch")
    links[1].link_button("API", f"http://127.0.0.1:{settings.api.port}/docs", width="stretch")


frame.page("Session control", "Commands, ports and files", show)
