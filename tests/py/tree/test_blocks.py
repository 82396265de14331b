# SPDX-License-Identifier: MIT
"""Every block of code in the documents says what it is, and what is not run is checked."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.programs.blocks import KINDS, Block, blocks, blocks_of, documents, indented
from support.system import PROJECT, pvm_root, require_program

from pvm3py.console.commands import COMMANDS
from pvm3py.pvmd.state.hostfile import parse_host

# Programs that commands may name and that need not be on the machine of the tests.
ELSEWHERE = {"apt-get", "pip", "systemctl", "eval", "source", ".", "export", "cd"}
_SETTING = re.compile(r"[A-Z_0-9]+=(?:'[^']*'|\S)*\s*")


def of_kind(kind: str) -> list[pytest.param]:
    """The blocks of all documents of a kind, as parameters of a test."""
    return [
        pytest.param(block, id=f"{path}-{number}")
        for path in documents()
        for number, block in enumerate(blocks_of(path))
        if block.kind == kind
    ]


# Texts of manual pages have a form of their own.
@pytest.mark.parametrize(
    "path", [p for p in documents() if p.parts[:2] != ("docs", "man")], ids=str
)
def test_every_block_says_what_it_is(path: Path) -> None:
    strangers = [block for block in blocks_of(path) if block.kind not in KINDS]
    assert strangers == []
    assert indented((PROJECT / path).read_text()) == []


def test_block_without_a_kind_is_found() -> None:
    text = "a\n\n```c\nint i;\n```\n\n<!-- run -->\n```\nls\n```\n"
    text += "\nb\n\n    code\n\n* c\n\n    more of c\n"
    assert [block.kind for block in blocks(text)] == ["", "run"]
    assert indented(text) == ["    code"]


@pytest.mark.parametrize("block", of_kind("fragment"))
def test_part_of_a_source_is_code(block: Block, tmp_path: Path) -> None:
    if block.language == "python":
        ast.parse(block.text)
        return
    assert block.language == "c"
    require_program("cc", "gcc")
    source = tmp_path / "fragment.c"
    source.write_text(block.text)
    command = ["cc", "-fsyntax-only", "-Wall", "-Werror", f"-I{PROJECT / 'include'}", source]
    subprocess.run(command, check=True)


@pytest.mark.parametrize("block", of_kind("hostfile"))
def test_lines_of_a_host_file_are_understood(block: Block) -> None:
    lines = [line for line in block.text.splitlines() if line and line[0] != "#"]
    assert len([parse_host(line, {}) for line in lines]) > 0


def typed(block: Block, prompt: str) -> list[str]:
    """The first words of what is typed behind a prompt."""
    return re.findall(rf"^{re.escape(prompt)} *(\S+)", block.text, re.MULTILINE)


@pytest.mark.parametrize("block", of_kind("dialogue"))
def test_dialogue_has_commands_that_there_are(block: Block) -> None:
    console, shell = typed(block, "pvm>"), typed(block, "$")
    assert console or shell
    assert set(console) <= set(COMMANDS)
    assert [word for word in shell if not program(word)] == []


def program(word: str) -> bool:
    """Whether a command is one of the tree, or of the system."""
    tree = [*pvm_root().glob(f"lib/{word}"), *pvm_root().glob(f"lib/*/{word}")]
    return bool(tree or shutil.which(word)) or word in ELSEWHERE or (PROJECT / word).exists()


def commands(block: Block) -> list[list[str]]:
    """The words of each command, without settings before it and comments."""
    lines = block.text.replace("\\\n", " ").splitlines()
    parts = [part for line in lines for part in re.sub(r"\s# .*", "", line).split(" && ")]
    return [words for part in parts if (words := _SETTING.sub("", part).split())]


@pytest.mark.parametrize("block", of_kind("commands"))
def test_commands_name_what_exists(block: Block) -> None:
    targets = set(re.findall(r"^([\w-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for first, *rest in commands(block):
        assert program(first) or first.startswith("build/venv/"), first
        if first == "make":
            plain = {word for word in rest if not word.startswith("-")}
            assert plain <= targets, plain
        for word in rest:
            place = word.partition("::")[0]
            assert not place.startswith(("tests/", "examples/")) or (PROJECT / place).exists()
