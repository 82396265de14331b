# SPDX-License-Identifier: MIT
"""What is known to differ from 3.4.6, each with its reason: bugs there, and decisions here.

Patterns are searched for in a step (tests/c/differ.h) and in normalised answers (bed.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A difference that is right: the call, what 3.4.6 answers, what we do, and why.

    last    what follows cannot be compared, since the tasks are in different states
    """

    call: str
    theirs: str
    ours: str
    why: str
    last: bool = False


@dataclass(frozen=True)
class Same:
    """What counts as the same: a part of an answer, by what it is replaced, and why."""

    part: str
    becomes: str
    why: str


@dataclass(frozen=True)
class Avoided:
    """A call that is not compared, because 3.4.6 does not survive it."""

    call: str
    why: str


SAME = (
    Same(
        r"libpvm \[\w+\] (a daemon runs already|no daemon of this user|PVMSOCK is)[^\\]*\\n",
        "",
        "what helps is said behind what is wrong",
    ),
    Same(r"\[pid-1\]", "[pid]", "3.4.6 does not know its pid before it has tried to connect"),
    Same(r"\(mhid >= ndhandles\) ", "", "the name of the function is enough"),
    Same(
        r"(=\w [TBC]?\d+|=i -1) -32\b", r"\1 -", "pvm_errno after success is what inner calls left"
    ),
    Same(
        r"(libpvm \[pid\] \S+: No such file or directory\\n)+", "", "no daemon, once a call inside"
    ),
    Same(r"(?<=\{handler\d =b )B\d+", "B", "which free number is taken: see below"),
    Same(r"^=b B\d+ (?=.*\{handler)", "=b B ", "which free number is taken: see below"),
    Same(r"(?<!libpvm )\[t\w+\] [^\\]*\\n", "", "the output of children comes at any time"),
    Same(r" printed: $", "", "nothing else was printed"),
    Same(
        r"(libpvm \[\w+\]: pvm_[\w: ]+\(\): [\w' !.(/)]+\\n)+(?=libpvm \[\w+\]: pvm_)",
        "",
        "one complaint a call, not one for each call inside",
    ),
)

AVOIDED = (
    Avoided(r"^siblings 1|^getfds 1", "3.4.6 stores through the null pointer"),
    Avoided(r"^(un)?export null|^spawn null|^packf null", "3.4.6 reads the null pointer"),
    Avoided(r"^packf '%h?s 0|^[gs]etminfo \S+ null", "3.4.6 uses the null pointer"),
    Avoided(r"^notify .* [1-9]\d* null|^notify \d+ \d+ 1 null", "3.4.6 reads the null pointer"),
    Avoided(r"^reg_tracer .* null", "3.4.6 reads the null pointer"),
    Avoided(r"^(pvmf)?putinfo '\S+ (0|9999)", "3.4.6 never answers a request without message"),
    Avoided(r"^(pvmf)?precv .* out -\d", "3.4.6 waits for a message before it looks at the count"),
    Avoided(r"^setopt 2 -1", "3.4.6 prints its inner life for each message, with numbers"),
)

GROUP_CALL = "(bcast|barrier|gsize|gettid|getinst|(join|lv|freeze)group|reduce|gather|scatter)"

KNOWN = (
    # ---- 3.4.6 answers with what is left in memory, or does another thing than it says
    Known(
        r"^freecontext",
        r"=c (C\d+ -|-14)",
        r"=c -32",
        "3.4.6 makes a context when told to free 0",
    ),
    Known(r"^pvmffreecontext", r"", r"-(32|14)", "3.4.6 sets the context instead of freeing it"),
    Known(r"^setopt (5|7|13|15) ", r"=t 0 0 .*Error 0", r"-2", "3.4.6 reports an error of code 0"),
    Known(
        r"^(pvmf)?psend .* data -\d",
        r"=i 0 -2 |pkbyte\(\): Bad",
        r"-2",
        "3.4.6 sends an empty message",
    ),
    Known(r"^psend .* null", r"=i 0", r"-2", "3.4.6 promises to send what is nowhere"),
    Known(
        r"^(\w+=)?(pvmf)?(n|t)?(recv|initsend|mkbuf|probe|upkmesg|[gs]et[rs]buf|(recv|up).*|value)",
        r"=b B\d+ ",
        r"=b B\d+ ",
        "which free number is taken depends on the messages inside the library",
    ),
    Known(
        r"^(\w+=)?(freebuf|bufinfo|[gs]etminfo) \$",
        r"",
        r"=\w -16",
        "a number that was given back is one inside the library of 3.4.6 for a time",
    ),
    Known(r"", r"-14 -14 T\d", r"-14 -14 -1", "a task whose daemon has ended is none"),
    Known(
        rf"^(pvmf)?{GROUP_CALL} ",
        r"=[it] -1[47] .*(pvm_mytid\(\): Can't|pvm_upkint\(\): No current)",
        r"=[it] -1[47] ",
        "3.4.6 complains of calls inside, too",
    ),
    Known(
        r"^exit",
        r"pvm_delmhf\(\): Not F",
        r"=i 0 - -1$",
        "3.4.6 complains of a call inside, perhaps with the tid of a task made for that",
        last=True,
    ),
    Known(r"^getcontext", r"=c C2 ", r"=c C1 ", "pvmffreecontext has set it in 3.4.6"),
    Known(r"^getcontext", r"=c (-1|1|C1) ", r"=c 0 ", "pvmffreecontext has set it in 3.4.6"),
    Known(
        r"^gettmask",
        r" -1 arg1\[0:36\]=0,0",
        r"=1077952576,",
        "no mask in 3.4.6 before it is a task",
    ),
    Known(r"^siblings", r"=i 1 ", r"=i 1 ", "3.4.6 names the task that this was before"),
    Known(r"^pvmfsiblings", r"=i T2 ", r"=i T3 ", "3.4.6 names the task that this was before"),
    Known(r"^pvmfsiblings", r"=i -31 ", r"=i -14 ", "3.4.6 takes an error for a short list"),
    Known(r"^tasks", r"n -99 =i -14", r"n 0 =i -14", "3.4.6 leaves the count undefined"),
    Known(
        r"^pvmfhostsync",
        r"=i -6 .*=-?\d+",
        r"=i -6 .*arg4\[0:4\]=0",
        "3.4.6 stores a difference of unset times",
    ),
    Known(r"^upkstr", r"=i 0 -", r"-5", "3.4.6 reads a string beyond the end of the message"),
    Known(
        r"^upk", r"=i -5 .*arg0", r"=i -5", "3.4.6 stores half of an item before it finds the end"
    ),
    Known(r"^packf '%\*", r"=i 0 -", r"=i -2", "3.4.6 takes a negative count for 0"),
    Known(
        r"^packf",
        r"=i 0 -",
        r"=i -24",
        "3.4.6 sends values in place that are gone by then",
        last=True,
    ),
    Known(
        r"^pkmesg ", r"=i 0 -", r"=i -24", "3.4.6 packs nothing into a message in place", last=True
    ),
    Known(
        r"^(bufinfo|getminfo) \$",
        r"arg1\[0:\d+\]=0[, ]",
        r"arg1\[0:\d+\]=[1-9]",
        "3.4.6 does not count what was packed before the buffer was to be read",
    ),
    Known(
        r"^(bufinfo|getminfo) \$",
        r"-2147418096",
        r"arg1",
        "3.4.6 has nonsense in the header of what a failed pvm_recvinfo leaves",
    ),
    Known(
        r"^(\w+=)?upkmesg", r"=b -5", r"=b -12", "3.4.6 notices later that it is none", last=True
    ),
    Known(
        r"^(\w+=)?(pvmf)?addmhf", r"=i 1\d", r"=i (9|1\d)", "3.4.6 has one more after pvm_catchout"
    ),
    Known(
        r"^(\w+=)?recvinfo",
        r"=b -8",
        r"=b -8",
        "3.4.6 receives nonsense with an empty body if it may not delete an entry",
        last=True,
    ),
    Known(
        r"^reduce -1", r"=i 0 -", r"=i -2", "3.4.6 takes no function when it has nothing to call"
    ),
    Known(
        r"^barrier \S+ 1", r"=i -3", r"=i 0", "3.4.6 keeps the count of a barrier that it refused"
    ),
    Known(r"^lookup", r"=i 0 -5", r"=i -5", "3.4.6 finds an entry without value"),
    Known(r"^reg_rm", r" 1000 3\)", r" 1000 \d{5}", "3.4.6 takes another field for the signature"),
    Known(
        r"^archcode",
        r"=i -32|^died SIGSEGV",
        r"=i -14",
        "3.4.6 takes a lost daemon for an unknown name, or reads what is not there",
    ),
    Known(r"^pvmfarchcode", r"^died", r"=i -14", "3.4.6 aborts without a daemon"),
    Known(r"^(pvmf)?catchout 1", r"=i 0 -", r"=i -14", "3.4.6 goes on without a daemon"),
    Known(r"^(pvmf)?catchout 1", r"=i 0 -14", r"=i 0 -", "3.4.6 complains of a call inside"),
    Known(r"^getnoresets", r"=i 0 -14", r"=i -14", "3.4.6 goes on without a daemon"),
    Known(
        r"^pvmfgetmboxinfo", r"=i 2004318071", r"=i 0 .*=", "3.4.6 tells half after a failed one"
    ),
    Known(
        r"^get([sr]buf|context)$",
        r"=[bc] 0 - T3",
        r"=[bc] 0 - T2",
        "3.4.6 makes a task of a child whose first call is pvm_exit",
    ),
    Known(r"^pvmftasks", r"=i 2004318071", r"=i 0 .*=0", "3.4.6 stores nothing for an empty table"),
    Known(
        r"^(pvmf)?scatter",
        r"=i 0 ",
        r"=i 0 ",
        "3.4.6 frees the send buffer and leaves one of its own",
        last=True,
    ),
    # ---- decisions (README)
    Known(r"^addhosts", r"=-36", r"=-6", "3.4.6 adds no host to a machine at the loopback address"),
    Known(r"^(getopt|setopt|pvmfgetopt) 10", r"4080", r"65536", "fragments are larger"),
    Known(r"^(packf '%l|pklong|pkulong)", r"=i 0", r"=i -4", "a long that does not fit is refused"),
    Known(r"", r"\{handler.*Not implemented|waitid doesn't", r"", "handlers may ask the daemon"),
    Known(r"^setopt 25 0", r"=t -14", r"=t 0", "3.4.6 takes the task for what it was before"),
    Known(
        r"^(pvmf)?[gs]etopt (1[2-7]|2[34])",
        r"\{handler\d =",
        r"\{handler\d =",
        "handlers may ask the daemon, which has these",
    ),
    Known(r"^setopt 25 0", r"\{.*=t 0 ", r"\{.*=t 1 ", "handlers may ask the daemon"),
    Known(r"^(pvmf)?(exit|archcode)", r"^died", r"\{handler", "3.4.6 crashes in a handler"),
    Known(
        r"^send",
        r"^died SEGV|^died SIGSEGV",
        r"\{handler0",
        "3.4.6 gives a handler in Fortran no address",
    ),
    Known(r"", r"^died", r"\{handler1", "3.4.6 crashes in a function of pvm_recvf"),
    Known(
        r"^addmhf \S+ \S+ \S+ -1", r"=i \d", r"=i -2", "3.4.6 crashes when it is to call nothing"
    ),
    Known(
        r"^pk",
        r"=i \S+ \S+ T",
        r"=i \S+ \S+ -1",
        "packing into a buffer that is there needs no daemon",
        last=True,
    ),
    Known(
        r"^(getopt|setopt|pvmf[gs]etopt) (1[2-7]|2[1-4])|^(pvmf)?catchout 0",
        r"=\S \S+ \S+ -1( printed|$)",
        r" T\d|=[it] -14",
        "own settings are told as they are in the machine, so the task enrols",
        last=True,
    ),
    Known(
        r"^(getopt|setopt|pvmf[gs]etopt) (1[2-7]|2[1-4])|^(pvmf)?catchout 0",
        r"",
        r"=[it] -14",
        "own settings are told as they are in the machine, so the task enrols",
    ),
    Known(r"^[gs]etopt 25", r"=t 1", r"=t 0", "who comes back is another task, which a reset ends"),
)


def comparable(answer: str) -> str:
    """An answer without what counts as the same."""
    for rule in SAME:
        answer = re.sub(rule.part, rule.becomes, answer)
    return answer


def avoided(line: str) -> bool:
    """Whether a call is left out."""
    return any(re.search(rule.call, line) for rule in AVOIDED)


def known(line: str, theirs: str, ours: str) -> Known | None:
    """What is known to differ like the two answers to a call."""
    for rule in KNOWN:
        parts = ((rule.call, line), (rule.theirs, theirs), (rule.ours, ours))
        if all(re.search(pattern, text) for pattern, text in parts):
            return rule
    return None
