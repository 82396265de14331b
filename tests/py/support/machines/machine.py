# SPDX-License-Identifier: MIT
"""A machine of several hosts that is used by many tests, with an agent on every host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from support.machines.agent import Agent
from support.machines.hosts import Bed, Host
from support.machines.net import NetworkKind
from support.machines.vm import wait_until
from support.system import SIDES, Side

PROGRAMS = ("agent", "talk", "group_member", "launch", "halt")
PAIRS: tuple[tuple[Side, Side], ...] = tuple((m, s) for m in SIDES for s in SIDES)
PAIR_IDS = ["-adds-".join(pair) for pair in PAIRS]


class Machine:
    """A bed whose hosts form one machine; a test that wants it whole calls `ready` first."""

    def __init__(
        self,
        kinds: Iterable[Side],
        *,
        network: NetworkKind | None = None,
        programs: Iterable[str] = PROGRAMS,
        env: Mapping[str, str] | None = None,
    ) -> None:
        kinds = list(kinds)
        self._make = partial(Bed, kinds, network=network, programs=programs, env=env)
        self.agents: list[Agent] = []
        self._begin()

    def _begin(self) -> None:
        self.bed = self._make()
        try:
            self._form()
        except BaseException as error:
            error.add_note(self.bed.logs())
            self.bed.stop(check=False)
            raise

    def _form(self) -> None:
        master = self.bed.start().master.agent()
        self.agents = [master]
        if self.bed.slaves:
            master.add(*[slave.name for slave in self.bed.slaves])
        self.agents += [slave.agent() for slave in self.bed.slaves]
        wait_until(self._complete, "all hosts know each other")

    def _complete(self) -> bool:
        names = {host.name for host in self.bed.hosts}
        return all(set(agent.config()) == names for agent in self.agents)

    @property
    def hosts(self) -> Sequence[Host]:
        """The hosts, the master first."""
        return self.bed.hosts

    @property
    def here(self) -> Agent:
        """Agent on the master."""
        return self.agents[0]

    @property
    def there(self) -> Agent:
        """Agent on the first slave."""
        return self.agents[1]

    def ready(self) -> Machine:
        """Make a new one if a test has left this one in pieces."""
        try:
            whole = self._complete()
        except (AssertionError, OSError):
            whole = False
        if not whole:
            self.bed.stop(check=False)
            self._begin()
        return self

    def everything(self) -> str:
        """All logs, for the message of a failed assertion."""
        return self.bed.logs()
