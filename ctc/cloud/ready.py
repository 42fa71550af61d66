"""What a demo needs, looked at one by one: what is missing, and how to get it. Nothing is started or changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import httpx

from ctc.aws.account import alarms_ringing, caller, image_is_there, lake_tables, table_states
from ctc.aws.artifacts import Artifacts
from ctc.aws.deployment import Deployment, find
from ctc.aws.metrics import DynamoMetrics
from ctc.cloud.parts import Parts, parts_of
from ctc.errors import CtcError
from ctc.schema import TABLES
from ctc.settings import load_profile

FRESH_S = 60.0
ANSWER_S = 15.0
Found = tuple[bool, str]


class Check(NamedTuple):
    """One thing: whether it is as a demo needs it, what was found, and what to do where it is not."""

    check: str
    ok: bool
    found: str
    remedy: str


def checks(profile: str, name: str, say: Callable[[str], None]) -> list[Check]:
    """All of them; where nothing is deployed, only those that need no deployment."""
    say("credentials")
    found = [
        _tried("credentials", "run `aws configure`, or name a profile with AWS_PROFILE", lambda: (True, caller(load_profile(profile))))
    ]
    try:
        deployment = find(profile, name)
    except CtcError as error:
        return [*found, Check("deployment", False, str(error), "run `ctc deploy --streaming`")]
    found.append(Check("deployment", True, deployment.name, ""))
    for check, (remedy, ask) in _asked(deployment, parts_of(deployment)).items():
        say(check)
        found.append(_tried(check, remedy, ask))
    return found


def _asked(deployment: Deployment, parts: Parts) -> dict[str, tuple[str, Callable[[], Found]]]:
    made, settings = deployment.made, deployment.settings
    start = f"run `ctc start --profile {deployment.profile}`"
    return {
        "artifacts": ("run `ctc deploy`", lambda: (True, f"{len(Artifacts(deployment).deployed())} files in {made.artifacts_bucket}")),
        "image": ("build and push it: docs/CLOUD.md, The producer's image", lambda: _yes(image_is_there(settings, made.image), made.image)),
        "streams": ("run `ctc deploy --streaming`", lambda: _all_are(parts.streams(), ("ACTIVE", "UPDATING"))),
        "hot tables": ("run `ctc deploy`", lambda: _all_are(table_states(settings), ("ACTIVE",))),
        "lake tables": (f"{start}: the first run makes them", lambda: _none_missing(set(TABLES) - lake_tables(settings))),
        "Spark": (start, lambda: _spark(parts)),
        "producer": (start, lambda: _yes((counts := parts.tasks.counts()).running >= 1, f"{counts.running} of {counts.desired} tasks")),
        "fresh data": ("wait a minute after a start; then see the logs of Spark and of the producer", lambda: _fresh(deployment)),
        "API": ("see the function's log group", lambda: _answers(f"{made.api_url}/session")),
        "dashboard": ("run `ctc deploy`", lambda: _dashboard(deployment)),
        "alarms": ("see docs/CLOUD.md for what rings when", lambda: _silent(alarms_ringing(settings, made.alarm_prefix))),
    }


def _tried(check: str, remedy: str, ask: Callable[[], Found]) -> Check:
    try:
        ok, found = ask()
    except CtcError as error:
        ok, found = False, str(error)
    return Check(check, ok, found, "" if ok else remedy)


def _yes(ok: bool, found: str) -> Found:
    return ok, found if ok else f"{found}: not there"


def _all_are(states: dict[str, str], good: tuple[str, ...]) -> Found:
    return all(state in good for state in states.values()), ", ".join(f"{name} {state}" for name, state in states.items())


def _none_missing(missing: set[str]) -> Found:
    return not missing, f"missing: {', '.join(sorted(missing))}" if missing else "all there"


def _silent(ringing: list[str]) -> Found:
    return not ringing, f"ringing: {', '.join(ringing)}" if ringing else "none rings"


def _spark(parts: Parts) -> Found:
    runs = [run for run in parts.runs.listed(alive=True) if run.name.startswith(parts.name)]
    return any(run.state == "RUNNING" for run in runs), ", ".join(f"{run.name} {run.state}" for run in runs) or "no job run is alive"


def _fresh(deployment: Deployment) -> Found:
    clock = DynamoMetrics(deployment.settings).stream_clock()
    if clock is None:
        return False, "no symbol has a clock yet"
    age = (datetime.now(UTC) - clock).total_seconds()
    return age <= FRESH_S, f"the stream's clock is {age:.0f} s old"


def _answers(url: str, holds: str = "") -> Found:
    try:
        answer = httpx.get(url, timeout=ANSWER_S, follow_redirects=True)
    except httpx.HTTPError as error:
        return False, f"{url} does not answer: {error}"
    return answer.is_success and holds in answer.text, f"{url} answered {answer.status_code}"


def _dashboard(deployment: Deployment) -> Found:
    made = deployment.made
    if made.api_url.encode() not in Artifacts(deployment).page():
        return False, f"the page in {made.dashboard_bucket} does not name {made.api_url}"
    return _answers(made.dashboard_url, made.api_url)
