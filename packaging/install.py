# SPDX-License-Identifier: MIT
"""make install and make uninstall.

install.py --prefix DIR [--destdir DIR] --build DIR --arch NAME install COMMAND...
install.py --prefix DIR [--destdir DIR] uninstall

PREFIX/lib/pvm3/installed lists what was made, so that removing is its exact mirror. A line is a
kind and a path, as JSON: ["dir", "/usr/local/lib/pvm3"], ["file", PATH], ["link", PATH, TARGET].
Files appear whole and under their names in one step: running programs keep the old ones.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from layout import Item, Link, installed

Entry = tuple[str, ...]


class Place:
    """A prefix below a staging directory. Paths in records are those of the final place."""

    def __init__(self, destdir: str, prefix: str) -> None:
        self.destdir = destdir
        self.prefix = prefix
        self.manifest = f"{prefix}/lib/pvm3/installed"

    def real(self, path: str) -> Path:
        """Where a path of the final place is now."""
        return Path(self.destdir + path)

    def recorded(self) -> list[Entry]:
        """What was installed here; nothing if there is no list."""
        manifest = self.real(self.manifest)
        if not manifest.exists():
            return []
        lines = manifest.read_text(encoding="utf-8").splitlines()
        return [tuple(json.loads(line)) for line in lines]


# ---- installing --------------------------------------------------------------


def make_directory(place: Place, path: str) -> list[Entry]:
    """Make a directory and those above it; those that are new."""
    if path in ("", "/") or place.real(path).is_dir():
        return []
    above = make_directory(place, os.path.dirname(path))
    place.real(path).mkdir()
    place.real(path).chmod(0o755)
    return [*above, ("dir", path)]


def put(place: Place, item: Item) -> list[Entry]:
    """Make a file or link over whatever has its name; what is new."""
    path = f"{place.prefix}/{item.path}"
    new = make_directory(place, os.path.dirname(path))
    target = place.real(path)
    fresh = target.with_name(target.name + ".new")
    fresh.unlink(missing_ok=True)
    if isinstance(item, Link):
        fresh.symlink_to(item.target)
        entry: Entry = ("link", path, item.target)
    else:
        fresh.write_bytes(item.content())
        fresh.chmod(0o755 if item.program else 0o644)
        entry = ("file", path)
    fresh.replace(target)
    return [*new, entry]


def install(place: Place, items: Iterable[Item]) -> None:
    """Make all items, and remove what an earlier version had and this one has not."""
    place.real("/").mkdir(parents=True, exist_ok=True)
    before = place.recorded()
    entries = [entry for entry in before if entry[0] == "dir"]
    for item in items:
        entries += put(place, item)
    entries.append(("file", place.manifest))
    paths = {entry[1] for entry in entries}
    for entry in before:
        if entry[1] not in paths:
            remove(place, entry)
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    manifest = place.real(place.manifest)
    fresh = manifest.with_name(manifest.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o644)
    fresh.replace(manifest)


# ---- removing ----------------------------------------------------------------


def remove(place: Place, entry: Entry) -> None:
    """Remove what an entry is about, unless it has become something else since."""
    kind, path, *target = entry
    found = place.real(path)
    if kind == "link" and found.is_symlink() and str(found.readlink()) in target:
        found.unlink()
    elif kind == "file" and found.is_file() and not found.is_symlink():
        found.unlink()
        remove_byte_code(found)
    elif kind == "dir" and found.is_dir() and not any(found.iterdir()):
        found.rmdir()


def remove_byte_code(source: Path) -> None:
    """What Python has compiled of a module that is gone."""
    if source.suffix == ".py":
        for compiled in (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc"):
            compiled.unlink()


def uninstall(place: Place) -> str | None:
    """Remove all that is recorded, directories last; a message if there is nothing."""
    entries = place.recorded()
    if not entries:
        return f"nothing to remove: {place.real(place.manifest)} does not exist"
    for entry in sorted(entries, key=lambda entry: (entry[0] == "dir", -len(entry[1]))):
        remove(place, entry)
    return None


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="install.py", description=__doc__)
    parser.add_argument("action", choices=("install", "uninstall"))
    parser.add_argument("--build", type=Path, help="directory of the build")
    parser.add_argument("--arch", help="PVM_ARCH of the tree")
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--destdir", default="")
    parser.add_argument("commands", nargs="*")
    return parser.parse_args()


def main() -> str | None:
    """Do what is asked; None, or what is wrong."""
    given = arguments()
    if not given.prefix.startswith("/"):
        return f"PREFIX={given.prefix} must be an absolute path"
    place = Place(given.destdir, os.path.normpath(given.prefix))
    try:
        if given.action == "uninstall":
            return uninstall(place)
        tree = given.build / "pvm3"
        install(place, installed(tree, given.build, given.arch, place.prefix, given.commands))
    except OSError as error:
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return None


if __name__ == "__main__":
    problem = main()
    sys.exit(problem and f"make: {problem}")
