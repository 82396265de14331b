# SPDX-License-Identifier: MIT
"""pvmgs, the group server: a task that registers itself in the mailbox and serves for ever."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator

import pvm3py.classic as pvm
from pvm3py import __version__
from pvm3py._task import ffi, lib
from pvm3py.binding.errors import check
from pvm3py.command import run
from pvm3py.groupserver.server import CHANGES, QUESTIONS, GroupServer
from pvm3py.wire import constants as c

USAGE = """usage: pvmgs
Serve the groups of a virtual machine, until it is halted. The first task that uses groups starts
the server; one that runs already is used instead."""
# Class of the mailbox where members look for the server.
CLASS = "pvmgs"
# Class where resource managers register: PVMRMCLASS of pvm3.h.
MANAGERS = "###_PVM_RM_###"


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


def requests() -> Iterator[tuple[list[int], int, bytes]]:
    """Requests as they come: callers, tag and body.

    It waits in the library, so a signal must not need Python.
    """
    request = ffi.new("struct gs_request *")
    callers = request.callers
    room = ffi.buffer(request.body)
    size = len(room)
    take, unpack = lib.gs_take, ffi.unpack
    while True:
        check("recv", take(request))
        length = request.length
        body = room[:length] if length <= size else pvm.upkbytes(length)
        yield unpack(callers, request.count), request.tag, body


def is_manager(tid: int) -> bool:
    """Whether a task is a resource manager; if there is one, notices come from it."""
    if tid == c.TIDPVMD:
        return False
    classes = pvm.getmboxinfo(MANAGERS)
    return any(entry.owner == tid for one in classes for entry in one.entries)


def send_all(server: GroupServer) -> None:
    """Do what the server's state machine wants done, the notices first."""
    if server.watch:
        pvm.notify(pvm.Event.TASK_EXIT, c.GROUP_DEADTID, server.watch)
        server.watch.clear()
    for tids, tag, body in server.outbox:
        check("send", lib.gs_answer(tids, len(tids), tag, body, len(body)))
    server.outbox.clear()


def note_answer(server: GroupServer, tag: int, body: bytes) -> None:
    """Let the library answer a question that was answered now, as long as that is right."""
    if tag in QUESTIONS:
        answer = server.outbox[-1].body
        lib.gs_know(tag, body, len(body), answer, len(answer))
    elif tag in CHANGES:
        lib.gs_forget()


def serve(tid: int) -> None:
    """Answer requests until one says that the server is to end."""
    server = GroupServer()
    for callers, tag, body in requests():
        if tag == c.GROUP_DUMP:
            print(server.describe("DUMP", tid), end="", file=sys.stderr, flush=True)
            continue
        notice = tag == c.GROUP_DEADTID and is_manager(callers[0])
        server.handle([c.TIDPVMD] if notice else callers, tag, body)
        note_answer(server, tag, body)
        if server.outbox or server.watch:
            send_all(server)
        if not server.running:
            break
    print(server.describe("pvmgs", tid), end="", file=sys.stderr, flush=True)


def main() -> int:
    """Run the server; the exit code of the process."""
    match sys.argv[1:2]:
        case ["-h" | "--help"]:
            print(USAGE)
            return 0
        case ["--version"]:
            print(f"pvmgs (pvm3py {__version__})")
            return 0
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        tid = pvm.mytid()
        if register(tid):
            pvm.setcontext(c.SYSCTX_DG)
            # Daemons ask for groups of checkpoints, and are answered.
            pvm.setopt(pvm.Option.RESV_TIDS, 1)
            serve(tid)
        else:
            print("pvmgs: there is a group server already", file=sys.stderr)
        pvm.exit()
    except pvm.ConnectionLost as error:
        print(f"pvmgs: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run(main, "python -m pvm3py.groupserver"))
