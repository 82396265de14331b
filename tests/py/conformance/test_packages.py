# SPDX-License-Identifier: MIT
"""Programs for PVM that Debian has packages of: NetPIPE, Tablix and S-Lang's module."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import xml.etree.ElementTree as xml
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import compiler
from support.machines.hosts import Bed
from support.machines.vm import VirtualMachine, wait_until
from support.programs.timetable import CLASSES, LESSONS, TEACHERS, problem
from support.system import (
    PATIENCE,
    PROJECT,
    SIDES,
    Side,
    missing,
    require_library,
    require_program,
)

PACKAGES = {
    "NPpvm": "netpipe-pvm",
    "tablix2": "tablix2",
    "tablix2_kernel": "tablix2",
    "slsh": "slsh",
}
SLANG_MODULE = "*/slang/v2/modules/pvm-module.so"
SCRIPTS = PROJECT / "tests" / "slang"
CELLS = [(d, lib) for d in SIDES for lib in SIDES if "ours" in (d, lib)]


def programs(library: Side) -> Path:
    """Directory of starters for the packages' programs with the libpvm3 of a side."""
    require_library(library)
    for name, package in PACKAGES.items():
        require_program(name, package)
        starter = compiler.installed_starter(name, library)
    if not list(Path("/usr/lib").glob(SLANG_MODULE)):
        missing(f"/usr/lib/{SLANG_MODULE} does not exist: apt-get install slang-pvm")
    return starter.parent


@pytest.fixture(params=CELLS, ids="-".join)
def cell(request: pytest.FixtureRequest) -> Iterator[tuple[VirtualMachine, Path]]:
    """A machine, and where its programs are."""
    daemon, library = request.param
    where = programs(library)
    with VirtualMachine(daemon, path=[where]) as vm:
        yield vm, where


def finished(process: subprocess.Popen[bytes]) -> str:
    """Wait for the end of a program; what it has written."""
    return process.communicate(timeout=PATIENCE)[0].decode()


# ---- NetPIPE ---------------------------------------------------------------------------------


def test_netpipe_measures_every_size(cell: tuple[VirtualMachine, Path]) -> None:
    vm, where = cell
    options = ["-u", 20000, "-n", 3]
    receiver = vm.start(where / "NPpvm", *options, stderr=subprocess.STDOUT)
    # The sender takes the only other task for the receiver.
    wait_until(lambda: vm.running("NPpvm") and "t40001" in tasks(vm), "the receiver's tid")
    sender = vm.start(where / "NPpvm", "-h", "other", *options, stderr=subprocess.STDOUT)
    text = finished(sender)
    finished(receiver)
    assert (sender.returncode, receiver.returncode) == (0, 0), text
    sizes = [int(size) for size in re.findall(r"^ *\d+: +(\d+) bytes +3 times -->", text, re.M)]
    assert sizes == sorted(sizes) and sizes[0] == 1 and sizes[-1] > 16384


def tasks(vm: VirtualMachine) -> str:
    """The tids of all tasks, as the library prints them."""
    lines = 'variable tid; foreach tid (pvm_tasks(0).ti_tid) () = printf("t%x ", tid); pvm_exit();'
    return vm.run(programs("debian") / "slsh", "-e", f'import("pvm"); {lines}').check().out


# ---- Tablix ----------------------------------------------------------------------------------


def tablix(cell: tuple[VirtualMachine, Path], *options: object) -> subprocess.Popen[bytes]:
    """Start tablix2 with two kernels on the problem."""
    vm, where = cell
    (vm.home / "problem.xml").write_text(problem())
    command = [where / "tablix2", "-n", 2, "-d", 1, *options, "problem.xml"]
    return vm.start(*command, stderr=subprocess.STDOUT)


def lessons(result: Path) -> list[dict[str, str]]:
    """The lessons of a timetable: teacher, class, room and time of each."""
    events = xml.parse(result).getroot().find("events")
    assert events is not None
    return [{r.attrib["type"]: r.attrib["name"] for r in event} for event in events]


def most_at_once(timetable: list[dict[str, str]]) -> int:
    """The most lessons that a teacher, class or room has at a time."""
    taken = Counter(
        (kind, lesson[kind], lesson["time"])
        for lesson in timetable
        for kind in ("teacher", "class", "room")
    )
    return max(taken.values())


def test_tablix_finds_a_timetable_without_clashes(cell: tuple[VirtualMachine, Path]) -> None:
    process = tablix(cell)
    text = finished(process)
    assert process.returncode == 0, text
    found = [lessons(cell[0].home / f"result{i}.xml") for i in range(2)]
    assert [len(timetable) for timetable in found] == [CLASSES * TEACHERS * LESSONS] * 2
    # One of the kernels has found it, and the others were stopped then.
    assert 1 in [most_at_once(timetable) for timetable in found]


def test_tablix_is_told_of_the_ends_of_its_kernels(cell: tuple[VirtualMachine, Path]) -> None:
    vm = cell[0]
    # So many that the search has not ended meanwhile.
    process = tablix(cell, "-p", "popsize=200000")
    wait_until(lambda: len(vm.running("tablix2_kernel")) == 2, "both kernels")
    for pid in vm.running("tablix2_kernel"):
        os.kill(pid, signal.SIGKILL)
    text = finished(process)
    assert text.count("has unexpectedly quit") == 2, text


# ---- S-Lang ----------------------------------------------------------------------------------


def evaluate(vm: VirtualMachine, library: Side, expressions: str) -> str:
    """What the expressions give, one a line, in a task on S-Lang's shell."""
    (vm.home / "expressions").write_text(expressions.strip())
    done = vm.run(programs(library) / "slsh", SCRIPTS / "calls.sl", "expressions", merged=True)
    return done.check().out


ALONE = """
pvm_parent()
pvm_mytid()
pvm_config().hi_arch
pvm_config().hi_tid
pvm_tasks(0).ti_tid
pvm_tasks(123456)
pvm_setopt(PvmRoute, PvmRouteDirect)
pvm_getopt(PvmRoute)
pvm_setopt(99, 1)
pvm_setopt(PvmAutoErr, 0)
pvm_initsend(77)
pvm_mstat("nosuchhost")
pvm_mstat(pvm_config().hi_name[0])
pvm_pstat(0x40099)
pvm_pstat(-3)
pvm_archcode("LINUX64")
pvm_archcode("XX")
pvm_kill(0)
pvm_sendsig(0, 15)
pvm_spawn("nosuchprog", PvmTaskDefault, "", 1)
pvm_spawn("slsh", PvmTaskHost, "nohost", 1)
pvm_spawn("slsh", PvmTaskArch, "SUN4", 2)
pvm_joingroup("g")
pvm_joingroup("g")
pvm_gsize("g")
pvm_getinst("g", pvm_mytid())
pvm_gettid("g", 0)
pvm_gettid("g", 5)
pvm_barrier("g", 1)
pvm_lvgroup("g")
pvm_lvgroup("g")
pvm_newcontext()
pvm_setcontext(5)
pvm_setcontext(0)
pvm_freecontext(99)
there_and_back([1:100000])
there_and_back(typecast([1:1000], Double_Type))
there_and_back(typecast([1:1000], Float_Type))
there_and_back(typecast([1:200], UChar_Type))
there_and_back(typecast([1:1000], Short_Type))
there_and_back(typecast([1:1000], UShort_Type))
there_and_back(typecast([1:1000], Long_Type))
there_and_back(typecast([1:1000], ULong_Type))
there_and_back(typecast([1:1000], UInt_Type))
there_and_back([1:10] * 1i)
there_and_back([&there_and_back])
pvm_initsend(PvmDataDefault) > 0
pvm_pack("\\u{20ac}"), pvm_pack(""), pvm_pack(7), pvm_send(pvm_mytid(), 9)
pvm_recv(-1, 9) > 0
pvm_unpack(String_Type)
pvm_unpack(String_Type)
pvm_unpack(Int_Type)
pvm_unpack(Int_Type)
pvm_nrecv(-1, 99)
pvm_probe(-1, 99)
pvm_bufinfo(12345)
pvm_send(0, 5)
pvm_send(pvm_mytid(), -5)
pvm_mcast([pvm_mytid(), 0x40099], 5)
pvm_mcast([-1], 5)
pvm_notify(PvmTaskExit, 50, 0x40099)
pvm_recv(-1, 50) > 0
pvm_unpack(Int_Type)
pvm_notify(PvmTaskExit, 51, 0)
pvm_exit()
pvm_mytid()
"""

HOSTS = """
pvm_notify(PvmHostAdd, 52, 2)
pvm_addhost("SLAVE")
pvm_addhost("no.such.host")
pvm_recv(-1, 52) > 0
pvm_unpack(Int_Type, 2)
pvm_config().hi_name
pvm_config().hi_tid
pvm_mstat("SLAVE")
pvm_spawn(["/bin/sleep", "100"], PvmTaskHost, "SLAVE", 2)
pvm_notify(PvmTaskExit, 54, [0x80001, 0x80002])
pvm_notify(PvmHostDelete, 53, 0x80000)
pvm_tasks(0x80001).ti_ptid
pvm_tasks(0x80001).ti_flag
pvm_kill(0x80001)
pvm_recv(-1, 54) > 0
pvm_unpack(Int_Type)
pvm_delhost("SLAVE")
pvm_recv(-1, -1) > 0
pvm_unpack(Int_Type)
pvm_recv(-1, -1) > 0
pvm_unpack(Int_Type)
pvm_config().hi_name
pvm_spawn(["/bin/sleep", "100"], PvmTaskHost, "SLAVE", 1)
"""


@pytest.mark.parametrize(("daemon", "library"), CELLS)
def test_calls_from_slang_give_what_they_give_on_3_4_6(daemon: Side, library: Side) -> None:
    texts = []
    for side, lib in (("debian", "debian"), (daemon, library)):
        with VirtualMachine(side, path=[programs(lib), "/usr/bin"]) as vm:
            texts.append(evaluate(vm, lib, ALONE))
    assert texts[0] == texts[1]
    assert len(re.findall(r"there_and_back.* -> 1\n", texts[0])) == 10


@pytest.mark.parametrize("pair", [("ours", "ours"), ("ours", "debian"), ("debian", "ours")])
def test_hosts_from_slang_are_like_those_of_3_4_6(pair: tuple[Side, Side]) -> None:
    texts = []
    for kinds in (("debian", "debian"), pair):
        with Bed(kinds) as bed:
            script = HOSTS.replace("SLAVE", bed.slaves[0].name)
            texts.append(evaluate(bed.start().master, kinds[0], script))
            bed.slaves[0].wait_gone()
    assert texts[0] == texts[1]


def is_slave(pid: int) -> bool:
    """Whether a process of S-Lang's shell runs, and runs no master."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return line != b"" and b"master.sl" not in line


def test_killed_slave_is_started_again_by_its_master(cell: tuple[VirtualMachine, Path]) -> None:
    vm, where = cell

    def slaves() -> list[int]:
        return [pid for pid in vm.running("slsh") if is_slave(pid)]

    command = f"until [ -e {vm.home}/go ]; do sleep 0.05; done; exit"
    commands = [f"{command} {status}" for status in (3, 4)]
    master = vm.start(
        where / "slsh",
        SCRIPTS / "master.sl",
        SCRIPTS / "slave.sl",
        *commands,
        stderr=subprocess.STDOUT,
    )
    wait_until(lambda: len(slaves()) == 2, "two slaves")
    first = slaves()
    os.kill(first[0], signal.SIGKILL)
    wait_until(lambda: len(slaves()) == 2 and slaves() != first, "a slave in its place")
    (vm.home / "go").touch()
    text = finished(master)
    assert master.returncode == 0, text
    assert re.findall(r"^exit (\d+)", text, re.M) == [str(3 << 8), str(4 << 8)]
    assert text.count("*** Task failed") == 1
