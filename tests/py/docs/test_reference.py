# SPDX-License-Identifier: MIT
"""The reference has every function, and what the headers' comments say is complete and right."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from manual.commands import command_pages, console_commands, find_program, read_help
from manual.fortran import read_entries
from manual.functions import function_pages
from manual.header import Doc, HeaderError, read_header
from manual.markdown import inline, markdown_page
from manual.names import read_package
from manual.page import Bullets, Code, Page, Paragraph, Subtitle, Table, Terms, blocks_of
from support.system import PROJECT, library_dir, modules_dir, pvm_root, require_library

INCLUDE = PROJECT / "include"
# Exported names that are the interface of programs; the others are for old binaries, or inner.
PUBLIC = re.compile(r"(pvm_|Pvm|pvmf)\w+|pvm(max|min|sum|product)_")
DATA = {"pvm_errno", "pvm_nerr", "pvm_errlist"}


def docs() -> list[Doc]:
    return [doc for name in ("pvm3.h", "pvmtev.h") for doc in read_header(INCLUDE / name).docs]


def pages() -> list[Page]:
    return [page for section in function_pages(PROJECT).values() for page in section]


def page_names() -> set[str]:
    return {name for page in pages() for name in (page.name, *page.also)}


def exported(library: str) -> set[str]:
    output = subprocess.run(
        ["nm", "-D", "--defined-only", "--format=posix", str(library_dir() / library)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {line.split()[0] for line in output.splitlines()}


@pytest.mark.parametrize("library", ["libpvm3.so.3", "libgpvm3.so.3", "libfpvm3.so.3"])
def test_every_public_name_of_the_libraries_has_a_page(library: str) -> None:
    require_library("ours")
    public = {name.rstrip("_") for name in exported(library) if PUBLIC.fullmatch(name)}
    assert len(public) > 10
    assert public - page_names() == set()


def test_every_declared_function_has_a_page() -> None:
    declared = {
        name
        for header in ("pvm3.h", "pvmtev.h")
        for name in re.findall(
            r"^[a-z][^#;]*?\b\(?\*?(pvm\w+|Pvm\w+)\(", (INCLUDE / header).read_text(), re.MULTILINE
        )
    }
    assert len(declared) > 100
    assert declared <= page_names()


def test_every_public_constant_is_in_the_reference() -> None:
    text = (INCLUDE / "pvm3.h").read_text()
    defined = set(re.findall(r"^#define (Pvm\w+|PVM_\w+)[ \t]", text, re.MULTILINE))
    page = next(page for page in pages() if page.name == "pvm3.h")
    shown = {
        row[0].strip("`")
        for _, blocks in page.parts
        for block in blocks
        if isinstance(block, Table)
        for row in block.rows
    }
    assert len(shown) > 100
    # A constant that needs two lines is explained where it is defined.
    assert defined - shown <= {"PvmMboxDirectIndexOf"}


def test_every_name_that_a_comment_refers_to_exists() -> None:
    known = page_names()
    assert {name for doc in docs() for name in doc.see} - known == set()
    assert {code for doc in docs() for code, _ in doc.errors} <= set(
        re.findall(r"#define (Pvm\w+)", (INCLUDE / "pvm3.h").read_text())
    )


def test_the_error_codes_that_checks_provoke_are_documented() -> None:
    same = {"PvmDupEntry": "PvmDenied", "PvmNoEntry": "PvmNotFound"}
    table = (PROJECT / "docs" / "coverage.md").read_text()
    documented = {name: {code for code, _ in doc.errors} for doc in docs() for name in doc.names}
    missing = {}
    for name, results in re.findall(r"^\| (pvm_\w+) \| ([^|]*)", table, re.MULTILINE):
        provoked = {same.get(code, code) for code in re.findall(r"Pvm\w+", results)}
        if lacking := provoked - documented[name]:
            missing[name] = lacking
    assert len(documented) > 100
    assert missing == {}


def test_every_example_compiles(tmp_path: Path) -> None:
    require_library("ours")
    examples = [doc for doc in docs() if doc.example]
    assert len(examples) > 20
    source = "#include <stdio.h>\n#include <stdlib.h>\n#include <pvm3.h>\n#include <pvmtev.h>\n"
    for doc in examples:
        body = "\n".join(doc.example)
        source += f"void example_{doc.names[0]}(void)\n{{\n{body}\n}}\n"
    path = tmp_path / "examples.c"
    path.write_text(source)
    command = ["cc", "-Wall", "-Werror", "-fsyntax-only", f"-I{pvm_root() / 'include'}", str(path)]
    done = subprocess.run([*command, "-Wno-unused"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


HEADER = """\
/* A header. */
#ifdef __cplusplus
extern "C" {
#endif

/*
 * Do it.
 *
%s */
int pvm_do(int tid, int (*handler)(int bufid));
"""


@pytest.mark.parametrize(
    ("comment", "complaint"),
    [
        (" * @tid: who\n * Returns 0.\n", "nothing is said of handler"),
        (" * @tid: who\n * @handler: how\n", "what does it return"),
        (" * @tid: who\n * @handler: how\n * @tag: x\n * Returns 0.\n", "there is no argument tag"),
    ],
)
def test_an_incomplete_comment_is_refused(tmp_path: Path, comment: str, complaint: str) -> None:
    path = tmp_path / "x.h"
    path.write_text(HEADER % comment)
    with pytest.raises(HeaderError, match=complaint):
        read_header(path)


def test_a_comment_is_taken_apart(tmp_path: Path) -> None:
    path = tmp_path / "x.h"
    path.write_text(
        HEADER
        % " * It takes\n * time.\n *\n * @tid: who\n *   does it\n * @handler: how\n * Returns 0.\n"
        " * PvmNoTask: nobody.\n * Example:\n *\tif (x)\n *\t\ty();\n *\n *\tz();\n"
        " * See pvm_a, pvm_b\n"
    )
    (doc,) = read_header(path).docs
    assert doc.title == "Do it."
    assert doc.description == [Paragraph("It takes time.")]
    assert doc.arguments == [("tid", "who does it"), ("handler", "how")]
    assert doc.returns == "Returns 0."
    assert doc.errors == [("PvmNoTask", "nobody.")]
    assert doc.example == ["if (x)", "    y();", "", "z();"]
    assert doc.see == ["pvm_a", "pvm_b"]


def test_a_fortran_subroutine_shows_types_and_arrays() -> None:
    entries = {entry.name: entry for entry in read_entries(PROJECT / "csrc" / "libfpvm")}
    assert entries["pvmfspawn"].synopsis == [
        "subroutine pvmfspawn(task, flag, where, count, tids, started)",
        "    character*(*) task, where",
        "    integer flag, count, tids(*), started",
    ]
    assert entries["pvmfspawn"].function == "pvm_spawn"
    assert entries["pvmfsleep"].function == ""


# ---- Python names -----------------------------------------------------------


def test_every_python_name_is_in_the_reference() -> None:
    import pvm3py  # noqa: PLC0415

    assert modules_dir().exists()
    names = [name.name for module in read_package("pvm3py") for name in module.names]
    assert sorted(names) == sorted(pvm3py.__all__)


def test_every_python_function_says_what_it_does() -> None:
    silent = [
        name.name
        for module in read_package("pvm3py")
        for name in module.names
        if not name.text and " = " not in name.signature
    ]
    assert silent == []


# ---- commands ---------------------------------------------------------------


def programs() -> set[str]:
    """Programs of the tree."""
    files = [*pvm_root().glob("lib/*"), *library_dir().iterdir()]
    return {
        path.name
        for path in files
        if path.is_file() and os.access(path, os.X_OK) and not path.name.endswith(".so.3")
    }


def test_every_program_of_the_tree_has_a_page() -> None:
    require_library("ours")
    found = {
        name for page in command_pages(PROJECT, pvm_root()) for name in (page.name, *page.also)
    }
    assert {"pvmd", "pvmd3", "aimk", "pvmhosts", "pvm3py-rm"} <= found
    assert programs() - found == set()


def test_a_page_of_a_missing_program_is_left_out(tmp_path: Path) -> None:
    assert find_program("pvmd", tmp_path) is None
    names = {page.name for page in command_pages(PROJECT, tmp_path)}
    assert "pvmd" not in names
    assert "pvmhosts" in names


def test_the_console_commands_are_those_of_its_table() -> None:
    assert (console_commands() != []) == (modules_dir() / "pvm3py" / "console").exists()


def test_a_row_of_the_console_has_options_and_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    row = SimpleNamespace(name="ps", synopsis="ps [options]", summary="list tasks", hidden=False)
    row.options = (SimpleNamespace(flag="-n", value="HOST", help="of this host"),)
    row.notes = ("One line.", "Another.")
    secret = SimpleNamespace(name="idump", hidden=True)
    module = SimpleNamespace(COMMANDS={"ps": row, "idump": secret})
    monkeypatch.setitem(sys.modules, "pvm3py.console", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "pvm3py.console.commands", module)
    assert console_commands() == [
        Subtitle("ps [options]"),
        Paragraph("List tasks."),
        Terms((("-nHOST", "of this host"),)),
        Paragraph("One line. Another."),
    ]


def test_help_is_taken_apart() -> None:
    found = read_help(
        "usage: x [-h]\n         [file]\n\nDo it.\n\npositional arguments:\n  file\n\noptions:\n"
        "  -h, --help  show\n  -o OUT, --out OUT\n              where it\n              goes\n"
    )
    assert found.usage == ["x [-h]", "  [file]"]
    assert found.options == [("-h, --help", "show"), ("-o OUT, --out OUT", "where it goes")]
    assert [line for line in found.text if line] == ["Do it."]


# ---- text -------------------------------------------------------------------


def test_text_becomes_blocks() -> None:
    text = "a\nb\n\nm, n  o\n      p\nq     r\n\n* c\n  d\n* e\n\n    f\n\n      g\n\n"
    text += "```c\nh\n```\n| i | j |\n|---|---|\n| k | l |"
    assert blocks_of(text.split("\n")) == [
        Paragraph("a b"),
        Terms((("m, n", "o p"), ("q", "r"))),
        Bullets(("c d", "e")),
        Code(("f", "", "  g")),
        Code(("h",), "c"),
        Table((("i", "j"), ("k", "l"))),
    ]


def test_names_of_pages_become_links() -> None:
    places = {"pvm_send": "pvm_send.md"}
    assert inline("Call pvm_send(3).", places) == "Call [`pvm_send`](pvm_send.md)."
    assert inline("`pvm_send` or pvm_send.", places, "pvm_send") == "`pvm_send` or `pvm_send`."
    assert inline("PvmNoTask, <x> and *", places) == "`PvmNoTask`, \\<x\\> and \\*"


def test_a_page_of_the_site_has_all_parts() -> None:
    page = Page("pvm_x", 3, "Do it", ("pvm_y",))
    page.add("Synopsis", Code(("int pvm_x(void);",), "c"))
    page.add("Nothing")
    assert markdown_page(page, {}) == (
        "# pvm_x, pvm_y\n\nDo it.\n\n## Synopsis\n\n```c\nint pvm_x(void);\n```\n"
    )
