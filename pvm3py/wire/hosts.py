# SPDX-License-Identifier: MIT
"""What makes hosts a virtual machine: bodies of DM_ and SM_ messages, the lines of a start.

HostNames, AddHostReply and Codes of task.py are the bodies of DM_ADD, DM_ADDACK, DM_DELHOST and
DM_DELHOSTACK as well.
"""

import re
import socket
from typing import Annotated, Any, NamedTuple

from . import constants as c
from .codec import INT, STRING, Counted, ToEnd, Trailing, WireError
from .record import I32, Record, Str

_ADDRESS = r"([0-9a-fA-F]{8}):([0-9a-fA-F]{1,4})(?![0-9a-fA-F])"
_FIELD = r"<([^<>]*)>"
_DIGITS = r"\d{1,10}"
_GREETING_MAX = 255
# In front of the last field, so that it is there as soon as all fields are.
_CAPABILITIES = re.compile(r">[^<>]*\bcan:([0-9a-f]{1,8}) dsig[^<>]*<[^<>]*>[^<>]*$")

# What a daemon of this version can.
OWN_CAPABILITIES = c.WIRE_DAEMON_CAN_TELL


class _Items:
    """Items {field, text} up to the end of the body, or to the first that is none.

    3.4.6 ends the list there without a word, so that newer daemons can put data behind it.
    """

    smallest = 0

    def pack(self, value: list[tuple[int, str]]) -> bytes:
        return b"".join(INT.pack(field) + STRING.pack(text) for field, text in value)

    def unpack(self, body: bytes, at: int) -> tuple[list[Any], int]:
        items: list[tuple[int, str]] = []
        try:
            while at < len(body):
                field, start = INT.unpack(body, at)
                text, at = STRING.unpack(body, start)
                items.append((field, text))
        except WireError:
            pass
        return items, len(body)


class SlaveSettings(Record):
    """DM_SLCONF: (DM_SLCONF_ number, text) pairs."""

    items: Annotated[list[tuple[int, str]], _Items()]


class TableEntry(Record):
    """A host in DM_HTUPD; address is as `address_text` writes it."""

    index: I32
    name: Str
    arch: Str
    address: Str
    mtu: I32
    speed: I32
    signature: I32


class DaemonCapabilities(Record):
    """What the daemon of a host can, WIRE_DAEMON_CAN_ bits."""

    index: I32
    bits: I32


class CapabilityList(Record):
    """What the daemons of some hosts can; the magic number is WIRE_EXT_MAGIC."""

    magic: I32
    hosts: Annotated[list[DaemonCapabilities], Counted(DaemonCapabilities)]


class TableUpdate(Record):
    """DM_HTUPD: all hosts to a new one, only the new ones to the others.

    capabilities: of the hosts that are listed, from a master of this project.
    """

    serial: I32
    master: I32
    console: I32
    hosts: Annotated[list[TableEntry], Counted(TableEntry)]
    capabilities: Annotated[CapabilityList | None, Trailing(CapabilityList)] = None

    def bits(self) -> dict[int, int]:
        """What daemons can, by the indexes of their hosts; those without any are left out."""
        known = self.capabilities
        if known is None or known.magic != c.WIRE_EXT_MAGIC:
            return {}
        return {host.index: host.bits for host in known.hosts}


def capability_list(bits: dict[int, int]) -> CapabilityList:
    """The list of what daemons can, by the indexes of their hosts; who can nothing is left out."""
    some = [DaemonCapabilities(index, can) for index, can in bits.items() if can]
    return CapabilityList(c.WIRE_EXT_MAGIC, some)


class UpdateReply(Record):
    """DM_HTUPDACK: nothing; an error code from a daemon of this project that refuses the table."""

    code: Annotated[int | None, Trailing(INT)] = None


class TableDelete(Record):
    """DM_HTDEL: the tids of hosts that are gone."""

    serial: I32
    hosts: Annotated[list[int], ToEnd(INT)]


class Start(Record):
    """A host in SM_STHOST: how to start its daemon.

    so: option of the host file; login: [login@]host; windows: another command to try, or empty;
    vmid: for the daemon's standard input, or empty.
    """

    tid: I32
    so: Str
    login: Str
    command: Str
    windows: Str
    vmid: Str


class StartRequest(Record):
    """SM_STHOST."""

    hosts: Annotated[list[Start], Counted(Start)]


class StartResult(Record):
    """A host in SM_STHOSTACK, DM_STARTACK: the daemon's greeting or the name of an error."""

    tid: I32
    text: Str


class StartReply(Record):
    """SM_STHOSTACK, DM_STARTACK."""

    results: Annotated[list[StartResult], Counted(StartResult)]


class TraceTargets(NamedTuple):
    """The value of DM_SLCONF_TRACE."""

    trctid: int
    trcctx: int
    trctag: int
    outtid: int
    outctx: int
    outtag: int
    buffer: int
    option: int
    mask: str

    def text(self) -> str:
        """As DM_SLCONF carries it."""
        numbers = " ".join(
            f"{c.signed(n) & 0xFFFFFFFF:x}" if i in (0, 3) else str(n)
            for i, n in enumerate(self[:8])
        )
        return f"{numbers} {self.mask}"

    @classmethod
    def parse(cls, text: str) -> "TraceTargets":
        """From the value in DM_SLCONF. WireError: it has another form."""
        words = text.split(" ", 8)
        if len(words) != 9:
            raise WireError(f"trace setting {text!r}")
        try:
            trctid, outtid = (c.signed(int(words[i], 16)) for i in (0, 3))
            trcctx, trctag, outctx, outtag, buffer, option = (
                c.signed(int(words[i])) for i in (1, 2, 4, 5, 6, 7)
            )
        except ValueError as error:
            raise WireError(f"trace setting {text!r}") from error
        return cls(trctid, trcctx, trctag, outtid, outctx, outtag, buffer, option, words[8])


def address_text(address: str, port: int) -> str:
    """ "10.77.0.2", 57925 as "0a4d0002:e245", the only form that 3.4.6 takes."""
    return f"{socket.inet_aton(address).hex()}:{port:04x}"


def is_host_address(address: str) -> bool:
    """Whether an IPv4 address can be that of one host: not 0.x.x.x, multicast or broadcast."""
    return 0 < socket.inet_aton(address)[0] < 224


def parse_address(text: str) -> tuple[str, int]:
    """The address of a host and the port that `text` begins with. WireError: it does not."""
    match = re.match(_ADDRESS, text)
    if match is None:
        raise WireError(f"address {text!r} is not like 0a4d0002:e245")
    address = socket.inet_ntoa(bytes.fromhex(match[1]))
    if not is_host_address(address):
        raise WireError(f"address {address} is not that of a host")
    return address, int(match[2], 16)


def _number(text: str) -> int:
    """The decimal number that `text` begins with, of 31 bits. WireError: it does not."""
    match = re.match(_DIGITS, text)
    if match is None or int(match[0]) > 0x7FFFFFFF:
        raise WireError(f"number {text!r}")
    return int(match[0])


class Greeting(NamedTuple):
    """The line that a new slave daemon prints: its protocol, machine, UDP socket, abilities."""

    protocol: int
    arch: str
    address: str
    port: int
    mtu: int
    signature: int
    capabilities: int = 0

    def line(self) -> str:
        """As it is printed, without its end."""
        where = address_text(self.address, self.port)
        can = f"can:{self.capabilities & 0xFFFFFFFF:x} " if self.capabilities else ""
        return (
            f"ddpro<{self.protocol}> arch<{self.arch}> ip<{where}> "
            f"mtu<{self.mtu}> {can}dsig<{self.signature}>"
        )

    @classmethod
    def parse(cls, line: str) -> "Greeting":
        """From a line with exactly five <fields>. WireError says what is wrong with it.

        What stands between the fields and behind their numbers is free, as it is for 3.4.6.
        """
        if not line.startswith("ddpro") or len(line) > _GREETING_MAX:
            raise WireError(f"answer {line[:_GREETING_MAX]!r} is not a daemon's")
        fields = re.findall(_FIELD, line)
        if len(fields) != 5:
            raise WireError(f"answer {line!r} has {len(fields)} fields, not 5")
        protocol, arch, where, mtu, signature = fields
        address, port = parse_address(where)
        match = _CAPABILITIES.search(line)
        can = c.signed(int(match[1], 16)) if match else 0
        return cls(_number(protocol), arch, address, port, _number(mtu), _number(signature), can)
