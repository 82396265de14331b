# SPDX-License-Identifier: MIT
"""The sources of the site: documents, with their links, and the reference."""

from __future__ import annotations

import os.path
import re
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .commands import command_pages, console_pages
from .functions import function_pages
from .markdown import block_lines, inline, markdown_page
from .names import Module, Name, read_package
from .page import Block, Page

# The place of a document of the project on the site, if it is not its name alone.
INDEX = "docs/README.md"
REFERENCE = "reference"
PICTURES = "images"
_REFERENCES = """\
* [Commands and files](commands.md)
* [Commands of the console](console-commands.md)
* [C functions](functions.md)
* [Fortran](fortran.md)
* [Python](python.md)
"""
_LINK = re.compile(r"(!?\[[^\]]*\])\(([^)\s]+)\)")
_FENCE = re.compile(r"(^```.*?^```[^\n]*\n)", re.MULTILINE | re.DOTALL)
_AUDIENCE = re.compile(r"^## (.+)$", re.MULTILINE)


class SiteError(Exception):
    """A link of a document leads nowhere."""


@dataclass
class Site:
    """What is written where.

    project   the project's directory
    target    where the sources of the site go
    places    documents of the project, and where they are on the site
    """

    project: Path
    target: Path
    places: dict[str, str]

    def write(self, place: str, text: str) -> None:
        """Write a page of the site."""
        path = self.target / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def write_site(project: Path, tree: Path, target: Path) -> None:
    """Write all sources of the site into an empty directory."""
    shutil.rmtree(target, ignore_errors=True)
    site = Site(project, target, documents(project))
    for document, place in site.places.items():
        text = linked((project / document).read_text(encoding="utf-8"), document, site)
        if document == INDEX:
            text = _index(text, site)
        site.write(place, text)
    _write_reference(site, tree)
    shutil.copy(project / "docs" / "tools" / "conf.py", target)


def documents(project: Path) -> dict[str, str]:
    """Documents of the project, and their places on the site."""
    places = {path.name: f"project/{path.name}" for path in sorted(project.glob("*.md"))}
    places |= {f"docs/{path.name}": path.name for path in sorted((project / "docs").glob("*.md"))}
    return places | {INDEX: "index.md"}


def linked(text: str, document: str, site: Site) -> str:
    """The text with links that hold on the site; those to other files are plain text there."""
    parts = _FENCE.split(text)
    # The text between blocks of code.
    for number in range(0, len(parts), 2):
        parts[number] = _LINK.sub(lambda match: _link(match, document, site), parts[number])
    return "".join(parts)


def _link(match: re.Match[str], document: str, site: Site) -> str:
    title, address = match.groups()
    name, hash_mark, anchor = address.partition("#")
    if "://" in address or not name:
        return match[0]
    wanted = os.path.normpath(PurePosixPath(document).parent / name)
    if wanted in site.places:
        here = PurePosixPath(site.places[document]).parent
        if title[1:-1] in (name, PurePosixPath(name).name):
            # A file is called by its name in the source, and by its title on the site.
            title = f"[{_title_of(site.project / wanted)}]"
        return f"{title}({os.path.relpath(site.places[wanted], here)}{hash_mark}{anchor})"
    if not (site.project / wanted).exists():
        raise SiteError(f"{document}: {address} does not exist")
    if title.startswith("!"):
        return f"{title}({_picture(site, wanted, PurePosixPath(site.places[document]).parent)})"
    return title[1:-1]


def _title_of(document: Path) -> str:
    first, _, _ = document.read_text(encoding="utf-8").partition("\n")
    return first.removeprefix("# ")


def _picture(site: Site, name: str, here: PurePosixPath) -> str:
    """A picture of the project, copied to the site; how pages in the directory `here` name it."""
    place = site.target / PICTURES / PurePosixPath(name).name
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(site.project / name, place)
    return os.path.relpath(PurePosixPath(PICTURES) / place.name, here)


def _index(text: str, site: Site) -> str:
    """The index, with a page for each kind of reader that its headings name."""
    start, *parts = _AUDIENCE.split(text)
    pages, seen = [], set()
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        name = re.sub(r"\W+", "-", title.partition(",")[0].lower()).strip("-")
        links = [link.partition("#")[0] for _, link in _LINK.findall(body)]
        fresh = [link for link in dict.fromkeys(links) if link.endswith(".md") and link not in seen]
        seen.update(fresh)
        site.write(f"{name}.md", f"# {title}\n{body}\n{_contents(fresh)}")
        pages.append(f"{name}.md")
    others = [link.partition("#")[0] for _, link in _LINK.findall(start)]
    first = [link for link in dict.fromkeys(others) if link not in seen]
    reference = "\n## Reference\n\n" + _REFERENCES.replace("(", f"({REFERENCE}/")
    return f"{text}{reference}\n" + _contents([*first, *pages, f"{REFERENCE}/index.md"])


def _contents(pages: list[str]) -> str:
    """A hidden table of contents: what the navigation shows below the page."""
    return "\n".join(["```{toctree}", ":hidden:", "", *pages, "```", ""])


# ---- the reference ------------------------------------------------------------------------------

# Packages of Python names for programs.
_PACKAGES = ("pvm3py", "pvm3py.futures", "pvm3py.aio", "pvm3py.classic")


def _write_reference(site: Site, tree: Path) -> None:
    """Pages of commands, functions and Python names, and their indexes."""
    commands = command_pages(site.project, tree)
    functions = function_pages(site.project)
    every = [*commands, *(page for pages in functions.values() for page in pages)]
    places = {name: f"{page.name}.md" for page in every for name in (*page.also, page.name)}
    for page in every:
        site.write(f"{REFERENCE}/{page.name}.md", markdown_page(page, places))
    console = console_pages()
    for page in console:
        site.write(f"{REFERENCE}/{_console_place(page)}", markdown_page(page, places))
    packages = {name: read_package(name) for name in _PACKAGES}
    for module in [module for modules in packages.values() for module in modules]:
        site.write(f"{REFERENCE}/{_module_place(module)}", _module_page(module, places))
    indexes = {
        "commands.md": _pages_index("Commands and files", {"": commands}, places),
        "console-commands.md": _console_index(console, places),
        "functions.md": _pages_index("C functions", functions, places),
        "fortran.md": _fortran_index(every, places),
        "python.md": _modules_index(packages, places),
    }
    for name, text in indexes.items():
        site.write(f"{REFERENCE}/{name}", text)
    site.write(f"{REFERENCE}/index.md", _reference_index(list(indexes)))


def _reference_index(names: list[str]) -> str:
    start = "# Reference\n\nA page of a command or a function is a manual page, too.\n\n"
    return start + _REFERENCES + "\n" + _contents(names)


def _pages_index(title: str, sections: dict[str, list[Page]], places: dict[str, str]) -> str:
    """An index of pages, in sections."""
    every = [f"{page.name}.md" for pages in sections.values() for page in pages]
    # Before the sections: what stands in one of them would belong to it in the navigation.
    lines = [f"# {title}", "", _contents(every)]
    for section, pages in sections.items():
        lines += [f"## {section}", ""] if section else []
        for page in pages:
            names = ", ".join((page.name, *page.also)) if len(page.also) < 3 else f"{page.name} ..."
            lines.append(f"* [{names}]({page.name}.md): {inline(page.summary, places)}.")
        lines.append("")
    return "\n".join(lines)


def _console_place(page: Page) -> str:
    return f"console-{page.name}.md"


def _console_index(pages: list[Page], places: dict[str, str]) -> str:
    """Each command of the console with what it does."""
    lines = ["# Commands of the console", "", "As [pvm](pvm.md) and its `help` explain them.", ""]
    lines += [f"* [{p.name}]({_console_place(p)}): {inline(p.summary, places)}." for p in pages]
    return "\n".join([*lines, "", _contents([_console_place(page) for page in pages])])


def _fortran_index(pages: list[Page], places: dict[str, str]) -> str:
    """Each Fortran name with what it does; the page is that of the C function."""
    lines = [
        "# Fortran",
        "",
        "Programs say `include 'fpvm3.h'`; its constants are in [fpvm3.h](fpvm3.h.md).",
    ]
    lines += ["", "| Name | See | |", "|---|---|---|"]
    names = sorted(
        (name, page) for page in pages for name in (page.name, *page.also) if _fortran(name)
    )
    for name, page in names:
        lines.append(
            f"| `{name}` | [{page.name}]({page.name}.md) | {inline(page.summary, places)} |"
        )
    return "\n".join([*lines, ""])


def _fortran(name: str) -> bool:
    return name.startswith("pvmf") or name in ("pvmmax", "pvmmin", "pvmsum", "pvmproduct")


def _module_place(module: Module) -> str:
    return f"python-{_module_title(module).replace('.', '-')}.md"


def _module_title(module: Module) -> str:
    """Its name inside of the project's package."""
    return module.name.removeprefix("pvm3py.")


def _modules_index(packages: dict[str, list[Module]], places: dict[str, str]) -> str:
    """The names that each package has, by the modules that they are from."""
    lines = ["# Python", "", "[The guide](../python.md) tells how to use them.", ""]
    for package, modules in packages.items():
        lines += [f"## {package}", ""]
        for module in modules:
            title, place = inline(module.summary, places), _module_place(module)
            lines.append(f"* [{_module_title(module)}]({place}): {title}.")
            names = (f"[`{one.name}`]({place}#{one.name.lower()})" for one in module.names)
            lines.append("  " + ", ".join(names))
        lines.append("")
    every = dict.fromkeys(
        _module_place(module) for modules in packages.values() for module in modules
    )
    return "\n".join([*lines, _contents(list(every))])


def _module_page(module: Module, places: dict[str, str]) -> str:
    lines = [f"# Python: {_module_title(module)}", "", *_blocks(module.text, places)]
    for name in module.names:
        lines += [f"## {name.name}", "", "```python", name.signature, "```", ""]
        lines += _blocks(name.text, places)
        for member in name.members:
            lines += _member(member, places)
        lines.append("")
    return "\n".join(lines)


def _member(member: Name, places: dict[str, str]) -> list[str]:
    text = " ".join(line for block in member.text for line in block_lines(block, places))
    return [f"* `{member.signature}`" + (f": {text}" if text else "")]


def _blocks(blocks: list[Block], places: dict[str, str]) -> list[str]:
    return [line for block in blocks for line in (*block_lines(block, places), "")]
