"""`python -m scripts.cli_page`: make the session, make the calls, write docs/CLI.md."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from ctc.settings import ROOT
from scripts.cli_page.page import capture, set_down

with tempfile.TemporaryDirectory(prefix="ctc-cli-page-") as folder:
    made = list(capture(Path(folder)))
wrong = [answer for _, _, answers in made for answer in answers if answer.code != answer.call.code]
for answer in wrong:
    print(f"{answer.call.words}: exit code {answer.code}\n{answer.text}", file=sys.stderr)
if not wrong:
    (ROOT / "docs" / "CLI.md").write_text(set_down(iter(made)))
sys.exit(bool(wrong))
