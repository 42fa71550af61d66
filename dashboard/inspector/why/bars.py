"""Why a volume alert fired: the minutes around it, z and robust score side by side, and the arithmetic done once more."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import streamlit as st

from ctc.detect.baseline import baseline
from ctc.model import Alert, Bar
from ctc.settings import Settings
from dashboard.inspector import charts, data, words
from dashboard.inspector.data import Source

AFTER = timedelta(minutes=5)
COLUMNS = [
    "window_start",
    "quote_volume",
    "trade_count",
    "complete",
    "rolling_mean",
    "rolling_std",
    "z_score",
    "robust_score",
    "baseline_bars",
]


def show(origin: Source, settings: Settings, alert: Alert) -> None:
    """Draw it."""
    assert alert.window_start is not None, "a volume alert has a window"
    assert alert.window_end is not None, "a volume alert has a window"
    own = settings.volume
    st.caption(_sentence(alert))
    columns = st.columns(6)
    columns[0].metric("z-score", words.number(alert.z_score), help=f"volume.z fires beyond ± {own.z_threshold}")
    columns[1].metric("Robust score", words.number(alert.robust_score), help=f"volume.robust fires beyond ± {own.robust_threshold}")
    columns[2].metric("Threshold crossed", f"± {words.number(alert.threshold)}")
    columns[3].metric("Volume of the minute", words.dollars(alert.window_volume))
    columns[4].metric("Mean before", words.dollars(alert.rolling_mean), help=f"Of {alert.baseline_bars} complete minutes before it")
    columns[5].metric("Deviation before", words.dollars(alert.rolling_std))
    since = alert.window_start - timedelta(seconds=own.baseline_bars * own.window_s)
    found = [bar for bar in data.bars(origin, alert.symbol, since, alert.window_end + AFTER) if bar.exchange == alert.exchange]
    if not found:
        st.info("The minutes around it are not stored any more, or not yet: the first bar is written when its minute has closed.")
        return
    st.markdown("#### Bar by bar")
    st.altair_chart(charts.bars_around(found, alert, own.z_threshold), width="stretch")
    left, right = st.columns(2)
    left.altair_chart(charts.scores(found, alert, "z_score", "z-score", own.z_threshold), width="stretch")
    right.altair_chart(charts.scores(found, alert, "robust_score", "robust score", own.robust_threshold), width="stretch")
    _again(settings, alert, found)
    with st.expander(f"The {len(found)} minutes in figures"):
        st.dataframe(_table(found, alert), hide_index=True, height=420)


def _sentence(alert: Alert) -> str:
    score, name = (alert.z_score, "standard deviations") if alert.rule == "volume.z" else (alert.robust_score, "robust deviations")
    way = "below" if score is not None and score < 0 else "above"
    return (
        f"In the minute from {words.moment(alert.window_start)} {words.dollars(alert.window_volume)} was traded in "  # type: ignore[arg-type]
        f"{alert.trade_count:,} trades: {words.number(abs(score) if score is not None else None)} {name} {way} what the "
        f"{alert.baseline_bars} complete minutes before it were like.".replace("$", "\\$")
    )


def _again(settings: Settings, alert: Alert, bars: list[Bar]) -> None:
    """The baseline from the bars shown, by the fold's own arithmetic, beside what the alert says."""
    assert alert.window_start is not None
    assert alert.window_volume is not None
    before = [bar.quote_volume for bar in bars if bar.complete and bar.window_start < alert.window_start]
    made = baseline(0, before, settings.volume.min_bars)
    again = (made.bars, made.z_score(alert.window_volume), made.robust_score(alert.window_volume))
    said = (alert.baseline_bars, alert.z_score, alert.robust_score)
    names = ("bars in the baseline", "z-score", "robust score")
    if again == said:
        st.success(
            f"Computed once more from the {made.bars} bars before it: the same z and robust score, to eight places "
            f"(z {words.plain(alert.z_score)}, robust {words.plain(alert.robust_score)}).",
            icon=":material/check:",
        )
        return
    lines = [
        f"{name}: {words.plain(one)} here, {words.plain(two)} in the alert"
        for name, one, two in zip(names, again, said, strict=True)
        if one != two
    ]
    st.warning("Computed once more from the bars before it, this differs; are some of them no longer stored? " + "; ".join(lines))


def _table(bars: list[Bar], alert: Alert) -> pd.DataFrame:
    table = words.exact(words.frame(bars, COLUMNS))
    verdicts = ["◀ this alert" if bar.window_start == alert.window_start else "" for bar in bars]
    return table.assign(verdict=verdicts).iloc[::-1]
