# SPDX-License-Identifier: MIT
"""Tasks that do what a test tells them: the near end of tests/c/agent.c."""

from __future__ import annotations

import subprocess

from support.machines.vm import read_line
from support.system import PATIENCE


class AgentBase:
    """What an agent can be told; each call names a PVM function, see tests/c/agent.c."""

    def call(self, *words: object) -> list[str]:
        """Give a command; the words of the reply."""
        raise NotImplementedError

    def ints(self, *words: object) -> list[int]:
        """The same for a reply of ints only."""
        reply = self.call(*words)
        try:
            return [int(word) for word in reply]
        except ValueError:
            raise AssertionError(f"{words}: reply {reply}") from None

    def code(self, *words: object) -> int:
        """First int of the reply: what the PVM function returned."""
        return self.ints(*words)[0]

    def notice(self, tag: int = -1) -> list[int]:
        """What the next message with this tag tells; nothing if none comes."""
        return self.ints("event", -1, tag, PATIENCE - 20)[2:]

    def taken(self, tid: int, tag: int, size: int, seed: int) -> list[int]:
        """Receive so many packed bytes: 1, sender, tag, 1 if they are right; 0 if none come."""
        return self.ints("take", tid, tag, PATIENCE - 20, size, seed)

    @property
    def tid(self) -> int:
        """The agent's tid."""
        return self.ints("mytid")[0]

    def config(self) -> dict[str, int]:
        """Names and tids of the hosts, in the order of pvm_config."""
        reply = self.call("config")
        assert reply[0] == "0", reply
        return {reply[i + 1]: int(reply[i]) for i in range(3, len(reply), 4)}

    def add(self, *lines: str) -> list[int]:
        """Add hosts, all of which must succeed; their tids."""
        code, *tids = self.ints("addhosts", *lines)
        assert code == len(lines), f"addhosts {lines}: {code} {tids}"
        return tids

    def spawn(
        self,
        program: str,
        *arguments: object,
        where: str = "",
        flags: int | None = None,
        count: int = 1,
    ) -> list[int]:
        """Spawn tasks, all of which must start; their tids. Flags: PvmTaskHost if `where`."""
        flag = (1 if where else 0) if flags is None else flags
        code, *tids = self.ints("spawn", program, flag, where, count, *arguments)
        assert code == count, f"spawn {program} on {where!r}: {code} {tids}"
        return tids

    def agents(self, where: str = "", count: int = 1) -> list[Remote]:
        """Spawn further agents."""
        return [Remote(self, tid) for tid in self.spawn("agent", where=where, count=count)]


class Agent(AgentBase):
    """An agent that was started by hand."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def call(self, *words: object) -> list[str]:
        self.tell(*words)
        return self.reply()

    def tell(self, *words: object) -> None:
        """Give a command without waiting for its reply."""
        assert self.process.stdin
        try:
            self.process.stdin.write("\t".join(map(str, words)).encode() + b"\n")
            self.process.stdin.flush()
        except (OSError, ValueError):
            raise AssertionError(f"{words}: the agent has ended") from None

    def reply(self, seconds: float = PATIENCE) -> list[str]:
        """The reply to `tell`."""
        assert self.process.stdout
        return read_line(self.process.stdout, seconds).split("\t")

    def close(self) -> None:
        """Let it leave the machine and end."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(PATIENCE)


class Remote(AgentBase):
    """An agent that another one has spawned."""

    def __init__(self, starter: AgentBase, tid: int) -> None:
        self.starter = starter
        self._tid = tid

    @property
    def tid(self) -> int:
        return self._tid

    def call(self, *words: object) -> list[str]:
        return self.starter.call("on", self._tid, *words)
