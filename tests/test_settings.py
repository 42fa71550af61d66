"""Profiles: the same keys in every one, and a wrong value is an error that names the file and the key."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ctc import settings
from ctc.errors import ConfigError
from ctc.settings import PROFILES, child_environment, load_profile, load_state, machine, profile_names, save_state, session_state


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of profiles that a test may change."""
    (tmp_path / "sim.toml").write_text((PROFILES / "sim.toml").read_text())
    monkeypatch.setattr(settings, "PROFILES", tmp_path)
    return tmp_path


def keys(table: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from keys(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_profiles_are_the_four_of_the_design() -> None:
    assert profile_names() == ["cloud", "live", "localstack", "sim"]


@pytest.mark.parametrize("name", profile_names())
def test_profile_loads_and_has_the_keys_of_sim(name: str) -> None:
    load_profile(name)
    own, reference = (set(keys(tomllib.loads((PROFILES / f"{which}.toml").read_text()))) for which in (name, "sim"))
    assert own == reference


@pytest.mark.parametrize("name", profile_names())
def test_profile_reaches_only_this_machine_or_a_public_exchange(name: str) -> None:
    for exchange in load_profile(name).exchanges.values():
        assert exchange.ws.startswith(("ws://127.0.0.1:", "wss://"))
        assert all(url.startswith(("http://127.0.0.1:", "https://")) for url in (exchange.rest, exchange.archive or exchange.rest))


def test_money_is_decimal() -> None:
    loaded = load_profile("sim")
    assert loaded.whales.threshold == Decimal(100_000)
    assert isinstance(loaded.spread.threshold_pct, Decimal)


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        load_profile("sim").aws.region = "eu-west-1"  # type: ignore[misc]


def test_kafka_needs_to_know_where_its_brokers_are() -> None:
    with pytest.raises(ConfigError, match="CTC_STREAM__BOOTSTRAP"):
        load_profile("sim", {"stream.source": "kafka"})
    assert load_profile("sim", {"stream.source": "kafka", "stream.bootstrap": "127.0.0.1:9092"}).stream.source == "kafka"


def test_unknown_profile_names_the_known() -> None:
    with pytest.raises(ConfigError, match=r"no profile 'prod'; choose one of: cloud, live, localstack, sim"):
        load_profile("prod")


def test_unknown_key_names_file_and_key(profiles: Path) -> None:
    with (profiles / "sim.toml").open("a") as file:
        file.write("\nthreshhold = 1\n")
    with pytest.raises(ConfigError, match=r"sim\.toml.*threshhold"):
        load_profile("sim")


def test_missing_key_names_file_and_key(profiles: Path) -> None:
    path = profiles / "sim.toml"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith("z_threshold")))
    with pytest.raises(ConfigError, match=r"sim\.toml.*z_threshold"):
        load_profile("sim")


def test_broken_toml_names_the_file(profiles: Path) -> None:
    (profiles / "sim.toml").write_text("[session\n")
    with pytest.raises(ConfigError, match=r"sim\.toml"):
        load_profile("sim")


def test_exchange_without_a_table_names_it(profiles: Path) -> None:
    with pytest.raises(ConfigError, match=r"sim\.toml.*'kraken'"):
        load_profile("sim", {"session.exchanges": ["binance", "kraken"]})


def test_environment_sets_single_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTC_WHALES__THRESHOLD", "250000.5")
    monkeypatch.setenv("CTC_API__PORT", "9000")
    monkeypatch.setenv("CTC_SESSION__SYMBOLS", "BTC-USDT,ETH-USDT")
    loaded = load_profile("sim")
    assert loaded.whales.threshold == Decimal("250000.5")
    assert loaded.api.port == 9000
    assert loaded.session.symbols == ("BTC-USDT", "ETH-USDT")


def test_environment_with_an_unknown_key_names_file_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTC_WHALES__TRESHOLD", "1")
    with pytest.raises(ConfigError, match=r"sim\.toml: environment set 'whales\.treshold'"):
        load_profile("sim")


@pytest.mark.parametrize("value", ["many", "1.5", ""])
def test_environment_with_a_word_for_a_number_is_an_error(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CTC_API__PORT", value)
    with pytest.raises(ConfigError, match=r"api\.port must be a whole number"):
        load_profile("sim")


def test_environment_says_true_or_false(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTC_SPARK__QUICK_START", "false")
    monkeypatch.setenv("CTC_SPARK__STANDBY", "true")
    found = load_profile("sim").spark
    assert (found.quick_start, found.standby) == (False, True)
    monkeypatch.setenv("CTC_SPARK__STANDBY", "1")
    with pytest.raises(ConfigError, match=r"spark\.standby must be true or false"):
        load_profile("sim")


def test_environment_that_goes_through_a_value_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTC_API__PORT__NUMBER", "1")
    with pytest.raises(ConfigError, match=r"api\.port\.number"):
        load_profile("sim")


def test_options_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTC_API__PORT", "9000")
    assert load_profile("sim", {"api.port": 9001}).api.port == 9001


def test_machine_values_are_not_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTC_REALDATA", "/somewhere")
    load_profile("sim")
    assert machine("CTC_REALDATA") == "/somewhere"
    assert machine("CTC_NOT_SET", "default") == "default"


def test_state_round_trips(tmp_path: Path) -> None:
    saved = load_profile("sim", {"aws.emulator_port": 5001, "whales.threshold": Decimal("123456.789")})
    save_state(saved, tmp_path / "new")
    assert load_state(tmp_path / "new") == saved


def test_state_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no session in .*--state"):
        load_state(tmp_path)


@pytest.mark.parametrize(("body", "cause"), [(b"{", "is damaged"), (b"[]", "another version"), (b'{"session": {}}', "another version")])
def test_damaged_state_names_the_file_and_what_to_do(tmp_path: Path, body: bytes, cause: str) -> None:
    (tmp_path / "settings.json").write_bytes(body)
    with pytest.raises(ConfigError, match=rf"settings\.json.*{cause}.*start a new session, or name another folder with --state"):
        load_state(tmp_path)


def test_child_finds_its_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = child_environment(tmp_path, {"EXTRA": "1"})
    assert environment["EXTRA"] == "1"
    assert environment["PYSPARK_PYTHON"] == sys.executable
    monkeypatch.setenv("CTC_STATE", environment["CTC_STATE"])
    assert session_state() == tmp_path


def test_settings_are_plain_json() -> None:
    assert msgspec.json.decode(msgspec.json.encode(load_profile("sim")))["whales"]["threshold"] == "100000"
