"""The inspector: a read-only view of one session. `streamlit run dashboard/inspector/app.py`, with CTC_STATE set."""

from __future__ import annotations

import streamlit as st

from ctc.errors import CtcError
from ctc.settings import Settings
from dashboard.inspector import alerts, data, market, overview

DISCLAIMER = "For educational and analytical purposes only. Not financial advice."
PAGES = ("Overview", "Alerts", "Market")
REFRESH_S = 10


def main() -> None:
    """Draw the chosen page, or say in words why it can't be drawn."""
    st.set_page_config(page_title="Coat Tail Capital: inspector", page_icon=":material/search:", layout="wide")
    st.set_option("client.toolbarMode", "viewer")
    st.sidebar.title("Inspector")
    asked = st.query_params.get("page")  # ?page=Market opens on it
    page = st.sidebar.radio("Page", PAGES, index=PAGES.index(asked) if asked in PAGES else 0, label_visibility="collapsed")
    again = st.sidebar.toggle(
        f"Refresh every {REFRESH_S} s", value=True, disabled=page == "Alerts", help="Alerts stay as they are while you read"
    )
    if st.sidebar.button("Look again", width="stretch"):
        st.cache_data.clear()
    live = again and page != "Alerts"
    st.fragment(_draw, run_every=REFRESH_S if live else None)(page)


def _draw(page: str) -> None:
    try:
        origin = data.source()
        settings = data.stores(origin).settings
        _head(page, settings)
        if page == "Overview":
            overview.show(origin)
        elif page == "Alerts":
            alerts.show(origin, settings.session.symbols)
        else:
            market.show(origin, settings)
    except CtcError as error:
        st.error(f"{error}", icon=":material/error:")
        st.caption("Nothing was changed. Once that is mended, choose Look again.")


def _head(page: str, settings: Settings) -> None:
    title = settings.session.title
    st.subheader(page, anchor=False)
    badge, words = st.columns([1, 5], vertical_alignment="center")
    if "simulated" in title:
        badge.badge("Simulated market", icon=":material/science:", color="orange")
    else:
        badge.badge(title.capitalize(), icon=":material/sensors:", color="green")
    words.caption(f"{', '.join(settings.session.exchanges)} · {', '.join(settings.session.symbols)} · {DISCLAIMER}")


main()
