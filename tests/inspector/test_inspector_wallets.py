"""The inspector's page of wallets: intervals by address, the verdict in words, and what the scores are not."""

from __future__ import annotations

import json
from typing import Any

import fixtures_inspector
import msgspec
import pytest
from fixtures_inspector import choose, figures, frames, page, words
from samples_wallets import RUN, SCORES, a_score, address
from streamlit.testing.v1 import AppTest

from ctc.api.models import DISCLAIMER
from ctc.aws.wallets import DynamoWallets
from ctc.settings import Settings
from dashboard.inspector import charts

pytestmark = pytest.mark.emulator
fresh_caches = fixtures_inspector.fresh_caches
session = fixtures_inspector.session


def drawn(app: AppTest) -> list[dict[str, Any]]:
    """The rows that the picture is made of."""
    (chart,) = app.get("vega_lite_chart")
    spec = json.loads(chart.proto.spec)
    return [layer for layer in spec["layer"] if layer["mark"]["type"] == "rule" and "y" in layer.get("encoding", {})]


def test_wallets_before_the_first_run_say_so(session: Settings) -> None:
    app = page("wallets")
    assert not app.exception
    assert "`ctc jobs run wallets` does it" in words(app)
    assert "Binance's and Coinbase's tapes carry no identities" in words(app)
    assert DISCLAIMER in words(app)


def test_scores_are_drawn_and_listed_by_address(session: Settings) -> None:
    DynamoWallets(session).put(RUN, SCORES)
    app = page("wallets")
    assert not app.exception
    assert (figures(app)["Scored"], figures(app)["Flagged"]) == ("2", "1")
    assert "#### Wallets differ" in words(app)
    assert "nothing here follows or copies a wallet" in words(app)
    assert "after a fee of 4.5" in words(app)
    (listed,) = frames(app)
    assert listed["wallet"].tolist() == [address(1), address(2)]
    assert listed[["low_bp", "high_bp"]].to_numpy().tolist() == [["2.70", "7.50"], ["-0.40", "3.40"]]
    (intervals,) = drawn(app)
    assert intervals["encoding"]["y"]["sort"] == "ascending"
    assert (intervals["encoding"]["x"]["field"], intervals["encoding"]["x2"]["field"]) == ("low", "high")


def test_report_without_skill_says_so_and_shows_the_measured_mean(session: Settings) -> None:
    DynamoWallets(session).put(RUN, SCORES)
    app = page("wallets", role="maker")
    assert not app.exception
    assert "#### No detectable skill" in words(app)
    assert figures(app)["Mean of all"] == "-"
    assert "after a fee of 1.5" in words(app)
    assert frames(app)[0]["wallet"].tolist() == [address(1)]


def test_only_flagged_by_the_url(session: Settings) -> None:
    DynamoWallets(session).put(RUN, SCORES)
    assert frames(page("wallets", flagged="true"))[0]["wallet"].tolist() == [address(1)]
    assert "none is flagged" in words(page("wallets", flagged="true", role="maker"))


def test_many_wallets_are_drawn_in_parts(session: Settings) -> None:
    run = msgspec.structs.replace(RUN, reports=[msgspec.structs.replace(RUN.reports[0], scored=95, flagged=95)])
    DynamoWallets(session).put(run, [a_score(number << 128) for number in range(95)])
    app = page("wallets")
    assert not app.exception
    box = next(box for box in app.selectbox if box.label == "Addresses")
    assert len(box.options) == 3
    app = choose(app, "Addresses", box.options[2])
    assert not app.exception
    assert len(frames(app)[0]) == 95


def test_picture_takes_the_measured_mean_where_there_is_no_posterior() -> None:
    found = charts.wallet_intervals([a_score(1), a_score(2, role="maker")]).to_dict()
    (rows,) = [rows for rows in found["datasets"].values() if "wallet" in rows[0]]
    assert [(row["low"], row["high"], row["what"]) for row in rows] == [
        (2.7, 7.5, "flagged"),
        (pytest.approx(4.62345678), pytest.approx(7.62345678), "as measured, no detectable skill"),
    ]
