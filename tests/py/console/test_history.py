# SPDX-License-Identifier: MIT
"""The file of typed lines: what is kept, how it is shortened, what happens without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pvm3py.console.terminal.history import HistoryFile, history_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "history"


def test_file_is_below_the_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/x")
    for state in ("", "relative"):
        monkeypatch.setenv("XDG_STATE_HOME", state)
        assert history_path() == Path("/home/x/.local/state/pvm3py/history")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert history_path() == Path("/state/pvm3py/history")


def test_lines_come_back_as_they_were_typed(path: Path) -> None:
    file = HistoryFile(path)
    typed = ["echo ümlaut", "echo \udcff", "a\tb "]
    for line in typed:
        assert file.wants(line)
        file.add(line)
    assert HistoryFile(path).lines() == typed


@pytest.mark.parametrize("line", ["", "  ", " secret", "x" * 5000, "two\nlines", "same"])
def test_line_is_not_kept(path: Path, line: str) -> None:
    file = HistoryFile(path)
    file.add("same")
    assert not file.wants(line)
    assert HistoryFile(path).lines() == ["same"]


def test_last_line_of_another_console_is_not_repeated(path: Path) -> None:
    HistoryFile(path).add("same")
    file = HistoryFile(path)
    file.lines()
    assert not file.wants("same")


def test_two_consoles_add_to_one_file(path: Path) -> None:
    one, other = HistoryFile(path), HistoryFile(path)
    for number in range(10):
        one.add(f"one {number}")
        other.add(f"other {number}")
    assert len(HistoryFile(path).lines()) == 20


def test_long_file_is_shortened_and_stays_private(path: Path) -> None:
    file = HistoryFile(path)
    file.add("first")
    path.write_text("".join(f"line {number}\n" for number in range(2500)))
    assert file.lines()[0] == "line 1500"
    assert len(path.read_text().splitlines()) == 1000
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["history"]


def test_what_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    file = HistoryFile(tmp_path / "file" / "history")
    file.add("x")
    assert file.lines() == []
