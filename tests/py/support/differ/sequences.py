# SPDX-License-Identifier: MIT
"""Random sequences of calls that one to three tasks make in turn; a seed makes one again."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from support.differ.bed import Script
from support.differ.scripts import ITEMS, lines_of

VARIABLES = "abcd"
TAGS = ("5", "6", "7")
# What the sequences use of the options: none that speaks of fragments or ends the task.
OPTIONS = ("1 1", "1 2", "2 0", "3 0", "3 1", "11 0", "11 1", "18 0", "18 1", "25 0", "25 1", "9 3")
# Texts and bytes fill whole words: in 3.4.6 the rest of one is what lies there.
PACKED = (
    "'%3d%s data 'tex",
    "'%+%d 0 7",
    "'%hd%f%hd 1 2 3",
    "'%2.2d data",
    "'%*.*lf 2 1 data",
    "'%q 1",
)
UNPACKED = ("'%2d out", "'%d%s out out", "'%*hd 2 out", "'%2.2f out", "'%c out", "'%q out")
# Calls that say something about the machine, or leave something behind in the task.
OTHERS = (
    *("tidtohost 0", "hostsync 0 0", "mstat '.", "config 7", "tasks 0x40fff 0", "getfds 0"),
    *("export 'A", "unexport 'A", "kill 0x40fff", "sendsig 0 1", "sendsig 0x40fff 0"),
    *("settmask 0 '@@", "gettmask 0 out", "reg_tracer 1 0 0 0 '@@ 0 0", "getnoresets 0"),
    *("notify 3 6 -1 null", "notify 3 6 0 null", "notify 2 6 1 [0x40000]", "notify 9 6 0 null"),
    *(
        "notify 257 6 1 [0x40fff]",
        "notify 1 6 2 [0x40fff,0]",
        "archcode 'LINUX64",
        "addhosts 'no.such.host.at.all 1 out",
    ),
    *(
        "spawn 'nowhere 32 'nohost 2 out",
        "spawn 'nowhere 1 'nohost 1 out",
        "perror 'text",
        "version",
    ),
    *(
        "tickle 1 [6] null null",
        "getmboxinfo '*~ 0",
        "catchout 1",
        "catchout 0",
        "delhosts 'no.host 1 out",
    ),
)


class Sequence:
    """Choices that belong to one script.

    forms   every kind of call, as often as it should come up
    """

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.tasks = self.chance.randint(1, 3)
        self.forms: list[Callable[[], str]] = [
            *[self.make_buffer, self.send, self.receive, self.pack, self.unpack] * 5,
            *[self.choose_buffer, self.look_at_buffer, self.nested, self.group] * 3,
            *[self.mailbox, self.context, self.handler, self.state] * 2,
            *(self.option, self.ask, self.refused, self.odd_option, self.other, self.chosen),
        ]

    def script(self, name: str) -> Script:
        """The sequence; the tasks also say at its end what their buffers are."""
        steps = [(task, "on 0 upkint out 1 1") for task in range(1, self.tasks + 1)]
        steps += [
            (task, f"{name}=value 9999") for task in range(1, self.tasks + 1) for name in "hpx"
        ]
        if self.chance.random() < 0.8:
            steps += [(task, "mytid") for task in range(1, self.tasks + 1)]
        for _ in range(self.chance.randint(30, 60)):
            task = self.chance.randint(1, self.tasks)
            steps += [(task, line) for line in self.chance.choice(self.forms)().split(";")]
        ends = ("getsbuf", "getrbuf", "getcontext", "mytid")
        steps += [(task, end) for task in range(1, self.tasks + 1) for end in ends]
        return Script(name, tuple(steps))

    # ---- the parts of a call ---------------------------------------------------

    def one(self, *choices: str) -> str:
        return self.chance.choice(choices)

    def buffer(self) -> str:
        """A variable; it may hold a living buffer, one that is gone, or none."""
        return "$" + self.chance.choice(VARIABLES)

    def kept(self) -> str:
        """Where a call leaves a buffer."""
        return self.chance.choice(VARIABLES) + "="

    def tid(self) -> str:
        return f"%{self.chance.randint(1, self.tasks)}"

    def sender(self) -> str:
        return self.one("-1", "-1", self.tid())

    # ---- calls -----------------------------------------------------------------

    def make_buffer(self) -> str:
        return f"{self.kept()}{self.one('initsend', 'initsend', 'mkbuf')} {self.one(*'0012')}"

    def choose_buffer(self) -> str:
        call = self.one("setsbuf", "setsbuf", "setrbuf", "freebuf")
        keep = "" if call == "freebuf" else self.one("", self.kept())
        return f"{keep}{call} {self.one(self.buffer(), self.buffer(), '0')}"

    def look_at_buffer(self) -> str:
        which = self.one(self.buffer(), self.buffer(), "$p")
        return self.one(
            "getsbuf", "getrbuf", f"bufinfo {which} out out out", f"getminfo {which} out"
        )

    def pack(self) -> str:
        kind = self.one(*ITEMS)
        count = "4" if kind == "byte" else self.one(*"123")
        items = f"pk{kind} data {count} {self.one(*'112')}"
        return self.one(items, items, "pkstr 'tex", f"packf {self.one(*PACKED)}")

    def unpack(self) -> str:
        items = f"upk{self.one(*ITEMS)} out {self.one(*'123')} {self.one(*'112')}"
        return self.one(items, items, "upkstr out", f"unpackf {self.one(*UNPACKED)}")

    def nested(self) -> str:
        return self.one(
            f"pkmesg {self.buffer()}", f"pkmesgbody {self.buffer()}", f"{self.kept()}upkmesg"
        )

    def send(self) -> str:
        tag = self.one(*TAGS)
        return self.one(
            f"send {self.tid()} {tag}", f"send {self.tid()} {tag}",
            f"psend {self.tid()} {tag} data 2 3", f"mcast [{self.tid()},{self.tid()}] 2 {tag}",
        )  # fmt: skip

    def receive(self) -> str:
        what = f"{self.sender()} {self.one('-1', *TAGS)}"
        call = self.one("nrecv", "nrecv", "nrecv", "trecv")
        taken = f"{self.kept()}{call} {what}" + (" 0 0" if call == "trecv" else "")
        # Of a message that was not received yet, one may only ask what it is.
        return self.one(taken, taken, taken, f"p=probe {what}")

    def group(self) -> str:
        name = self.one("'g~", "'g~", "'h~")
        return self.one(
            f"joingroup {name}", f"joingroup {name}", f"lvgroup {name}", f"gsize {name}",
            f"gettid {name} {self.one(*'012')}", f"getinst {name} {self.tid()}",
            f"bcast {name} 5", f"barrier {name} 1",
        )  # fmt: skip

    def mailbox(self) -> str:
        name, kept = self.one("'e~", "'f~"), self.kept()
        flags = self.one("0", "0", "2", "4", "8", "16", "64")
        return self.one(
            f"{kept}initsend 0;putinfo {name} ${kept[0]} {flags}",
            f"{self.kept()}recvinfo {name} {self.one(*'001')} {flags}",
            f"delinfo {name} 0 0",
            f"insert {name} {self.one('-1', '0')} 5", f"lookup {name} -1 out", f"delete {name} 0",
        )  # fmt: skip

    def context(self) -> str:
        return self.one("x=newcontext", "setcontext $x", "setcontext 0", "freecontext $x",
                        "getcontext")  # fmt: skip

    def handler(self) -> str:
        return self.one(f"h=addmhf -1 {self.one(*TAGS)} 0 0", "delmhf $h")

    def state(self) -> str:
        return self.one("mytid", "exit", "parent", "siblings 0")

    def odd_option(self) -> str:
        """An option with any value; none that ends the task, traces, or says where output goes."""
        plain = r"^setopt (3 [^01]|[4-8] |1[2-7] )"
        return self.one(*(line for line in lines_of("setopt") if not re.search(plain, line)))

    def other(self) -> str:
        line = self.one(*OTHERS, "setminfo", "collective")
        if line == "setminfo":
            return f"setminfo {self.buffer()} [9,{self.one('0', '-1')},6,7,0,0,{self.tid()},5]"
        if line == "collective" and self.tasks == 1:
            call = self.one("reduce 1 data", "gather out data", "scatter out data", "freezegroup")
            return f"{call} 1 3 5 'g~ 0" if call != "freezegroup" else "freezegroup 'g~ 1"
        return line if line != "collective" else "bcast 'h~ 6"

    def chosen(self) -> str:
        """A receive that another function than the library's chooses for."""
        return f"recvf {self.one(*'123')};{self.receive()};recvf 0"

    def option(self) -> str:
        option = self.one(*OPTIONS)
        return self.one(f"setopt {option}", f"getopt {option.split()[0]}")

    def ask(self) -> str:
        return self.one(f"pstat {self.tid()}", "tasks 0 0", f"notify 1 5 1 [{self.tid()}]",
                        "config 0", "recvf 0")  # fmt: skip

    def refused(self) -> str:
        return self.one("spawn 'nowhere 0 null 1 out", "send 0 1", "initsend 77", "setopt 99 1",
                        "pkint data -1 1", "gsize null")  # fmt: skip
