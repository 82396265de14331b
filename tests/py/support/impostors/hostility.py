# SPDX-License-Identifier: MIT
"""What daemons that break the protocol send, and how one sees that ours takes no harm."""

from __future__ import annotations

from collections.abc import Callable

from pvm3py.wire import constants as c
from support.impostors.packets import WHOLE, daemon, head, packet
from support.impostors.peerdaemon import MasterTarget, PeerDaemon, SlaveTarget
from support.impostors.rawtask import RawTask, ints, message
from support.machines.vm import wait_until

# A recorded body for each request but DM_HALT, which ends the machine, and for each answer.
REQUESTS = {
    c.DM_DELHOST: "dm-delhost",
    c.DM_TASK: "dm-task",
    c.DM_SENDSIG: "dm-sendsig",
    c.DM_TASKOUT: "dm-taskout",
    c.DM_PSTAT: "dm-pstat",
    c.DM_MCA: "dm-task",
    c.DM_NOTIFY: "dm-notify",
    c.DM_DB: "dm-db-put",
    c.DM_RESET: "dm-task",
    c.DM_HOSTSYNC: "dm-hostsync",
    c.DM_SLCONF: "slconf-sched",
    c.DM_HTUPD: "htupd-full-table",
    c.DM_HTDEL: "dm-htdel",
    c.DM_NULL: "dm-exec",
    c.DM_EXEC: "dm-exec",
    c.DM_ADD: "dm-add",
    c.SM_EXEC: "sm-exec-remote",
    c.SM_HANDOFF: "dm-task",
    c.SM_TASKX: "sm-taskx-remote",
    c.SM_STHOSTACK: "sm-sthostack",
    c.SM_ADD: "sm-add",
}
ANSWERS = {
    c.DM_ADDACK: "dm-addack",
    c.DM_EXECACK: "dm-execack",
    c.DM_HTUPDACK: "htupdack",
    c.DM_STARTACK: "sm-sthostack",
    c.DM_TASKACK: "dm-taskack",
    c.DM_DELHOSTACK: "dm-execack",
    c.DM_PSTATACK: "dm-pstatack",
    c.DM_NOTIFYACK: "dm-notifyack",
    c.DM_DBACK: "dm-dback-get",
    c.DM_RESETACK: "dm-notifyack",
    c.DM_HOSTSYNCACK: "dm-hostsyncack",
}


def ids(tag: int) -> str:
    """Hexadecimal, as logs have it."""
    return f"{tag & 0xFFFFFFFF:x}"


def check_log(target: MasterTarget | SlaveTarget, *texts: str) -> None:
    """Wait until the log has these texts."""
    for text in texts:
        check_log_of_packets(target, text, lambda: None)


def check_log_of_packets(
    target: MasterTarget | SlaveTarget, text: str, again: Callable[[], None]
) -> None:
    """The same for what is logged a few times a second only: cause it until it is there."""

    def logged() -> bool:
        again()
        return text in target.log()

    wait_until(logged, f"{text!r} in the log")


def clock_of(task: RawTask, peer: PeerDaemon) -> None:
    """Have the daemon ask that peer for its clock, which answers."""
    wid = task.next_wid()
    task.send(message(c.TM_HOSTSYNC, ints(peer.index << 18), src=task.tid, wid=wid))
    asked = peer.expect(c.DM_HOSTSYNC)
    peer.send(c.DM_HOSTSYNCACK, ints(123, 456), wid=asked.wid)
    while (answer := task.receive()).wid != wid:
        pass
    assert answer.ints() == (0, 123, 456)


def forgeries(peer: PeerDaemon, other: PeerDaemon) -> list[bytes]:
    """Packets that would harm if they were taken for the peer's."""
    seq = peer._seq + 1
    halt = head(c.DM_HALT)
    return [
        packet(peer.other, peer.tid, seq, WHOLE, halt),
        packet(peer.other, other.tid, other._seq + 1, WHOLE, halt),
        packet(peer.other, peer.tid, 0, c.FFFIN | c.FFACK),
        packet(peer.other, other.tid, 0, c.FFFIN | c.FFACK),
        packet(peer.other, peer.tid, seq, c.FFFIN),
        packet(peer.other, peer.tid, 0, c.FFACK, ack=1),
        *(packet(peer.other, daemon(index), 1, WHOLE, halt) for index in (0, 1, 4, 4095)),
        packet(peer.other, 0x80001, seq, WHOLE, halt),
        packet(peer.other, -1, seq, WHOLE, halt),
        b"",
        bytes(15),
        bytes(16),
        b"\xff" * 100,
    ]
