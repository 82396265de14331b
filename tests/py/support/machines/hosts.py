# SPDX-License-Identifier: MIT
"""A bed of hosts for a test: daemons of ours and of 3.4.6 that form one virtual machine.

Each host has a directory (its PVM_TMP), a kind (whose daemon and tasks run there), a place in
a network, and a script that runs a command on it. The remote shell of the bed calls that
script, so a daemon starts others as it would with ssh. Everything is removed at the end.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from support import compiler
from support.machines.agent import Agent
from support.machines.net import Network, NetworkKind, can_make_namespaces, make_network
from support.machines.vm import VirtualMachine, wait_until
from support.scoped import Scoped
from support.system import PATIENCE, Side, pvm_root, require_daemon, spawn_dir

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

_REMOTE_SHELL = """#!/bin/sh
# Stands for rsh and ssh: host [-l login] command. PVM_TEST_LOGIN: seconds that a login takes.
host=$1; shift
login=
if [ "$1" = -l ]; then login=$2@; shift 2; fi
echo "$login$host|$*" >>{bed}/rsh.log
if [ -n "$PVM_TEST_LOGIN" ]; then sleep "$PVM_TEST_LOGIN"; fi
if [ ! -x {bed}/$host/run ]; then echo "$host: no such host" >&2; exit 255; fi
exec {bed}/$host/run sh -c "$*"
"""


def daemon_command(side: Side) -> Path:
    """What a user calls to start the daemon of a side."""
    return pvm_root() / "lib" / "pvmd" if side == "ours" else Path("/usr/bin/pvmd")


# A switch without effect, by which a daemon is known that is not told its name.
NAMELESS = "-d0x00"


class Host(VirtualMachine):
    """A host of a bed; `run` and `start` start tasks by hand there."""

    def __init__(self, bed: Bed, number: int, kind: Side) -> None:
        self.name = bed.network.name(number)
        self.ip = bed.network.address(number)
        self.enter = tuple(bed.network.enter(number))
        self.killed = False  # its daemon was, and could not remove its files
        self._switch = f"-n{self.name}"  # by which its daemon is known
        self._bed = bed
        tmp = bed.directory / self.name
        (tmp / "bin").mkdir(parents=True)
        (tmp / "bin" / "pvmd").symlink_to(daemon_command(kind))
        installed = spawn_dir() if kind == "ours" else Path("/usr/bin")
        self._prepare(
            kind,
            tmp,
            [bed.programs(kind), installed],
            {
                "PATH": f"{tmp / 'bin'}:{_SYSTEM_PATH}",
                "PVM_DPATH": "pvmd",
                "PVM_RSH": str(bed.remote_shell),
                "PVM_TEST_DAEMON": kind,
                "PVM_TEST_LIBRARY": kind,
            },
        )
        self.set_env({})

    def set_env(self, env: Mapping[str, str]) -> None:
        """Add to the environment of what is started here from now on."""
        self.env |= env
        words = [*self.enter, "env", "-i", *(f"{k}={v}" for k, v in self.env.items())]
        script = self.tmp / "run"
        script.write_text(f'#!/bin/sh\ncd {self.home}\nexec {shlex.join(words)} "$@"\n')
        script.chmod(0o755)

    def start_daemon(self, *arguments: str) -> None:
        """Start a daemon by hand: the master of the machine; NAMELESS: it is not told its name."""
        self.killed = False
        switches = [word for word in arguments if word.startswith("-n") or word == NAMELESS]
        if not switches:
            switches = [f"-n{self.name}"]
            arguments = (switches[0], *arguments)
        self._switch = switches[0]
        self._start([str(self.tmp / "bin" / "pvmd"), *arguments])

    def program(self, name: str, library: Side | None = None) -> Path:
        """The program tests/c/NAME.c, of this host's kind unless told; it must be the bed's."""
        return self._bed.programs(library or self.side) / name

    def agent(self, library: Side | None = None) -> Agent:
        """Start an agent here by hand; with the library of the host's kind unless told."""
        return Agent(self.start(self.program("agent", library), stdin=-1, stderr=None))

    def daemon_pids(self) -> list[int]:
        """Daemons of this host; two for a moment while one goes to the background."""
        return [pid for pid in self.processes() if self._switch in _arguments(pid)]

    @property
    def pid(self) -> int:
        """Process id of the daemon, once there is exactly one."""
        pids: list[int] = []

        def found() -> bool:
            pids[:] = self.daemon_pids()
            return len(pids) == 1

        wait_until(found, f"one daemon on {self.name}")
        return pids[0]

    def kill_daemon(self) -> None:
        """Kill the daemon with SIGKILL."""
        self.killed = True
        os.kill(self.pid, signal.SIGKILL)

    def wait_gone(self, seconds: float = PATIENCE) -> None:
        """Wait until no process of this host is left."""
        wait_until(lambda: not self._running(), f"no process on {self.name}", seconds)

    def left(self) -> list[str]:
        """What is left here after the machine has halted, a line each."""
        problems = [] if self.killed else self._leftovers()
        if problems:
            problems.append(f"--- log of {self.name}\n{self.log()[-4000:]}")
        return problems

    def stop(self, *, check: bool = True) -> None:
        """Kill what runs here and remove its files; a bed halts the machine before."""
        del check
        self._clean_up()


class Bed(Scoped):
    """Hosts of the given kinds, the first of them the master once `start` is called.

    network   "namespaces" or "loopback"; namespaces if possible unless told
    programs  names of programs of tests/c that tasks spawn, compiled with the library of the
              host's kind, and with others that a test asks for
    env       further environment of all hosts
    """

    def __init__(
        self,
        kinds: Iterable[Side],
        *,
        network: NetworkKind | Network | None = None,
        programs: Iterable[str] = ("agent",),
        env: Mapping[str, str] | None = None,
    ) -> None:
        kinds = list(kinds)
        for kind in set(kinds):
            require_daemon(kind)
        if network is None:
            network = "namespaces" if can_make_namespaces() else "loopback"
        self.network = make_network(network, len(kinds)) if isinstance(network, str) else network
        self.directory = Path(tempfile.mkdtemp(prefix="pv"))
        self.remote_shell = self.directory / "rsh"
        self.remote_shell.write_text(_REMOTE_SHELL.format(bed=self.directory))
        self.remote_shell.chmod(0o755)
        self.hosts: list[Host] = []
        self._programs = tuple(programs)
        try:
            self.hosts += [Host(self, i, kind) for i, kind in enumerate(kinds)]
        except BaseException:
            self._remove()
            raise
        for host in self.hosts:
            host.set_env(env or {})

    def programs(self, side: Side) -> Path:
        """Directory of the bed's programs compiled against the library of a side."""
        path = self.directory / f"programs-{side}"
        if not path.exists():
            compiled = {name: compiler.test_program(name, side) for name in self._programs}
            path.mkdir()
            for name, program in compiled.items():
                (path / name).symlink_to(program)
        return path

    @property
    def master(self) -> Host:
        """The host whose daemon is started by hand."""
        return self.hosts[0]

    @property
    def slaves(self) -> Sequence[Host]:
        """All others."""
        return self.hosts[1:]

    def start(self, *arguments: str) -> Bed:
        """Start the master's daemon."""
        self.master.start_daemon(*arguments)
        return self

    def shell_log(self) -> list[str]:
        """Calls of the remote shell so far, "[login@]host|command" each."""
        path = self.directory / "rsh.log"
        return path.read_text().splitlines() if path.exists() else []

    def logs(self) -> str:
        """The ends of all logs and of the daemons' stderr."""
        return "\n".join(f"--- {h.name} ({h.side})\n{h.log()[-4000:]}" for h in self.hosts)

    def halt(self) -> list[str]:
        """End the machine by SIGTERM to the master; what is left then, a line each."""
        for pid in self.master.daemon_pids():
            os.kill(pid, signal.SIGTERM)
        return [line for host in self.hosts for line in host.left()]

    def stop(self, *, check: bool = True) -> None:
        """Halt and remove everything; with `check` assert that nothing was left."""
        problems = self.halt()
        logs = self.logs() if problems else ""
        self._remove()
        assert not (check and problems), "\n".join([*problems, logs])

    def _remove(self) -> None:
        for host in self.hosts:
            host.stop()
        self.network.close()
        shutil.rmtree(self.directory)

    def story(self) -> str:
        return self.logs()

    def leave(self, failed: bool) -> None:
        self.stop(check=not failed)


def _arguments(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return []
