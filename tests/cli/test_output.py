"""Tables: as wide as the terminal and no wider, whole and plain in a pipe, harmless whatever the data is."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctc.cli.output import NARROWEST, WIDEST, Rows, _fitting, write

LONG = "an alert about something that takes more words than a narrow terminal has room for in one line"


def shown(columns: int, program: str, **environment: str) -> str:
    """What a program writes to a terminal of so many columns."""
    code = f"from ctc.cli.output import Rows, write\nfrom decimal import Decimal\nLONG = {LONG!r}\n{program}"
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")}
    main, terminal = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    done = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**kept, "TERM": "xterm-256color", **environment},
    )
    os.close(terminal)
    text = b""
    while select.select([main], [], [], 100)[0]:
        try:
            some = os.read(main, 1 << 16)
        except OSError:  # the terminal's other side is closed
            break
        text += some
    os.close(main)
    assert done.wait(100) == 0, text
    return text.decode()


def plain(text: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()


TABLE = "write(('at', 'n', 'what'), [('2026', Decimal('123456789.123456789'), LONG)] * 3, 'table'{})"
ROWS = "rows = Rows(('at', 'side', 'what'), (4, 4), 'table')\nrows.add(('2026', 'buy', LONG), {'side': 'green'})"


@pytest.mark.parametrize("columns", [40, 80, 140])
@pytest.mark.parametrize("program", [TABLE.format(""), TABLE.format(", wrap='what'"), ROWS])
def test_table_fits_the_terminal(columns: int, program: str) -> None:
    lines = plain(shown(columns, program))
    assert max(map(len, lines)) <= columns
    if "wrap" in program or program == ROWS:  # nothing is cut, only broken
        assert LONG in " ".join(" ".join(line.split()) for line in lines).replace("2026 123456789.123456789 ", "") or columns == 40
    assert "123456789.123456789" in "".join(lines) or program == ROWS


def test_text_gives_way_to_the_columns_on_its_right() -> None:
    """And is not left to push them off the screen."""
    head, _, row = plain(shown(60, "write(('what', 'low', 'high'), [(LONG, Decimal('-1.25'), Decimal('7.75'))], 'table')"))
    assert head.split() == ["what", "low", "high"]
    assert row.split()[-2:] == ["-1.25", "7.75"]
    assert len(row) <= 60


def test_colours_are_for_terminals_that_want_them() -> None:
    assert "\x1b[32m" in shown(80, ROWS)
    assert "\x1b[32m" not in shown(80, ROWS, NO_COLOR="1")
    assert "\x1b" not in shown(80, ROWS, TERM="dumb")


def test_piped_table_is_whole_and_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    out = StringIO()
    names = [f"column_{n}" for n in range(20)]
    write(names, [[LONG] * 20] * 100, "table", out=out)
    lines = out.getvalue().splitlines()
    assert len(lines) == 102
    assert lines[-1].count(LONG) == 20
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize("format", ["table", "csv", "json"])
def test_rows_are_written_one_by_one(format: str) -> None:
    out = StringIO()
    rows = Rows(("at", "n"), (20,), format, out)  # type: ignore[arg-type]
    rows.begin()
    before = out.getvalue()
    rows.add((datetime(2026, 1, 15, tzinfo=UTC), Decimal("1.50")))
    text = out.getvalue()[len(before) :]
    at = "2026-01-15T00:00:00Z"
    expected = {
        "table": f"{at}  1.5\n",
        "csv": f"{at},1.5\n",
        "json": f'{{"at":"{at}","n":1.5}}\n',
    }
    assert text == expected[format]
    assert bool(before) == (format != "json")


def test_lists_are_json_in_csv_too() -> None:
    out = StringIO()
    write(("rules",), [(("not_json", "late"),)], "csv", out=out)
    assert out.getvalue() == 'rules\n"[""not_json"",""late""]"\n'


@settings(deadline=None)
@given(st.text())
def test_tables_do_not_steer_the_terminal(text: str) -> None:
    out = StringIO()
    Rows(("a", "b"), (5,), "table", out).add((text, text))
    write(("a",), [(text,)], "table", out=out)
    assert all(letter.isprintable() or letter == "\n" for letter in out.getvalue())


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 300), st.booleans()), min_size=1, max_size=20), st.integers(20, 250))
def test_columns_fit_and_numbers_keep_their_width(columns: list[tuple[int, bool]], room: int) -> None:
    wanted, numbers = [width for width, _ in columns], [number for _, number in columns]
    found = _fitting(wanted, numbers, room)
    assert 1 <= len(found) <= len(wanted)
    assert len(found) == 1 or sum(found) + 2 * (len(found) - 1) <= room
    for width, want, number in zip(found, wanted, numbers, strict=False):
        assert width == want if number else min(want, NARROWEST) <= width <= min(want, WIDEST)
