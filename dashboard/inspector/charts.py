"""Altair charts of frames that `data` gives; times are shown in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import altair as alt
import msgspec
import pandas as pd

from ctc.api.models import QualityPoint
from ctc.model import Alert, Bar, Spread
from ctc.wallets import WalletScore

TIME = "datetime64[ns, UTC]"
BLUE, ORANGE, GREEN, RED, GREY = "#4c78a8", "#f58518", "#2ca02c", "#d62728", "#8a8f98"
SEVERITIES = ("low", "medium", "high", "critical")
_MONEY = "$,.2s"
_HEIGHT = 220
_AXIS = 52
Domain = list[str]  # first and last moment, ISO


def market(
    bars: pd.DataFrame, spreads: pd.DataFrame, alerts: pd.DataFrame, z_threshold: Decimal, spread_threshold: Decimal
) -> list[alt.Chart | alt.LayerChart]:
    """Volume of each exchange with its baseline, spreads and whales, to be put under each other: all have one time axis."""
    domain = _domain(bars["window_start"], bars["window_end"], spreads["window_start"], alerts["event_time"])
    rows: list[alt.Chart | alt.LayerChart] = [
        volume(bars[bars["exchange"] == name], alerts[alerts["exchange"] == name], name, float(z_threshold), domain)
        for name in sorted(bars["exchange"].unique())
    ]
    if len(spreads):
        rows.append(spread(spreads, alerts[alerts["type"] == "spread"], float(spread_threshold), domain))
    whales = alerts[alerts["type"] == "whale"]
    if len(whales):
        rows.append(whale_prints(whales, domain))
    return rows


def volume(bars: pd.DataFrame, alerts: pd.DataFrame, exchange: str, threshold: float, domain: Domain) -> alt.LayerChart:
    """Bars of quote volume, the band mean +- threshold * std that they were tested against, and what fired."""
    frame = _floats(bars, "quote_volume", "rolling_mean", "rolling_std", "z_score", "robust_score")
    frame["low"] = (frame["rolling_mean"] - threshold * frame["rolling_std"]).clip(lower=0)
    frame["high"] = frame["rolling_mean"] + threshold * frame["rolling_std"]
    frame["bar"] = frame["complete"].map({True: "complete", False: "incomplete"})
    base = alt.Chart(frame)
    tip = [_when("window_start"), _tip("quote_volume"), _tip("rolling_mean"), _tip("rolling_std"), _tip("z_score"), _tip("robust_score")]
    columns = base.mark_rect(stroke="white", strokeWidth=0.6).encode(
        x=_x("window_start", domain),
        x2="window_end:T",
        y=_y("quote_volume", f"{exchange} volume / min", format=_MONEY),
        y2=alt.datum(0),
        opacity=alt.Opacity("bar:N", scale=alt.Scale(domain=["complete", "incomplete"], range=[0.75, 0.25]), legend=None),
        color=alt.value(BLUE),
        tooltip=tip,
    )
    band = base.mark_area(opacity=0.22, color=ORANGE, interpolate="step-after").encode(x=_x("window_start", domain), y="low:Q", y2="high:Q")
    mean = base.mark_line(color=ORANGE, strokeWidth=1.2, interpolate="step-after").encode(x=_x("window_start", domain), y="rolling_mean:Q")
    return alt.LayerChart(layer=[band, columns, mean, _volume_marks(alerts, domain)]).properties(height=_HEIGHT)


def _volume_marks(alerts: pd.DataFrame, domain: Domain) -> alt.Chart:
    fired = alerts[alerts["type"] == "volume_spike"]
    frame = _floats(fired, "window_volume", "z_score", "robust_score")
    frame["middle"] = frame["window_start"] + (frame["window_end"] - frame["window_start"]) / 2
    frame["rule"] = frame["rule"].str.removeprefix("volume.")
    score = frame["z_score"].where(frame["rule"] == "z", frame["robust_score"])
    frame["what"] = frame["rule"] + score.map(lambda value: " drought" if value < 0 else " spike")
    marks = alt.Chart(frame).mark_point(filled=True, size=90, opacity=0.95, stroke="white", strokeWidth=0.7)
    found: alt.Chart = marks.encode(
        x=_x("middle", domain),
        y="window_volume:Q",
        shape=alt.Shape(
            "what:N",
            title="volume alerts",
            legend=_legend(symbolFillColor=RED, symbolStrokeWidth=0),
            scale=alt.Scale(
                domain=["z spike", "robust spike", "z drought", "robust drought"],
                range=["triangle-up", "diamond", "triangle-down", "cross"],
            ),
        ),
        color=alt.value(RED),
        tooltip=[_when("window_start"), "what:N", "severity:N", _tip("window_volume"), _tip("z_score"), _tip("robust_score")],
    )
    return found


def spread(spreads: pd.DataFrame, alerts: pd.DataFrame, threshold: float, domain: Domain) -> alt.LayerChart:
    """Binance against Coinbase in percent, as quoted and adjusted by the peg, with the lines that raise an alert."""
    frame = _floats(spreads, "spread_pct", "adjusted_spread_pct")
    long = frame.melt(["window_start"], ["spread_pct", "adjusted_spread_pct"], "kind", "percent")
    long["kind"] = long["kind"].map({"spread_pct": "raw", "adjusted_spread_pct": "peg-adjusted"})
    colors = alt.Scale(domain=["raw", "peg-adjusted"], range=[BLUE, GREEN])
    lines = (
        alt.Chart(long)
        .mark_line(strokeWidth=1.4, interpolate="step-after")
        .encode(
            x=_x("window_start", domain),
            y=_y("percent", "spread %", format=".2f"),
            color=alt.Color("kind:N", title="spread", scale=colors, legend=_legend()),
            tooltip=[_when("window_start"), "kind:N", alt.Tooltip("percent:Q", format=".4f")],
        )
    )
    rules = alt.Chart(pd.DataFrame({"percent": [threshold, -threshold]})).mark_rule(color=RED, strokeDash=[5, 4]).encode(y="percent:Q")
    fired = _floats(alerts, "spread_pct", "adjusted_spread_pct")
    fired["percent"] = fired["spread_pct"].where(fired["rule"] == "spread.raw", fired["adjusted_spread_pct"])
    points = (
        alt.Chart(fired)
        .mark_point(filled=True, size=70, color=RED, stroke="white", strokeWidth=0.7)
        .encode(
            x=_x("window_start", domain), y="percent:Q", tooltip=[_when("window_start"), "rule:N", "cause:N", "severity:N", "percent:Q"]
        )
    )
    return alt.LayerChart(layer=[lines, rules, points]).properties(height=_HEIGHT)


def whale_prints(alerts: pd.DataFrame, domain: Domain) -> alt.Chart:
    """Whales by value; the side is the taker's."""
    frame = _floats(alerts, "quote_volume", "price", "quantity")
    frame["rule"] = frame["rule"].str.removeprefix("whale.")
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_point(filled=True, size=80, opacity=0.85)
        .encode(
            x=_x("event_time", domain),
            y=_y("quote_volume", "whales", format=_MONEY, grid=False).scale(type="log"),
            color=alt.Color("side:N", title="taker", scale=alt.Scale(domain=["buy", "sell"], range=[GREEN, RED]), legend=_legend()),
            shape=alt.Shape(
                "rule:N", title="whale", scale=alt.Scale(domain=["single", "split"], range=["circle", "diamond"]), legend=_legend()
            ),
            tooltip=[
                _when("event_time"),
                "exchange:N",
                "rule:N",
                "side:N",
                _tip("quote_volume"),
                _tip("price"),
                _tip("quantity"),
                "severity:N",
            ],
        )
        .properties(height=_HEIGHT)
    )
    return chart


def bars_around(bars: Sequence[Bar], alert: Alert, threshold: Decimal) -> alt.LayerChart:
    """The minutes around an alert, with the baseline that each was tested against; the alert's own minute or moment is red."""
    frame = pd.DataFrame([msgspec.structs.asdict(bar) for bar in bars])
    domain = _domain(frame["window_start"], frame["window_end"])
    empty = pd.DataFrame(columns=list(Alert.__struct_fields__)).astype({"window_start": TIME, "window_end": TIME})
    drawn = volume(frame, empty, alert.exchange, float(threshold), domain)
    return alt.LayerChart(layer=[*drawn.layer[:-1], _moment_of(alert, domain)]).properties(height=_HEIGHT)


def _moment_of(alert: Alert, domain: Domain) -> alt.Chart:
    start = alert.window_start or alert.event_time
    end = alert.window_end or alert.event_time
    mark = alt.Chart(pd.DataFrame({"start": [start], "end": [end]}))
    drawn = mark.mark_rule(color=RED, strokeWidth=1.5) if start == end else mark.mark_rect(color=RED, opacity=0.18)
    found: alt.Chart = drawn.encode(x=_x("start", domain), **({} if start == end else {"x2": "end:T"}))
    return found


def scores(bars: Sequence[Bar], alert: Alert, column: str, title: str, threshold: Decimal) -> alt.LayerChart:
    """One score of each minute at its close, between the lines that raise an alert; the alert's own minute is red."""
    frame = _floats(pd.DataFrame([msgspec.structs.asdict(bar) for bar in bars]), column)
    frame["this"] = frame["window_start"].map(lambda start: "this alert" if start == alert.window_start else "others")
    return _tested(frame, column, title, float(threshold))


def spread_around(spreads: Sequence[Spread], alert: Alert, column: str, title: str, threshold: Decimal) -> alt.LayerChart:
    """One form of the spread, window by window, between the lines that raise an alert; the alert's own window is red."""
    frame = _floats(pd.DataFrame([msgspec.structs.asdict(each) for each in spreads]), column)
    frame["this"] = frame["window_start"].map(lambda start: "this alert" if start == alert.window_start else "others")
    return _tested(frame, column, title, float(threshold))


def _tested(frame: pd.DataFrame, column: str, title: str, threshold: float) -> alt.LayerChart:
    domain = _domain(frame["window_start"], frame["window_end"])
    bars = (
        alt.Chart(frame)
        .mark_rect()
        .encode(
            x=_x("window_start", domain),
            x2="window_end:T",
            y=_y(column, title, format=".3~g"),
            y2=alt.datum(0),
            color=alt.Color("this:N", legend=None, scale=alt.Scale(domain=["this alert", "others"], range=[RED, BLUE])),
            tooltip=[_when("window_start"), alt.Tooltip(f"{column}:Q", format=",.4f")],
        )
    )
    lines = alt.Chart(pd.DataFrame({"at": [threshold, -threshold]})).mark_rule(color=RED, strokeDash=[5, 4]).encode(y="at:Q")
    return alt.LayerChart(layer=[bars, lines]).properties(height=_HEIGHT)


def quality_over_time(points: Sequence[QualityPoint], target: float, alarm: float) -> alt.LayerChart:
    """The score of each five minutes, with the target and the line below which the alarm rings."""
    frame = pd.DataFrame([msgspec.structs.asdict(each) for each in points])
    frame["score"] = frame["score"].astype(float)
    low = min(alarm, float(frame["score"].min())) - 0.5
    base = alt.Chart(frame).encode(x=alt.X("start:T", title=None, scale=alt.Scale(type="utc"), axis=alt.Axis(format="%H:%M", grid=False)))
    counts = [alt.Tooltip(f"{name}:Q", format=",") for name in ("processed", "passed", "failed", "late", "inconsistent", "duplicates")]
    line = base.mark_line(color=BLUE, point=True, interpolate="step-after").encode(
        y=_y("score", "score, %").scale(domain=[low, 100.2], clamp=True),
        tooltip=[_when("start"), alt.Tooltip("score:Q", format=".4f"), *counts],
    )
    limits = pd.DataFrame({"at": [target, alarm], "what": ["target", "alarm"]})
    colors = alt.Scale(domain=["target", "alarm"], range=[GREEN, RED])
    rules = (
        alt.Chart(limits)
        .mark_rule(strokeDash=[5, 4])
        .encode(y="at:Q", color=alt.Color("what:N", title=None, scale=colors, legend=_legend()))
    )
    return alt.LayerChart(layer=[line, rules]).properties(height=_HEIGHT)


def wallet_intervals(scores: Sequence[WalletScore]) -> alt.LayerChart:
    """A line a wallet, by address: alpha with its 90 % interval, and the mean as measured; without an alpha the mean and its error."""
    frame = pd.DataFrame([msgspec.structs.asdict(score) for score in scores])
    frame = _floats(frame, "mean_bp", "error_bp", "alpha_bp", "low_bp", "high_bp", "p_value")
    told_apart = frame["alpha_bp"].notna()
    frame["low"] = frame["low_bp"].where(told_apart, frame["mean_bp"] - frame["error_bp"])
    frame["high"] = frame["high_bp"].where(told_apart, frame["mean_bp"] + frame["error_bp"])
    frame["what"] = frame["flagged"].map({True: "flagged", False: "not flagged"}).where(told_apart, "as measured, no detectable skill")
    kinds = alt.Scale(domain=["flagged", "not flagged", "as measured, no detectable skill"], range=[ORANGE, BLUE, GREY])
    figures = [alt.Tooltip(f"{name}:Q", format=",.2f") for name in ("alpha_bp", "low_bp", "high_bp", "mean_bp", "error_bp")]
    base = alt.Chart(frame).encode(
        y=alt.Y(
            "wallet:N",
            title=None,
            sort="ascending",
            axis=alt.Axis(labelFont="monospace", labelLimit=330, minExtent=320, labelOverlap=False),
        ),
        color=alt.Color("what:N", title=None, scale=kinds, legend=_legend()),
        tooltip=["wallet:N", "what:N", *figures, "episodes:Q", "days:Q", alt.Tooltip("p_value:Q", format=".2g")],
    )
    lines = base.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", title="basis points an episode, after fees"), x2="high:Q")
    middles = base.transform_filter("isValid(datum.alpha_bp)").mark_point(filled=True, size=60).encode(x="alpha_bp:Q")
    means = base.mark_tick(thickness=1.5, size=9).encode(x="mean_bp:Q")
    zero = alt.Chart(pd.DataFrame({"at": [0]})).mark_rule(color=GREY, strokeDash=[5, 4]).encode(x="at:Q")
    return alt.LayerChart(layer=[zero, lines, means, *([middles] if told_apart.any() else [])]).properties(height=alt.Step(17))


def alerts_over_time(alerts: pd.DataFrame) -> alt.Chart:
    """How many alerts of each kind in each five minutes."""
    unit = alt.TimeUnitParams(unit="utcyearmonthdatehoursminutes", step=5)
    kinds = alt.Scale(domain=["volume_spike", "whale", "spread"], range=[BLUE, ORANGE, GREEN])
    chart: alt.Chart = (
        alt.Chart(alerts[["detected_at", "type"]])
        .mark_bar()
        .encode(
            x=alt.X("detected_at:T", timeUnit=unit, title=None, axis=alt.Axis(format="%H:%M", grid=False)),
            y=_y("count()", "alerts / 5 min", tickMinStep=1),
            color=alt.Color("type:N", title=None, legend=_legend(), scale=kinds),
            tooltip=["type:N", "count()"],
        )
        .properties(height=_HEIGHT)
    )
    return chart


def _domain(*times: pd.Series) -> Domain:
    return [min(each.min() for each in times if len(each)).isoformat(), max(each.max() for each in times if len(each)).isoformat()]


def _x(column: str, domain: Domain) -> alt.X:
    axis = alt.Axis(format="%H:%M", labelOverlap=True, grid=False)
    return alt.X(f"{column}:T", title=None, scale=alt.Scale(type="utc", domain=domain), axis=axis)


def _y(column: str, title: str, **axis: Any) -> alt.Y:
    """One width for every axis, so that the charts stand exactly under each other."""
    return alt.Y(column, type="quantitative", title=title, axis=alt.Axis(minExtent=_AXIS, maxExtent=_AXIS, tickCount=4, **axis))


def _legend(**look: Any) -> alt.Legend:
    return alt.Legend(orient="top", direction="horizontal", titleOrient="left", offset=4, symbolSize=70, **look)


def _when(column: str) -> alt.Tooltip:
    return alt.Tooltip(f"utcyearmonthdatehoursminutesseconds({column}):T", title=f"{column} (UTC)")


def _tip(column: str) -> alt.Tooltip:
    return alt.Tooltip(f"{column}:Q", format=",.2f")


def _floats(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """A copy whose named columns are floats: good enough for a picture, never for a sum."""
    return frame.assign(**{name: frame[name].astype(float) for name in columns})
