"""What a simulated session is: its seed, span, pace, markets and the anomalies that will be planted. Saved as STATE/plan.json."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec
from faker import Faker

from ctc.errors import ConfigError, SessionError
from ctc.settings import Settings
from sim import schedule
from sim.venues import listings_of

FIXED_START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)  # sessions that run to their end (`--exit`) always start here
DEFAULT_DURATION_S = 6_000
LIVE_HORIZON_S = 86_400  # sessions without an end have anomalies planted for their first day


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the market and the exchange need to print the same tape again.

    `pace` is "max" (as fast as the subscribers read), "catchup" (the same until the wall clock's now, then real time)
    or a factor of real time. `end` None goes on live. `listings` maps `exchange:native` to the canonical symbol,
    `kinds` an exchange to the kind of trade that the tape holds. `rate` multiplies every market's activity.
    """

    seed: int
    name: str
    start: datetime
    end: datetime | None
    pace: Literal["max", "catchup"] | float
    rate: float
    listings: dict[str, str]
    kinds: dict[str, str]
    whale_threshold: Decimal
    wanted: tuple[schedule.Wanted, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """Canonical symbols, each once."""
        return tuple(dict.fromkeys(self.listings.values()))


def make_plan(
    seed: int,
    start: datetime,
    duration_s: int | None,
    settings: Settings,
    *,
    pace: Literal["max", "catchup"] | float = "max",
    rate: float = 1.0,
    anomalies: bool = True,
) -> Plan:
    """A plan over the session's markets; `duration_s` None goes on live. Raises ConfigError for a span that is not whole minutes."""
    if start.second or start.microsecond or start.tzinfo is None:
        raise ConfigError(f"a simulated session starts at a whole minute of UTC, not at {start.isoformat()}")
    if duration_s is not None and (duration_s <= 0 or duration_s % 60):
        raise ConfigError(f"a simulated session lasts whole minutes: {duration_s} s is not a multiple of 60")
    if rate <= 0:
        raise ConfigError(f"the simulated rate is a multiple above zero, not {rate}")
    if not isinstance(pace, str) and pace <= 0:
        raise ConfigError(f'the pace is "max", "catchup" or a speed above zero, not {pace}')
    listings = listings_of(settings)
    minutes = (duration_s or LIVE_HORIZON_S) // 60
    limits = schedule.Limits(
        whale=settings.whales.threshold, z=settings.volume.z_threshold,
        robust=settings.volume.robust_threshold, spread_pct=settings.spread.threshold_pct,
    )  # fmt: skip
    return Plan(
        seed=seed,
        name=session_name(seed),
        start=start.astimezone(UTC),
        end=None if duration_s is None else start.astimezone(UTC) + timedelta(seconds=duration_s),
        pace=pace,
        rate=rate,
        listings=listings,
        kinds={name: settings.exchanges[name].kind for name in settings.session.exchanges},
        whale_threshold=settings.whales.threshold,
        wanted=tuple(schedule.plant(seed, minutes, listings, limits)) if anomalies else (),
    )


def session_name(seed: int) -> str:
    """A name that people can tell sessions apart by; the same seed has the same name."""
    fake = Faker("en_US")
    fake.seed_instance(seed)
    return f"{fake.first_name()} of {fake.city()}"


def save_plan(plan: Plan, state: Path) -> None:
    """Write what `load_plan` reads."""
    state.mkdir(parents=True, exist_ok=True)
    (state / "plan.json").write_bytes(msgspec.json.format(msgspec.json.encode(plan), indent=1))


def load_plan(state: Path) -> Plan:
    """The plan of the session in `state`. Raises SessionError when there is none."""
    path = state / "plan.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except FileNotFoundError:
        raise SessionError(f"{path} is missing: this folder holds no simulated session; start one with `ctc sim`") from None
    except msgspec.MsgspecError as error:
        raise SessionError(f"{path} can't be read ({error}): start the session anew with `ctc sim`") from error
