# SPDX-License-Identifier: MIT
"""Host files and the options of a host."""

from __future__ import annotations

from collections.abc import Callable

from .config import StartError, is_number
from .hooks import parse_owner
from .plain import Plain, field

OPTIONS = ("lo", "so", "dx", "ep", "wd", "sp", "bx", "ip", "id", "ow")
_WORDS_MAX = 10


class HostLine(Plain):
    """A host as a host file or pvm_addhosts names it."""

    name: str
    options: dict[str, str] = field(factory=dict)
    start: bool = True
    overload: bool = False


def parse_host(line: str, defaults: dict[str, str]) -> HostLine:
    """One line: marks, name, options. ValueError says what is wrong with it."""
    text = line.strip()
    marks = text[: len(text) - len(text.lstrip("&$ \t"))]
    words = text[len(marks) :].split()
    if not words:
        raise ValueError("no host name")
    if len(words) > _WORDS_MAX:
        raise ValueError("line too long")
    options = dict(defaults)
    for word in reversed(words[1:]):
        name, equals, value = word.partition("=")
        if not equals or name not in OPTIONS:
            raise ValueError(f'unknown option "{word}"')
        if name == "sp" and not is_number(value):
            raise ValueError(f'"{word}" is no number')
        if name == "ip" and not value:
            raise ValueError(f'"{word}" names no address')
        if name == "ow":
            parse_owner(value)
        options[name] = value
    return HostLine(words[0], options, "&" not in marks, "$" in marks)


class HostFile(Plain):
    """The hosts of a file, and the defaults of its last `*` line, which hold for all others."""

    hosts: list[HostLine] = field(factory=list)
    defaults: dict[str, str] = field(factory=dict)

    def parse(self, line: str) -> HostLine:
        """A host that is named later, with the options that the file has for it. ValueError."""
        host = parse_host(line, {})
        known = next((h.options for h in self.hosts if h.name == host.name), self.defaults)
        host.options = known | host.options
        return host


def read_host_file(path: str | None, log: Callable[[str], None]) -> HostFile:
    """Read a host file; None: there is none. Errors in it go to the log.

    StartError: it cannot be read. Whoever names one does not want a machine without its hosts.
    """
    found = HostFile()
    if path is None:
        return found
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError as error:
        why = f"host file {path} can't be read: {error.strerror}"
        raise StartError(f"{why}; correct the argument or PVMHOSTFILE, or leave it out") from error
    errors = 0
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            if line.split()[0] == "*":
                found.defaults = parse_host(line, {}).options
            else:
                found.hosts.append(parse_host(line, found.defaults))
        except ValueError as error:
            errors += 1
            log(f"host file {path}, line {number}: {error}")
    if errors:
        log(f"host file {path}: {errors} errors")
    return found
