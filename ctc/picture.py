"""Charts as files, drawn here: no browser, no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from ctc.errors import ConfigError

FORMS = (".svg", ".png")


def check_form(path: Path) -> None:
    """Raise ConfigError, before hours of work, for a picture that could not be written after them."""
    if path.suffix not in FORMS:
        raise ConfigError(f"--plot {path}: the picture is an {' or a '.join(FORMS)} file; name one")


def chart_of(rows: Sequence[dict[str, Any]]) -> alt.Chart:
    """A chart that holds its own data."""
    return alt.Chart(alt.InlineData(values=list(rows)))


def save(chart: alt.TopLevelMixin, title: str, path: Path) -> None:
    """Write the chart under its title as SVG or PNG, by the file's ending."""
    spec = chart.properties(title=title).configure_view(stroke=None).to_json()
    if path.suffix == ".png":
        path.write_bytes(vl_convert.vegalite_to_png(spec, scale=2))
    else:
        path.write_text(vl_convert.vegalite_to_svg(spec))
