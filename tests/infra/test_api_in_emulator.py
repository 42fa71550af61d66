"""The packed API, called through the emulator's API Gateway and Lambda."""

from __future__ import annotations

from pathlib import Path

import pytest
from cloud.api import api_by_hand, measure, quantile
from package import package

from ctc.aws.hot import create_tables
from ctc.errors import SetupError
from ctc.settings import Settings, as_environment


@pytest.mark.emulator
@pytest.mark.timeout(900)
def test_packed_api_answers_through_gateway_and_lambda(emulator: Settings, tmp_path: Path) -> None:
    create_tables(emulator)
    try:
        package(tmp_path, "here", ["wheel", "api"])
    except SetupError as error:
        pytest.skip(str(error).splitlines()[0])
    told = {"tables.alerts": emulator.tables.alerts, "tables.metrics": emulator.tables.metrics}
    name = emulator.lake.database.replace("_", "-")
    api = api_by_hand(emulator, name, (tmp_path / "api.zip").read_bytes(), as_environment(told, "cloud"))
    measured = measure(emulator, api, rounds=5)
    print(measured.told())  # noqa: T201 - for whoever asks for it with -s
    assert measured.requests == 19
    assert measured.p50_ms <= measured.p99_ms


def test_quantile_is_a_value_that_was_measured() -> None:
    assert [quantile([4.0, 1.0, 3.0, 2.0], of) for of in (0.25, 0.5, 0.99, 1)] == [1, 2, 4, 4]
