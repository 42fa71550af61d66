"""Terraform's own tests of the modules, where it is installed: with a mocked provider, nothing is applied."""

from __future__ import annotations

import pytest
from cloud.terraform import Terraform
from cloud.verify import formatted, module_tests, valid


@pytest.mark.emulator
@pytest.mark.terraform
@pytest.mark.timeout(1200)
def test_modules_pass_their_own_tests(terraform: Terraform) -> None:
    assert formatted(terraform) == valid(terraform) == "ok"
    assert module_tests(terraform).startswith("Success!")
