"""`make infra-sim`, whole: what Terraform makes on the emulators is used as the cloud would be, and destroyed."""

from __future__ import annotations

import pytest
from cloud.emulators import PYTHON
from cloud.simulate import simulate
from cloud.terraform import missing

from ctc.java import require_java


@pytest.mark.emulator
@pytest.mark.spark
@pytest.mark.timeout(3600)
def test_what_terraform_makes_is_applied_used_and_destroyed(capfd: pytest.CaptureFixture[str]) -> None:
    if lacking := missing():
        pytest.skip(lacking)
    if not PYTHON.exists():
        pytest.skip("moto is not installed: run `make infra-setup`")
    require_java()
    assert simulate() == 0
    said = capfd.readouterr().err
    assert "exactly the reference's" in said
    assert "HistoricalLoad > SubmitSparkJob > WaitForJob" in said
    assert said.rstrip().endswith("all of it held")
