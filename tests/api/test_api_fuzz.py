"""Schemathesis asks everything that the OpenAPI document allows, and what it forbids; every answer keeps to the document."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fakes_hot import MemoryAlerts, MemoryMetrics, MemoryWallets
from hypothesis import HealthCheck, settings
from samples_hot import NOON, a_bar, a_snapshot, a_spread, an_alert
from samples_wallets import RUN, SCORES, a_score
from schemathesis.specs.openapi.checks import positive_data_acceptance

from ctc.api import examples
from ctc.api.app import create_app
from ctc.api.health import SessionHealth
from ctc.settings import load_profile


def _document() -> Any:
    alerts, metrics = MemoryAlerts(), MemoryMetrics()
    alerts.put([an_alert(n, detected_at=NOON - timedelta(minutes=n)) for n in range(120)])
    alerts.put([an_alert(uuid.UUID("0f4d7a52-6f0e-5c5e-9d0b-2f6b0a4b8f11").int)])  # the document's example
    metrics.put([a_snapshot()], [a_bar(-n) for n in range(20)], [a_spread(-n) for n in range(20)])
    wallets = MemoryWallets()
    wallets.put(RUN, [*SCORES, a_score(int(examples.ADDRESS, 16))])
    health = SessionHealth(Path("/nonexistent"), metrics)
    unlimited = load_profile("sim", {"api.requests_per_s": 1_000_000, "api.burst": 1_000_000})
    app = create_app(alerts, metrics, health, unlimited, wallets=wallets)
    return schemathesis.openapi.from_asgi("/openapi.json", app)


schema = _document()


@pytest.mark.filterwarnings("default")
@schema.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_keeps_to_the_document(case: Any) -> None:
    answer = case.call()
    errors = answer.json()["errors"] if answer.status_code == 422 else []
    # Which names there are is the session's matter: the document calls them strings.
    names_only = bool(errors) and {error["parameter"] for error in errors} <= {"symbol", "exchange"}
    case.validate_response(answer, excluded_checks=[positive_data_acceptance] if names_only else [])
