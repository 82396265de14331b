# SPDX-License-Identifier: MIT
"""What a policy sees: hosts with their owners, tasks, and what it costs to move one."""

from __future__ import annotations

from dataclasses import dataclass, field

from pvm3py.rm import machine as rm
from pvm3py.wire import constants as c
from pvm3py.wire.moves import HostStat, Migrated

# Seconds after which a host counts as free: without its owner, and with others busy less than that.
IDLE_SECONDS = 300.0
CALM_SECONDS = 60.0
CALM_LOAD = 0.3
# Seconds that a task rests after a move, at least, and as a multiple of what that has cost.
REST_SECONDS = 30.0
REST_COSTS = 10.0
# Seconds that a job stands still with nowhere to go before it is kept on disk instead.
PARK_SECONDS = 600.0
# Bytes a second of a pair of hosts of which nothing is known, and seconds that every move takes.
BANDWIDTH = 12.5e6
MOVE_SECONDS = 0.05
# Part of a processor that a task must use to count as one that computes.
BUSY_SHARE = 0.1
# Seconds in which a task that has begun or come counts as one, whatever it has used.
YOUNG_SECONDS = 2.0


@dataclass(eq=False)
class Task:
    """A task that was spawned. host: where it is; since: when it came there, by the clock.

    began: when this manager heard of it; size: bytes of memory; share: of a processor that it uses;
    stopped: by the manager; by_hand: by a user; reason: WIRE_WHY_, why it cannot be moved; moving:
    it is under way; rests: until when it is to stay; refused: until when no try is of use; job: the
    task with which its job began; stuck: since when it is stopped with nowhere to go.
    """

    tid: int
    host: Host
    since: float
    began: float = 0.0
    size: int = 0
    share: float = 0.0
    stopped: bool = False
    by_hand: bool = False
    reason: int = 0
    moving: bool = False
    rests: float = 0.0
    refused: float = 0.0
    job: int = 0
    stuck: float | None = None

    def movable(self, now: float) -> bool:
        """Whether a move may be tried now."""
        return not (self.reason or self.moving or self.refused > now)

    @property
    def serves(self) -> bool:
        """Whether it serves its host or the machine: it is not stopped."""
        return self.reason == c.WIRE_WHY_ROLE

    def computes(self, now: float) -> bool:
        """Whether it needs a processor."""
        young = now - self.since < YOUNG_SECONDS
        return not (self.stopped or self.by_hand) and (young or self.share > BUSY_SHARE)


@dataclass(eq=False)
class Host(rm.Host):
    """One host. owner: it is not for tasks now; here: the owner uses it at this moment.

    others, ours: processors that are busy with what; pressure: percent of the time in which
    something waits for one; free: megabytes of memory; jobs: the tasks there.
    """

    owner: bool = False
    here: bool = False
    others: float = 0.0
    ours: float = 0.0
    pressure: float = 0.0
    free: int = 0
    jobs: dict[int, Task] = field(default_factory=dict)
    heard: float | None = None  # when it reported last, by the clock
    _idle: float = 0.0
    _calm: float | None = None  # since when the others are

    def idle(self, now: float) -> float:
        """Seconds since the owner has used it."""
        if self.here or self.heard is None:
            return 0.0
        return self._idle + now - self.heard

    def reported(self, stat: HostStat, now: float) -> None:
        """What its daemon says."""
        first = self.heard is None
        self.here, self._idle, self.heard = stat.owner == c.WIRE_OWNER_HERE, stat.idle, now
        self.cores = max(stat.cores, 1)
        self.others, self.ours = stat.others / 1000, stat.ours / 1000
        self.pressure, self.free = stat.pressure / 100, stat.free
        if self.others >= CALM_LOAD:
            self._calm = None
        elif self._calm is None:
            self._calm = now - CALM_SECONDS if first else now
        if self.here or (first and self._idle < IDLE_SECONDS):
            self.owner = True
        if stat.owner == c.WIRE_OWNER_GONE:
            self.owner = False

    def settle(self, now: float) -> None:
        """Time passes: the host may count as free."""
        calm = self._calm is not None and now - self._calm >= CALM_SECONDS
        if self.owner and calm and self.idle(now) >= IDLE_SECONDS:
            self.owner = False

    def crowd(self, now: float, more: int = 0) -> float:
        """How much longer work takes here than alone on a usual processor, with so many more."""
        others = self.load if self.heard is None else self.others
        busy = others + sum(task.computes(now) for task in self.jobs.values()) + more
        return max(busy / self.cores, 1.0) * 1000 / max(self.speed, 1)


@dataclass(eq=False)
class Parked:
    """A job that is kept on disk as this checkpoint in its directory, and does not run.

    starting: it is about to; refused: until when no try is of use.
    """

    job: int
    directory: str
    number: int
    starting: bool = False
    refused: float = 0.0


class Links:
    """How fast images have travelled between each two hosts."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, int], tuple[float, float]] = {}

    def moved(self, news: Migrated) -> None:
        """A task has moved."""
        pair = news.origin, news.goal
        size, seconds = self._sums.get(pair, (0.0, 0.0))
        self._sums[pair] = size + news.kilobytes * 1024, seconds + max(news.frozen, 1) / 1000

    def bandwidth(self, origin: int, goal: int) -> float:
        """Bytes a second."""
        size, seconds = self._sums.get((origin, goal), (0.0, 0.0))
        return size / seconds if size and seconds else BANDWIDTH


class Machine:
    """hosts: all of them, by their tids; tasks: by theirs; now: seconds by the manager's clock.

    parked: jobs that wait for a host, by the tids of their first tasks.
    """

    def __init__(self, hosts: dict[int, Host]) -> None:
        self.hosts = hosts
        self.tasks: dict[int, Task] = {}
        self.parked: dict[int, Parked] = {}
        self.links = Links()
        self.now = 0.0

    def goals(self) -> list[Host]:
        """The hosts to which tasks can move: those that report, which of 3.4.6 none does."""
        return [host for host in self.hosts.values() if host.heard is not None]

    def jobs(self) -> list[list[Task]]:
        """The tasks of each job."""
        found: dict[int, list[Task]] = {}
        for task in self.tasks.values():
            found.setdefault(task.job or task.tid, []).append(task)
        return list(found.values())

    def cost(self, task: Task, host: Host) -> float:
        """Seconds that a move of a task would take."""
        return task.size / self.links.bandwidth(task.host.tid, host.tid) + MOVE_SECONDS

    def best(self, hosts: list[Host], planned: dict[Host, int] | None = None) -> Host | None:
        """The least crowded of some hosts, if each has got so many more tasks; None: no host."""
        more = planned or {}

        def rank(host: Host) -> tuple[float, float, int]:
            busy = host.others + len(host.jobs) + more.get(host, 0)
            return host.crowd(self.now, more.get(host, 0) + 1), busy / host.cores, host.tid

        return min(hosts, key=rank, default=None)

    # ---- what happens ------------------------------------------------------

    def reported(self, host: Host, stat: HostStat, by_manager: int) -> None:
        """A host says how things are; by_manager: the bit of tasks that a manager has stopped."""
        host.reported(stat, self.now)
        for one in stat.tasks:
            task = self.appear(one.tid, host)
            if task.host is not host:
                continue  # it has moved since
            task.size, task.share = one.kilobytes << 10, one.share / 1000
            task.by_hand = bool(one.held & ~by_manager)
            task.stopped = bool(one.held & by_manager)
            task.reason, task.job = one.reason, one.job
        listed = {one.tid for one in stat.tasks}
        for task in list(host.jobs.values()):
            known_long = self.now - task.since > YOUNG_SECONDS
            if task.tid not in listed and known_long and not task.moving:
                self.ended(task.tid)

    def appear(self, tid: int, host: Host) -> Task:
        """A task that may not be known yet."""
        task = self.tasks.get(tid)
        if task is None:
            task = self.tasks[tid] = host.jobs[tid] = Task(tid, host, self.now, self.now)
        return task

    def moved(self, news: Migrated, goal: Host) -> None:
        """A task has moved: it goes on, and rests."""
        self.links.moved(news)
        task = self.appear(news.tid, goal)
        task.host.jobs.pop(task.tid, None)
        goal.jobs[task.tid] = task
        task.host, task.since = goal, self.now
        task.stopped = task.moving = False
        task.rests = self.now + max(REST_COSTS * news.whole / 1000, REST_SECONDS)

    def ended(self, tid: int) -> None:
        """A task is gone."""
        task = self.tasks.pop(tid, None)
        if task is not None:
            task.host.jobs.pop(tid, None)
