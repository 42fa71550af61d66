"""An hour's dollars by rate, packed and not, beside the PRD's bounds, as SVG or PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import altair as alt
import msgspec

from ctc.cost.measured import Usage
from ctc.cost.model import PRD_ACTIVE, PRD_DEMO, Line, estimate
from ctc.cost.prices import Prices
from ctc.cost.scenario import Scenario
from ctc.picture import chart_of, save

RATES = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
SHAPES = {True: "packed records", False: "one trade a record"}
BASES = alt.Scale(domain=["measured", "infra", "assumed"], range=["#1f6f8b", "#8a9a5b", "#c9c9c9"])
BOUNDS = {"PRD 12.1: $0.82": PRD_ACTIVE, "NF1: $5": PRD_DEMO}


def draw(scenario: Scenario, used: Usage, prices: Prices, path: Path) -> None:
    """Write the picture, by the file's ending."""
    title = f"Estimated, list prices of {prices.region}, {prices.date}; nothing was run on AWS"
    chart = alt.hconcat(_rates(scenario, used, prices), _services(estimate(scenario, used, prices).hour, scenario)).resolve_scale(
        color="independent"
    )
    save(chart, title, path)


def _rates(scenario: Scenario, used: Usage, prices: Prices) -> Any:
    rows = [
        {
            "rate": rate,
            "dollars": estimate(msgspec.structs.replace(scenario, rate=float(rate), packed=packed), used, prices).active_hour,
            "shape": name,
        }
        for packed, name in SHAPES.items()
        for rate in RATES
    ]
    x = alt.X("rate:Q", title="trades a second", scale=alt.Scale(type="log"), axis=alt.Axis(values=[10, 100, 1_000, 10_000]))
    y = alt.Y("dollars:Q", title="$ an hour that streams", scale=alt.Scale(type="log"))
    shapes = alt.Scale(domain=list(SHAPES.values()), range=["#1f6f8b", "#b8741a"])
    colour = alt.Color("shape:N", title=None, legend=alt.Legend(orient="top"), scale=shapes)
    lines = chart_of(rows).mark_line(point=True).encode(x=x, y=y, color=colour)
    bounds = [{"dollars": dollars, "label": label, "rate": RATES[0]} for label, dollars in BOUNDS.items()]
    rules = chart_of(bounds).mark_rule(strokeDash=[4, 3], color="#777").encode(y="dollars:Q")
    words = chart_of(bounds).mark_text(align="left", dy=12, color="#555").encode(x="rate:Q", y="dollars:Q", text="label:N")
    return alt.layer(lines, rules, words).properties(width=360, height=280, title="By rate")


def _services(lines: list[Line], scenario: Scenario) -> Any:
    rows = [{"service": line.service, "dollars": line.dollars, "where from": line.basis} for line in lines]
    x = alt.X("sum(dollars):Q", title="$ an hour")
    y = alt.Y("service:N", title=None, sort="-x")
    colour = alt.Color("where from:N", scale=BASES, legend=alt.Legend(orient="top"))
    title = f"By service, at {scenario.rate:,.0f} trades/s"
    return chart_of(rows).mark_bar().encode(x=x, y=y, color=colour).properties(width=300, height=280, title=title)
