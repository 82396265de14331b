# SPDX-License-Identifier: MIT
"""Scheduler: the resource manager that does what a policy says."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import cast

from pvm3py.rm import Order, link
from pvm3py.rm.machine import Host as AnyHost
from pvm3py.rm.moving import Answer, MovingManager
from pvm3py.wire import constants as c
from pvm3py.wire.moves import WORDS, HostStat, Migrated, MoveOrder, MoveReply

from .balance import Balance
from .machine import Host, Machine, Parked, Task
from .ownerfirst import OwnerFirst
from .policy import Hold, Move, Park, Policy, Restart, Resume

POLICIES: dict[str, type[Policy]] = {"owner-first": OwnerFirst, "balance": Balance}
# Seconds between two ticks, if nothing happens.
TICK = 1.0
# Seconds until a move that was refused is tried again: not now, and never.
AGAIN = 1.0
MUCH_LATER = 60.0
# The bit of TaskStat.held of a task that the manager has stopped.
BY_MANAGER = 2


class Scheduler(MovingManager):
    """A resource manager with a policy. clock: seconds that only grow."""

    host_type = Host

    def __init__(
        self, policy: Policy | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self.policy = policy or OwnerFirst()
        self.view = Machine(cast(dict[int, Host], self.hosts))
        self._clock = clock
        self._streams: set[tuple[int, int]] = set()  # links that carry an image
        self._due = 0.0
        self.view.now = clock()

    # ---- life --------------------------------------------------------------

    def step(self) -> None:
        """Wait for a message or the next tick; whatever has happened, ask the policy."""
        message = link.receive(max(self._due - self._clock(), 0.0))
        if message is not None:
            self.view.now = self._clock()
            self.serve(message)
        self.tick()

    def tick(self) -> None:
        """Do what the policy says now."""
        now = self.view.now = self._clock()
        self._due = now + TICK
        for host in self.view.hosts.values():
            before = host.owner
            host.settle(now)
            self._note_owner(host, before)
        try:
            actions = list(self.policy.tick(self.view))
        except Exception:
            print(f"mist: {traceback.format_exc()}", file=sys.stderr, flush=True)
            return
        for action in actions:
            match action:
                case Move():
                    self._try_move(action.task, action.host)
                case Hold():
                    self._stop(action.task, on=True)
                case Resume():
                    self._stop(action.task, on=False)
                case Park():
                    self._park(list(action.tasks))
                case Restart():
                    self._restart(action.job, action.hosts)

    # ---- actions -----------------------------------------------------------

    def _try_move(self, task: Task, host: Host) -> None:
        """Move a task, unless the link to there carries another one."""
        stream = task.host.tid, host.tid
        if stream in self._streams or task.moving or host is task.host:
            return
        self._streams.add(stream)

        def done(_reply: MoveReply) -> None:
            self._streams.discard(stream)

        self._move(task, host, done)

    def _move(self, task: Task, host: Host, then: Answer) -> None:
        """Move a task, note how that goes, and tell."""
        task.moving = True

        def done(reply: MoveReply) -> None:
            task.moving = False
            if reply.code:
                never = reply.code == c.PvmNotMovable
                task.refused = self._clock() + (MUCH_LATER if never else AGAIN)
                self.say(f"t{task.tid:x} stays on {task.host.name}: {reply.text or reply.code}")
            then(reply)

        self.move(task.tid, host, done)

    def _stop(self, task: Task, *, on: bool) -> None:
        if not on or not task.stopped:
            self.hold(task.host, [task.tid], on=on)
        task.stopped = on

    def _park(self, tasks: list[Task]) -> None:
        """Have a job kept on disk."""
        job = tasks[0].job
        if any(task.moving for task in tasks):
            return
        for task in tasks:
            task.moving = True

        def done(reply: MoveReply) -> None:
            for task in tasks:
                task.moving = False
                task.refused = self._clock() + MUCH_LATER
            if reply.code <= 0:
                self.say(f"job t{job:x} stays in memory: {reply.text or reply.code}")
                return
            self.view.parked[job] = Parked(job, reply.text, reply.code)
            for task in tasks:
                self.view.ended(task.tid)
            self.say(f"job t{job:x} is kept in {reply.text} until there is a host for it")

        self.keep(tasks[0].tid, done)

    def _restart(self, job: Parked, hosts: Sequence[Host]) -> None:
        """Start a job again that was kept."""
        job.starting = True

        def done(reply: MoveReply) -> None:
            job.starting = False
            if reply.code > 0:
                del self.view.parked[job.job]
                self.say(f"job t{job.job:x} runs again: {reply.code} tasks")
            else:
                job.refused = self._clock() + MUCH_LATER
                self.say(f"job t{job.job:x} stays in {job.directory}: {reply.text or reply.code}")

        self.restart(job.directory, job.number, hosts, done)

    def say(self, text: str) -> None:
        """Tell who looks at the output: the terminal, or the daemon's log if it was spawned."""
        print(f"mist: {text}", flush=True)

    # ---- what happens ------------------------------------------------------

    def place(self, order: Order) -> Sequence[AnyHost]:
        """As the policy says."""
        return self.policy.place(order, self.view)

    def task_ended(self, tid: int, host: AnyHost, status: int) -> None:
        """A task has ended."""
        super().task_ended(tid, host, status)
        self.view.ended(tid)

    def host_lost(self, host: AnyHost) -> None:
        """A host is gone with its tasks."""
        super().host_lost(host)
        for task in list(cast(Host, host).jobs):
            self.view.ended(task)

    def host_reported(self, host: AnyHost, stat: HostStat) -> None:
        """How a host is."""
        known = cast(Host, host)
        before = known.owner
        self.view.reported(known, stat, BY_MANAGER)
        self._note_owner(known, before)

    def _note_owner(self, host: Host, before: bool) -> None:
        if host.owner is not before:
            self.say(f"the owner of {host.name} {'is there' if host.owner else 'has gone'}")

    def task_moved(self, news: Migrated, origin: AnyHost, goal: AnyHost) -> None:
        """A task has moved."""
        self.view.moved(news, cast(Host, goal))
        self.say(
            f"t{news.tid:x} from {origin.name} to {goal.name}: {news.kilobytes} KiB, "
            f"stopped {news.frozen} ms of {news.whole}"
        )

    def move_wanted(self, order: MoveOrder, answer: Answer) -> None:
        """Somebody wants a task moved: where it is best, or to a host that may get it."""
        here = cast(Host | None, self.machine.host_of(order.tid))
        if here is None:
            answer(MoveReply(c.PvmNoTask, 0, "there is no such task"))
            return
        task = self.view.tasks.get(order.tid) or Task(order.tid, here, self.view.now)
        if order.host:
            named = (host for host in self.view.hosts.values() if host.name == order.host)
            goal = next(named, None)
        else:
            goal = self.policy.goal(task, self.view)
        refusal = self._refusal(order, goal)
        if goal is None or refusal is not None:
            answer(refusal or MoveReply(c.PvmNoHost))
        else:
            self._move(task, goal, answer)

    def _refusal(self, order: MoveOrder, goal: Host | None) -> MoveReply | None:
        """Why a task does not go where somebody wants it; None: it does."""
        why = c.WIRE_WHY_OWNER
        if goal is None and order.host:
            return MoveReply(c.PvmNoHost, 0, f"no host {order.host}")
        if goal is None:
            why = c.WIRE_WHY_MANAGER
        elif self.policy.accepts(goal):
            return None
        return MoveReply(c.PvmBusy, why, WORDS[why])
