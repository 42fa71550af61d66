"""The inspector: a read-only view of one session. `streamlit run dashboard/inspector/app.py`, with CTC_STATE set."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

PAGES = Path(__file__).parent / "pages"
WATCH = (
    ("overview", "Overview", ":material/home:"),
    ("alert", "Alerts", ":material/notifications:"),
    ("market", "Market", ":material/candlestick_chart:"),
)
TRUST = (
    ("quality", "Quality and DLQ", ":material/verified:"),
    ("gaps", "Gaps", ":material/link_off:"),
    ("scorecard", "Scorecard", ":material/target:"),
)
DIG = (
    ("wallets", "Wallets", ":material/account_balance_wallet:"),
    ("sql", "SQL over the lake", ":material/database:"),
    ("session", "Session control", ":material/terminal:"),
)


def main() -> None:
    """Draw the page that the URL names: /alert?alert_id=..., /market?symbol=..., /sql?sql=..."""
    st.set_page_config(page_title="Coat Tail Capital: inspector", page_icon=":material/search:", layout="wide")
    found = {section: [_page(*each) for each in pages] for section, pages in (("Watch", WATCH), ("Trust", TRUST), ("Dig", DIG))}
    chosen = st.navigation(found)
    st.sidebar.toggle(
        "Refresh every 10 s", value=True, key="refresh", persist_state="session", help="Overview and Market; the others stay as you read"
    )
    if st.sidebar.button("Look again", width="stretch"):
        st.cache_data.clear()
    chosen.run()


def _page(name: str, title: str, icon: str) -> object:
    return st.Page(PAGES / f"{name}.py", title=title, icon=icon, url_path=name, default=name == "overview")


main()
