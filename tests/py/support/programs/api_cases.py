# SPDX-License-Identifier: MIT
"""A task that checks every function of pvm3py, good and refused calls.

    python api_cases.py             in a machine with a group server
    python api_cases.py machine     outside of any: starts one and halts it
    python api_cases.py lost        where there is none

Spawned it is the child of the first. Each check prints "case", the call, and 0 or the code of
its exception, separated by tabs; a check that fails ends the program.
"""

from __future__ import annotations

import array
import os
import signal
import sys
import time
from typing import Any

from pvm3py import classic as pvm3py
from pvm3py.classic import (
    Code,
    ConnectionLost,
    NoData,
    NotFound,
    Option,
    PvmError,
    Route,
    SpawnError,
)

TAG = 7
# What the texts of the checks may name.
names: dict[str, Any] = dict(vars(pvm3py), array=array.array, sys=sys, TAG=TAG)


def report(call: str, result: int) -> None:
    print(f"case\tpvm3py.{call}\t{result}", flush=True)


def ok(call: str, expected: object = ...) -> Any:
    """The call succeeds, with this value if one is given; return its value."""
    value = eval(call, names)
    assert expected is ... or value == expected, f"{call} is {value!r}, not {expected!r}"
    report(call, 0)
    return value


def fails(call: str, code: Code, kind: type[PvmError] = PvmError) -> None:
    """The call raises this exception with this code, which names the function and tells why."""
    try:
        value = eval(call, names)
    except PvmError as error:
        assert isinstance(error, kind) and error.code is code, f"{call}: {error!r}"
        assert kind is SpawnError or f"({code.name})" in str(type(error).__doc__)
        assert error.function and error.text and code.name in str(error)
        report(call, code)
    else:
        raise AssertionError(f"{call} is {value!r}")


def refused(call: str, kind: type[Exception]) -> None:
    """Python refuses the arguments before the library sees them."""
    try:
        value = eval(call, names)
    except kind:
        return
    raise AssertionError(f"{call} is {value!r}")


def buffers() -> None:
    ok("initsend()")
    refused("initsend(2)", ValueError)
    fails("pkmesg(getsbuf())", Code.BAD_PARAM)
    names["buffer"] = ok("mkbuf(Encoding.RAW)")
    names["old"] = ok("getsbuf()")
    ok("setsbuf(buffer)", names["old"])
    ok("pkint(1)")
    ok("setsbuf(old)", names["buffer"])
    assert ok("bufinfo(buffer)").length == 4
    ok("setrbuf(buffer)", 0)
    ok("getrbuf()", names["buffer"])
    names["header"] = ok("getminfo(buffer)")
    ok("setminfo(buffer, header._replace(wid=77))")
    assert pvm3py.getminfo(names["buffer"]).wid == 77
    fails("pkmesgbody(buffer)", Code.MISMATCH)
    ok("freebuf(buffer)")
    for call in ("freebuf", "setsbuf", "setrbuf", "bufinfo", "getminfo", "pkmesg", "pkmesgbody"):
        fails(f"{call}(buffer)", Code.NO_SUCH_BUF)
    fails("setminfo(buffer, header)", Code.NO_SUCH_BUF)
    fails("bufinfo(0)", Code.BAD_PARAM)
    pvm3py.setsbuf(0)
    for call in (
        *("pkint(1)", "pkuint(1)", "pkshort(1)", "pkushort(1)", "pklong(1)", "pkulong(1)"),
        *("pkfloat(1)", "pkdouble(1)", "pkcplx(1j)", "pkdcplx(1j)", "pkstr('')", "pkbytes(b'x')"),
        *("packf('%d', 1)", "pkarray(array('i', [1]))", "pkmesg(mkbuf())", "pkmesgbody(mkbuf())"),
        *("send(mytid(), TAG)", "mcast([mytid()], TAG)"),
    ):
        fails(call, Code.NO_BUF)
    pvm3py.setrbuf(0)
    for call in (
        *("upkint()", "upkuint()", "upkshort()", "upkushort()", "upklong()", "upkulong()"),
        *("upkfloat()", "upkdouble()", "upkcplx()", "upkdcplx()", "upkbytes(1)", "upkmesg()"),
        *("upkarray(array('i', [1]))", "unpackf('%d')"),
    ):
        fails(call, Code.NO_BUF)


def packing() -> None:
    values = {
        "int": "[1, -2]", "uint": "[4294967295, 0]", "short": "[-3, 3]", "ushort": "[65535, 1]",
        "long": "[-4, 4]", "ulong": "[6, 7]", "float": "[0.5, 2.0]", "double": "[1e300, -1.0]",
        "cplx": "[0.5j, 1 + 2j]", "dcplx": "[1e300 + 1j, 3j]",
    }  # fmt: skip
    names["inner"] = pvm3py.mkbuf()
    ok("initsend(Encoding.DEFAULT)")
    for kind, text in values.items():
        ok(f"pk{kind}({text})")
    ok("pkbytes(b'abc')")
    ok("pkstr('grüß')")
    ok("pkarray(array('d', [2.5, 3.5]))")
    ok("packf('%d %2hd', 5, [-6, 7])")
    fails("packf('%q', 1)", Code.BAD_PARAM)
    ok("pkmesg(inner)")
    ok("pkmesgbody(inner)")
    fails("pklong([1 << 40])", Code.OVERFLOW)
    fails("pkulong([1 << 40])", Code.OVERFLOW)
    refused("pkint([1 << 40])", OverflowError)
    refused("pkint(array('d', [1]))", TypeError)
    refused("pkstr('a\\0b')", ValueError)
    ok("send(mytid(), TAG)")
    ok("recv(mytid(), TAG)")
    for kind, text in values.items():
        ok(f"upk{kind}(2)", eval(text))
    ok("upkbytes(3)", b"abc")
    refused("upkbytes(-1)", ValueError)
    ok("upkstr()", "grüß")
    names["room"] = array.array("d", [0, 0])
    ok("upkarray(room)")
    assert list(names["room"]) == [2.5, 3.5]
    ok("unpackf('%d %2hd')", (5, [-6, 7]))
    fails("unpackf('%q')", Code.BAD_PARAM)
    ok("upkmesg()")
    for call in (*(f"upk{kind}()" for kind in values), "upkbytes(1)", "upkstr()", "upkmesg()"):
        fails(call, Code.NO_DATA, NoData)
    fails("upkarray(room)", Code.NO_DATA, NoData)
    fails("unpackf('%d')", Code.NO_DATA, NoData)


def messages(me: int) -> None:
    names["me"] = me
    pvm3py.initsend()
    fails("send(-5, 1)", Code.BAD_PARAM)
    fails("mcast([-7], 1)", Code.BAD_PARAM)
    ok("mcast([me], 1)")
    fails("psend(me, -1, array('i', [1]))", Code.BAD_PARAM)
    ok("psend(me, 2, array('i', range(4)))")
    names["four"] = array.array("i", bytes(16))
    got = ok("precv(four, me, 2)")
    assert got == (16, 2, me) and list(names["four"]) == [0, 1, 2, 3], got
    refused("precv(b'not writable')", (TypeError, BufferError))  # type: ignore[arg-type]
    ok("nrecv(me, 3)", None)
    ok("probe(me, 3)", None)
    ok("trecv(me, 3, 0.01)", None)
    pvm3py.send(me, 3)
    while not pvm3py.probe(me, 3):
        pass
    assert ok("trecv(me, 3, 10)").tag == 3
    ok("send_obj({'a': [1, None]}, me, 4)")
    assert ok("recv_obj(me, 4)")[0] == {"a": [1, None]}
    assert ok("getfds()")
    ok("recvf(lambda bufid, tid, tag: 1)")
    ok("recvf(None)")
    names["seen"] = []
    names["handler"] = ok("addmhf(lambda message: seen.append(message.tag), tag=5)")
    fails("addmhf(print, tag=5)", Code.EXISTS)
    pvm3py.send(me, 5)
    pvm3py.send(me, 6)
    pvm3py.recv(me, 6)
    assert names["seen"] == [5]
    ok("delmhf(handler)")
    fails("delmhf(handler)", Code.NOT_FOUND, NotFound)
    fails("delmhf(-1)", Code.BAD_PARAM)


def settings() -> None:
    names["context"] = ok("newcontext()")
    ok("setcontext(context)", 0)
    ok("getcontext()", names["context"])
    pvm3py.setcontext(0)
    ok("freecontext(context)")
    fails("freecontext(context)", Code.NOT_FOUND, NotFound)
    ok("setopt(Option.ROUTE, Route.DIRECT)", Route.ALLOW_DIRECT)
    ok("getopt(Option.ROUTE)", Route.DIRECT)
    pvm3py.setopt(Option.ROUTE, Route.ALLOW_DIRECT)
    fails("setopt(Option.ROUTE, 9)", Code.BAD_PARAM)
    fails("setopt(Option.POLL_TYPE, 1)", Code.NOT_IMPL)
    fails("getopt(Option.POLL_TYPE)", Code.BAD_PARAM)
    refused("setopt(Option.AUTO_ERR, 1)", ValueError)
    names["mask"] = ok("gettmask(child=True)")
    ok("settmask(mask, child=True)", None)
    refused("settmask('@')", ValueError)
    ok("version()", "3.4.6")
    ok("pvmgettmp()", os.environ["PVM_TMP"])
    assert ok("pvmgetrsh()")


def tasks(me: int) -> None:
    ok("parent()", None)
    ok("siblings()", [me])
    fails("spawn('no such program', count=2)", Code.NO_FILE, SpawnError)
    fails("spawn('/bin/true', flags=SpawnFlag.HOST, where='nowhere')", Code.NO_HOST, SpawnError)
    fails("spawn('/bin/true', count=0)", Code.BAD_PARAM)
    ok("export('PYTHONPATH')")
    names["child"] = __file__
    with open("caught", "w+") as file:
        names["file"] = file
        ok("catchout(file)")
        names["tids"] = tids = ok("spawn(sys.executable, [child, 'child'], count=2)")
        for tid in tids:
            (family, parent_tid), _ = pvm3py.recv_obj(tid)
            assert (family, parent_tid) == (tids, me)
        assert ok("pstat(tids[0])") is True
        assert [t.tid for t in ok("tasks(tids[0])")] == [tids[0]]
        ok("notify(Event.TASK_EXIT, TAG, tids)")
        ok("sendsig(tids[0], 15)")
        ok("kill(tids[1])")
        for _ in tids:
            pvm3py.recv(tag=TAG)
        assert ok("pstat(tids[0])") is False
        ok("catchout(None)")
    ok("unexport('PYTHONPATH')")
    ok("reset(tasks=False)", None)
    fails("tasks(77)", Code.NO_HOST, NotFound)
    fails("notify(77, TAG)", Code.BAD_PARAM)
    for call in ("pstat(0)", "kill(0)", "sendsig(0, 15)"):
        fails(call, Code.BAD_PARAM)


def child() -> None:
    pvm3py.send_obj((pvm3py.siblings(), pvm3py.parent()), pvm3py.parent() or 0)
    pvm3py.recv()


def hosts(me: int) -> None:
    (host,) = ok("config()")
    names["host"] = host
    ok("tidtohost(mytid())", host.tid)
    ok("mstat(host.name)", True)
    ok("mstat('no such host')", False)
    fails("mstat('')", Code.BAD_PARAM)
    ok("archcode(host.arch)", host.dsig)
    fails("archcode('none')", Code.NOT_FOUND, NotFound)
    assert abs(ok("hostsync(host.tid)").time - time.time()) < 60
    fails("hostsync(77)", Code.NO_HOST, NotFound)
    ok("addhosts(['host with=nonsense'])", [Code.BAD_PARAM])
    fails("addhosts([])", Code.BAD_PARAM)
    ok("delhosts(['no such host'])", [Code.NO_HOST])
    fails("delhosts([])", Code.BAD_PARAM)
    fails("start_pvmd()", Code.DUP_HOST)
    fails("tickle()", Code.BAD_PARAM)
    assert isinstance(ok("tickle(6)"), list)


def roles(me: int) -> None:
    for call in ("reg_hoster()", "reg_tasker()", "reg_tracer((0, 1), (0, 2), '@' * 35)"):
        ok(call)
        ok(call)
    before, host = ok("reg_rm()")
    assert (before, host.tid) == (0, pvm3py.tidtohost(me))
    ok("getnoresets()", [])
    ok("setopt(Option.NO_RESET, 1)")
    ok("getnoresets()", [me])


def moving() -> None:
    fails("migrate(0)", Code.BAD_PARAM)
    fails("canmigrate(0)", Code.BAD_PARAM)
    fails("holdtask(0, True)", Code.BAD_PARAM)
    fails("checkpoint('/nowhere', [0])", Code.BAD_PARAM)
    fails("restart(number=-1)", Code.BAD_PARAM)
    ok("onmigrate(When.AFTER_RESUME, print)")
    refused("onmigrate(7, print)", ValueError)


def mailbox(me: int) -> None:
    pvm3py.initsend()
    ok("putinfo('box', getsbuf())", 0)
    fails("putinfo('', getsbuf())", Code.BAD_PARAM)
    fails("putinfo('box', 4711)", Code.NO_SUCH_BUF)
    (entry,) = ok("getmboxinfo('bo*')")[0].entries
    assert (entry.index, entry.owner) == (0, me)
    ok("recvinfo('box')")
    ok("delinfo('box')")
    fails("delinfo('box')", Code.NOT_FOUND, NotFound)
    fails("recvinfo('box')", Code.NOT_FOUND, NotFound)


def groups(me: int) -> None:
    names["items"] = array.array("i", [1, 2])
    ok("joingroup('g')", 0)
    fails("joingroup('g')", Code.DUP_GROUP)
    fails("joingroup('')", Code.NULL_GROUP)
    ok("gsize('g')", 1)
    fails("gsize('h')", Code.NO_GROUP)
    ok("getinst('g', me)", 0)
    fails("getinst('g', me + 1)", Code.NOT_IN_GROUP)
    ok("gettid('g', 0)", me)
    fails("gettid('g', 1)", Code.NO_INST)
    ok("barrier('g', 1)")
    fails("barrier('g', 0)", Code.MISMATCH)
    fails("bcast('g', 1)", Code.NO_INST)
    ok("gather(items, TAG, 'g')", [names["items"]])
    fails("gather(array('I', [1]), TAG, 'g')", Code.BAD_PARAM)
    ok("scatter(items, TAG, 'g', items=array('i', [3, 4]))")
    fails("scatter(items, TAG, 'g')", Code.BAD_PARAM)
    fails("scatter(items, TAG, 'g', items=array('i', [3]))", Code.OVERFLOW)
    ok("reduce(Operation.SUM, items, TAG, 'g')")
    fails("reduce(Operation.SUM, items, TAG, 'h')", Code.NO_GROUP)
    ok("freezegroup('g', 1)", 1)
    fails("freezegroup('g', 1)", Code.DUP_GROUP)
    ok("lvgroup('g')")
    fails("lvgroup('h')", Code.NO_GROUP)


def broadcast_to_all() -> None:
    """A second member, which is another process, gets what this one sends."""
    pid = os.fork()
    if pid == 0:
        pvm3py.joingroup("both")
        pvm3py.barrier("both", 2)
        pvm3py.recv(tag=TAG)
        pvm3py.exit()
        os._exit(0)
    pvm3py.joingroup("both")
    pvm3py.barrier("both", 2)
    pvm3py.initsend()
    ok("bcast('both', TAG)")
    assert os.waitpid(pid, 0)[1] == 0


def machine_of_its_own() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.environ["PVM_TMP"], kept = "/nowhere/else", os.environ["PVM_TMP"]
    fails("start_pvmd()", Code.CANT_START)
    os.environ["PVM_TMP"] = kept
    ok("start_pvmd(block=False)")
    assert len(pvm3py.config()) == 1
    ok("halt()")


def lost() -> None:
    names["four"] = array.array("i", bytes(16))
    pvm3py.initsend()
    for call in (
        *("mytid()", "parent()", "siblings()", "spawn('/bin/true')", "kill(0x40001)"),
        *("sendsig(0x40001, 15)", "pstat(0x40001)", "tasks()", "catchout(sys.stdout)"),
        *("notify(Event.TASK_EXIT, 1, [0x40001])", "config()", "addhosts(['x'])", "halt()"),
        *("delhosts(['x'])", "mstat('x')", "archcode('x')", "hostsync(0x40000)", "tickle(1)"),
        *("send(0x40001, 1)", "mcast([0x40001], 1)", "psend(0x40001, 1, four)", "precv(four)"),
        *("recv()", "nrecv()", "trecv(timeout=0.01)", "probe()", "recv_obj()", "getfds()"),
        *("send_obj(1, 0x40001)", "newcontext()", "freecontext(0x40001)"),
        *("migrate(0x40001)", "canmigrate(0x40001)", "holdtask(0x40001, True)"),
        *("checkpoint('/tmp')", "restart('/tmp')"),
        *("setopt(Option.SELF_OUTPUT_TID, 0x40001)", "getopt(Option.SELF_OUTPUT_TID)"),
        *("putinfo('x', getsbuf())", "recvinfo('x')", "delinfo('x')", "getmboxinfo()"),
        *("reg_hoster()", "reg_tasker()", "reg_rm()", "getnoresets()"),
        "reg_tracer((0, 1), (0, 2), '@' * 35)",
        *("joingroup('g')", "lvgroup('g')", "getinst('g', 0x40001)", "gettid('g', 0)"),
        *("gsize('g')", "barrier('g', 1)", "bcast('g', 1)", "freezegroup('g', 1)"),
        *("gather(four, 1, 'g')", "scatter(four, 1, 'g', items=four)"),
        "reduce(Operation.SUM, four, 1, 'g')",
    ):
        fails(call, Code.SYS_ERR, ConnectionLost)


def main() -> None:
    places = {"machine": machine_of_its_own, "lost": lost, "child": child}
    if len(sys.argv) > 1:
        places[sys.argv[1]]()
        return
    me = ok("mytid()")
    buffers()
    packing()
    messages(me)
    settings()
    tasks(me)
    hosts(me)
    moving()
    mailbox(me)
    groups(me)
    broadcast_to_all()
    roles(me)
    ok("exit()")


if __name__ == "__main__":
    main()
