"""The daily batch's functions on the emulator, as the state machine calls them: about one day, and again without harm."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from past import binance_ids, serving, whole
from streamed import Stream

from ctc.arrow import arrow_schema
from ctc.aws.clients import client
from ctc.aws.lakehouse import TableAppender
from ctc.aws.query import LakeReader
from ctc.daily import handlers
from ctc.daily.checks import check
from ctc.daily.metrics import NAMESPACE, OLDEST
from ctc.errors import ConfigError, LakeError
from ctc.schema import RAW_TRADES

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(600)]
DAY = date(2026, 1, 5)
EVENT = {"scheduled": "2026-01-06T02:00:00Z"}


@pytest.fixture
def lambdas(streamed: Stream, monkeypatch: pytest.MonkeyPatch) -> Stream:
    """The handlers with the small lake as their profile."""
    monkeypatch.setattr(handlers, "_settings", lambda: streamed.settings)
    return streamed


def test_a_day_goes_through_all_steps_and_may_go_again(lambdas: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    own = binance_ids(lambdas.settings)
    only = msgspec.structs.replace(lambdas.settings.session, symbols=("BTC-USDT",), exchanges=("binance",))
    with serving(lambdas.settings, {"BTCUSDT": own}) as served:
        monkeypatch.setattr(handlers, "_settings", lambda: msgspec.structs.replace(served, session=only))
        loaded = handlers.load(EVENT, None)
        assert (loaded["date"], loaded["trades"], loaded["known"]) == ("2026-01-05", len(own), 0)
        again = handlers.load(EVENT, None)
        assert (again["trades"], again["known"]) == (0, max(own) - min(own) + 1)
    monkeypatch.setattr(handlers, "_settings", lambda: lambdas.settings)
    state = {**EVENT, "load": loaded}
    checked = handlers.check(state, None)
    assert checked["historical"] == len(own)
    assert checked["trades"] > len(own)
    assert not [each for each in checked["checks"] if each["broken"]]
    first, second = handlers.publish(state, None), handlers.publish(state, None)
    assert (first["new"], second["new"]) == (True, False)
    at = datetime.now(UTC) - OLDEST
    seen = client("cloudwatch", lambdas.settings).get_metric_statistics(
        Namespace=NAMESPACE, MetricName="TradesInLake", StartTime=at - timedelta(hours=1), EndTime=at + timedelta(hours=1), Period=60,
        Statistics=["Maximum", "SampleCount"], Dimensions=[{"Name": "Lake", "Value": lambdas.settings.lake.database}],
    )["Datapoints"]  # fmt: skip
    assert [(point["Maximum"], point["SampleCount"]) for point in seen] == [(checked["trades"], 1)]


def test_day_that_lacks_trades_of_its_history_stops_the_batch(lambdas: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    every = whole(binance_ids(lambdas.settings))
    only = msgspec.structs.replace(lambdas.settings.session, symbols=("BTC-USDT",), exchanges=("binance",))
    with serving(lambdas.settings, {"BTCUSDT": every}) as served:
        monkeypatch.setattr(handlers, "_settings", lambda: msgspec.structs.replace(served, session=only))
        loaded = handlers.load(EVENT, None)
    with pytest.raises(LakeError, match="has every trade of the day's history"):
        handlers.check({**EVENT, "load": loaded}, None)


def test_checks_see_what_is_wrong(lambdas: Stream) -> None:
    reader = LakeReader(lambdas.settings)
    (row,) = reader.query("select * from raw_trades limit 1").to_pylist()
    reader.close()
    bad: list[dict[str, Any]] = [row, {**row, "event_id": "other", "symbol": "DOGE-USDT", "quote_volume": -row["quote_volume"]}]
    rows = pa.Table.from_pylist(bad, schema=arrow_schema(RAW_TRADES))
    TableAppender(lambdas.settings).append_once("raw_trades", rows, query="vandal", run="r", batch_id=0)
    broken = {each.what: each.broken for each in check(lambdas.settings, DAY).failed}
    assert broken == {
        "raw_trades: every trade once": 1,
        "raw_trades: prices and amounts above zero": 1,
        "raw_trades: quote volume is price times quantity, or flagged": 1,
        "raw_trades: symbols of the session": 1,
    }
    assert [each.what for each in check(lambdas.settings, DAY - timedelta(days=9)).failed] == ["raw_trades: there are trades"]


def test_statistics_are_those_of_the_tables(lambdas: Stream) -> None:
    handlers.catalog({}, None)
    done = {each["table"]: each for each in handlers.catalog({}, None)["tables"]}
    reader = LakeReader(lambdas.settings)
    (wanted,) = reader.query(
        "select count(*) n, min(trade_id) low, max(trade_id) high, count(distinct trade_id) ids, max(price) price, "
        "count(distinct price) prices, avg(length(symbol)) letters, min(timestamp) since from raw_trades"
    ).to_pylist()
    reader.close()
    assert done["raw_trades"]["rows"] == wanted["n"]
    glue = client("glue", lambdas.settings)
    found = glue.get_column_statistics_for_table(
        DatabaseName=lambdas.settings.lake.database, TableName="raw_trades", ColumnNames=["trade_id", "symbol", "price", "timestamp"]
    )["ColumnStatisticsList"]
    said = {each["ColumnName"]: each["StatisticsData"] for each in found}
    ids = said["trade_id"]["LongColumnStatisticsData"]
    assert (ids["MinimumValue"], ids["MaximumValue"], ids["NumberOfDistinctValues"]) == (wanted["low"], wanted["high"], wanted["ids"])
    symbols = said["symbol"]["StringColumnStatisticsData"]
    assert symbols == {"NumberOfNulls": 0, "NumberOfDistinctValues": 2, "MaximumLength": 8, "AverageLength": wanted["letters"]}
    prices = said["price"]["DecimalColumnStatisticsData"]
    highest = Decimal(int.from_bytes(prices["MaximumValue"]["UnscaledValue"], "big", signed=True)).scaleb(-prices["MaximumValue"]["Scale"])
    assert (highest, prices["NumberOfDistinctValues"]) == (wanted["price"], wanted["prices"])
    assert said["timestamp"]["DateColumnStatisticsData"]["MinimumValue"].date() == wanted["since"].date()
    assert said.keys() == {"trade_id", "symbol", "price", "timestamp"}


@pytest.mark.parametrize(
    ("event", "day"),
    [
        ({"scheduled": "2026-01-06T02:00:00Z"}, DAY),
        ({"scheduled": "2026-01-06T00:30:00+01:00"}, DAY - timedelta(days=1)),
        ({"date": "2026-01-05", "scheduled": "2026-03-01T02:00:00Z"}, DAY),
        ({"load": {"date": "2026-01-05"}}, DAY),
    ],
)
def test_event_names_its_day(event: dict[str, Any], day: date) -> None:
    assert handlers.day_of(event) == day


@pytest.mark.parametrize("event", [{}, {"scheduled": "soon"}, {"date": 5}])
def test_event_without_a_day_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="names no day"):
        handlers.day_of(event)
