# SPDX-License-Identifier: MIT
"""Pages of functions: the comments of the headers together with their Fortran names."""

from __future__ import annotations

from pathlib import Path

from .fortran import Entry, read_entries, read_parameters
from .header import Constants, Doc, Header, Structure, read_header
from .page import Code, Page, Paragraph, Table, Terms

HEADERS = ("pvm3.h", "pvmtev.h")
SECTION = 3
FORTRAN_SECTION = "Fortran alone"


def function_pages(project: Path) -> dict[str, list[Page]]:
    """Pages of all functions, by the sections of the headers, and pages of the headers."""
    entries = read_entries(project / "csrc" / "libfpvm")
    sections: dict[str, list[Page]] = {}
    headers = [read_header(project / "include" / name) for name in HEADERS]
    for header in headers:
        for doc in header.docs:
            own = [entry for entry in entries if _belongs(entry, doc)]
            sections.setdefault(doc.section, []).append(_function_page(header, doc, own))
    alone = [
        entry for entry in entries if not any(_belongs(entry, d) for h in headers for d in h.docs)
    ]
    sections[FORTRAN_SECTION] = [_fortran_page(entry) for entry in alone]
    sections["Constants and structures"] = [
        *(_header_page(header) for header in headers),
        _fortran_header_page(project / "include" / "fpvm3.h"),
    ]
    return sections


def _belongs(entry: Entry, doc: Doc) -> bool:
    """Whether a subroutine is the Fortran name of one of the functions."""
    return entry.function in doc.names


def _function_page(header: Header, doc: Doc, entries: list[Entry]) -> Page:
    names = [*doc.names, *(entry.name for entry in entries)]
    summary = doc.title.rstrip(".")
    page = Page(names[0], SECTION, summary, tuple(names[1:]))
    page.add("Synopsis", *_synopsis(header, doc))
    if entries:
        lines = [line for entry in entries for line in entry.synopsis]
        page.add("Fortran", Code(tuple(lines), "fortran"), *_remarks(entries))
    page.add("Description", *doc.description)
    if doc.arguments:
        page.add("Arguments", Terms(tuple(doc.arguments)))
    if doc.returns:
        page.add("Return value", Paragraph(doc.returns))
    if doc.errors:
        page.add("Errors", Terms(tuple(doc.errors)))
    if doc.example:
        page.add("Example", Code(tuple("\n".join(doc.example).strip("\n").split("\n")), "c"))
    if doc.see:
        page.add("See also", Paragraph(", ".join(f"{name}(3)" for name in doc.see) + "."))
    return page


def _synopsis(header: Header, doc: Doc) -> list[Code | Paragraph]:
    lines = [f"#include <{header.name}>"] if doc.functions else []
    blocks: list[Code | Paragraph] = [Code((*lines, *(f.text for f in doc.functions)), "c")]
    if doc.undeclared:
        them = Code(tuple(f.text for f in doc.undeclared), "c")
        if not doc.functions:
            return [Paragraph("Programs declare this themselves; no header does."), them]
        blocks += [Paragraph("Programs declare these themselves; no header does:"), them]
    return blocks


def _remarks(entries: list[Entry]) -> list[Terms]:
    remarks = tuple((entry.name, entry.remark) for entry in entries if entry.remark)
    return [Terms(remarks)] if remarks else []


def _fortran_page(entry: Entry) -> Page:
    """A subroutine without a C function."""
    page = Page(entry.name, SECTION, entry.remark.rstrip("."))
    page.add("Fortran", Code(tuple(entry.synopsis), "fortran"))
    return page


# ---- constants and structures -------------------------------------------------------------------


def _header_page(header: Header) -> Page:
    first, *more = header.introduction
    assert isinstance(first, Paragraph)
    summary, _, rest = first.text.partition(". ")
    page = Page(header.name, SECTION, summary.rstrip("."))
    page.add("Synopsis", Code((f"#include <{header.name}>",), "c"))
    page.add("Description", *([Paragraph(rest)] if rest else []), *more)
    _add_constants(page, header.constants)
    for structure in header.structures:
        page.add(f"struct {structure.name}", *_fields(structure))
    return page


def _fortran_header_page(path: Path) -> Page:
    page = Page(path.name, SECTION, "Constants of PVM for Fortran")
    page.add("Synopsis", Code((f"include '{path.name}'",), "fortran"))
    _add_constants(page, read_parameters(path))
    return page


def _add_constants(page: Page, groups: list[Constants]) -> None:
    """A part for each group; its title is the first sentence of the comment."""
    for group in groups:
        title, _, rest = group.title.partition(". ")
        page.add(title.rstrip("."), *_table(group, rest))


def _table(group: Constants, rest: str) -> list[Paragraph | Table]:
    rows = tuple((f"`{name}`", f"`{value}`", meaning) for name, value, meaning in group.rows)
    table = Table((("Name", "Value", "Meaning"), *rows))
    if not any(meaning for _, _, meaning in group.rows):
        table = Table(tuple(row[:2] for row in table.rows))
    return [Paragraph(rest), table] if rest else [table]


def _fields(structure: Structure) -> list[Paragraph | Code]:
    lines = structure.text.expandtabs(4).split("\n")
    return [Paragraph(structure.title), Code(tuple(lines), "c")]
