# SPDX-License-Identifier: MIT
"""Where things lie below a prefix: what `make install` and the wheel put beside the tree."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PACKAGING = PROJECT / "packaging"
NOTICES = ("LICENSE", "README.md", "CHANGELOG.md")
BASH = "share/bash-completion/completions"
ZSH = "share/zsh/site-functions"


@dataclass(frozen=True)
class File:
    """A file to be: its path below the prefix, its bytes, and whether it is a program."""

    path: str
    content: Callable[[], bytes]
    program: bool = False


@dataclass(frozen=True)
class Link:
    """A symbolic link to be: its path below the prefix, and what it says."""

    path: str
    target: str


Item = File | Link


def copy_of(source: Path, path: str) -> Item:
    """The same file or link elsewhere."""
    if source.is_symlink():
        return Link(path, str(source.readlink()))
    return File(path, source.read_bytes, bool(source.stat().st_mode & 0o100))


def files_below(directory: Path) -> list[Path]:
    """All files and links in a directory and those below it; none if it does not exist."""
    return sorted(path for path in directory.rglob("*") if path.is_symlink() or path.is_file())


def filled_in(template: Path, path: str, **values: str) -> File:
    """A template with @NAME@ replaced by values of these names."""
    text = template.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return File(path, text.encode)


# ---- beside the tree ---------------------------------------------------------


def documents(build: Path) -> Iterator[Item]:
    """Man pages, as far as they were made, and what is to be read."""
    man = build / "man"
    for page in files_below(man):
        yield copy_of(page, f"share/man/{page.relative_to(man)}")
    for name in NOTICES:
        yield copy_of(PROJECT / name, f"share/doc/pvm3py/{name}")


def completion(commands: list[str]) -> Iterator[Item]:
    """Completion of the commands. bash looks for a file by the name of the command."""
    names = " ".join(commands)
    templates = PACKAGING / "completion"
    yield filled_in(templates / "pvm3py.bash", f"{BASH}/pvm3py", COMMANDS=names)
    for command in commands:
        if command != "pvm3py":
            yield Link(f"{BASH}/{command}", "pvm3py")
    yield filled_in(templates / "_pvm3py", f"{ZSH}/_pvm3py", COMMANDS=names)


# ---- around the tree ---------------------------------------------------------


def tree_files(tree: Path) -> Iterator[Item]:
    """The tree itself."""
    for path in files_below(tree):
        yield copy_of(path, f"lib/pvm3/{path.relative_to(tree)}")


def command_links(tree: Path, arch: str, commands: Iterable[str]) -> Iterator[Item]:
    """Programs on the search path: a script of the tree, or else a program for this machine."""
    for command in commands:
        script = f"lib/{command}"
        place = script if (tree / script).exists() else f"lib/{arch}/{command}"
        if not (tree / place).exists():
            raise FileNotFoundError(f"{tree / place} does not exist; run make")
        yield Link(f"bin/{command}", f"../lib/pvm3/{place}")


def development_links(tree: Path, arch: str) -> Iterator[Item]:
    """Headers and static libraries, where compilers look for them."""
    for header in sorted((tree / "include").glob("*.h")):
        yield Link(f"include/{header.name}", f"../lib/pvm3/include/{header.name}")
    for library in sorted((tree / "lib" / arch).glob("*.a")):
        yield Link(f"lib/{library.name}", f"pvm3/lib/{arch}/{library.name}")


def discovery(tree: Path) -> Iterator[Item]:
    """What build systems find the tree by. The files of pkg-config say where it is from there."""
    for package in sorted(tree.glob("lib/pkgconfig/*.pc")):
        text = package.read_text(encoding="utf-8")
        moved = re.sub("^root=.*", "root=${pcfiledir}/../pvm3", text, flags=re.MULTILINE)
        yield File(f"lib/pkgconfig/{package.name}", moved.encode)
    for directory in sorted(tree.glob("lib/cmake/*")):
        yield Link(f"lib/cmake/{directory.name}", f"../pvm3/lib/cmake/{directory.name}")


def unit(prefix: str) -> Item:
    """The daemon as a service of a user's systemd, in whose syntax % begins a name."""
    path = "lib/systemd/user/pvmd.service"
    return filled_in(PACKAGING / "pvmd.service.in", path, PREFIX=prefix.replace("%", "%%"))


def installed(
    tree: Path, build: Path, arch: str, prefix: str, commands: list[str]
) -> Iterator[Item]:
    """All that `make install` makes below the prefix."""
    yield from tree_files(tree)
    yield from command_links(tree, arch, commands)
    yield from development_links(tree, arch)
    yield from discovery(tree)
    yield from documents(build)
    yield from completion(commands)
    yield unit(prefix)
