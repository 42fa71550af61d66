"""The one reader of `profiles/` and of the environment: every process gets one frozen `Settings`.

A profile is a TOML file of values. A session resolves it once (ports, state folder) and writes the result to
`STATE/settings.json`, which its processes and later commands read. The environment may override single values:
`CTC_WHALES__THRESHOLD=250000` sets `whales.threshold`.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from ctc.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
PROFILES = ROOT / "profiles"
DEFAULT_STATE = ROOT / ".ctc" / "session"
JAVA = ROOT / ".tools" / "java" / "home"  # a link that `make setup` makes

Band = tuple[str, Decimal]
Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Natural = Annotated[int, msgspec.Meta(ge=0)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of a profile: every key is required, an unknown one is an error."""


class SessionSettings(_Section, frozen=True):
    title: str
    market: Literal["simulated", "recorded", "live"]
    symbols: tuple[str, ...]
    peg_symbol: str
    exchanges: tuple[str, ...]


class AwsSettings(_Section, frozen=True):
    region: str
    account: str
    emulator: str
    endpoint: str
    emulator_port: Port


class StreamSettings(_Section, frozen=True):
    source: Literal["kinesis", "kafka"]
    bootstrap: str
    trades: str
    dead_letters: str
    shards: Natural


class LakeSettings(_Section, frozen=True):
    database: str
    catalog: Literal["glue", "rest"]
    catalog_uri: str
    bucket: str
    raw_bucket: str


class TableSettings(_Section, frozen=True):
    alerts: str
    metrics: str
    ttl_hours: Positive


class ExchangeSettings(_Section, frozen=True):
    ws: str
    rest: str
    archive: str
    kind: Literal["trade", "aggTrade", "match"]
    market: str
    max_connections: Positive
    reconnect_after_s: Positive
    stale_after_s: Positive
    silent_after_s: Positive
    rest_per_s: Positive
    fill_max_trades: Positive
    symbols: dict[str, str]

    @property
    def names(self) -> dict[str, str]:
        """The exchange's own names of its markets, and the canonical ones."""
        return {native: symbol for symbol, native in self.symbols.items()}


class ProducerSettings(_Section, frozen=True):
    name: str
    clock: Literal["frames", "wall"]
    linger_ms: Natural
    max_pack_bytes: Positive
    max_buffered_lines: Positive
    spool_bytes: Natural
    patience_s: Positive


class VolumeSettings(_Section, frozen=True):
    window_s: Positive
    baseline_bars: Positive
    min_bars: Positive
    z_threshold: Decimal
    robust_threshold: Decimal
    robust_cooldown_s: Natural
    severity: tuple[Band, ...]


class WhaleSettings(_Section, frozen=True):
    threshold: Decimal
    severity: tuple[Band, ...]
    tiers: dict[str, tuple[Band, ...]]


class SpreadSettings(_Section, frozen=True):
    window_s: Positive
    threshold_pct: Decimal
    severity: tuple[Band, ...]


class FoldSettings(_Section, frozen=True):
    lateness_s: Natural
    hole_patience_s: Natural


class QualitySettings(_Section, frozen=True):
    late_after_s: Natural
    consistency_pct: Decimal
    halt_after_s: Positive


class SparkSettings(_Section, frozen=True):
    master: str
    driver_memory: str
    lake_trigger_s: Natural
    detect_trigger_s: Natural
    max_bytes_per_shard: Positive
    shuffle_partitions: Positive
    quick_start: bool
    standby: bool
    checkpoints: str


class ApiSettings(_Section, frozen=True):
    port: Port
    cors_origins: tuple[str, ...]
    keep_ms: Natural
    requests_per_s: Positive
    burst: Positive
    poll_s: Positive


class InspectorSettings(_Section, frozen=True):
    port: Port


class Settings(_Section, frozen=True):
    """A resolved profile."""

    session: SessionSettings
    aws: AwsSettings
    stream: StreamSettings
    lake: LakeSettings
    tables: TableSettings
    exchanges: dict[str, ExchangeSettings]
    producer: ProducerSettings
    volume: VolumeSettings
    whales: WhaleSettings
    spread: SpreadSettings
    folds: FoldSettings
    quality: QualitySettings
    spark: SparkSettings
    api: ApiSettings
    inspector: InspectorSettings


def profile_names() -> list[str]:
    """The profiles that can be named, sorted."""
    return sorted(path.stem for path in PROFILES.glob("*.toml"))


def load_profile(name: str, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Settings of `profiles/NAME.toml`; `overrides` are dotted keys, and win over the environment.

    Raises ConfigError naming the file and the key.
    """
    path = PROFILES / f"{name}.toml"
    if not path.is_file():
        raise ConfigError(f"there is no profile {name!r}; choose one of: {', '.join(profile_names())}")
    values, environment = _read(path), _environment()
    _apply(values, environment, path, "environment")
    _apply(values, overrides or {}, path, "options")
    return _convert(values, path, environment)


def with_values(settings: Settings, values: Mapping[str, str], tables: tuple[str, ...]) -> Settings:
    """The settings with single values of these tables changed, as in `whales.threshold`. Raises ConfigError."""
    for key in values:
        if key.split(".")[0] not in tables:
            raise ConfigError(
                f"{key!r} can't be changed here: choose keys of {', '.join(tables)}, as in {tables[0]}.{_first_key(settings, tables[0])}"
            )
    given = msgspec.json.decode(msgspec.json.encode(settings))
    where = Path("--set")
    _apply(given, values, where, "options")
    return _convert(given, where)


def _first_key(settings: Settings, table: str) -> str:
    return str(getattr(settings, table).__struct_fields__[0])


def load_state(state: Path) -> Settings:
    """Settings of the session that lives (or lived) in `state`."""
    path = state / "settings.json"
    if not path.is_file():
        raise ConfigError(f"no session in {state}: start one with `ctc sim`, or name another folder with --state")
    try:
        found = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} can't be read ({error.strerror}): name another folder with --state") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path} is damaged ({error}): start a new session, or name another folder with --state") from error
    try:
        return _convert(found, path)
    except ConfigError as error:
        raise ConfigError(
            f"{error}; another version of CTC may have written it: start a new session, or name another folder with --state"
        ) from error


def settings_of(state: Path) -> Settings:
    """Those of the session in `state`; where there is none, of the profile that CTC_PROFILE names (a container, a job run)."""
    name = profile_instead(state)
    return load_profile(name) if name else load_state(state)


def profile_instead(state: Path) -> str | None:
    """The profile that CTC_PROFILE names, where `state` holds no session; None where a session is what is meant."""
    return None if (state / "settings.json").is_file() else os.environ.get("CTC_PROFILE") or None


def as_environment(told: Mapping[str, str], profile: str) -> dict[str, str]:
    """Settings by dotted key as the environment of a process that starts from `profile`."""
    return {"CTC_PROFILE": profile, **{f"CTC_{key.upper().replace('.', '__')}": value for key, value in sorted(told.items())}}


def save_state(settings: Settings, state: Path) -> None:
    """Write what `load_state` reads."""
    state.mkdir(parents=True, exist_ok=True)
    (state / "settings.json").write_bytes(msgspec.json.encode(settings))


def session_state() -> Path:
    """The state folder of the session that started this process (`CTC_STATE`), else the default one."""
    return Path(os.environ.get("CTC_STATE") or DEFAULT_STATE)


def child_environment(state: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a process of the session in `state` is started with."""
    own = {"CTC_STATE": str(state), "PYTHONUNBUFFERED": "1", "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    if home := java_home():
        own["JAVA_HOME"] = home
    return {**os.environ, **own, **(extra or {})}


def become_child(state: Path) -> None:
    """Give this process what a session's processes are started with: for jobs that a person runs by hand."""
    os.environ.update(child_environment(state))


def java_home() -> str:
    """Where the session's Java is: what `make setup` found or fetched, else the machine's JAVA_HOME; "" where neither says."""
    return str(JAVA) if JAVA.exists() else os.environ.get("JAVA_HOME", "")


def machine(name: str, default: str = "") -> str:
    """One named value of the environment that describes this machine (`JAVA_HOME`, `CTC_REALDATA`)."""
    return os.environ.get(name, default)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


_NOT_SETTINGS = {"CTC_STATE", "CTC_REALDATA"}


def _environment() -> dict[str, str]:
    return {
        key[4:].lower().replace("__", "."): value
        for key, value in os.environ.items()
        if key.startswith("CTC_") and "__" in key and key not in _NOT_SETTINGS
    }


def _apply(values: dict[str, Any], overrides: Mapping[str, Any], path: Path, origin: str) -> None:
    for dotted, value in overrides.items():
        *tables, key = dotted.split(".")
        table = values
        for name in tables:
            table = table.get(name, {}) if isinstance(table, dict) else {}
        if not isinstance(table, dict) or key not in table:
            raise ConfigError(f"{path}: {origin} set {dotted!r}, which is not a key of this profile{_nearest(values, dotted)}")
        table[key] = _like(table[key], value, dotted)


def _nearest(values: dict[str, Any], dotted: str) -> str:
    """The key that was perhaps meant, as a clause."""
    known = [f"{table}.{key}" for table, inner in values.items() for key in (inner if isinstance(inner, dict) else ())]
    near = difflib.get_close_matches(dotted, known, n=1, cutoff=0.75)
    table = dotted.split(".")[0]
    if near:
        return f"; did you mean {near[0]!r}?"
    if isinstance(values.get(table), dict):
        return f"; [{table}] has {', '.join(values[table])}"
    return f"; its tables are {', '.join(values)}"


def _like(old: Any, new: Any, dotted: str) -> Any:
    if isinstance(new, str) and isinstance(old, bool):
        if new not in ("true", "false"):
            raise ConfigError(f"{dotted} must be true or false, not {new!r}")
        return new == "true"
    if isinstance(new, str) and isinstance(old, int):
        try:
            return int(new)
        except ValueError:
            raise ConfigError(f"{dotted} must be a whole number, not {new!r}") from None
    if isinstance(new, str) and isinstance(old, list):
        return [part for part in new.split(",") if part]
    return new


def _convert(values: dict[str, Any], path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    try:
        settings = msgspec.convert(values, Settings)
        _refuse_odd_numbers(msgspec.to_builtins(settings, builtin_types=(Decimal,)), "$")
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}{_blame(str(error), environment or {})}") from error
    if settings.stream.source == "kafka" and not settings.stream.bootstrap:
        raise ConfigError(f"{path}: stream.source is kafka: name its brokers, as in CTC_STREAM__BOOTSTRAP=127.0.0.1:9092")
    for name in settings.session.exchanges:
        if name not in settings.exchanges:
            raise ConfigError(f"{path}: session.exchanges names {name!r}, but there is no [exchanges.{name}]")
    return settings


def _refuse_odd_numbers(value: Any, at: str) -> None:
    """Thresholds are amounts and multiples: NaN, infinity or less than nothing would switch a detector off in silence."""
    if isinstance(value, Decimal) and not (value.is_finite() and value >= 0):
        raise msgspec.ValidationError(f"Expected a number of zero or more, not {value} - at `{at}`")
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_odd_numbers(inner, f"{at}.{key}")
    if isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            _refuse_odd_numbers(inner, f"{at}[{index}]")


def _blame(said: str, environment: Mapping[str, str]) -> str:
    """The environment variable that brought the value which is wrong, as a clause."""
    found = re.search(r"`\$\.([^`\[]+)", said)
    if found is None or found[1] not in environment:
        return ""
    name = "CTC_" + found[1].upper().replace(".", "__")
    return f"; it comes from {name}={environment[found[1]]!r} in the environment: correct or unset it"
