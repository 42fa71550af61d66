"""Scores of wallets as the job `wallets` keeps them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from ctc.wallets import ScoreRun, Tape, WalletReport, WalletScore

REPORT = WalletReport(
    role="taker",
    horizon_s=300,
    verdict="wallets differ",
    scored=2,
    flagged=1,
    too_few=40,
    unpriced=3,
    between_bp=Decimal("4.2"),
    between_p=Decimal("0.001"),
    mean_bp=Decimal("-3.1"),
)
NO_SKILL = msgspec.structs.replace(
    REPORT, role="maker", verdict="no detectable skill", scored=1, flagged=0, between_p=Decimal("0.4"), mean_bp=None
)
RUN = ScoreRun(
    run="0123456789ab",
    tape=Tape(
        snapshot=7,
        trades=1_000,
        coins=["BTC", "ETH"],
        since=datetime(2026, 1, 1, tzinfo=UTC),
        until=datetime(2026, 1, 14, 23, 59, 59, 500_000, tzinfo=UTC),
    ),
    taker_fee_bp=Decimal("4.5"),
    maker_fee_bp=Decimal("1.5"),
    min_episodes=30,
    min_days=5,
    false_discovery_rate=Decimal("0.1"),
    reports=[REPORT, NO_SKILL],
)


def address(number: int) -> str:
    return f"0x{number:040x}"


def a_score(number: int, **changes: Any) -> WalletScore:
    """A taker that is told apart from luck; `role="maker"` is one of a report without skill."""
    found = WalletScore(
        wallet=address(number),
        role="taker",
        horizon_s=300,
        verdict="wallets differ",
        episodes=60 + number % 40,
        days=14,
        mean_bp=Decimal("6.12345678"),
        error_bp=Decimal("1.5"),
        p_value=Decimal("0.000000000000001234"),
        alpha_bp=Decimal("5.1"),
        low_bp=Decimal("2.7"),
        high_bp=Decimal("7.5"),
        p_positive=Decimal("0.999"),
        flagged=True,
    )
    if changes.get("role") == "maker":
        nothing = dict.fromkeys(("alpha_bp", "low_bp", "high_bp", "p_positive"))
        found = msgspec.structs.replace(found, verdict="no detectable skill", flagged=False, **nothing)
    return msgspec.structs.replace(found, **changes)


SCORES = [
    a_score(1, role="maker"),
    a_score(1),
    a_score(2, low_bp=Decimal("-0.4"), alpha_bp=Decimal("1.5"), high_bp=Decimal("3.4"), flagged=False),
]
