"""How well the detectors do: this session's scorecard where it has one, what was planted in it so far, and the docs' figures."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pandas as pd
import streamlit as st

from ctc.settings import ROOT, Settings
from dashboard.inspector import data, frame, planted, report
from dashboard.inspector.data import Source

REPORT = "report.json"
PAGE, PLOT = ROOT / "docs" / "SCORECARD.md", ROOT / "docs" / "images" / "scorecard.svg"
RULE = ["rule", "seeded", "qualifying", "detected", "recall", "alerts", "noise", "false", "precision", "detect_p50_s", "detect_p99_s"]


def show(origin: Source, settings: Settings) -> None:
    """Draw the page."""
    st.markdown("#### This session's scorecard")
    _report(Path(origin.state) / REPORT)
    st.markdown("#### Planted so far, and what answered")
    _planted(origin, settings)
    st.markdown("#### A simulated day, from the docs")
    _docs()


def _report(path: Path) -> None:
    if _is_older(path, path.with_name("plan.json")):
        st.info(f"Absent: {path} is of an earlier session in this folder.")
        return
    try:
        found = msgspec.json.decode(path.read_bytes(), type=report.Report)
    except FileNotFoundError:
        command = f"ctc sim --exit --state {path.parent} --report {path}"
        st.info(f"Absent: a session that goes on has none. `{command}` runs one to its end and writes it there.")
        return
    except (OSError, msgspec.MsgspecError) as error:
        st.warning(f"{path} can't be read as a session's report: {error}")
        return
    (st.success if found.scorecard.ok else st.error)("\n\n".join(found.scorecard.verdict))
    if found.scorecard.rules and found.simulated:
        st.dataframe(pd.DataFrame(found.scorecard.rules).reindex(columns=RULE), hide_index=True, height="content")
    st.dataframe(pd.DataFrame(found.scorecard.equality).drop(columns="first", errors="ignore"), hide_index=True, height="content")
    st.caption(
        f"{found.session}{f', seed {found.seed}' if found.seed is not None else ''}. Recall counts what qualifies by the rule's formula."
    )


def _is_older(path: Path, other: Path) -> bool:
    return path.exists() and other.exists() and path.stat().st_mtime < other.stat().st_mtime


def _planted(origin: Source, settings: Settings) -> None:
    if settings.session.market != "simulated":
        st.info("Absent: nothing is planted in a real market.")
        return
    found = planted.seeds(Path(origin.state))
    if not found:
        st.info("Absent: no anomaly was planted yet, or the simulator has not said so (`truth.json` in the state folder).")
        return
    now = data.clock(origin)
    due = [seed for seed in found if now and seed.end <= now]
    st.dataframe(planted.table(due, planted.answered(origin, due)), hide_index=True, height="content")
    st.caption(
        f"{len(due)} of {len(found)} planted anomalies lie before the session's now. Small ones are planted below the "
        "threshold, and no alert is right for them; whether one qualifies is for the scorecard to say. An alert answers a planted "
        "anomaly if it is of its rule, symbol and time."
    )


def _docs() -> None:
    if not PAGE.exists():
        st.info("Absent: docs/SCORECARD.md is not installed here.")
        return
    text = PAGE.read_text()
    st.caption("`ctc score --minutes 1440`, without Spark; not this session's. The whole page is docs/SCORECARD.md.")
    if PLOT.exists():
        st.image(str(PLOT), width=760)
    with st.expander("docs/SCORECARD.md"):
        st.markdown("\n".join(line for line in text.splitlines() if not line.startswith("![")))


frame.page("Scorecard", "What was planted against what was found", show)
