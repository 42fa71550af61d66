"""`python -m jobs.batch`: what is wrong in its call is said in one sentence before a JVM starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.batch import main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--since", "noon"], "'noon' is not a time: write it as 2026-11-23T12:00:00Z"),
        (["--order", "event-time"], "invalid choice"),
    ],
)
def test_batch_job_refuses_wrong_options(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_batch_job_names_a_folder_without_a_session(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert main(["--state", str(tmp_path)]) == 2
    assert "no session in" in caplog.text
