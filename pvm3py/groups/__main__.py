# SPDX-License-Identifier: MIT
"""pvmgs, the group server: a task that registers itself in the mailbox and serves for ever."""

from __future__ import annotations

import signal
import sys

import pvm3py.task as pvm
from pvm3py._task import ffi, lib
from pvm3py.groups.server import GroupServer
from pvm3py.task.errors import check
from pvm3py.wire import constants as c

# Class of the mailbox where members look for the server.
CLASS = "pvmgs"


def register(tid: int) -> bool:
    """Put the own tid into the mailbox; false if another server is there."""
    pvm.initsend()
    pvm.pkint(tid)
    try:
        return pvm.putinfo(CLASS, pvm.getsbuf()) == 0
    except pvm.PvmError as error:
        if error.code != pvm.Code.DENIED:
            raise
        return False


class Inbox:
    """Messages to the server.

    Like send_all it calls the library directly, because each step of a barrier waits for it. It
    waits in the library, too, so a signal must not need Python.
    """

    def __init__(self) -> None:
        self._head = ffi.new("int[3]")
        self._fields = [self._head + i for i in range(3)]
        self._room = ffi.new("char[]", 1024)

    def take(self) -> tuple[int, int, bytes]:
        """Wait for a message; its sender, tag and body."""
        bufid = check("recv", lib.pvm_recv(-1, -1))
        check("bufinfo", lib.pvm_bufinfo(bufid, *self._fields))
        length, tag, source = self._head
        if length > len(self._room):
            return source, tag, pvm.upkbytes(length)
        check("upkbyte", lib.pvm_upkbyte(self._room, length, 1))
        return source, tag, ffi.buffer(self._room, length)[:]


def send_all(server: GroupServer) -> None:
    """Do what the server's state machine wants done, the notices first."""
    if server.watch:
        pvm.notify(pvm.Event.TASK_EXIT, c.GROUP_DEADTID, server.watch)
        server.watch.clear()
    for tids, tag, body in server.outbox:
        check("initsend", lib.pvm_initsend(lib.PvmDataDefault))
        check("pkbyte", lib.pvm_pkbyte(body, len(body), 1))
        if len(tids) == 1:
            check("send", lib.pvm_send(tids[0], tag))
        else:
            check("mcast", lib.pvm_mcast(tids, len(tids), tag))
    server.outbox.clear()


def serve(tid: int) -> None:
    """Answer requests until one says that the server is to end."""
    server = GroupServer()
    inbox = Inbox()
    while server.running:
        source, tag, body = inbox.take()
        if tag == c.GROUP_DUMP:
            print(server.describe("DUMP", tid), end="", file=sys.stderr, flush=True)
            continue
        server.handle(source, tag, body)
        if server.outbox or server.watch:
            send_all(server)
    print(server.describe("pvmgs", tid), end="", file=sys.stderr, flush=True)


def main() -> int:
    """Run the server; the exit code of the process."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        tid = pvm.mytid()
        if register(tid):
            pvm.setcontext(c.SYSCTX_DG)
            serve(tid)
        else:
            print("pvmgs: there is a group server already", file=sys.stderr)
        pvm.exit()
    except pvm.ConnectionLost as error:
        print(f"pvmgs: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
