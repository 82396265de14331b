# SPDX-License-Identifier: MIT
"""Connections to a switch that are to become tasks."""

from __future__ import annotations

from pathlib import Path

from pvm3py.wire import constants as c
from pvm3py.wire.task import ConnectReply, ConnectRequest
from support.impostors.switchbed import DAEMON, Bed, Peer, message


def stranger(bed: Bed) -> Peer:
    """A connection that the switch has not told of; its number is not known yet."""
    peer = Peer(bed, bed.socket(), 0)
    bed.peers.append(peer)
    return peer


def connect(
    bed: Bed, peer: Peer, path: Path, protocol: int = c.TDPROTOCOL, magic: int | None = None
) -> ConnectReply:
    """The first round."""
    body = ConnectRequest(protocol, str(path), magic).encode()
    peer.send(message(DAEMON, body, tag=c.TM_CONNECT))
    source, answer = peer.message()
    assert source == DAEMON
    return ConnectReply.decode(answer)


def own_file(bed: Bed) -> Path:
    """The file that the switch is to write into."""
    path = bed.dir / "own"
    path.write_bytes(b"")
    return path


def proven(bed: Bed) -> Peer:
    """A connection that has done all that comes before TM_CONN2."""
    peer = stranger(bed)
    Path(connect(bed, peer, own_file(bed)).auth_file).write_bytes(b"/")
    return peer
