"""AWS Lambda's entry points of the daily batch: `ctc.daily.handlers.load`, `.check`, `.catalog`, `.publish` (infra/modules/stepfunctions).

The state machine is started with `{"scheduled": "2026-11-24T02:00:00Z"}`, which names the day before. `CTC_PROFILE` names the profile
(default `cloud`). The zip holds `ctc/` and `profiles/` side by side, with pyarrow and pyiceberg, and neither Spark nor DuckDB.
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from ctc.aws.load import Wanted, load_history
from ctc.daily.catalog import update_catalog
from ctc.daily.checks import check as look
from ctc.daily.checks import refuse_failed
from ctc.daily.metrics import publish as tell
from ctc.errors import ConfigError
from ctc.settings import Settings, load_profile, machine

Event = dict[str, Any]
log = logging.getLogger("ctc.daily")


def load(event: Event, context: Any) -> Event:
    """`HistoricalLoad`: the day's trades into files. Its answer goes to the other steps as `load`."""
    settings = _settings()
    day = day_of(event)
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    until = since + timedelta(days=1)
    wanted = Wanted(exchanges=settings.session.exchanges, symbols=settings.session.symbols, since=since, until=until)
    done = load_history(settings, wanted, lambda step: log.info("%s", step))
    figures = {"trades": sum(each.trades for each in done), "known": sum(each.known for each in done)}
    return {"date": day.isoformat(), "since": since.isoformat(), "until": until.isoformat(), **figures}


def check(event: Event, context: Any) -> Event:
    """`RunQualityChecks`: raises LakeError, with what does not hold, so that the state machine tells people."""
    checked = look(_settings(), day_of(event))
    refuse_failed(checked)
    return dict(msgspec.to_builtins(checked))


def catalog(event: Event, context: Any) -> Event:
    """`UpdateCatalog`: statistics in Glue."""
    return {"tables": msgspec.to_builtins(update_catalog(_settings()))}


def publish(event: Event, context: Any) -> Event:
    """`PublishMetrics`: figures to CloudWatch, once a day."""
    settings = _settings()
    return dict(msgspec.to_builtins(tell(settings, look(settings, day_of(event)))))


def day_of(event: Event) -> date:
    """The day that an event is about: that of its `load` or `date`, else the one before its `scheduled` moment. Raises ConfigError."""
    named = event.get("date") or event.get("load", {}).get("date")
    try:
        if named:
            return date.fromisoformat(named)
        scheduled = datetime.fromisoformat(event["scheduled"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f'the event names no day ({error!r}): give it as {{"scheduled": "2026-11-24T02:00:00Z"}} or {{"date": "2026-11-23"}}'
        ) from error
    return (scheduled if scheduled.tzinfo is None else scheduled.astimezone(UTC)).date() - timedelta(days=1)


def _settings() -> Settings:
    return load_profile(machine("CTC_PROFILE", "cloud"))
