# SPDX-License-Identifier: MIT
"""Commands of our console that the recorded sessions do not have, and the table that lists all."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.machines.vm import Finished, VirtualMachine, wait_until
from support.screens.console import Console, console_program
from support.system import PATIENCE, modules_dir

HOST = socket.gethostname()


def pvm(vm: VirtualMachine, *arguments: str, stdin: str = "") -> Finished:
    """Run our console to its end."""
    done = vm.run(console_program("ours"), *arguments, stdin=stdin)
    assert "Traceback" not in done.err, done.err
    return done


def commands(vm: VirtualMachine, text: str) -> str:
    """What commands of -c print that all succeed."""
    return pvm(vm, "-c", text).check().out


# ---- the command line --------------------------------------------------------------------------


def test_commands_of_an_argument_print_nothing_else(vm: VirtualMachine) -> None:
    assert commands(vm, "echo a; echo 'b; c' # d; e\necho f") == "a\nb; c\nf\n"


def test_status_tells_whether_a_command_failed(vm: VirtualMachine) -> None:
    assert pvm(vm, "-c", "echo a; nosuch; echo b").check(1).out == "a\nnosuch: not found\nb\n"
    pvm(vm, "-c", "mstat nosuch").check(1)
    pvm(vm, "-c", "spawn nosuch").check(1)
    pvm(vm, "-c", "conf extra").check(1)
    pvm(vm, "-c", "delete nosuch").check(1)


def test_status_after_piped_commands_is_0_whatever_they_did(vm: VirtualMachine) -> None:
    done = pvm(vm, stdin="nosuch\n").check()
    assert done.out.splitlines()[1:3] == ["pvm> nosuch", "nosuch: not found"]


def test_script_is_told_from_a_host_file(vm: VirtualMachine) -> None:
    named = vm.home / "x.pvm"
    named.write_text("# a comment\n\necho named\n")
    headed = vm.home / "script"
    headed.write_text("#!/usr/bin/env pvm\necho headed\n")
    assert pvm(vm, str(named)).check().out == "named\n"
    assert pvm(vm, str(headed)).check().out == "headed\n"
    missing = pvm(vm, str(vm.home / "no.pvm")).check(1)
    assert missing.err == f"pvm: {vm.home}/no.pvm: No such file or directory\n"


def test_output_of_jobs_is_waited_for(vm: VirtualMachine) -> None:
    text = commands(vm, "spawn -> /bin/echo hi")
    assert re.fullmatch(
        r"\[1\]\n1 successful\n(t\w+)\n\[1:\1\] hi\n\[1:\1\] EOF\n\[1\] finished\n", text
    )


def test_start_up_file_is_run_silently_before_commands_of_an_argument(vm: VirtualMachine) -> None:
    (vm.home / ".pvmrc").write_text("# mine\nalias greet echo hello\n")
    assert commands(vm, "greet world") == "hello world\n"


def test_start_up_file_is_echoed_before_the_prompt(vm: VirtualMachine) -> None:
    (vm.home / ".pvmrc").write_text("# mine\n\nalias greet echo hello\n")
    out = pvm(vm, stdin="greet\n").check().out
    assert out.startswith("pvmd already running.\n# mine\n\nalias greet echo hello\npvm> greet\n")


def test_module_is_the_same_program(ours: VirtualMachine) -> None:
    env = {"PYTHONPATH": str(modules_dir())}
    done = ours.run(sys.executable, "-m", "pvm3py", "console", "-c", "echo hi", env=env)
    assert done.check().out == "hi\n"


def test_start_up_file_may_end_the_console(vm: VirtualMachine) -> None:
    (vm.home / ".pvmrc").write_text("quit\necho never\n")
    assert pvm(vm).check().out == "pvmd already running.\nquit\n\n" + END
    assert commands(vm, "echo never") == ""


# ---- words -----------------------------------------------------------------------------------


def test_variables_stand_for_their_values_outside_of_quotes(vm: VirtualMachine) -> None:
    text = """setenv X a b; echo $X ${X}c "$X" '$X' \\$X $NOSUCHVARIABLE $ a$X#b"""
    assert commands(vm, text) == "a b a bc $X $X $X $NOSUCHVARIABLE $ aa b#b\n"


def test_backslash_before_nothing_is_unmatched(vm: VirtualMachine) -> None:
    out = pvm(vm, stdin="echo a\\\necho b\n").check().out
    assert "pvm> echo a\\\nunmatched \\\ncommand too long\npvm> echo b\nb\n" in out


def test_empty_lines_and_comments_do_not_discard_input(vm: VirtualMachine) -> None:
    out = pvm(vm, stdin="echo a\n\n# x\n  \necho b\n").check().out
    assert "pvm> echo b\nb\n" in out


def test_last_line_needs_no_end(vm: VirtualMachine) -> None:
    out = pvm(vm, stdin="echo a\necho b").check().out
    assert out.endswith("pvm> echo b\nb\npvm> quit\n\n" + END)


END = "Console: exit handler called\npvmd still running.\n"


# ---- machine-readable output --------------------------------------------------------------------


def test_tables_as_json(vm: VirtualMachine) -> None:
    (host,) = json.loads(commands(vm, "conf --json"))
    assert (host["name"], host["arch"], host["tid"]) == (HOST, "LINUX64", 0x40000)
    (console,) = json.loads(commands(vm, "ps -ax --json"))
    assert (console["host"], console["program"], console["parent"]) == (HOST, None, None)
    assert json.loads(commands(vm, f"mstat --json {HOST}")) == {HOST: "ok"}
    assert json.loads(commands(vm, f"mstat {HOST} --json")) == {HOST: "ok"}
    assert "--json  No such host\n" in pvm(vm, "-c", f"mstat -- {HOST} --json").check(1).out
    found = json.loads(commands(vm, "names --json"))
    assert [entry["name"] for entry in found] == ["###_PVM_NO_RESET_###"]
    assert json.loads(commands(vm, "jobs --json")) == []
    job, done = commands(vm, "spawn -> /bin/sleep 1000; jobs --json; reset").split("[\n", 1)
    tid = int(job.split()[-1].removeprefix("t"), 16)
    listed, _ = json.JSONDecoder().raw_decode("[\n" + done)
    assert listed == [{"job": 1, "traced": False, "tasks": [tid]}]


# ---- tasks and jobs ----------------------------------------------------------------------------


def test_files_of_jobs_are_truncated_and_appended_to(vm: VirtualMachine) -> None:
    path = vm.home / "out"
    path.write_text("old\n")
    commands(vm, f"spawn ->{path} /bin/echo one; wait; spawn ->>{path} /bin/echo two")
    lines = [re.sub(r"t4\w+", "T", line) for line in path.read_text().splitlines()]
    assert lines == ["[1:T] one", "[1:T] EOF", "[2:T] two", "[2:T] EOF"]


def test_file_that_cannot_be_opened_is_said_and_nothing_started(vm: VirtualMachine) -> None:
    done = pvm(vm, "-c", "spawn ->/nodir/x /bin/true").check(1)
    assert (done.out, done.err) == ("[1]\n", "/nodir/x: No such file or directory\n")


def test_full_disk_ends_the_file_and_not_the_job(vm: VirtualMachine) -> None:
    for option in ("->/dev/full", "-@/dev/full"):
        done = pvm(vm, "-c", f"spawn {option} /bin/echo hi; wait; echo after")
        assert done.out.endswith("[1] finished\nafter\n")
        said = [line for line in done.err.splitlines() if "No space left on device" in line]
        assert len(said) == 1 and said[0].startswith("/dev/full: ")


def test_wait_returns_when_tasks_and_jobs_have_ended(vm: VirtualMachine) -> None:
    with Console(vm, "debian", "ours") as console:
        tid = console.do("spawn /bin/sleep 1000").splitlines()[2]
        console.type(f"wait {tid}")
        other = pvm(vm, "-c", f"kill {tid}").check()
        assert other.out == ""
        assert console.read("pvm> ") == f"wait {tid}\npvm> "
        assert console.do("wait nonsense").splitlines()[1] == (
            "nonsense: no job, and no tid like t40001"
        )
        console.do("spawn -> /bin/sleep 0.2")
        assert "[1] finished\n" in console.do("wait 1")
        assert "No such task" in console.do(f"kill {tid}")


def test_output_comes_whatever_the_options_for_it_are(vm: VirtualMachine) -> None:
    text = "setopt PvmOutputContext 3; setopt PvmOutputTid 0; spawn -> /bin/echo hi; jobs"
    assert "] hi\n" in commands(vm, text)


def test_options_of_ps_need_no_dash(vm: VirtualMachine) -> None:
    for flags in ("axl", "-axl", "lax", "-a -x -l"):
        head, line = commands(vm, f"ps {flags}").splitlines()
        assert head.split()[1:3] == ["TID", "PTID"] and "(cons)" in line
    assert pvm(vm, "-c", "ps z").check(1).out.startswith("unknown flag -z\n")


def test_variables_are_exported_once_in_their_order(vm: VirtualMachine) -> None:
    text = "export A B A; export; export C A; export; unexport A; export"
    assert commands(vm, text) == "PVM_EXPORT=A:B\nPVM_EXPORT=A:B:C\nPVM_EXPORT=B:C\n"


def test_unknown_options_are_said(vm: VirtualMachine) -> None:
    assert "unknown flag -%\n1 successful" in pvm(vm, "-c", "spawn -% /bin/true").check(1).out
    assert pvm(vm, "-c", "jobs -z").check(1).out == "unknown flag -z\n"


def test_dash_alone_is_no_option_and_no_operand(vm: VirtualMachine) -> None:
    assert commands(vm, "ps -; jobs -") == commands(vm, "ps; jobs")
    assert pvm(vm, "-c", "conf -").check(1).out == "conf: wrong #args\n"


def test_host_of_ps_that_is_no_tid_is_said(vm: VirtualMachine) -> None:
    assert pvm(vm, "-c", "ps -hzz").check(1).out == "-hzz: no tid; one is like t80000\n"
    assert pvm(vm, "-c", "ps -h").check(1).out == "-h: no tid; one is like t80000\n"
    assert commands(vm, "ps -h0") == commands(vm, "ps -a")
    unknown = pvm(vm, "-c", "ps -hffffff").check(1)
    assert unknown.out == "" and "pvm_tasks(): No such host" in unknown.err


def test_words_that_are_no_tid_are_said_and_the_rest_is_done(vm: VirtualMachine) -> None:
    done = pvm(vm, "-c", "pstat zz 40001").check(1)
    assert done.out == "zz: no tid; one is like t40001\nt   40001  run\n"


def test_options_may_be_several_words(vm: VirtualMachine) -> None:
    assert commands(vm, "ps -a -l; jobs -l -l") == commands(vm, "ps -al; jobs -l")


def test_options_that_leave_no_operand_are_an_incorrect_count(vm: VirtualMachine) -> None:
    assert pvm(vm, "-c", "kill -c").check(1).out == "incorrect arg count\n"
    assert pvm(vm, "-c", "kill -q").check(1).out == "unknown flag -q\nincorrect arg count\n"
    assert pvm(vm, "-c", "kill").check(1).out == "kill: wrong #args\n"


def test_children_are_killed_and_signals_go_by_name(vm: VirtualMachine) -> None:
    script = "trap 'echo caught; exit' USR1; echo ready; while :; do sleep 0.01; done"
    with Console(vm, "debian", "ours") as console:
        text = console.do(f'spawn -> /bin/sh -c "{script}"')
        tid = text.splitlines()[3]
        console.read("] ready")
        console.do(f"sig USR1 {tid}")
        console.read("] caught")
        console.read("[1] finished")
        assert console.do("sig NONSENSE t40001").splitlines()[-2] == "NONSENSE: no signal"


def test_mailbox_entries_of_ended_tasks_are_deleted(vm: VirtualMachine) -> None:
    commands(vm, "put kept 1 x")
    assert "<kept>" in commands(vm, "names kept")
    commands(vm, "reset info kept 5")
    assert "<kept>" in commands(vm, "names kept")
    commands(vm, "reset info kept 0")
    assert commands(vm, "names kept") == ""


# ---- hosts -----------------------------------------------------------------------------------


def test_hosts_shows_version_load_and_link(vm: VirtualMachine) -> None:
    (host,) = json.loads(commands(vm, "hosts --json"))
    version = "pvm3py" if vm.side == "ours" else "3.4.6"
    assert host["name"] == HOST and host["version"].startswith(version)
    assert host["load"] >= 0 and host["cores"] == os.cpu_count() and host["link"] > 0
    head, line = commands(vm, "hosts").splitlines()
    assert head.split()[0] == "HOST" and line.split()[0] == HOST


def test_log_is_printed_and_followed(vm: VirtualMachine) -> None:
    assert " ready " in commands(vm, "log -n5")
    assert "log cannot be read" in pvm(vm, "-c", "log nosuch").check(1).out
    follower = vm.start(console_program("ours"), "-c", "log -f -n1")
    assert follower.stdout is not None
    follower.stdout.readline()
    commands(vm, "tickle 55")
    assert b"55" in follower.stdout.readline() + follower.stdout.readline()
    follower.send_signal(2)
    assert follower.wait(PATIENCE) == 130
    wait_until(lambda: not vm.running("tail"), "the task that followed has ended")


# ---- the table -------------------------------------------------------------------------------

NAMES = (
    *("add", "alias", "conf", "delete", "echo", "evacuate", "export", "getopt", "halt", "help"),
    *("checkpoint", "restart", "verify"),
    *("hold", "hosts", "id", "jobs", "kill", "log", "migrate", "mstat", "names", "ps", "pstat"),
    *("owner", "put", "quit", "release", "reset", "setenv", "setopt", "sig", "spawn", "top"),
    *("trace", "unalias", "unexport", "version", "wait"),
)


def test_help_lists_every_command_and_knows_each(ours: VirtualMachine) -> None:
    listed = re.findall(r"^  (\w+) +\S", commands(ours, "help"), re.MULTILINE)
    assert set(NAMES) <= set(listed) and not {"tickle", "idump"} & set(listed)
    assert listed == sorted(listed)
    names = [*listed, "tickle"]
    text = commands(ours, "; ".join(f"help {name}; echo ====" for name in names))
    for name, told in zip(names, text.split("====\n"), strict=False):
        assert told.startswith(f"{name} ") and f"\nSyntax:  {name}" in told
    assert commands(ours, "help nosuch") == ""


@pytest.mark.parametrize("name", NAMES)
def test_wrong_number_of_operands_is_refused(ours: VirtualMachine, name: str) -> None:
    code = f"from pvm3py.console.commands import COMMANDS; row = COMMANDS[{name!r}]; "
    code += "print(row.least, None if row.dashless else row.most)"
    env = {"PYTHONPATH": str(modules_dir()), "PATH": os.environ["PATH"]}
    out = subprocess.check_output([sys.executable, "-c", code], env=env, text=True, cwd="/")
    least, most = out.split()
    wrong = f"{name}: wrong #args\n"
    if least != "0":
        assert pvm(ours, "-c", name).check(1).out == wrong
    if most != "None":
        words = "x " * (int(most) + 1)
        assert pvm(ours, "-c", f"{name} {words}").check(1).out == wrong


def test_manual_page_has_every_command(ours: VirtualMachine, tmp_path: Path) -> None:
    code = "from pvm3py.console.manual import troff; print(*troff(), sep='\\n')"
    env = {"PYTHONPATH": str(modules_dir()), "PATH": os.environ["PATH"]}
    out = subprocess.check_output([sys.executable, "-c", code], env=env, text=True, cwd="/")
    for name in NAMES:
        assert re.search(rf"^\.B {name}\b", out, re.MULTILINE)
