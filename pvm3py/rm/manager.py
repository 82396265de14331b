# SPDX-License-Identifier: MIT
"""ResourceManager: all that a resource manager has to do, except to decide where tasks run."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import pvm3py.classic as pvm
from pvm3py.places import birth_host
from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError
from pvm3py.wire.daemon import RestBody
from pvm3py.wire.output import OutputStart, OutputText
from pvm3py.wire.record import Record
from pvm3py.wire.system import ExecRequest, TaskEnd
from pvm3py.wire.task import (
    Codes,
    ConfigReply,
    Empty,
    HostEntry,
    HostNames,
    NotifyRequest,
    SchedReply,
    SpawnRequest,
    Status,
    TaskEntry,
    TaskReply,
    TidBody,
)

from . import link
from .link import Received
from .machine import Host, Machine, Order, Spawn
from .notices import Notices

Handler = TypeVar("Handler", bound=Callable[..., Any])

# Message -> its body, the name of the method that serves it, and whether daemons send it.
_ROUTES: dict[int, tuple[type[Record], str, bool]] = {}


def serves(
    tag: int, body: type[Record] = Empty, *, daemon: bool = False
) -> Callable[[Handler], Handler]:
    """The method serves this message of tasks; what it returns is the answer, None is none.

    daemon: it comes from daemons instead, and has no answer.
    """

    def register(method: Handler) -> Handler:
        _ROUTES[tag] = body, method.__name__, daemon
        return method

    return register


class _Start(NamedTuple):
    """Tasks that a host was asked to start."""

    host: Host
    tasks: int
    done: Callable[[list[int]], None]


class ResourceManager:
    """Base of resource managers: subclasses define `place`.

    hosts: the machine's hosts by tid, kept up to date; tid: the own; successor: the manager that
    has taken over, 0: none; host_type: what hosts are.
    """

    host_type = Host

    def __init__(self) -> None:
        self.tid = 0
        self.successor = 0
        self.machine = Machine()
        self.notices = Notices()
        self._wid = 0
        self._starts: dict[int, _Start] = {}
        self._additions: dict[int, Received] = {}

    @property
    def hosts(self) -> dict[int, Host]:
        """The hosts by tid."""
        return self.machine.hosts

    # ---- what a policy may define ------------------------------------------

    def place(self, order: Order) -> Sequence[Host]:
        """Choose the hosts of `order.count` tasks out of `order.hosts`, one for each, in order.

        Tasks for which the list is too short are not started; their code is PvmOutOfRes.
        """
        raise NotImplementedError

    def host_added(self, host: Host) -> None:
        """A host is there; called for those of the beginning, too."""

    def host_lost(self, host: Host) -> None:
        """A host is there no more."""

    def task_started(self, tid: int, host: Host) -> None:
        """A task runs; it is in host.tasks."""

    def task_ended(self, tid: int, host: Host, status: int) -> None:
        """A task has ended, with this status as wait(2) gives it; it has left host.tasks."""

    def task_output(self, tid: int, text: str) -> None:
        """A task that was started by `run_on` has written this."""

    # ---- life --------------------------------------------------------------

    def run(self) -> None:
        """Serve, after `register`, until the machine is halted or another has taken over.

        What is asked after that stays unanswered: the end of this task brings it to the successor.
        """
        try:
            while not self.successor or self._starts or self._additions:
                self.step()
            pvm.exit()
        except pvm.ConnectionLost:
            pass

    def step(self) -> None:
        """Wait for a message, and serve it."""
        message = link.receive()
        assert message is not None
        self.serve(message)

    def register(self) -> None:
        """Become the resource manager of the machine."""
        self.tid = link.enrol()
        link.watch(pvm.Event.HOST_ADD, link.HOST_ADDED)
        pvm.reg_rm()
        self._look_for_hosts()
        for task in pvm.tasks():
            host = self.machine.host_of(task.tid)
            if host is not None and task.tid not in host.tasks:
                self._begin(task.tid, host)
                link.watch(pvm.Event.TASK_EXIT, link.TASK_ENDED, [task.tid])

    def serve(self, message: Received) -> None:
        """Serve one message. An error in it, or of the policy, is answered and reported."""
        route = _ROUTES.get(message.tag)
        from_daemon = bool(message.src & c.TIDPVMD)
        if route is None or route[2] is not from_daemon:
            return
        if self.successor and not from_daemon:
            return
        try:
            answer = getattr(self, route[1])(message, route[0].decode(message.body))
        except WireError as error:
            self._complain(f"message {message.tag & 0xFFFFFFFF:x}: {error}")
            answer = Status(c.PvmBadParam)
        except pvm.ConnectionLost:
            raise
        except pvm.PvmError as error:
            answer = Status(int(error.code))
        except Exception:
            self._complain(traceback.format_exc())
            answer = Status(c.PvmDSysErr)
        if answer is not None and not from_daemon:
            self.reply(message, answer)

    def reply(self, message: Received, answer: Record) -> None:
        """Answer a request."""
        link.post(message.src, message.tag, answer.encode(), wid=message.wid)

    def _complain(self, text: str) -> None:
        print(f"resource manager: {text}", file=sys.stderr, flush=True)

    def _next_wid(self) -> int:
        self._wid = self._wid % 0x7FFFFFFF + 1
        return self._wid

    # ---- starting tasks ----------------------------------------------------

    def start(self, host: Host, job: ExecRequest, done: Callable[[list[int]], None]) -> None:
        """Have a host start tasks; `done` gets the tid or error code of each, later."""
        wid = self._next_wid()
        self._starts[wid] = _Start(host, job.count, done)
        link.post(c.TIDPVMD | host.tid, c.SM_EXEC, job.encode(), wid=wid)

    def run_on(
        self, host: Host, program: str, args: list[str], done: Callable[[list[int]], None]
    ) -> None:
        """Have a host run a program for this manager, which gets its output by `task_output`."""
        nobody, ctx, tag = 0, c.BASECONTEXT, link.OUTPUT
        job = ExecRequest(self.tid, program, 0, 1, args, self.tid, ctx, tag, nobody, 0, 0, [], 0, 1)
        self.start(host, job, done)

    @serves(link.OUTPUT, RestBody, daemon=True)
    def _output(self, _message: Received, body: RestBody) -> None:
        """Text of a task; other news of it have a length that is not positive."""
        if int.from_bytes(body.data[4:8], "big", signed=True) > 0:
            text = OutputText.decode(body.data)
            self.task_output(text.tid, text.text.decode(errors="replace"))

    @serves(c.SM_EXECACK, RestBody, daemon=True)
    def _started(self, message: Received, body: RestBody) -> None:
        """A host has started tasks (or refuses), or, without wait id, a task has connected."""
        start = self._starts.pop(message.wid, None) if message.wid else None
        try:
            codes = Codes.decode(body.data).values
        except WireError:
            code = int.from_bytes(body.data[:4], "big", signed=True)
            codes = [min(code, 0) or c.PvmDSysErr] * (start.tasks if start else 1)
        for tid in codes:
            host = self.machine.host_of(tid)
            if tid > 0 and host is not None:
                self._begin(tid, host)
        if start is not None:
            start.done(codes)

    def _begin(self, tid: int, host: Host) -> None:
        if tid not in host.tasks:
            host.tasks.add(tid)
            self.task_started(tid, host)

    @serves(c.SM_TASKX, TaskEnd, daemon=True)
    def _task_ended(self, _message: Received, body: TaskEnd) -> None:
        self._end(body.tid, body.status)

    @serves(link.TASK_ENDED, TidBody, daemon=True)
    def _watched_task_ended(self, _message: Received, body: TidBody) -> None:
        self.notices.task_ended(body.tid)
        self._end(body.tid, 0)

    def _end(self, tid: int, status: int) -> None:
        self.notices.forget(tid)
        host = self.machine.host_of(tid)
        if host is not None and tid in host.tasks:
            host.tasks.remove(tid)
            self.task_ended(tid, host, status)
        self.machine.places.ended(tid)

    # ---- spawn -------------------------------------------------------------

    @serves(c.SM_SPAWN, SpawnRequest)
    def _spawn(self, message: Received, body: SpawnRequest) -> Codes | None:
        if not 1 <= body.count <= c.TIDLOCAL:
            raise WireError(f"spawn of {body.count} tasks")
        spawn = Spawn(message.src, message.wid, body)
        hosts = self.machine.selected(body.flags, spawn.where, message.src)
        if not hosts:
            return Codes([c.PvmNoHost] * body.count)
        self._distribute(spawn, hosts, list(range(body.count)))
        return None

    def _distribute(self, spawn: Spawn, hosts: list[Host], slots: list[int]) -> None:
        """Have hosts start the tasks of these slots; answer if nothing is left to wait for."""
        chosen = list(self.place(spawn.order(hosts, len(slots))))[: len(slots)]
        if any(host not in hosts for host in chosen):
            raise ValueError(f"{type(self).__name__}.place chose a host that is not in the order")
        begin = 0
        while begin < len(chosen):
            end = begin
            while end < len(chosen) and chosen[end] is chosen[begin]:
                end += 1
            self._start_block(spawn, chosen[begin], slots[begin:end], begin, len(slots))
            begin = end
        self._answer_if_complete(spawn)

    def _start_block(
        self, spawn: Spawn, host: Host, slots: list[int], start: int, outof: int
    ) -> None:
        """Have one host start consecutive tasks."""

        def done(codes: list[int]) -> None:
            spawn.open -= 1
            for slot, code in zip(slots, codes, strict=False):
                spawn.tids[slot] = code
            if min(codes, default=0) < 0:
                spawn.refusing.add(host)
            if codes and codes[0] == c.PvmHostFail and spawn.movable:
                self._place_again(spawn, slots)
            self._answer_if_complete(spawn)

        spawn.open += 1
        self.start(host, spawn.part(start, len(slots), outof), done)

    def _place_again(self, spawn: Spawn, slots: list[int]) -> None:
        """A host has failed before it answered: others start its tasks."""
        hosts = self.machine.selected(spawn.body.flags, spawn.where, spawn.task)
        hosts = [host for host in hosts if host not in spawn.refusing]
        if not hosts:
            return
        try:
            self._distribute(spawn, hosts, slots)
        except Exception:
            self._complain(traceback.format_exc())

    def _answer_if_complete(self, spawn: Spawn) -> None:
        """Tell the collector of output, then the spawner, which tasks there are."""
        if spawn.open or spawn.answered:
            return
        spawn.answered = True
        body = spawn.body
        for tid in spawn.tids:
            if tid > 0 and body.outtid > 0:
                news = OutputStart(tid, c.TO_SPAWN, spawn.parent).encode()
                link.post(body.outtid, body.outtag, news, ctx=body.outctx)
        link.post(spawn.task, c.SM_SPAWN, Codes(spawn.tids).encode(), wid=spawn.wid)

    # ---- questions ---------------------------------------------------------

    @serves(c.SM_CONFIG)
    def _config(self, _message: Received, _body: Empty) -> ConfigReply:
        return ConfigReply([HostEntry(*host) for host in pvm.config()])

    @serves(c.SM_TASK, TidBody)
    def _tasks(self, _message: Received, body: TidBody) -> TaskReply:
        return TaskReply(0, [TaskEntry(*task) for task in pvm.tasks(body.tid)])

    # ---- hosts -------------------------------------------------------------

    def _look_for_hosts(self) -> None:
        """Take over what is new in the host table."""
        for tid, name, arch, speed, _ in pvm.config():
            if tid not in self.hosts:
                host = self.hosts[tid] = self.host_type(tid, name, arch, speed)
                link.watch(pvm.Event.HOST_DELETE, link.HOST_LOST, [tid])
                self.host_added(host)

    @serves(link.HOST_ADDED, Codes, daemon=True)
    def _hosts_added(self, _message: Received, body: Codes) -> None:
        self._look_for_hosts()
        self.notices.hosts_added(body)

    @serves(c.SM_HOSTX, TidBody, daemon=True)
    @serves(link.HOST_LOST, TidBody, daemon=True)
    def _host_lost(self, _message: Received, body: TidBody) -> None:
        """Told by the master and by the own daemon; whichever is first counts."""
        tid = birth_host(body.tid)
        host = self.hosts.pop(tid, None)
        if host is None:
            return
        for task in list(host.tasks):
            host.tasks.remove(task)
            self.task_ended(task, host, 0)
        self.host_lost(host)
        self.machine.places.host_lost(tid)
        self.notices.host_lost(tid)
        lost = [wid for wid, start in self._starts.items() if start.host is host]
        for start in [self._starts.pop(wid) for wid in lost]:
            start.done([c.PvmHostFail] * start.tasks)

    @serves(c.SM_ADDHOST, HostNames)
    def _add_hosts(self, message: Received, body: HostNames) -> None:
        wid = self._next_wid()
        self._additions[wid] = message
        link.post(c.TIDPVMD, c.SM_ADD, body.encode(), wid=wid)

    @serves(c.SM_ADDACK, daemon=True)
    def _added(self, message: Received, _body: Empty) -> None:
        request = self._additions.pop(message.wid, None)
        if request is not None:
            self._look_for_hosts()
            link.post(request.src, c.SM_ADDHOST, message.body, wid=request.wid)

    @serves(c.SM_DELHOST, HostNames)
    def _delete_hosts(self, _message: Received, body: HostNames) -> Codes:
        return Codes(pvm.delhosts(body.names))

    # ---- notices, succession -----------------------------------------------

    @serves(c.SM_NOTIFY, NotifyRequest)
    def _notify(self, message: Received, body: NotifyRequest) -> None:
        self.notices.ask(message.src, body, self.hosts)

    @serves(c.SM_SCHED)
    def _hand_over(self, message: Received, _body: Empty) -> SchedReply:
        """Another task becomes resource manager: all daemons are told."""
        self.successor = message.src
        for host in self.hosts.values():
            link.post(c.TIDPVMD | host.tid, c.SM_HANDOFF, TidBody(message.src).encode())
        master = pvm.config()[0]
        return SchedReply(self.tid, *master)
