# SPDX-License-Identifier: MIT
"""A job whose checkpoints are taken: the near end of tests/c/saved_job.c."""

from __future__ import annotations

import sys
from pathlib import Path

from pvm3py.wire import constants as c
from support.machines.machine import Machine
from support.machines.vm import Finished, wait_until
from support.system import modules_dir

# Programs that a machine for it needs.
PROGRAMS = ("agent", "saved_job")


class Job:
    """A ring of tasks on all hosts of a machine, and the directory in which it says how it is."""

    def __init__(
        self,
        machine: Machine,
        directory: Path,
        workers: int,
        size: int = 0,
        name: str = "saved_job",
    ) -> None:
        self.machine, self.directory, self.workers = machine, directory, workers
        names = [host.name for host in machine.hosts]
        program = machine.hosts[0].program(name)
        words = (directory, workers, size, *names[1:], names[0])
        flags = c.PvmTaskHost | c.PvmNoSpawnParent
        (self.root,) = machine.here.spawn(str(program), *words, where=names[0], flags=flags)
        self.await_note("begun")

    @property
    def place(self) -> Path:
        """Where its checkpoints are."""
        return self.directory / f"job-t{self.root:x}"

    def save(self, host: int = 0, **named: object) -> int:
        """Have a checkpoint written by a program on a host; its number."""
        words = "".join(f", {name}={value!r}" for name, value in named.items())
        call = f"checkpoint({str(self.directory)!r}, [{self.root}], jobs=True{words})"
        return int(script(self.machine, f"print({call})", host).out)

    def restart(self, host: int = 0, **named: object) -> list[int]:
        """Have the last one, or another, started; the tids."""
        words = "".join(f", {name}={value!r}" for name, value in named.items())
        call = f"restart({str(self.directory)!r}{words})"
        return [
            int(word)
            for word in script(self.machine, f"print(*map(int, {call}))", host).out.split()
        ]

    def refused(self, path: Path | None = None) -> str:
        """What is said if a restart is refused, as it must be."""
        call = f"restart({str(path or self.directory)!r})"
        return script(self.machine, call, status=1).err.strip().splitlines()[-1]

    def note(self, name: str) -> int:
        return int((self.directory / name).read_text())

    def await_note(self, name: str) -> int:
        """What the job has written, when it has; nothing may be wrong by then."""
        try:
            wait_until(lambda: (self.directory / name).exists() or self.wrong(), name)
        except AssertionError as error:
            error.add_note(self.machine.everything())
            raise
        assert not self.wrong(), f"{self.wrong()}\n{self.machine.everything()}"
        return self.note(name)

    def wrong(self) -> list[str]:
        """What tasks have found wrong."""
        return [path.name for path in self.directory.glob("wrong-*")]

    def tasks(self) -> list[int]:
        """All tasks of the machine but the agents that were started by hand, and a group server."""
        agents = {agent.tid for agent in self.machine.agents}
        text = (
            "me = classic.mytid()\n"
            "print(*[t.tid for t in classic.tasks() if t.tid != me and t.program != 'pvmgs'])"
        )
        return sorted({int(word) for word in script(self.machine, text).out.split()} - agents)

    def kill(self) -> None:
        """End all tasks; what they have done since the last checkpoint goes, too."""
        for tid in self.tasks():
            self.machine.here.code("sendsig", tid, 9)
        wait_until(lambda: not self.tasks(), "end of the job")

    def finish(self) -> None:
        """Have the job end, and check what it says then."""
        (self.directory / "finish").touch()
        assert self.await_note("result") > 0
        wait_until(lambda: not self.tasks(), "end of the job")
        assert not self.wrong()


def script(machine: Machine, text: str, host: int = 0, status: int = 0) -> Finished:
    """Run a program in Python by hand on a host."""
    code = f"from pvm3py import *\nfrom pvm3py import classic\n{text}"
    env = {"PYTHONPATH": str(modules_dir())}
    return machine.hosts[host].run(sys.executable, "-c", code, env=env).check(status)
