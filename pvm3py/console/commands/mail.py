# SPDX-License-Identifier: MIT
"""Commands about the mailbox."""

from __future__ import annotations

from dataclasses import asdict

import pvm3py.classic as pvm
from pvm3py.classic import Mbox

from ..session import Session
from ..table import JSON, Given, command


@command(
    "names",
    "[pattern]",
    "list names of the mailbox",
    most=1,
    options=(JSON,),
    notes=("* in the pattern stands for anything; it may match in the middle of a name.",),
)
def names(session: Session, given: Given) -> None:
    """Classes of entries, and who has them."""
    classes = pvm.getmboxinfo(given.operands[0] if given.operands else "*")
    if "--json" in given:
        session.out.json([asdict(one) for one in classes])
        return
    for one in classes:
        session.out.line(f"<{one.name}>:")
        for e in one.entries:
            owner = f"0x{e.owner & 0xFFFFFFFF:x}/{e.owner}"
            session.out.line(f"\tindex={e.index} owner={owner} flags=0x{e.flags:x}")
        session.out.line()


@command(
    "put",
    "name flags value",
    "add an entry to the mailbox",
    least=3,
    most=3,
    raw=True,
    notes=(
        "The entry is the number 0, whatever value says.",
        "Flags, added up: 1 stay after this console has ended, 2 one of several entries,",
        "4 others may overwrite it.",
    ),
)
def put(session: Session, given: Given) -> None:
    """Put the number 0 under a name."""
    name, flags, _ = given.operands
    if not flags.isdecimal():
        session.complain(f"{flags}: no number")
        return
    buffer = pvm.mkbuf()
    before = pvm.setsbuf(buffer)
    try:
        pvm.pkint(0)
        pvm.putinfo(name, buffer, Mbox(int(flags)))
    finally:
        pvm.setsbuf(before)
        pvm.freebuf(buffer)
