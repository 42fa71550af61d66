"""`ctc wallets`: by address with intervals, the verdict and what it is not on stderr; every field and digit as JSON."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from command_line import Call, caller
from samples_wallets import RUN, SCORES, address

from ctc.aws.hot import create_tables
from ctc.aws.wallets import DynamoWallets
from ctc.cli.wallets import COLUMNS
from ctc.processes import locked
from ctc.settings import Settings, load_profile, save_state
from ctc.wallets import WalletScore


@pytest.fixture
def ctc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    return caller(capsys, monkeypatch)


@pytest.fixture
def session(emulator: Settings, tmp_path: Path) -> Path:
    """The folder of a session that seems to run, without scores."""
    create_tables(emulator)
    save_state(emulator, tmp_path)
    return tmp_path


@pytest.mark.emulator
def test_scores_come_by_address_with_intervals(ctc: Call, session: Path, emulator: Settings) -> None:
    DynamoWallets(emulator).put(RUN, SCORES)
    with locked(session):
        found = ctc("wallets", "--state", session)
    assert found.code == 0
    head, _, *lines = found.out.splitlines()
    assert tuple(head.split()) == COLUMNS
    assert [line.split() for line in lines] == [
        [address(1), "maker", "300", "false", "6.12", "1.5", "14", "61"],
        [address(1), "taker", "300", "2.7", "5.1", "7.5", "true", "6.12", "1.5", "14", "61"],
        [address(2), "taker", "300", "-0.4", "1.5", "3.4", "false", "6.12", "1.5", "14", "62"],
    ]
    said = found.err
    assert "takers, 300 s: wallets differ; 2 scored, 1 flagged at a false discovery rate of 10%; 40 with too few episodes or days" in said
    assert "makers, 300 s: no detectable skill; 1 scored; 40 with" in said
    assert "Binance's and Coinbase's tapes carry no identities" in said
    assert "no advice, and nothing here follows or copies a wallet" in said


@pytest.mark.emulator
def test_json_has_every_field_and_digit(ctc: Call, session: Path, emulator: Settings) -> None:
    DynamoWallets(emulator).put(RUN, SCORES)
    with locked(session):
        text = ctc("wallets", "--format", "json", "--state", session).out
    assert msgspec.json.decode(text, type=list[WalletScore]) == SCORES
    assert json.loads(text, parse_float=Decimal)[1]["p_value"] == Decimal("0.000000000000001234")


@pytest.mark.emulator
@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("--flagged",), [1]),
        (("--role", "maker"), [0]),
        (("--horizon", "300"), [0, 1, 2]),
        (("--horizon", "60"), []),
        (("--address", address(1).upper().replace("X", "x")), [0, 1]),
        (("--address", address(1), "--role", "taker"), [1]),
        (("--address", address(9)), []),
    ],
)
def test_options_choose(ctc: Call, session: Path, emulator: Settings, words: tuple[str, ...], shown: list[int]) -> None:
    DynamoWallets(emulator).put(RUN, SCORES)
    with locked(session):
        text = ctc("wallets", *words, "--format", "json", "--state", session).out
    assert msgspec.json.decode(text, type=list[WalletScore]) == [SCORES[index] for index in shown]


@pytest.mark.emulator
def test_session_without_scores_says_how_to_get_them(ctc: Call, session: Path) -> None:
    with locked(session):
        found = ctc("wallets", "--format", "json", "--state", session)
    assert (found.code, json.loads(found.out)) == (0, [])
    assert "nobody was scored here within 30 days: `ctc jobs run wallets` does it" in found.err


def test_what_is_no_address_is_refused(ctc: Call, tmp_path: Path) -> None:
    save_state(load_profile("sim"), tmp_path)
    found = ctc("wallets", "--address", "vitalik.eth", "--state", tmp_path)
    assert found.code == 2
    assert "write 0x and its 40 hexadecimal digits" in found.sentence()
