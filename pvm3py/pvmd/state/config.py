# SPDX-License-Identifier: MIT
"""What the daemon is told: command line, environment, standard input."""

from __future__ import annotations

import os
import re
import select
import signal
import stat
import struct
import sys
from collections.abc import Iterator, Mapping

from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError
from pvm3py.wire.hosts import parse_address

from .hooks import DEFAULT_OWNER, parse_owner
from .plain import Plain, field

USAGE = "usage: pvmd3 [-ddebugmask] [-nhostname] [hostfile]"
DEFAULT_SPEED = 1000
# Seconds that the start of a daemon on another host may take; that daemon waits JOIN_FACTOR times
# as long for its first host table, unless its master told it another time.
DEFAULT_START = 60.0
JOIN_FACTOR = 5
# Seconds that a disk may take for a step of a checkpoint, and bytes more for each further second.
DEFAULT_CKPT_PATIENCE = 30.0
_DISK_SPEED = 10_000_000
# A new host, which may have died since it was started, has this part of that time to answer its
# first table.
ANSWER_FACTOR = 0.5
# Seconds of silence after which another daemon of this kind is taken for dead.
DEFAULT_SILENCE = 2.5
# Names that the temporary files of a process can have.
TEMPORARIES = 10000
# How many of them in a row may be taken by others before names are used that nobody foresees.
_TAKEN = 16
_RANDOM_NAMES = 100
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SOCKET_PATH_MAX = 107
_VACATE_SIGNALS = {"TERM": int(signal.SIGTERM), "USR1": int(signal.SIGUSR1)}
# What glibc calls features that the processors of a level need not have.
_HWCAPS = "glibc.cpu.hwcaps"
_OF_NO_LEVEL = ("XSAVEC", "RTM", "ERMS", "FSRM", "FMA4", "AVX512_VBMI", "AVX512_VNNI")
_V4 = (*_OF_NO_LEVEL, "AVX512F", "AVX512BW", "AVX512CD", "AVX512DQ", "AVX512VL")
_V3 = (*_V4, "AVX", "AVX2", "BMI1", "BMI2", "F16C", "FMA", "LZCNT", "MOVBE")
_V2 = (*_V3, "SSE3", "SSSE3", "SSE4_1", "SSE4_2", "POPCNT")
_CPU_LEVELS = {
    "x86-64-v1": _V2,
    "x86-64-v2": _V3,
    "x86-64-v3": _V4,
    "x86-64-v4": _OF_NO_LEVEL,
}
# A file name has 255 bytes; the log's has the longest prefix and suffix.
_VMID_MAX = 255 - len("pvml.4294967295.") - len(".host4095")
_LONG_MAX = 2**63 - 1
_SIGNATURES = {
    ("little", 8): 0x00408C41,
    ("little", 4): 0x00408841,
    ("big", 8): 0x0658EF59,
    ("big", 4): 0x0658EB59,
}


class StartError(Exception):
    """The daemon cannot start; the text is one line that says what to do."""


class SlaveStart(Plain):
    """What the command line of a slave says: its master and its own place in the machine.

    manual: started by hand, so there is no starter to wait for; foreground: do not fork.
    """

    master: int
    master_address: str
    master_port: int
    master_mtu: int
    index: int
    address: str
    manual: bool
    foreground: bool


class Settings(Plain):
    """All settings of one daemon; host file options replace some of them.

    silence: seconds until a silent host is lost, 0: only by 3.4.6's rule; patience: seconds that a
    start may take; join_patience: those that a slave waits for its first table; ports: first and
    last that UDP sockets may have, or None; share_memory: tasks of this host may exchange messages
    through memory; lifeline: a descriptor at whose end the daemon ends, or -1; owner: how the owner
    of this host is known, see hooks.py. Of checkpoints that do not say it: ckpt_dir is where they
    go, "": nowhere; ckpt_every seconds come between them, 0: there is one; the last ckpt_keep are
    kept. ckpt_patience: seconds that a disk may take for a step of one. vacate: a signal at which
    its tasks leave before the daemon ends, 0: none. move_unlike: tasks may come from hosts with
    another kernel or processor. restart: DIR or DIR@NUMBER of the checkpoint whose tids are kept
    free.
    """

    tmp: str
    vmid: str | None
    arch: str
    name: str = ""
    host_file: str | None = None
    debug_mask: int = 0
    log_limit: int = 1000000
    max_tasks: int = 0
    test_only: bool = False
    search_path: list[str] = field(factory=list)
    work_dir: str = "/"
    debugger: str = ""
    plugins: list[str] = field(factory=list)
    slave: SlaveStart | None = None
    silence: float = DEFAULT_SILENCE
    patience: float = DEFAULT_START
    join_patience: float = DEFAULT_START * JOIN_FACTOR
    ports: tuple[int, int] | None = None
    share_memory: bool = True
    lifeline: int = -1
    owner: str = DEFAULT_OWNER
    ckpt_dir: str = ""
    ckpt_every: int = 0
    ckpt_keep: int = 2
    ckpt_patience: float = DEFAULT_CKPT_PATIENCE
    vacate: int = 0
    move_unlike: bool = False
    restart: str = ""

    def file(self, prefix: str) -> str:
        """Path of pvmd.UID or pvml.UID, with the VMID if there is one."""
        suffix = "" if self.vmid is None else f".{self.vmid}"
        return f"{self.tmp}/{prefix}.{os.geteuid()}{suffix}"

    def disk_seconds(self, size: int = 0) -> float:
        """How long a disk may take for files of a checkpoint with so many bytes."""
        return self.ckpt_patience + size / _DISK_SPEED

    def temporary_stem(self, pid: int = 0) -> str:
        """What the paths of temporary files of a process (0: this one) have before their number."""
        return f"{self.tmp}/pvmtmp{pid or os.getpid():06d}."

    def temporary(self, number: int) -> str:
        """Path of temporary file `number` of this process."""
        return f"{self.temporary_stem()}{number % TEMPORARIES}"

    def temporaries(self, number: int = 0) -> Iterator[str]:
        """Paths to try one after the other for a new temporary file of this process.

        They begin with a number; then come some as long that nobody can have taken beforehand.
        """
        for taken in range(_TAKEN):
            yield self.temporary(number + taken)
        for _ in range(_RANDOM_NAMES):
            end = "".join(_DIGITS[byte % len(_DIGITS)] for byte in os.urandom(4))
            yield f"{self.temporary_stem()}{end}"


def machine_arch() -> str:
    """PVM's name for this machine, if the program that started the daemon has not told it."""
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


_NUMBER = re.compile(r"\s*([+-]?)(?:0[xX]([0-9a-fA-F]+)|0([0-7]+)|([1-9][0-9]*))")
_ZERO = re.compile(r"\s*[+-]?0+")


def c_number(text: str) -> int:
    """The number that `text` starts with, as C's strtol with base 0 reads it; else 0."""
    match = _NUMBER.match(text)
    if match is None:
        return 0
    sign, *groups = match.groups()
    digits, base = next((g, base) for g, base in zip(groups, (16, 8, 10), strict=True) if g)
    # Python refuses to read thousands of digits; so many mean the largest number anyway.
    number = min(int(digits[:100], base), _LONG_MAX)
    return -number if sign == "-" else number


def speed_of(options: Mapping[str, str]) -> int:
    """Relative speed of a host with these options of a host file: 1 to 1,000,000."""
    return min(max(c_number(options["sp"]), 1), 1000000) if "sp" in options else DEFAULT_SPEED


def is_number(text: str) -> bool:
    """Whether `text` is a number and nothing else, as c_number() reads it."""
    return bool(_NUMBER.fullmatch(text) or _ZERO.fullmatch(text))


# What a starter may set on a slave's standard input unless its environment does, besides
# PVM_VMID, which wins over the environment.
PASSED_ON = ("PVM_HOST_TIMEOUT", "PVM_PORT_RANGE", "PVM_START_TIMEOUT")
# What only a master tells a slave: seconds to wait for the first host table.
JOIN_TIMEOUT = "PVM_JOIN_TIMEOUT"


def read_stdin_settings() -> None:
    """Take NAME=value words from a line that is waiting on standard input, if one is."""
    for word in os.fsdecode(_waiting_line()).split():
        name, equals, value = word.partition("=")
        value = value.replace("\0", "")
        if equals and name in ("PVM_VMID", JOIN_TIMEOUT):
            os.environ[name] = value
        elif equals and name in PASSED_ON:
            os.environ.setdefault(name, value)


def _waiting_line() -> bytes:
    """One line, byte by byte: what follows it is for others. At most 255 bytes."""
    line = b""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    try:
        while len(line) < 255 and (ready := poll.poll(0)) and ready[0][1] & select.POLLIN:
            byte = os.read(0, 1)
            if byte in (b"", b"\n"):
                break
            line += byte
    except OSError:
        pass
    return line


def read_settings(args: list[str]) -> Settings:
    """Settings from environment and command line. StartError: they do not work."""
    arch = os.environ["PVM_ARCH"] = os.environ.get("PVM_ARCH") or machine_arch()
    env = os.environ.get
    settings = Settings(
        tmp=_directory(),
        vmid=env("PVM_VMID"),
        arch=arch,
        host_file=env("PVMHOSTFILE") or None,
        debug_mask=_read_number("PVMDDEBUG", 0),
        log_limit=_read_number("PVMDLOGMAX", 1000000),
        max_tasks=_read_number("PVM_MAX_TASKS", 0),
        debugger=env("PVM_DEBUGGER", ""),
    )
    _read_arguments(args, settings)
    _check_tmp(settings)
    settings.share_memory = env("PVM_SHM") != "off"
    settings.lifeline = _take_lifeline()
    settings.owner = _read_owner()
    settings.vacate = _read_vacate_signal()
    settings.silence = _read_seconds("PVM_HOST_TIMEOUT", DEFAULT_SILENCE)
    settings.patience = _read_seconds("PVM_START_TIMEOUT", DEFAULT_START, least=0.001)
    own_limit = settings.patience * JOIN_FACTOR
    settings.join_patience = _read_seconds(JOIN_TIMEOUT, own_limit, least=0.001)
    settings.ports = _read_ports(env("PVM_PORT_RANGE"), env("PVMNETSOCKPORT"))
    settings.restart = os.environ.pop("PVM_RESTART", "")
    settings.move_unlike = env("PVM_MOVE_UNLIKE") == "1"
    _limit_processor(env("PVM_CPU_LEVEL", ""))
    settings.ckpt_dir = expand(env("PVM_CKPT_DIR", ""))
    settings.ckpt_every = _read_number("PVM_CKPT_EVERY", 0)
    settings.ckpt_keep = _read_number("PVM_CKPT_KEEP", 2)
    settings.ckpt_patience = _read_seconds("PVM_CKPT_TIMEOUT", DEFAULT_CKPT_PATIENCE, least=0.001)
    path = env("PVM_PATH") or "$HOME/pvm3/bin/$PVM_ARCH:$PVM_ROOT/bin/$PVM_ARCH"
    settings.search_path = expand(path).split(":")
    settings.work_dir = expand(env("PVM_WD") or env("HOME") or "/")
    for plugin in ("PVM_TASKER", "PVM_TRACER", "PVM_HOSTER", "PVM_RM"):
        settings.plugins += [env(plugin, "")] if env(plugin, "").strip() else []
    return settings


def split_number(checkpoint: str) -> tuple[str, int]:
    """Directory and number of DIR@NUMBER; 0: the last one."""
    directory, at, number = checkpoint.rpartition("@")
    return (directory, int(number)) if at and number.isdecimal() else (checkpoint, 0)


def _directory() -> str:
    """PVM_TMP, from now on as an absolute path: daemon and tasks change their directories."""
    tmp = os.environ.get("PVM_TMP") or "/tmp"
    if not tmp.startswith("/"):
        try:
            tmp = os.environ["PVM_TMP"] = f"{os.getcwd()}/{tmp}"
        except OSError as error:
            raise StartError(f"PVM_TMP={tmp} is relative to a directory that is gone") from error
    return tmp


def _take_lifeline() -> int:
    """The descriptor that PVM_LIFELINE names, which no task gets; -1: none."""
    text = os.environ.pop("PVM_LIFELINE", "")
    if not text:
        return -1
    try:
        os.set_inheritable(int(text), False)
    except (ValueError, OverflowError, OSError) as error:
        raise StartError(f"PVM_LIFELINE={text} is no open descriptor") from error
    return int(text)


def _read_owner() -> str:
    """How the owner of this host is known."""
    text = os.environ.get("PVM_OWNER") or DEFAULT_OWNER
    try:
        parse_owner(text)
    except ValueError as error:
        raise StartError(f"PVM_OWNER={text}: {error}") from error
    return text


def _read_vacate_signal() -> int:
    """The number of PVM_VACATE_SIGNAL; 0: none."""
    name = os.environ.get("PVM_VACATE_SIGNAL", "")
    if name not in ("", *_VACATE_SIGNALS):
        known = " nor ".join(_VACATE_SIGNALS)
        raise StartError(f"PVM_VACATE_SIGNAL={name} is neither {known}")
    return _VACATE_SIGNALS.get(name, 0)


def _limit_processor(level: str) -> None:
    """Have the C library of tasks keep to a level of x86-64; "" is none."""
    if not level:
        return
    if level not in _CPU_LEVELS:
        raise StartError(f"PVM_CPU_LEVEL={level} is none of {', '.join(_CPU_LEVELS)}")
    above = ",".join(f"-{feature}" for feature in _CPU_LEVELS[level])
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    # In front: glibc ends each word in place, so programs see the first one alone.
    if _HWCAPS not in tunables:
        os.environ["GLIBC_TUNABLES"] = f"{_HWCAPS}={above}:{tunables}".rstrip(":")


def _read_seconds(name: str, default: float, least: float = 0.0) -> float:
    """A number of seconds from the environment."""
    text = os.environ.get(name)
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not least <= seconds <= 1e6:
        raise StartError(f"{name}={text} is not a number of seconds")
    return seconds


def _read_number(name: str, default: int) -> int:
    """A number from the environment, as C writes it."""
    text = os.environ.get(name)
    if not text:
        return default
    if not is_number(text):
        raise StartError(f"{name}={text} is not a number")
    return c_number(text)


def _read_ports(text: str | None, first: str | None) -> tuple[int, int] | None:
    """PVM_PORT_RANGE=first-last, else PVMNETSOCKPORT, which names the first port to try."""
    if text:
        match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
        ports = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 0 < ports[0] <= ports[1] <= 65535:
            raise StartError(f"PVM_PORT_RANGE={text} is not of the form first-last, like 9000-9100")
        return ports
    if first and not is_number(first):
        raise StartError(f"PVMNETSOCKPORT={first} is not a number")
    port = c_number(first or "")
    return (port, 65535) if 0 < port <= 65535 else None


def _read_arguments(args: list[str], settings: Settings) -> None:
    words = []
    switches = set()
    for arg in args:
        if arg.startswith("-d"):
            settings.debug_mask = c_number(arg[2:])
        elif arg.startswith("-n"):
            settings.name = arg[2:]
        elif arg == "-t":
            settings.test_only = True
        elif arg.startswith("-s"):
            switches.add("-s")
        elif arg in ("-S", "-f"):
            switches.add(arg)
        else:
            words.append(arg)
    if switches & {"-s", "-S"}:
        settings.slave = _read_slave(words, "-S" in switches, "-f" in switches)
        return
    _check_arguments(args)
    for word in words:
        if word.startswith("-"):
            raise StartError(f"unknown option {word}; {USAGE}; --help tells more")
    if len(words) > 1:
        raise StartError(USAGE)
    if words:
        settings.host_file = words[0]


def _check_arguments(args: list[str]) -> None:
    """Refuse options with a bad value; slaves take what masters of all kinds may give them."""
    for arg in args:
        if arg.startswith("-d") and not is_number(arg[2:]):
            raise StartError(f"{arg}: the debug mask is no number, like 0x2; {USAGE}")
        if arg == "-n":
            raise StartError(f"-n needs the name of this host, without a blank; {USAGE}")


def _read_slave(words: list[str], manual: bool, foreground: bool) -> SlaveStart:
    """The five words of a slave's command line; what follows a number in them is ignored."""
    if any(word.startswith("-") for word in words):
        raise StartError(f"slave: unknown switch in: {' '.join(words)}")
    if len(words) != 5:
        raise StartError(
            f"slave: bad args: {' '.join(words)}; needed are "
            "master's index, its address:port, its MTU, own index, own address:port"
        )
    try:
        master_address, master_port = parse_address(words[1])
        address, _ = parse_address(words[4])
    except WireError as error:
        raise StartError(f"slave: bad args: {error}") from error
    master, mtu, index = (c_number(words[i]) for i in (0, 2, 3))
    mtu_taken = c.WIRE_PKT_LEAST <= mtu <= 0x7FFFFFFF and master_port
    if not (0 < master < 4096 and 0 < index < 4096 and master != index and mtu_taken):
        raise StartError(f"slave: bad args: {' '.join(words)}")
    return SlaveStart(master, master_address, master_port, mtu, index, address, manual, foreground)


def _check_tmp(settings: Settings) -> None:
    tmp = settings.tmp
    hint = "set PVM_TMP to a directory of yours with a short path"
    try:
        if not stat.S_ISDIR(os.stat(tmp).st_mode):
            raise StartError(f"{tmp} is no directory; {hint}")
    except FileNotFoundError as error:
        raise StartError(f"directory {tmp} does not exist; create it or {hint}") from error
    except OSError as error:
        raise StartError(f"directory {tmp}: {error.strerror}; {hint}") from error
    if not os.access(tmp, os.W_OK | os.X_OK):
        raise StartError(f"cannot write in directory {tmp}; {hint}")
    if len(os.fsencode(settings.temporary(TEMPORARIES - 1))) > _SOCKET_PATH_MAX:
        raise StartError(f"path {tmp} is too long for a socket; {hint}")
    if "/" in (settings.vmid or ""):
        raise StartError(f"PVM_VMID={settings.vmid} contains a slash; choose a plain word")
    if len(os.fsencode(settings.vmid or "")) > _VMID_MAX:
        raise StartError(f"PVM_VMID is too long, at most {_VMID_MAX} bytes; choose a short word")


def check_root() -> None:
    """StartError if the user is root without saying that this is meant."""
    if os.geteuid() == 0 and "PVM_ALLOW_ROOT" not in os.environ:
        raise StartError(
            'PVM is being run as user "root", which gives every task full rights; '
            "use another account, or set PVM_ALLOW_ROOT=1 to allow it"
        )
