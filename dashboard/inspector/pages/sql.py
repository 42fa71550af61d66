"""SQL over the lake, read only and limited, as it is or as it was (/sql?sql=...&as_of=...)."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from ctc.aws.history import Commit
from ctc.aws.workbench import Limits
from ctc.errors import ConfigError
from ctc.settings import Settings
from dashboard.inspector import data, frame, words
from dashboard.inspector.data import Source

EXAMPLES = {
    "The tables": "show tables",
    "Columns of raw_trades": "describe raw_trades",
    "Trades by symbol": """select symbol, exchange, count(*) as trades, sum(quote_volume) as dollars
from raw_trades
group by all order by trades desc""",
    "Largest whales": """select timestamp, symbol, exchange, side, quote_volume, severity, alert_id
from anomalies
where type = 'whale'
order by quote_volume desc limit 20""",
    "Loudest minutes": """select window_start, symbol, exchange, quote_volume, z_score, robust_score
from volume_aggregates
where z_score is not null
order by abs(z_score) desc limit 20""",
    "Delay of trades": """select exchange,
       quantile_cont(date_diff('millisecond', timestamp, ingestion_timestamp), [0.5, 0.99]) as p50_p99_ms
from raw_trades
group by exchange""",
    "What was refused": """select symbol, measure, sum(records) as records
from quality
where dimension is not null
group by all order by records desc""",
    "Ids not received": """select symbol, exchange, state, first_id, last_id, started_at
from gaps
where state <> 'received'
order by started_at""",
}
MOST_COMMITS = 200


def show(origin: Source, settings: Settings) -> None:
    """Draw the page."""
    limits = Limits()
    held = data.commits(origin)
    moment = _moment(held)
    st.session_state.setdefault("sql", EXAMPLES["The tables"])
    columns = st.columns(4)
    for number, (name, sql) in enumerate(EXAMPLES.items()):
        columns[number % 4].button(name, key=f"example-{number}", width="stretch", on_click=_take, args=(sql,))
    with st.form("question", border=False):
        sql = st.text_area("One SELECT, WITH, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN", key="sql", height=150, bind="query-params")
        st.form_submit_button("Ask", type="primary", icon=":material/play_arrow:")
    st.caption(
        f"DuckDB, read only, nothing but the tables {', '.join(held)}; the first {limits.rows:,} rows, at most {limits.seconds:g} s. "
        "Naming a symbol and a span of `timestamp` reads fewer files."
    )
    try:
        found = data.ask(origin, sql, moment)
    except ConfigError as error:
        st.error(words.escaped(str(error)), icon=":material/error:")
        return
    rows = words.exact(found.rows.to_pandas(timestamp_as_object=False))
    more = f"the first {len(rows):,} rows; there are more" if found.cut else f"{len(rows):,} rows"
    st.caption(f"{more} · {found.seconds:.2f} s · {f'as of {words.moment(moment)}' if moment else 'as of now'}")
    st.dataframe(rows, hide_index=True, height="content" if len(rows) < 12 else 420)


def _take(sql: str) -> None:
    st.session_state["sql"] = sql


def _moment(held: dict[str, list[Commit]]) -> datetime | None:
    """When the lake is to be looked at: at a commit of a table, or None for now."""
    names = [name for name, commits in held.items() if commits]
    left, right = st.columns([1, 3])
    table = left.selectbox("Commits of", names or ["(none)"], index=names.index("raw_trades") if "raw_trades" in names else 0)
    commits = held.get(table, [])[:MOST_COMMITS]
    known = {each.at.isoformat(): _words(each) for each in commits}
    asked = st.query_params.get("as_of")
    if asked and asked not in known and (other := _parsed(asked)):
        known = {asked: f"{words.moment(other)} (from the link)", **known}
    choices = ["", *known]
    picked = right.selectbox(
        "The lake as it was after (all tables, by wall time)",
        choices,
        index=choices.index(asked) if asked in choices else 0,
        format_func=lambda key: known.get(key, "now"),
        help="Iceberg keeps every commit as a snapshot; queries then read each table as it was at that moment",
    )
    if picked:
        st.query_params["as_of"] = picked
    elif asked:
        del st.query_params["as_of"]
    return _parsed(picked)


def _words(each: Commit) -> str:
    by = f"{each.query} batch {each.batch}" if each.query else each.operation
    return f"{words.moment(each.at)} · {by} · +{each.added:,} = {each.rows:,} rows"


def _parsed(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else None


frame.page("SQL over the lake", "As it is, or as it was", show)
