# SPDX-License-Identifier: MIT
"""Compare who uses whom with layers.toml: layers.py OBJECTS [PART...].

OBJECTS is the directory of the compiled C sources, laid out as csrc/. What a C file uses are the
symbols that its object takes from others, and the headers that it includes; what a Python module
uses are its imports, those for types included. Every use that goes up, every circle and every
file without a place is a line of output; the exit status is 1 if there is one. PARTS restrict the
check to some parts, such as libpvm or pvmd.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)

# Who uses whom: (user, used, what for), files by their path without ending below their language's
# top, as in libpvm/engine/poll.
Use = tuple[str, str, str]


def c_uses(objects: Path, alone: set[str]) -> tuple[set[str], list[Use]]:
    """All C files, and what they take from each other; of parts that are alone, only their own."""
    sources = {p.relative_to(ROOT / "csrc") for p in (ROOT / "csrc").rglob("*.[ch]")}
    files = {str(p.with_suffix("")) for p in sources}
    uses: list[Use] = []
    defined: dict[tuple[str, str], str] = {}
    wanted: list[tuple[str, str]] = []
    for source in sorted(p for p in sources if p.suffix == ".c" and p.parts[0] != "python"):
        name = str(source.with_suffix(""))
        for kind, symbol in symbols(objects / f"{name}.o"):
            if kind == "U":
                wanted.append((name, symbol))
            elif kind.isupper():
                defined[source.parts[0], symbol] = name
    libraries = {library for library, _ in defined}
    for name, symbol in wanted:
        own = name.split("/")[0]
        for library in sorted(libraries, key=lambda other: other != own):
            used = defined.get((library, symbol))
            if used and (library == own or library not in alone):
                uses.append((name, used, symbol))
                break
    for path in sources:
        text = (ROOT / "csrc" / path).read_text(encoding="utf-8")
        for header in INCLUDE.findall(text):
            for base in (path.parent, Path(path.parts[0]), Path("wire")):
                if base / header in sources:
                    user, used = str(path.with_suffix("")), str((base / header).with_suffix(""))
                    uses.append((user, used, header))
                    break
    return files, uses


def symbols(obj: Path) -> Iterator[tuple[str, str]]:
    """Kind and name of the symbols of an object that the linker sees."""
    if not obj.exists():
        return
    command = ["nm", "--extern-only", "--format=posix", str(obj)]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        name, _, rest = line.partition(" ")
        if rest:
            yield rest[0], name


def python_uses() -> tuple[set[str], list[Use]]:
    """All modules of pvm3py, and what they import of each other."""
    top = ROOT / "pvm3py"
    paths = {p.relative_to(top) for p in top.rglob("*.py")}
    modules = {module_name(p): p for p in paths}
    uses: list[Use] = []
    for name, path in modules.items():
        package = path.parts[:-1]
        for node in ast.walk(ast.parse((top / path).read_text(encoding="utf-8"))):
            for used in imported(node, package):
                target = "/".join(used)
                while target and target not in modules:
                    target = target.rpartition("/")[0]
                if target and target != name:
                    uses.append((name, target, "import"))
    return set(modules), uses


def module_name(path: Path) -> str:
    """As in pvmd/topics/spawn; a package's own file stands for the package."""
    return str(path.parent if path.name == "__init__.py" else path.with_suffix(""))


def imported(node: ast.AST, package: tuple[str, ...]) -> Iterator[list[str]]:
    """Parts of the names below pvm3py that an import statement may mean, longest first."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            parts = alias.name.split(".")
            if parts[0] == "pvm3py":
                yield parts[1:]
    elif isinstance(node, ast.ImportFrom):
        parts = (node.module or "").split(".") if node.module else []
        if node.level:
            parts = list(package[: len(package) - node.level + 1]) + parts
        elif parts[:1] == ["pvm3py"]:
            parts = parts[1:]
        else:
            return
        for alias in node.names:
            yield [*parts, alias.name]


def place(parts: list[str], name: str, depth: int) -> int | None:
    """The floor of a file's room in a list of parts."""
    room = name.split("/")[depth] if name.count("/") >= depth else ""
    return parts.index(room) if room in parts else None


def upwards(use: Use, table: dict[str, Any]) -> str:
    """Why a use is wrong, or an empty text."""
    user, used, what = use
    users, useds = user.split("/")[0], used.split("/")[0]
    parts = table["parts"]
    if users == useds:
        rooms = table.get(users, {})
        above, below = (place(rooms.get("parts", []), n, 1) for n in (used, user))
        if above is None or below is None or what in rooms.get("upward", ()):
            return ""
        return f"{user} uses {what} of {used}, which is above" if above > below else ""
    if users not in parts or useds not in parts:
        return ""
    allowed = table.get("uses", {}).get(users, parts[: parts.index(users)])
    return "" if useds in allowed else f"{user} uses {what} of {used}, which it may not"


def circles(uses: list[Use], exempt: set[str]) -> list[list[str]]:
    """Groups of files that depend on each other in a circle."""
    graph: dict[str, set[str]] = {}
    for user, used, what in uses:
        if user != used and what not in exempt:
            graph.setdefault(user, set()).add(used)
    reach: dict[str, set[str]] = {}
    for start in graph:
        seen, todo = set(), [start]
        while todo:
            for following in graph.get(todo.pop(), ()):
                if following not in seen:
                    seen.add(following)
                    todo.append(following)
        reach[start] = seen
    groups = {
        tuple(sorted(b for b in reach[a] if a in reach.get(b, ()))) for a in reach if a in reach[a]
    }
    return [list(group) for group in sorted(groups)]


def check(files: set[str], uses: list[Use], table: dict[str, Any], only: set[str]) -> list[str]:
    """What is wrong in one language."""
    lines = []
    exempt = {
        name for part in table.values() if isinstance(part, dict) for name in part.get("upward", ())
    }
    for name in sorted(files):
        part = name.split("/")[0]
        rooms = table.get(part, {}).get("parts") if part in table["parts"] else None
        if rooms and name not in (part, f"{part}/__main__") and place(rooms, name, 1) is None:
            lines.append((part, f"{name} is in none of {part}'s rooms"))
    lines += [
        (use[0].split("/")[0], why) for use in sorted(set(uses)) if (why := upwards(use, table))
    ]
    lines += [
        (group[0].split("/")[0], "in a circle: " + " ".join(group))
        for group in circles(uses, exempt)
    ]
    return [line for part, line in lines if not only or part in only]


def main(objects: str, *only: str) -> int:
    """Check both languages; the exit status."""
    tables = tomllib.loads((ROOT / "tests/lint/layers.toml").read_text(encoding="utf-8"))
    alone = set(tables["c"]["alone"])
    lines = check(*c_uses(Path(objects), alone), tables["c"], set(only))
    lines += check(*python_uses(), tables["python"], set(only))
    print(*lines, sep="\n", end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
