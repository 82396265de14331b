# SPDX-License-Identifier: MIT
"""Packets between daemons as 3.4.6 makes them, without this project's check."""

from __future__ import annotations

import struct
from typing import NamedTuple

from pvm3py.wire import constants as c

WHOLE = c.FFSOM | c.FFEOM | c.FFDAT
_HEAD = struct.Struct("!iiHHB3x")


def daemon(index: int) -> int:
    """The tid of a host's daemon."""
    return c.TIDPVMD | index << 18


class Packet(NamedTuple):
    """A packet as it arrived."""

    dst: int
    src: int
    seq: int
    ack: int
    flags: int
    data: bytes


def parse(data: bytes) -> Packet:
    """A packet from its bytes."""
    dst, src, seq, ack, flags = _HEAD.unpack_from(data)
    return Packet(dst, src, seq, ack, flags, data[c.DDFRAGHDR :])


def packet(dst: int, src: int, seq: int, flags: int, data: bytes = b"", ack: int = 0) -> bytes:
    """The bytes of a packet without check."""
    return _HEAD.pack(dst, src, seq & 0xFFFF, ack & 0xFFFF, flags) + data


def check(data: bytes) -> int:
    """The check of a packet, sealed or not, as version 0.1.0 makes it: 24 bits of a CRC-32C."""
    crc = 0xFFFFFFFF
    for byte in data[c.DDFRAGHDR :]:
        crc = _crc_step(crc, byte)
    for byte in data[: c.WIRE_PKT_CRC] + bytes(3):
        crc = _crc_step(crc, byte)
    return ~crc & 0xFFFFFF or 0xFFFFFF


def _crc_step(crc: int, byte: int) -> int:
    crc ^= byte
    for _ in range(8):
        crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc


def head(tag: int, wid: int = 0, ctx: int = 0) -> bytes:
    """A message header."""
    return struct.pack("!iii4xi12x", c.WIRE_ENC_XDR, tag, ctx, wid)
