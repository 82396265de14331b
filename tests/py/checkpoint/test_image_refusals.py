# SPDX-License-Identifier: MIT
"""What cannot be imaged is refused in words, by the cases of tests/c/image_refused.c."""

from __future__ import annotations

import re

import pytest
from support.images import restarts
from support.system import PROJECT, missing

# Cases, and what is said; "" in the end: no path.
REFUSALS = {
    "threads": r"the process has threads: 2: ",
    "children": r"the process has children that it has not waited for: 0: ",
    "zombies": r"the process has children that it has not waited for: 0: ",
    "traced": r"the process is traced: 0: ",
    "rights": r"the process has other rights than its user, or denies dumps: 0: ",
    "segments": r"the process has segments of its own: 0: ",
    "locked": r"memory is locked: 0: ",
    "posix_timer": r"the process has a timer made by timer_create: 0: ",
    "many_signals": r"too many signals wait: 1024: ",
    "shared_anonymous": r"memory is shared: 0: /dev/zero \(deleted\)",
    "system_v": r"memory is shared: 0: /SYSV.*",
    "posix_shared": r"memory is shared: 0: /dev/shm/image_refused.*",
    "huge_pages": r"memory is in huge pages: 0: /anon_hugepage.*",
    "async_io": r"a queue of asynchronous input and output: 0: /\[aio\].*",
    "sockets": r"an open socket: \d+: socket:\[\d+\]",
    "pipes": r"an open pipe: \d+: pipe:\[\d+\]",
    "epolls": r"an open epoll: \d+: anon_inode:\[eventpoll\]",
    "events": r"an open event descriptor: \d+: anon_inode:\[eventfd\]",
    "timer_descriptors": r"an open timer descriptor: \d+: anon_inode:\[timerfd\]",
    "signal_descriptors": r"an open signal descriptor: \d+: anon_inode:\[signalfd\]",
    "watches": r"open watches of files: \d+: anon_inode:inotify",
    "rings": r"an open io_uring: \d+: anon_inode:\[io_uring\]",
    "anonymous_files": r"an open descriptor without a file: \d+: /memfd:name \(deleted\)",
    "terminals": r"an open terminal: \d+: /dev/p.*",
    "devices": r"an open device: \d+: /dev/kmsg",
    "whole_locks": r"a file is locked: \d+: /tmp/pvrefused.*",
    "record_locks": r"a file is locked: \d+: /tmp/pvrefused.*",
    "large_unlinked": r"an open file without a name is too large: \d+: /tmp/pvrefused.*",
    "full_disk": r"the image cannot be written: 28: ",
    "broken_pipe": r"the image cannot be written: 32: ",
}
# Those that a test cannot provoke everywhere, or at all.
UNPROVOKED = {
    "WHY_MACHINE": "another architecture, which has a test of its own",
    "WHY_SYSTEM": "a system call that fails",
    "WHY_NO_PROC": "no /proc",
    "WHY_SHADOW_STACK": "a processor and a system with shadow stacks",
    "WHY_DEVICE_MEMORY": "a device that can be mapped",
    "WHY_AREAS": "areas that come up meanwhile",
    "WHY_UNREADABLE_UNLINKED": "a file that the process opened with more rights",
    "WHY_DESCRIPTORS": "4096 open files",
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_has_reason_and_changes_nothing(case: str) -> None:
    restarts.require_restarter()
    ended = restarts.run([restarts.c_program("image_refused"), case])
    lines = ended.lines()
    if lines[0].startswith("skip: "):
        missing(lines[0].removeprefix("skip: "))
    assert re.fullmatch(rf"refused \d+: {REFUSALS[case]}", lines[0])
    assert lines[-1] == "went on"
    assert ended.status == 0


def test_other_architecture_is_refused() -> None:
    program = restarts.foreign_program("image_refused", "i686-linux-gnu-gcc", "gcc-i686-linux-gnu")
    ended = restarts.run([program, "sockets"])
    reason = "a process of this build cannot be imaged on this architecture"
    assert ended.lines() == [f"refused 1: {reason}: 0: ", "went on"]


def test_each_reason_has_words_and_is_provoked() -> None:
    """The table of reasons, the cases above and what these leave out make a whole."""
    source = (PROJECT / "csrc/libpvm/checkpoint/reasons.c").read_text()
    words = dict(re.findall(r'\[(WHY_\w+)\] = "(.+)"', source))
    header = (PROJECT / "csrc/libpvm/checkpoint/checkpoint.h").read_text()
    assert set(re.findall(r"^\t(WHY_\w+)", header, re.M)) == {*words, "WHY_REASONS"}
    said = {pattern.split(":")[0] for pattern in REFUSALS.values()}
    assert {name for name, text in words.items() if text not in said} == set(UNPROVOKED)
