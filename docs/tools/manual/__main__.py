# SPDX-License-Identifier: MIT
"""`python -m manual man|site TREE TARGET`, in the project's directory.

man: manual pages of commands, files and functions. site: what Sphinx makes the site of.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from pvm3py import __version__

from .commands import command_pages
from .functions import function_pages
from .page import Page
from .site import SiteError, write_site
from .troff import link, manual_page


def write_manual(project: Path, tree: Path, target: Path) -> None:
    """Write target/man1, man3, man5 and man7."""
    functions = function_pages(project)
    pages = [*command_pages(project, tree), *(p for pages in functions.values() for p in pages)]
    shutil.rmtree(target, ignore_errors=True)
    for page in pages:
        _write(target, page)


def _write(target: Path, page: Page) -> None:
    """Write a page, and links to it under its other names."""
    folder = target / f"man{page.section}"
    folder.mkdir(parents=True, exist_ok=True)
    text = manual_page(page, __version__)
    (folder / f"{page.name}.{page.section}").write_text(text, encoding="utf-8")
    for name in page.also:
        (folder / f"{name}.{page.section}").write_text(link(page), encoding="utf-8")


def main() -> int:
    """Write what the command line asks for; the exit status."""
    match sys.argv[1:]:
        case ["man", tree, target]:
            write_manual(Path.cwd(), Path(tree), Path(target))
        case ["site", tree, target]:
            try:
                write_site(Path.cwd(), Path(tree), Path(target))
            except SiteError as error:
                print(f"make docs: {error}", file=sys.stderr)
                return 1
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
