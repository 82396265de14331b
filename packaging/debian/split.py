# SPDX-License-Identifier: MIT
"""split.py DEBIAN MULTIARCH: lay DEBIAN/tmp out as Debian wants it, and split it into packages.

Libraries and headers lie where the system has them, and the tree has links to them.
"""

from __future__ import annotations

import os
import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path

# What goes where: the first pattern that matches a path below /usr. All else is in the package pvm.
PACKAGES = (
    ("lib/{multiarch}/*.so.*", "libpvm3"),
    ("lib/{multiarch}/*", "pvm-dev"),
    ("lib/python3/*", "python3-pvm3py"),
    ("include/*", "pvm-dev"),
    ("lib/cmake/*", "pvm-dev"),
    ("lib/pvm3/conf/*", "pvm-dev"),
    ("lib/pvm3/include/*", "pvm-dev"),
    ("lib/pvm3/lib/*/lib*.so.*", "pvm-dev"),
    ("lib/pvm3/lib/*/lib*.a", "pvm-dev"),
    ("lib/pvm3/lib/cmake/*", "pvm-dev"),
    ("lib/pvm3/lib/compat/*", "pvm-dev"),
    ("lib/pvm3/lib/pkgconfig/*", "pvm-dev"),
    ("lib/pvm3/lib/pvm3-flags.sh", "pvm-dev"),
    ("share/man/man3/*", "pvm-dev"),
)
# Programs with which tasks are built and groups looked at, by name, and what is about them.
DEVELOPMENT = (
    *("aimk", "pvm3-config", "pvmc[c+]*", "pvmf[79]*", "pvm_gstat", "pvmgroups"),
    "hpvm-build",
)
# Not for packages: the list for uninstalling, byte code, and what Debian keeps elsewhere.
LEFT_OUT = ("lib/pvm3/installed", "*/__pycache__/*", "share/doc/*")


def move(source: Path, dest: Path) -> None:
    """Move a file or link; a link across directories still says the same."""
    dest.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, dest)


def link(path: Path, target: Path) -> None:
    """Make a relative link, over what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(os.path.relpath(target, path.parent))


def lay_out(usr: Path, multiarch: str) -> None:
    """The system's places for libraries and headers, and for cffi."""
    system = usr / "lib" / multiarch
    tree = usr / "lib" / "pvm3"
    for library in (*tree.glob("lib/*/lib*.a"), *tree.glob("lib/*/lib*.so.3")):
        move(library, system / library.name)
        link(library, system / library.name)
        (usr / "lib" / library.name).unlink(missing_ok=True)
    for name in ("libpvm3.so", "libgpvm3.so", "libhpvm.so"):
        link(system / name, system / f"{name}.3")
    for header in tree.glob("include/*.h"):
        (usr / "include" / header.name).unlink()
        move(header, usr / "include" / header.name)
        link(header, usr / "include" / header.name)
    if (usr / "lib" / "pkgconfig").is_dir():
        shutil.move(usr / "lib" / "pkgconfig", system / "pkgconfig")
        for file in (system / "pkgconfig").iterdir():
            file.write_text(file.read_text().replace("${pcfiledir}/../pvm3", "/usr/lib/pvm3"))
    modules = usr / "lib" / "python3" / "dist-packages"
    for backend in tree.glob("lib/python/_cffi_backend.*"):
        link(backend, modules / backend.name)
    link(modules / "pvm3py", tree / "lib" / "python" / "pvm3py")
    shutil.rmtree(tree / "lib" / "python" / "cffi.libs", ignore_errors=True)


def package_of(path: str, multiarch: str) -> str | None:
    """The package that a path below /usr is in; None: in no package."""
    if any(fnmatch(path, pattern) for pattern in LEFT_OUT):
        return None
    for pattern, package in PACKAGES:
        if fnmatch(path, pattern.format(multiarch=multiarch)):
            return package
    program = Path(path).name.partition(".")[0]
    about = path.startswith(("bin/", "lib/pvm3/", "share/"))
    development = about and any(fnmatch(program, name) for name in DEVELOPMENT)
    return "pvm-dev" if development else "pvm"


def main(debian: Path, multiarch: str) -> None:
    """Split debian/tmp."""
    usr = debian / "tmp" / "usr"
    lay_out(usr, multiarch)
    for path in sorted(usr.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        name = str(path.relative_to(usr))
        package = package_of(name, multiarch)
        if package:
            move(path, debian / package / "usr" / name)
    shutil.rmtree(debian / "tmp")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
