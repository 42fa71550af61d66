"""What every page has: its head with the kind of market, trouble in words, the disclaimer, and a new look every ten seconds."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ctc.api.models import DISCLAIMER
from ctc.errors import CtcError
from ctc.settings import Settings
from dashboard.inspector import data
from dashboard.inspector.data import Source

REFRESH_S = 10
BADGES = {
    "simulated": ("Simulated market", ":material/science:", "orange"),
    "recorded": ("Recorded market", ":material/history:", "violet"),
    "live": ("Live market", ":material/sensors:", "green"),
}
Show = Callable[[Source, Settings], None]


def page(title: str, words: str, show: Show, *, live: bool = False) -> None:
    """Draw a page, or say in words why it can't be drawn; a live one is drawn again by itself."""

    def draw() -> None:
        try:
            origin = data.source()
            settings = data.stores(origin).settings
            _head(title, words, settings)
            show(origin, settings)
        except CtcError as error:
            st.error(f"{error}", icon=":material/error:")
            st.caption("Nothing was changed. Once that is mended, choose Look again.")
        st.divider()
        st.caption(DISCLAIMER)

    again = live and st.session_state.get("refresh", True)
    st.fragment(draw, run_every=REFRESH_S if again else None)()


def _head(title: str, words: str, settings: Settings) -> None:
    own = settings.session
    label, icon, color = BADGES.get(own.market, (own.title.capitalize(), ":material/help:", "gray"))
    st.subheader(title, anchor=False)
    badge, about = st.columns([1, 5], vertical_alignment="center")
    badge.badge(label, icon=icon, color=color)  # type: ignore[arg-type]
    about.caption(f"{words} · {', '.join(own.exchanges)} · {', '.join(own.symbols)} · times are UTC")
