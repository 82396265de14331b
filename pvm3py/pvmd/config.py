# SPDX-License-Identifier: MIT
"""What the daemon is told: command line, environment, standard input."""

from __future__ import annotations

import os
import re
import select
import struct
import sys
from dataclasses import dataclass, field

USAGE = "usage: pvmd3 [-ddebugmask] [-nhostname] [hostfile]"
DEFAULT_SPEED = 1000
_SOCKET_PATH_MAX = 107
_SIGNATURES = {
    ("little", 8): 0x00408C41,
    ("little", 4): 0x00408841,
    ("big", 8): 0x0658EF59,
    ("big", 4): 0x0658EB59,
}


class StartError(Exception):
    """The daemon cannot start; the text is one line that says what to do."""


@dataclass
class Settings:
    """All settings of one daemon; host file options replace some of them."""

    tmp: str
    vmid: str | None
    arch: str
    name: str = ""
    host_file: str | None = None
    debug_mask: int = 0
    log_limit: int = 1000000
    max_tasks: int = 0
    test_only: bool = False
    search_path: list[str] = field(default_factory=list)
    work_dir: str = "/"
    debugger: str = ""
    speed: int = DEFAULT_SPEED
    plugins: list[str] = field(default_factory=list)

    def file(self, prefix: str) -> str:
        """Path of pvmd.UID or pvml.UID, with the VMID if there is one."""
        suffix = "" if self.vmid is None else f".{self.vmid}"
        return f"{self.tmp}/{prefix}.{os.geteuid()}{suffix}"

    def temporary(self, number: int, pid: int = 0) -> str:
        """Path of temporary file `number` of a process (0: this one)."""
        return f"{self.tmp}/pvmtmp{pid or os.getpid():06d}.{number % 10000}"


def machine_arch() -> str:
    """PVM's name for this machine."""
    if struct.calcsize("P") == 8:
        return "LINUX64"
    return "LINUXARM" if os.uname().machine.startswith("arm") else "LINUX"


def data_signature() -> int:
    """PVM's word for the sizes and byte order of this machine's types."""
    return _SIGNATURES[sys.byteorder, struct.calcsize("l")]


def expand(text: str) -> str:
    """Replace $NAME and ${NAME} from the environment; unknown names stay."""

    def value(match: re.Match[str]) -> str:
        return os.environ.get(match[1] or match[2], match[0])

    return re.sub(r"\$(?:(\w+)|\{(\w+)\})", value, text)


def c_number(text: str) -> int:
    """The number that `text` starts with, as C's strtol with base 0 reads it; else 0."""
    match = re.match(r"\s*([+-]?)(0[xX][0-9a-fA-F]+|\d+)", text)
    if match is None:
        return 0
    digits = match[2].lower()
    if digits.startswith("0x"):
        number = int(digits, 16)
    elif digits.startswith("0"):
        number = int("0" + re.match("[0-7]*", digits)[0], 8)  # type: ignore[index]
    else:
        number = int(digits)
    return -number if match[1] == "-" else number


def read_stdin_settings() -> None:
    """Take PVM_VMID=value from a line that is waiting on standard input, if one is."""
    try:
        poll = select.poll()
        poll.register(0, select.POLLIN)
        ready = poll.poll(0)
        line = os.read(0, 255) if ready and ready[0][1] & select.POLLIN else b""
    except OSError:
        return
    for word in os.fsdecode(line).split("\n", 1)[0].split():
        name, equals, value = word.partition("=")
        if equals and name == "PVM_VMID":
            os.environ["PVM_VMID"] = value


def read_settings(args: list[str]) -> Settings:
    """Settings from environment and command line. StartError: they do not work."""
    arch = os.environ["PVM_ARCH"] = machine_arch()
    env = os.environ.get
    settings = Settings(
        tmp=env("PVM_TMP") or "/tmp",
        vmid=env("PVM_VMID"),
        arch=arch,
        host_file=env("PVMHOSTFILE") or None,
        debug_mask=c_number(env("PVMDDEBUG", "")),
        log_limit=c_number(env("PVMDLOGMAX", "1000000")),
        max_tasks=c_number(env("PVM_MAX_TASKS", "0")),
        debugger=env("PVM_DEBUGGER", ""),
    )
    _read_arguments(args, settings)
    _check_tmp(settings)
    path = env("PVM_PATH") or "$HOME/pvm3/bin/$PVM_ARCH:$PVM_ROOT/bin/$PVM_ARCH"
    settings.search_path = expand(path).split(":")
    settings.work_dir = expand(env("PVM_WD") or env("HOME") or "/")
    for plugin in ("PVM_TASKER", "PVM_TRACER", "PVM_HOSTER", "PVM_RM"):
        settings.plugins += [env(plugin, "")] if env(plugin, "").strip() else []
    return settings


def _read_arguments(args: list[str], settings: Settings) -> None:
    words = []
    for arg in args:
        if arg.startswith("-d"):
            settings.debug_mask = c_number(arg[2:])
        elif arg.startswith("-n"):
            settings.name = arg[2:]
        elif arg == "-t":
            settings.test_only = True
        elif arg in ("-s", "-S"):
            raise StartError("cannot join another machine as a slave; start without " + arg)
        elif arg != "-f":
            words.append(arg)
    if len(words) > 1:
        raise StartError(USAGE)
    if words:
        settings.host_file = words[0]


def _check_tmp(settings: Settings) -> None:
    tmp = settings.tmp
    hint = "set PVM_TMP to a directory of yours with a short path"
    if not os.path.isdir(tmp):
        raise StartError(f"directory {tmp} does not exist; create it or {hint}")
    if not os.access(tmp, os.W_OK | os.X_OK):
        raise StartError(f"cannot write in directory {tmp}; {hint}")
    if len(os.fsencode(settings.temporary(9999))) > _SOCKET_PATH_MAX:
        raise StartError(f"path {tmp} is too long for a socket; {hint}")
    if "/" in (settings.vmid or ""):
        raise StartError(f"PVM_VMID={settings.vmid} contains a slash; choose a plain word")


def check_root() -> None:
    """StartError if the user is root without saying that this is meant."""
    if os.geteuid() == 0 and "PVM_ALLOW_ROOT" not in os.environ:
        raise StartError(
            'PVM is being run as user "root", which gives every task full rights; '
            "use another account, or set PVM_ALLOW_ROOT=1 to allow it"
        )
