"""Plain z beside the robust score as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import altair as alt

from ctc.picture import chart_of, save
from sim.day.card import DayReport
from sim.day.versus import Curve
from sim.tally import SIZES

NAMES = {"volume.z": "plain z", "volume.robust": "robust score"}
COLOURS = alt.Scale(domain=list(NAMES.values()), range=["#b8741a", "#1f6f8b"])
SCORE = alt.Color("score:N", title=None, scale=COLOURS, legend=alt.Legend(orient="top"))


def draw(report: DayReport, path: Path) -> None:
    """Write the picture as SVG or PNG, by the file's ending."""
    chart = alt.hconcat(_curves(report), *(_found(report, shape) for shape in ("spike", "drought"))).resolve_scale(color="shared")
    seeds = f"seed {report.seeds[0]}" if len(report.seeds) == 1 else f"{len(report.seeds)} seeds"
    title = f"Simulated: {seeds}, {report.minutes} minutes, {report.trades.tape:,} trades"
    save(chart, title, path)


def _curves(report: DayReport) -> Any:
    """Each score at many thresholds: what it says about nothing planted, against what it finds; the profile's one is a dot."""
    rows = [_row(curve, point.threshold) for curve in report.versus.curves for point in curve.points]
    dots = [_row(curve, _nearest(curve)) for curve in report.versus.curves]
    axis = alt.Axis(values=[0, 1, 2, 5, 10, 20, 50, 100, 200])
    title = "bars on nothing planted that pass, a symbol and day"
    x = alt.X("noise:Q", title=title, axis=axis, scale=alt.Scale(type="symlog", constant=1))
    y = alt.Y("found:Q", title="found of the planted", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    base = chart_of(rows).encode(x=x, y=y, color=SCORE)
    line = base.mark_line().encode(order="threshold:Q")
    dot = chart_of(dots).mark_circle(size=90, opacity=1).encode(x=x, y=y, color=SCORE)
    text = chart_of(dots).mark_text(align="left", dx=8, dy=10).encode(x=x, y=y, text="label:N", color=SCORE)
    return alt.layer(line, dot, text).properties(width=340, height=260, title="Every threshold (dots: the profile's)")


def _row(curve: Curve, threshold: float) -> dict[str, object]:
    point = next(point for point in curve.points if point.threshold == threshold)
    return {
        "score": NAMES[curve.rule],
        "threshold": point.threshold,
        "noise": point.noise_per_symbol_day,
        "found": point.recall,
        "label": f"above {curve.threshold:g}",
    }


def _nearest(curve: Curve) -> float:
    return min((point.threshold for point in curve.points), key=lambda threshold: abs(threshold - curve.threshold))


def _found(report: DayReport, shape: str) -> Any:
    """The share that either score's alerts found, by size."""
    rows: list[dict[str, object]] = []
    for size in SIZES:
        groups = [each for each in report.versus.planted if (each.shape, each.size) == (shape, size)]
        planted = sum(each.planted for each in groups)
        for name, found in (("plain z", sum(each.z for each in groups)), ("robust score", sum(each.robust for each in groups))):
            if planted:
                rows.append({"size": size, "score": name, "share": found / planted, "label": f"{found}/{planted}"})
    x = alt.X("size:N", title=None, sort=list(SIZES), axis=alt.Axis(labelAngle=-40))
    y = alt.Y("share:Q", title=None, axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    base = chart_of(rows).encode(x=x, y=y, xOffset=alt.XOffset("score:N", sort=list(NAMES.values())), color=SCORE)
    words = base.mark_text(dy=-6, fontSize=8).encode(text="label:N")
    return alt.layer(base.mark_bar(), words).properties(width=240, height=260, title=f"Planted {shape}s that had an alert")
