"""`GET /quality`: the score now, what passed and failed over the last day, why, and the newest dead letters (PRD 9.5)."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ctc.api import docs
from ctc.api.answers import Answers
from ctc.api.models import Quality, QualityPoint, RuleCount
from ctc.model import from_us, to_us
from ctc.ports import QualityStore
from ctc.quality.alarms import QUALITY_SCORE
from ctc.quality.counts import MINUTE_US, QualityMinute, QualityView, percent, sum_of
from ctc.quality.rules import RULES

TARGET = 99  # PRD 9.5: the gauge's
CURRENT = timedelta(seconds=QUALITY_SCORE.period_s * QUALITY_SCORE.periods)
FRESH = "public, max-age=5"

Hours = Annotated[int, Query(ge=1, le=24, description="How far back the series and the total go.")]
Step = Annotated[int, Query(ge=1, le=60, description="Minutes that one point of the series adds up.")]


def router(store: QualityStore, answers: Answers) -> APIRouter:
    """The route over this store."""
    routes = APIRouter()

    @routes.get("/quality", **docs.QUALITY)
    async def read_quality(request: Request, hours: Hours = 24, step: Step = 1) -> Response:
        return await answers.tagged(request, lambda: quality_of(store.view(), hours, step), FRESH)

    return routes


def quality_of(view: QualityView, hours: int = 24, step: int = 1) -> Quality:
    """The answer; minutes count back from the newest one, which a stopped session leaves where it was."""
    as_of = view.minutes[-1].minute if view.minutes else None
    since = as_of - timedelta(hours=hours) if as_of else None
    minutes = [each for each in view.minutes if since is None or each.minute > since]
    return Quality(
        as_of=as_of,
        target=TARGET,
        alarm_below=QUALITY_SCORE.threshold,
        current=_sum([each for each in minutes if as_of is not None and each.minute > as_of - CURRENT]),
        total=_sum(minutes),
        series=_series(minutes, step),
        rules=[
            RuleCount(
                rule=rule.name,
                dimension=rule.dimension,
                action=rule.action,
                category=rule.category,
                holds_when=rule.words,
                records=view.rules.get(rule.name, 0),
            )
            for rule in RULES.values()
        ],
        samples=view.samples,
    )


def _series(minutes: list[QualityMinute], step: int) -> list[QualityPoint]:
    steps: dict[datetime, list[QualityMinute]] = defaultdict(list)
    for each in minutes:
        us = to_us(each.minute)
        steps[from_us(us - us % (step * MINUTE_US))].append(each)
    return [point for start, each in steps.items() if (point := _sum(each, start))]


def _sum(minutes: list[QualityMinute], start: datetime | None = None) -> QualityPoint | None:
    if not minutes:
        return None
    found = sum_of(minutes, start or minutes[0].minute)
    return QualityPoint(
        start=found.minute,
        processed=found.processed,
        passed=found.passed,
        failed=found.failed,
        late=found.late,
        inconsistent=found.inconsistent,
        duplicates=found.duplicates,
        score=percent(found.passed, found.processed),
        failure_rate=percent(found.failed, found.processed),
    )
