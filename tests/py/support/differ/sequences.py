# SPDX-License-Identifier: MIT
"""Random sequences of calls that one to three tasks make in turn; a seed makes one again."""

from __future__ import annotations

import random
from collections.abc import Callable

from support.differ.bed import Script
from support.differ.scripts import ITEMS

VARIABLES = "abcd"
TAGS = ("5", "6", "7")
# What the sequences use of the options: none that speaks of fragments or ends the task.
OPTIONS = ("1 1", "1 2", "2 0", "3 0", "3 1", "11 0", "11 1", "18 0", "18 1", "25 0", "25 1", "9 3")


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
            *(self.option, self.ask, self.refused),
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
        items = f"pk{self.one(*ITEMS)} data {self.one(*'123')} {self.one(*'112')}"
        return self.one(items, items, "pkstr 'text", "packf '%3d%s data 'text", "packf '%+%d 0 7")

    def unpack(self) -> str:
        items = f"upk{self.one(*ITEMS)} out {self.one(*'123')} {self.one(*'112')}"
        return self.one(items, items, "upkstr out", "unpackf '%2d out")

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
        return self.one(
            f"{kept}initsend 0;putinfo {name} ${kept[0]} 0",
            f"{self.kept()}recvinfo {name} 0 {self.one('0', '8', '16')}", f"delinfo {name} 0 0",
            f"insert {name} {self.one('-1', '0')} 5", f"lookup {name} -1 out", f"delete {name} 0",
        )  # fmt: skip

    def context(self) -> str:
        return self.one("x=newcontext", "setcontext $x", "setcontext 0", "freecontext $x",
                        "getcontext")  # fmt: skip

    def handler(self) -> str:
        return self.one(f"h=addmhf -1 {self.one(*TAGS)} 0 0", "delmhf $h")

    def state(self) -> str:
        return self.one("mytid", "exit", "parent", "siblings 0")

    def option(self) -> str:
        option = self.one(*OPTIONS)
        return self.one(f"setopt {option}", f"getopt {option.split()[0]}")

    def ask(self) -> str:
        return self.one(f"pstat {self.tid()}", "tasks 0 0", f"notify 1 5 1 [{self.tid()}]",
                        "config 0", "recvf 0")  # fmt: skip

    def refused(self) -> str:
        return self.one("spawn 'nowhere 0 null 1 out", "send 0 1", "initsend 77", "setopt 99 1",
                        "pkint data -1 1", "gsize null")  # fmt: skip
