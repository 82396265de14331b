# SPDX-License-Identifier: MIT
"""The console on a terminal: a person edits lines, interrupts commands, looks at tables."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import stat
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines.hosts import Bed
from support.machines.vm import VirtualMachine, sleeping, wait_until
from support.screens.console import console_program
from support.screens.desk import CTRL_C, CTRL_D, LEFT, TAB, UP, Desk
from support.screens.face import FACES, PROMPT, Face, console, do, started
from support.system import PATIENCE, modules_dir

HOST = socket.gethostname()
EDITING: tuple[Face, ...] = ("editor", "readline")
# Sequences that set colours.
COLOUR = re.compile(rb"\x1b\[[0-9;]*3[0-9][0-9;]*m")

every_face = pytest.mark.parametrize("face", FACES)
editing = pytest.mark.parametrize("face", EDITING)


def quit_by_ctrl_d(desk: Desk) -> None:
    desk.type(CTRL_D)
    assert desk.end() == 0
    assert desk.lines()[-1] == "pvmd still running."
    assert "Traceback" not in "\n".join(desk.lines())


def begin(desk: Desk, command: str) -> None:
    """Type a command that takes its time, and wait until it has the terminal."""
    desk.enter(command)
    desk.see_last(f"{PROMPT} {command}")
    wait_until(lambda: desk.flags() & termios.ICANON, "the command has the terminal")


def history(vm: VirtualMachine) -> Path:
    return vm.home / ".local/state/pvm3py/history"


# ---- lines -------------------------------------------------------------------------------------


@every_face
def test_commands_are_not_echoed_twice_and_ctrl_d_is_quit(ours: VirtualMachine, face: Face) -> None:
    with started(ours, face) as desk:
        desk.enter("echo one two")
        lines = desk.wait_for(lambda lines: lines[-2:] == ["one two", PROMPT], "the words")
        assert lines.count("pvm> echo one two") == 1
        assert "echo one two" not in lines
        quit_by_ctrl_d(desk)
        assert "quit" in desk.lines()[-4]


@editing
def test_line_is_edited_before_it_is_run(ours: VirtualMachine, face: Face) -> None:
    with started(ours, face) as desk:
        desk.type("echo abd" + LEFT + "c" + "\x01" + "\x0b" + "\x19")  # home, cut, paste
        desk.see_last("pvm> echo abcd")
        desk.enter("")
        desk.see("abcd")
        quit_by_ctrl_d(desk)


@editing
def test_line_wider_than_the_terminal_is_edited(ours: VirtualMachine, face: Face) -> None:
    word = "w" * 90
    with started(ours, face, columns=40) as desk:
        desk.enter(f"echo {word}")
        text = desk.wait_for(lambda lines: lines[-1:] == [PROMPT] and len(lines) > 5, "the answer")
        assert "".join(text).count("w") == 180
        quit_by_ctrl_d(desk)


@editing
def test_ctrl_c_gives_up_the_line(ours: VirtualMachine, face: Face) -> None:
    with started(ours, face) as desk:
        desk.type("echo given-up")
        desk.see_last("pvm> echo given-up")
        desk.type(CTRL_C)
        desk.see_last(PROMPT)
        desk.enter("echo next")
        desk.see("next")
        assert "given-up" not in desk.lines()
        quit_by_ctrl_d(desk)


def test_pasted_lines_are_run_one_by_one(ours: VirtualMachine) -> None:
    with started(ours) as desk:
        desk.type("\x1b[200~echo first\necho second\n\x1b[201~\r")
        desk.wait_for(lambda lines: lines[-3:] == ["first", "second", PROMPT], "both")
        quit_by_ctrl_d(desk)


@editing
def test_lines_typed_while_a_command_runs_are_run_afterwards(
    ours: VirtualMachine, face: Face
) -> None:
    with started(ours, face) as desk:
        do(desk, "spawn -> /bin/sh -c 'while [ ! -e go ]; do sleep 0.05; done'")
        begin(desk, "wait")
        desk.enter("echo typed-ahead")
        desk.see("echo typed-ahead")
        (ours.home / "go").touch()
        desk.wait_for(lambda lines: lines[-2:] == ["typed-ahead", PROMPT], "the answer")
        quit_by_ctrl_d(desk)


@editing
@pytest.mark.parametrize(
    ("keys", "line"),
    [("ech" + TAB + "ab" + LEFT + "X", "echo aXb"), (UP, "wait"), ("ab\x15cd\x01x", "xcd")],
    ids=["tab", "up", "control"],
)
def test_keys_pressed_while_a_command_runs_edit_the_next_line(
    ours: VirtualMachine, face: Face, keys: str, line: str
) -> None:
    with started(ours, face) as desk:
        do(desk, "spawn -> /bin/sh -c 'while [ ! -e ready ]; do sleep 0.05; done'")
        begin(desk, "wait")
        desk.type(keys)
        (ours.home / "ready").touch()
        desk.see("[1] finished")
        desk.see_last(f"pvm> {line}")
        desk.type("\x05\x15")
        desk.see_last(PROMPT)
        quit_by_ctrl_d(desk)


@editing
def test_ctrl_c_takes_what_was_typed_while_a_command_ran(ours: VirtualMachine, face: Face) -> None:
    """As with a shell: the terminal drops what it has not passed on."""
    with started(ours, face) as desk:
        do(desk, "spawn -> /bin/sleep 1000")
        begin(desk, "wait")
        desk.type("echo half" + CTRL_C)
        desk.see("interrupted")
        desk.see_last(PROMPT)
        do(desk, "reset")
        desk.see("[1] finished")
        assert do(desk, "echo whole") == ["whole"]
        quit_by_ctrl_d(desk)


@every_face
def test_ctrl_d_pressed_while_a_command_runs_is_quit_afterwards(
    ours: VirtualMachine, face: Face
) -> None:
    with started(ours, face) as desk:
        do(desk, "spawn -> /bin/sh -c 'while [ ! -e gone ]; do sleep 0.05; done'")
        begin(desk, "wait")
        desk.type(CTRL_D)
        (ours.home / "gone").touch()
        assert desk.end() == 0


# ---- history -----------------------------------------------------------------------------------


@editing
def test_history_is_kept_for_the_next_console(ours: VirtualMachine, face: Face) -> None:
    with started(ours, face) as desk:
        for command in ("echo older", "echo kept", "echo kept", " echo secret"):
            do(desk, command)
        quit_by_ctrl_d(desk)
    assert history(ours).read_text() == "echo older\necho kept\n"
    assert stat.S_IMODE(history(ours).stat().st_mode) == 0o600
    assert stat.S_IMODE(history(ours).parent.stat().st_mode) == 0o700
    with started(ours, face) as desk:
        desk.type(UP)
        desk.see_last("pvm> echo kept")
        desk.type(UP)
        desk.see_last("pvm> echo older")
        desk.type("\x05\x15" + CTRL_D)
        assert desk.end() == 0


@editing
def test_one_history_serves_both_editors(ours: VirtualMachine, face: Face) -> None:
    other = EDITING[1 - EDITING.index(face)]
    with started(ours, other) as desk:
        do(desk, "echo from the other")
        quit_by_ctrl_d(desk)
    with started(ours, face) as desk:
        desk.type(UP)
        desk.see_last("pvm> echo from the other")


def test_history_is_where_the_user_wants_state(ours: VirtualMachine) -> None:
    with started(ours, env={"XDG_STATE_HOME": str(ours.home / "state")}) as desk:
        do(desk, "echo here")
        quit_by_ctrl_d(desk)
    assert (ours.home / "state/pvm3py/history").read_text() == "echo here\n"
    assert not history(ours).exists()


@editing
def test_console_works_without_a_place_for_its_history(ours: VirtualMachine, face: Face) -> None:
    (ours.home / "state").write_text("no directory")
    with started(ours, face, env={"XDG_STATE_HOME": str(ours.home / "state")}) as desk:
        desk.enter("echo one")
        desk.see("one")
        desk.see_last(PROMPT)
        quit_by_ctrl_d(desk)


# ---- completion --------------------------------------------------------------------------------


@editing
def test_tab_completes_commands_and_shows_what_there_is(ours: VirtualMachine, face: Face) -> None:
    with started(ours, face) as desk:
        desk.type("unal" + TAB)
        desk.see_last("pvm> unalias")
        desk.type("x\x15" + "ex" + TAB)
        desk.see_last("pvm> export")
        desk.type("\x15" + "set" + TAB * (2 if face == "readline" else 1))
        desk.see("setopt")
        assert "setenv" in "\n".join(desk.see_last("pvm> set"))
        desk.type("\x15")
        desk.see_last(PROMPT)
        quit_by_ctrl_d(desk)


@editing
def test_tab_completes_hosts_tids_options_and_files(ours: VirtualMachine, face: Face) -> None:
    (ours.home / "a file").touch()
    with started(ours, face) as desk:
        tid = do(desk, "spawn /bin/sleep 1000")[-1]
        for typed, completed in (
            (f"mstat {HOST[:1]}", f"mstat {HOST}"),
            ("kill t4", f"kill {tid}"),
            ("conf --", "conf --json"),
            (f"ps -n{HOST[:1]}", f"ps -n{HOST}"),
            ("spawn ->a", r"spawn ->a\ file"),
            ("getopt PvmShow", "getopt PvmShowTids"),
            ("sig ter", "sig term"),
            ("help mst", "help mstat"),
        ):
            desk.type(typed + TAB)
            desk.see_last(f"pvm> {completed}")
            desk.type("\x15")
            desk.see_last(PROMPT)
        do(desk, f"kill {tid}")
        quit_by_ctrl_d(desk)


# ---- jobs, and interrupts ----------------------------------------------------------------------


@editing
def test_output_of_a_job_leaves_the_line_that_is_typed_alone(
    ours: VirtualMachine, face: Face
) -> None:
    with started(ours, face) as desk:
        desk.enter("spawn -> /bin/sh -c 'while [ ! -e go ]; do sleep 0.05; done; echo from-job'")
        desk.see("1 successful")
        desk.see_last(PROMPT)
        desk.type("echo half")
        desk.see_last("pvm> echo half")
        (ours.home / "go").touch()
        desk.see("[1] finished")
        lines = desk.see_last("pvm> echo half")
        assert any(line.endswith("] from-job") for line in lines)
        desk.enter("-typed")
        desk.wait_for(lambda lines: lines[-2:] == ["half-typed", PROMPT], "the whole line")
        quit_by_ctrl_d(desk)


@every_face
@pytest.mark.parametrize("presses", [1, 2, 20])
def test_ctrl_c_ends_the_command_and_not_the_console(
    ours: VirtualMachine, face: Face, presses: int
) -> None:
    with started(ours, face) as desk:
        desk.enter("spawn -> /bin/sleep 1000")
        desk.see("1 successful")
        desk.see_last(PROMPT)
        begin(desk, "wait")
        for _ in range(presses):
            desk.type(CTRL_C)
        # Presses behind the first one may be shown before the prompt.
        desk.wait_for(lambda lines: lines[-1].lstrip("^C") == PROMPT, "the prompt")
        desk.enter("reset")
        desk.see("finished")
        desk.enter("echo alive")
        desk.wait_for(lambda lines: "alive" in lines, "another command")


@contextlib.contextmanager
def spawn_that_waits(vm: VirtualMachine, desk: Desk, command: str) -> Iterator[None]:
    """Interrupt a command that starts tasks; the daemon hears of it all at the end of the block."""
    vm.process.send_signal(signal.SIGSTOP)
    try:
        desk.enter(command)
        desk.see(f"{PROMPT} {command}")
        wait_until(lambda: desk.flags() & termios.ICANON, "the command has the terminal")
        wait_until(lambda: sleeping(desk.process.pid), "the console waits for the daemon")
        desk.type(CTRL_C)
        desk.see("interrupted")
        yield
    finally:
        vm.process.send_signal(signal.SIGCONT)


@editing
def test_job_of_an_interrupted_spawn_is_ended(ours: VirtualMachine, face: Face) -> None:
    with started(ours, face) as desk:
        with spawn_that_waits(ours, desk, "spawn -2 -> /bin/sleep 1000"):
            pass
        ended = re.compile(r"\[1\] t4000[0-9a-f] ended: spawn was interrupted")
        desk.wait_for(lambda lines: sum(map(bool, map(ended.match, lines))) == 2, "two ends")
        wait_until(lambda: not ours.running("sleep"), "no task is left")
        assert do(desk, "jobs; wait")[1:] == []


def test_interrupted_spawn_that_is_no_job_says_what_it_leaves(ours: VirtualMachine) -> None:
    with started(ours) as desk:
        with spawn_that_waits(ours, desk, "spawn /bin/sleep 1000"):
            desk.see("tasks that are being started may start all the same")
        wait_until(lambda: ours.running("sleep"), "the task runs")
        do(desk, "reset")


def test_log_that_is_interrupted_before_it_begins_is_not_followed(ours: VirtualMachine) -> None:
    with started(ours) as desk:
        with spawn_that_waits(ours, desk, "log -f"):
            pass
        do(desk, "ps")  # is answered when the task has been started
        wait_until(lambda: len(ours.processes()) == 2, "daemon and console alone are left")


def test_ctrl_c_during_a_look_at_hosts_leaves_no_probe(ours: VirtualMachine) -> None:
    with started(ours) as desk:
        desk.enter("log -f")
        desk.see(" ready ")  # of the daemon
        wait_until(lambda: ours.running("tail"), "the log is followed")
        desk.type(CTRL_C)
        desk.see("interrupted")
        wait_until(lambda: not ours.running("tail"), "the log is not followed any more")


# ---- tables ------------------------------------------------------------------------------------


@every_face
def test_table_is_coloured_and_as_wide_as_its_contents(ours: VirtualMachine, face: Face) -> None:
    with started(ours, face) as desk:
        desk.enter("conf")
        desk.see("DSIG")
        lines = desk.see_last(PROMPT)
        at = next(at for at, line in enumerate(lines) if line.startswith("HOST "))
        assert lines[at + 1].split()[:2] == [HOST, "40000"]
        assert lines[at].index("DTID") + 4 == lines[at + 1].index("40000") + 5
        assert COLOUR.search(desk.written)


@pytest.mark.parametrize(
    ("command", "titles"),
    [
        (f"mstat {HOST} nosuchhost", ["HOST", "STATUS"]),
        ("hosts", ["HOST", "DTID", "TASKS", "LOAD", "CORES", "LINK", "VERSION"]),
        ("jobs -l", ["JOB", "HOST", "TID", "FLAG", "0x", "COMMAND"]),
    ],
    ids=lambda value: value.split()[0] if isinstance(value, str) else "",
)
def test_every_table_is_coloured_and_has_titles(
    ours: VirtualMachine, command: str, titles: list[str]
) -> None:
    """In a pipe two of them are those of 3.4.6, which have fewer titles."""
    with started(ours) as desk:
        do(desk, "spawn -> /bin/sleep 1000")
        desk.written = b""
        head, row, *_ = do(desk, command)
        assert head.split() == titles
        assert row.index(HOST) == head.index("HOST")
        assert COLOUR.search(desk.written)
        do(desk, "reset")


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_for_who_wants_none(ours: VirtualMachine, env: dict[str, str]) -> None:
    with started(ours, env=env) as desk:
        desk.enter("conf")
        desk.see("DSIG")
        desk.see_last(PROMPT)
        assert not COLOUR.search(desk.written)
        if "TERM" in env:
            assert b"\x1b" not in desk.written


def test_name_of_a_program_is_not_obeyed_by_the_terminal(ours: VirtualMachine) -> None:
    program = ours.home / "a\x1b[5mb"
    program.symlink_to("/bin/sleep")
    ours.run(console_program("ours"), "-c", f"spawn '{program}' 1000").check()
    with started(ours) as desk:
        assert do(desk, "ps")[-1].endswith("/a?[5mb")
        assert b"\x1b[5m" not in desk.written
        do(desk, "reset")


def test_tables_in_a_pipe_are_those_of_3_4_6(ours: VirtualMachine) -> None:
    out = ours.run(console_program("ours"), stdin="conf\n").check().out
    assert f"{HOST:>24}    40000" in out
    assert "\x1b" not in out


# ---- resizing, and terminals that go away ------------------------------------------------------


def test_line_is_drawn_anew_when_the_window_gets_another_size(ours: VirtualMachine) -> None:
    with started(ours, columns=80) as desk:
        desk.type("echo " + "x" * 60)
        desk.see_last("pvm> echo " + "x" * 60)
        desk.resize(40, 20)
        folded = ["pvm> echo " + "x" * 30, "x" * 30]
        desk.wait_for(lambda lines: lines[-2:] == folded, "the line on two lines")
        desk.enter("")
        desk.see_last(PROMPT)
        quit_by_ctrl_d(desk)


@every_face
def test_console_ends_when_its_terminal_goes_away(ours: VirtualMachine, face: Face) -> None:
    desk = started(ours, face)
    with desk:
        desk.hang_up()
        wait_until(lambda: desk.process.poll() is not None, "the console has ended")
    wait_until(lambda: len(ours.processes()) == 1, "the daemon alone is left")


@every_face
def test_console_that_ignores_the_hang_up_ends_all_the_same(
    ours: VirtualMachine, face: Face
) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        desk = started(ours, face)
    finally:
        signal.signal(signal.SIGHUP, before)
    with desk:
        desk.hang_up()
        wait_until(lambda: desk.process.poll() is not None, "the console has ended")


@contextlib.contextmanager
def ended_in_half_a_line(vm: VirtualMachine, face: Face) -> Iterator[Desk]:
    """A console on whose line something was typed; the block ends it."""
    with console(vm, face) as desk:
        before = desk.flags()
        desk.see_last(PROMPT)
        desk.type("half a li")
        desk.see_last("pvm> half a li")
        yield desk
        assert desk.flags() == before


@every_face
def test_terminal_is_as_before_when_the_machine_is_halted_by_others(
    ours: VirtualMachine, face: Face
) -> None:
    with ended_in_half_a_line(ours, face) as desk:
        ours.process.send_signal(signal.SIGTERM)
        desk.end()


@every_face
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_terminal_is_as_before_when_a_signal_ends_the_console(
    ours: VirtualMachine, face: Face, number: signal.Signals
) -> None:
    with ended_in_half_a_line(ours, face) as desk:
        desk.process.send_signal(number)
        assert desk.end() == -number


def remove_left_files(vm: VirtualMachine) -> None:
    """Remove what a daemon leaves that was killed."""
    vm.sock_file.unlink()
    for left in vm.tmp.glob("pvmtmp*"):
        left.unlink()


@every_face
def test_daemon_that_dies_under_the_prompt_is_said(ours: VirtualMachine, face: Face) -> None:
    with started(ours, face) as desk:
        ours.process.kill()
        assert desk.end() == 1
        text = "\n".join(desk.lines())
        assert "the daemon of this host has ended" in text
        assert "Traceback" not in text
        assert desk.flags() & termios.ECHO
    remove_left_files(ours)


@pytest.mark.parametrize(
    ("command", "shown"), [("top", "sorted by"), ("log -f", " ready "), ("wait", "pvm> wait")]
)
def test_daemon_that_dies_under_a_command_is_said_once(
    ours: VirtualMachine, command: str, shown: str
) -> None:
    with started(ours, columns=200) as desk:
        do(desk, "spawn -> /bin/sleep 1000")
        desk.enter(command)
        desk.see(shown)
        ours.process.kill()
        assert desk.end() == 1
        assert "the daemon of this host has ended; its log" in desk.lines()[-1]
        assert "libpvm" not in "\n".join(desk.lines())
    for pid in ours.running("sleep") + ours.running("tail"):
        os.kill(pid, signal.SIGKILL)
    remove_left_files(ours)


# ---- progress ----------------------------------------------------------------------------------


@every_face
def test_progress_is_shown_while_many_hosts_are_added(ours: VirtualMachine, face: Face) -> None:
    names = [f"a{number}.invalid" for number in range(40)]
    with started(ours, face, lines=60) as desk:
        desk.enter("add " + " ".join(names))
        desk.see("0 successful")
        desk.wait_for(lambda lines: lines[-1:] == [PROMPT] and len(lines) > 40, "the table")
        lines = desk.lines()
        assert sum("invalid" in line and "add" not in line for line in lines) >= 40
        assert b"adding hosts" in desk.written
        assert not any("adding hosts" in line for line in lines)


# Of `make test`, and 200 if somebody wants to see it.
MANY = int(os.environ.get("PVM3PY_CONSOLE_HOSTS", "20"))


@pytest.mark.slow
def test_many_hosts_are_added_by_one_command(record_property: pytest.RecordProperty) -> None:
    env = {"PVM_HOST_TIMEOUT": str(PATIENCE)}
    with Bed(["ours"] * MANY, network="loopback", programs=(), env=env) as bed:
        master = bed.start().master
        with started(master, columns=120, lines=MANY + 30) as desk:
            begin = time.monotonic()
            desk.enter("add " + " ".join(host.name for host in bed.slaves))
            desk.see(f"{MANY - 1} successful")
            record_property("seconds", time.monotonic() - begin)
            desk.see_last(PROMPT)
            bars = re.findall(rb"adding hosts.*?(\d+)/(\d+)", desk.written)
            assert {int(total) for _, total in bars} == {MANY - 1}
            assert len({int(done) for done, _ in bars}) > 1
            rows = [line.split() for line in do(desk, "conf")]
            assert [row[0] for row in rows[2:]] == [host.name for host in bed.hosts]
            assert not any("adding hosts" in line for line in desk.lines())
            quit_by_ctrl_d(desk)


# ---- start-up ----------------------------------------------------------------------------------


def test_commands_of_an_argument_load_no_library(ours: VirtualMachine) -> None:
    program = modules_dir() / "pvm3py" / "pvm.py"
    options = ("-I", "-S", "-X", "importtime")
    done = ours.run(sys.executable, *options, program, "-c", "conf; ps -a").check()
    loaded = {line.split("|")[-1].strip().split(".")[0] for line in done.err.splitlines()}
    assert "pvm3py" in loaded
    assert not loaded & {"prompt_toolkit", "rich", "asyncio", "readline"}
