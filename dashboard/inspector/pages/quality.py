"""Data quality: the score, all rules, and the dead-letter queue with each letter's bytes, shown so that nothing acts on them."""

from __future__ import annotations

from typing import get_args

import pandas as pd
import streamlit as st

from ctc.api.models import Quality
from ctc.quality.letters import Letter, printable
from ctc.quality.rules import Category
from ctc.settings import Settings
from dashboard.inspector import charts, data, frame, words
from dashboard.inspector.data import Source

LISTED = ["arrived_at", "category", "symbol", "rules", "exchange", "id"]
SHOWN = 4_000  # characters of a letter


def show(origin: Source, settings: Settings) -> None:
    """Draw the page."""
    found = data.quality(origin)
    _score(found)
    st.markdown(f"#### The {len(found.rules)} rules, and what broke them in the last day")
    rules = pd.DataFrame(
        [(rule.rule, rule.records, rule.dimension, _does(rule.action, rule.category), rule.holds_when) for rule in found.rules]
    )
    rules.columns = pd.Index(["rule", "records", "dimension", "a record that breaks it", "it holds when"])
    st.dataframe(rules.sort_values("records", ascending=False, kind="stable"), hide_index=True, height=300)
    st.markdown("#### The dead-letter queue")
    _letters(origin)


def _score(found: Quality) -> None:
    current, total = found.current, found.total
    if current is None or total is None:
        st.info("Nothing was counted yet: the lake's query counts each batch, the first some 15 s after its start.")
        return
    columns = st.columns(6)
    columns[0].metric(
        "Score, 5 minutes",
        words.percent(current.score, 2),
        help=f"Passed of processed; target {found.target} %, alarm below {found.alarm_below} %",
    )
    columns[1].metric("Score, a day", words.percent(total.score, 2))
    for column, name in zip(columns[2:], ("processed", "failed", "late", "duplicates"), strict=True):
        column.metric(name.capitalize(), f"{getattr(total, name):,}", help="In the last day of the stream's time")
    st.altair_chart(charts.quality_over_time(found.series, float(found.target), float(found.alarm_below)), width="stretch")
    st.caption(f"Five minutes a step, by arrival in the stream, until {words.moment(found.as_of)}." if found.as_of else "")


def _does(action: str, category: str | None) -> str:
    return f"refused: {category}" if category else {"flag": "flagged, and stays"}.get(action, "dropped, and counted")


def _letters(origin: Source) -> None:
    category = st.selectbox("Folder", ["any", *get_args(Category)], key="category", bind="query-params")
    found = data.letters(origin, None if category == "any" else category)
    if not found:
        st.info("No letter here: nothing was refused. `ctc dlq ls` asks the same in a terminal.")
        return
    st.caption(
        f"{len(found):,} letters of the newest {data.FILES_OF_LETTERS} files, newest first, kept for 7 days. Choose one to see its bytes."
    )
    rows = words.frame(found, LISTED).assign(
        rules=[", ".join(dict.fromkeys(letter.rules)) for letter in found], bytes=[len(letter.raw) for letter in found]
    )
    event = st.dataframe(
        rows,
        hide_index=True,
        height=260,
        on_select="rerun",
        selection_mode="single-row",
        key=f"letters-{category}-{found[0].id}",
        column_config={"arrived_at": st.column_config.DatetimeColumn("arrived", format="YYYY-MM-DD HH:mm:ss", timezone="UTC")},
    )
    picked = event["selection"]["rows"]
    _letter(found[picked[0] if picked else 0])


def _letter(letter: Letter) -> None:
    st.markdown(
        f"**Letter {letter.id}**, refused for:\n" + "\n".join(f"- {words.escaped(printable(each.encode()))}" for each in letter.reasons)
    )
    cut = f", of which {letter.cut_from:,} came" if letter.cut_from else ""
    st.caption(
        f"{len(letter.raw):,} bytes{cut} · {letter.source} · {letter.shard} at {letter.sequence_number}, line {letter.position} · "
        f"`ctc dlq show {letter.id}` shows it in a terminal, `ctc dlq replay` sends letters again once a rule is mended"
    )
    text, bytes_ = st.tabs(["As text, unprintable bytes escaped", "As bytes"])
    text.code(printable(letter.raw, SHOWN), language=None, wrap_lines=True)
    bytes_.code(words.hexdump(letter.raw), language=None)


frame.page("Quality and dead letters", "What passed, what was refused, and why", show)
