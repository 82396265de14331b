# SPDX-License-Identifier: MIT
"""Spawns of HPVM: what parents and kernels may do, and what becomes of what they may not."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from support import compiler
from support.machines.vm import VirtualMachine, processes_of, wait_until
from support.programs import kernels
from support.system import C_SOURCES, SIDES, Side, spawn_dir

KERNEL = C_SOURCES / "hpvm_kernel.c"
SILENT = "int kernel_main(long id, long size, long *args) { return 0; }\n"


def run_checks(side: Side, **env: str) -> None:
    """The scenarios of hpvm_parent.c under the daemon of a side."""
    program, tree = kernels.test_parent("hpvm_parent"), kernels.tree(KERNEL)
    with VirtualMachine(side, path=[spawn_dir()], env=env) as vm:
        done = vm.run(program, tree)
        assert "FAIL" not in done.out, done.out + done.err
        done.check()


@pytest.mark.parametrize("side", SIDES)
def test_spawns(side: Side) -> None:
    run_checks(side)


@pytest.mark.parametrize("processors", [1, 7])
def test_spawns_with_other_numbers_of_processors(processors: int) -> None:
    run_checks("ours", HPVM_PROCESSORS=str(processors))


def source(tmp_path: Path, text: str) -> Path:
    """A file of C with a text."""
    path = tmp_path / "made.c"
    path.write_text(text)
    return path


PARENT = """
#include <stdio.h>
#include "hpvm.h"
int main(int argc, char **argv)
{
	int result = hpvm_spawn(argv[1], atol(argv[2]), NULL);

	printf("%d %s\\n", result, hpvm_error());
	return 0;
}
"""


def test_machine_that_the_parent_starts_ends_with_it(tmp_path: Path) -> None:
    """Another directory for the machine, in which no daemon serves."""
    with VirtualMachine(path=[spawn_dir()]) as vm:
        program = kernels.parent(source(tmp_path, PARENT))
        done = vm.run(program, kernels.tree(KERNEL), 5, env={"PVM_TMP": str(tmp_path)}).check()
        assert done.out == "0 \n", done.out + done.err
        assert "ready" in next(tmp_path.glob("pvml.*")).read_text()
        wait_until(lambda: not processes_of(tmp_path), "no daemon")


def test_without_a_machine_and_a_daemon_the_spawn_says_so(tmp_path: Path) -> None:
    with VirtualMachine() as vm:
        program = kernels.parent(source(tmp_path, PARENT))
        env = {"PVM_TMP": str(tmp_path), "PVM_ROOT": str(tmp_path), "PATH": "/nowhere"}
        done = vm.run(program, kernels.tree(KERNEL), 1, env=env).check()
        assert done.out.startswith("-17 hpvm_spawn: there is no virtual machine, and none could")


def hosts_file(vm: VirtualMachine, text: str) -> None:
    (vm.home / "hpvm_hosts.cfg").write_text(text)


def test_hosts_file_gives_hosts_their_names_and_processors(tmp_path: Path) -> None:
    text = SILENT.replace("return 0;", "return id == 3 ? 9 : 0;")
    tree = kernels.tree(source(tmp_path, text))
    program = kernels.parent(source(tmp_path, PARENT))
    with VirtualMachine(path=[spawn_dir()]) as vm:
        hosts_file(vm, "127.0.0.1 bigboy cpus=3\n127.0.0.1 hpvm_host\n")
        done = vm.run(program, tree, 5).check()
        assert "first: task 3: on bigboy: kernel_main returned 9" in done.out, done.out + done.err
        hosts_file(vm, "bigboy\n")
        done = vm.run(program, tree, 5).check()
        assert done.out.startswith("-13 "), done.out


def test_host_without_the_client_is_named(tmp_path: Path) -> None:
    with VirtualMachine(path=[tmp_path]) as vm:
        program = kernels.parent(source(tmp_path, PARENT))
        done = vm.run(program, kernels.tree(KERNEL), 1).check()
        assert done.out == "-12 hpvm_spawn: no host has hpvmc\n"
        assert "is left out: it has no program hpvmc in its PVM_PATH" in done.err


def test_kernel_that_cannot_be_loaded_is_told_by_its_reason(tmp_path: Path) -> None:
    text = SILENT + "void nowhere(void); void unused(void); void unused(void) { nowhere(); }\n"
    tree = kernels.tree(source(tmp_path, text))
    with VirtualMachine(path=[spawn_dir()]) as vm:
        program = kernels.parent(source(tmp_path, PARENT))
        done = vm.run(program, tree, 1).check()
        assert done.out.startswith("-11 hpvm_spawn: no host can run"), done.out
        assert "undefined symbol: nowhere" in done.err


def test_kernel_that_ends_its_process_when_it_is_loaded_is_refused(tmp_path: Path) -> None:
    text = SILENT + "void _exit(int); __attribute__((constructor)) void f(void) { _exit(1); }\n"
    tree = kernels.tree(source(tmp_path, text))
    with VirtualMachine(path=[spawn_dir()]) as vm:
        program = kernels.parent(source(tmp_path, PARENT))
        done = vm.run(program, tree, 1).check()
        assert done.out.startswith("-11 "), done.out
        assert "it ends the process that loads it" in done.err


ENDLESS = 'int kernel_main(long id, long size, long *args) { for (;;) __asm__(""); }\n'


def runners(vm: VirtualMachine) -> list[int]:
    """Processes of the client: itself, and what it has forked."""
    return vm.running("hpvmc")


@pytest.mark.parametrize("side", SIDES)
def test_nothing_is_left_three_seconds_after_the_parent_was_killed(
    side: Side, tmp_path: Path
) -> None:
    program = kernels.parent(source(tmp_path, PARENT))
    tree = kernels.tree(source(tmp_path, ENDLESS))
    with VirtualMachine(side, path=[spawn_dir()]) as vm:
        parent = vm.start(program, tree, 10)
        wait_until(lambda: len(runners(vm)) >= 2, "runners")
        parent.kill()
        parent.wait()
        killed = time.monotonic()
        wait_until(lambda: not runners(vm), "no client")
        assert time.monotonic() - killed < 3


def test_client_that_is_killed_is_reported_and_its_runners_end(tmp_path: Path) -> None:
    program = kernels.parent(source(tmp_path, PARENT))
    tree = kernels.tree(source(tmp_path, ENDLESS))
    with VirtualMachine(path=[spawn_dir()]) as vm:
        parent = vm.start(program, tree, 10)
        wait_until(lambda: len(runners(vm)) >= 2, "runners")
        os.kill(min(runners(vm)), signal.SIGKILL)
        out, err = parent.communicate()
        assert out.startswith(b"-16 hpvm_spawn: all hosts lost, 0 of 10 tasks done"), (out, err)
        assert b"its client is lost" in err
        wait_until(lambda: not runners(vm), "no runner")


def test_client_started_by_hand_says_what_it_is_for() -> None:
    with VirtualMachine() as vm:
        done = vm.run(kernels.hpvmc())
        done.check(1)
        assert "programs that use HPVM start this, users need not" in done.err


def test_many_tasks_need_no_memory_in_the_parent(tmp_path: Path) -> None:
    text = PARENT.replace("#include <stdio.h>", "#include <stdio.h>\n#include <sys/resource.h>")
    text = text.replace(
        "return 0;",
        'struct rusage u; getrusage(RUSAGE_SELF, &u);printf("%ld\\n", u.ru_maxrss); return 0;',
    )
    program = kernels.parent(source(tmp_path, text))
    tree = kernels.tree(source(tmp_path, SILENT))
    with VirtualMachine(path=[spawn_dir()]) as vm:
        sizes = [int(vm.run(program, tree, n).check().out.split()[-1]) for n in (10, 1000000)]
        assert sizes[1] - sizes[0] < 20000, sizes


STANDARDS = {"gcc": ("gnu89", "gnu99", "c11", "gnu11", "c2x"), "g++": ("c++98", "c++11", "c++20")}
STANDARDS |= {"clang": STANDARDS["gcc"], "clang++": STANDARDS["g++"]}


@pytest.mark.parametrize(
    ("name", "standard"), [(name, one) for name, many in STANDARDS.items() for one in many]
)
def test_type_of_items_comes_from_the_pointer(name: str, standard: str) -> None:
    kernels.require_program(name, name)
    source = C_SOURCES / "hpvm_types.c"
    language = ["-x", "c++"] if name.endswith("++") else []
    program = compiler.compile_program(
        f"hpvm_types-{name}-{standard}",
        [],
        "ours",
        [f"-std={standard}", *kernels.STRICT, "-pedantic", *language, str(source), "-x", "none"],
        compiler=name,
        libraries=["-lhpvm"],
    )
    with VirtualMachine() as vm:
        vm.run(program).check()
