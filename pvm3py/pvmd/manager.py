# SPDX-License-Identifier: MIT
"""Who is resource manager, and what the tasks of this host have open with it.

A task learns of the manager when it enrols, and asks that one from then on. The switch hands over
what it asks; the daemon passes it on, and keeps it until the answer has passed. When the manager
has gone, what it has not answered and all that is asked later goes to the manager there is then;
if there is none, the daemon serves it. The task sees every answer in the name of the manager that
it knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError
from pvm3py.wire.task import Empty, NotifyRequest, SchedReply, TidBody

from .dispatch import Refused, Request, handles, only
from .notify import about_tids
from .plain import Plain, field
from .switch import MessageEvent, SpokeEvent
from .tasks import Task, is_task

if TYPE_CHECKING:
    from .connections import Connection
    from .daemon import Pvmd

# What a task may ask a manager, and the same request to a daemon.
_REQUESTS = {
    c.SM_SPAWN: c.TM_SPAWN,
    c.SM_TASK: c.TM_TASK,
    c.SM_CONFIG: c.TM_CONFIG,
    c.SM_ADDHOST: c.TM_ADDHOST,
    c.SM_DELHOST: c.TM_DELHOST,
    c.SM_NOTIFY: c.TM_NOTIFY,
    c.SM_SCHED: c.TM_SCHED,
}
# Requests of one task that may wait for the manager at a time; the library has one.
_WAITS_MAX = 100


class Managers:
    """The resource managers that this daemon knows; the current one is who serves new tasks.

    A task of this host comes first (or who it has handed over to), else the one that registered
    last on any host.
    """

    def __init__(self) -> None:
        self._own = 0
        self._others: list[int] = []
        # Managers, present and replaced, that tasks of this host deal with.
        self.dealers: set[int] = set()

    @property
    def current(self) -> int:
        """The resource manager of this host, 0: none."""
        return self._own or (self._others[-1] if self._others else 0)

    def register(self, tid: int) -> None:
        """A task of this host becomes manager."""
        self._own = tid

    def announced(self, pvmd: Pvmd, tid: int, by: int) -> None:
        """The daemon of host `by` says who is manager there; 0: nobody any more."""
        self.host_lost(by)
        if tid and not pvmd.owns(tid):
            self.forget(tid)
            self._others.append(tid)
            self.watch(pvmd)

    def hand_over(self, pvmd: Pvmd, tid: int) -> None:
        """The current manager names the next one, of any host."""
        self.forget(self.current)
        if pvmd.owns(tid):
            self._own = tid
        else:
            self.forget(tid)
            self._others.append(tid)
            self.watch(pvmd)

    def watch(self, pvmd: Pvmd) -> None:
        """Be told of the ends of managers of other hosts, as far as these are in the table."""
        for tid in self._others:
            if pvmd.hosts.get(tid) is not None:
                pvmd.notices.watch(pvmd, tid)

    def forget(self, tid: int) -> bool:
        """A task is manager no more. False: it was not."""
        if self._own == tid:
            self._own = 0
        elif tid in self._others:
            self._others.remove(tid)
        else:
            return False
        return True

    def host_lost(self, host: int) -> None:
        """The tasks of another host are managers no more."""
        part = host & c.TIDHOST
        self._others = [tid for tid in self._others if tid & c.TIDHOST != part]


def setting(tid: int) -> tuple[int, str]:
    """Who is manager, as DM_SLCONF tells it."""
    return c.DM_SLCONF_SCHED, f"{tid & 0xFFFFFFFF:x}"


def announce(pvmd: Pvmd) -> None:
    """Tell all other daemons who is manager here."""
    pvmd.peers.tell_all(*setting(pvmd.registry.sched))


# ---- becoming the manager ------------------------------------------------------------------


@handles(c.TM_SCHED)
def register_sched(pvmd: Pvmd, request: Request, _body: Empty) -> SchedReply:
    """Become the resource manager, in place of the one before; all hosts are told."""
    previous = pvmd.registry.sched
    pvmd.registry.managers.register(request.src)
    announce(pvmd)
    master = pvmd.hosts.get(pvmd.hosts.master) or pvmd.hosts.own
    return SchedReply(
        previous, master.tid, master.name, master.arch, master.speed, master.signature
    )


@handles(c.SM_HANDOFF, TidBody, reply=False, system=True)
def sm_handoff(pvmd: Pvmd, request: Request, body: TidBody) -> None:
    """The resource manager names another one, of this host or another."""
    only(pvmd.registry.sched, request)
    known = pvmd.tasks if pvmd.owns(body.tid) else pvmd.hosts
    if not is_task(body.tid) or known.get(body.tid) is None:
        raise Refused(c.PvmNoTask, f"t{body.tid & 0xFFFFFFFF:x} is no task")
    pvmd.registry.managers.hand_over(pvmd, body.tid)


# ---- what tasks have asked -----------------------------------------------------------------


class _Asked(Plain):
    """A request that was passed on to the manager `server`."""

    server: int
    event: MessageEvent


class _Wish(Plain):
    """A notice that the manager owes: about tid, or `count` times about new hosts."""

    what: int
    ctx: int
    tag: int
    tid: int
    count: int


class Dealings(Plain):
    """What a task has open. manager: as it was told; gone: that one has ended.

    Wishes have no bound of their own, as the daemon's notices have none (notify.py).
    """

    manager: int
    gone: bool = False
    asked: list[_Asked] = field(factory=list)
    wishes: list[_Wish] = field(factory=list)


def begin(pvmd: Pvmd, connection: Connection) -> Dealings | None:
    """A task enrols and is told who is manager: let its requests come here."""
    manager = pvmd.registry.sched
    if not manager:
        return None
    pvmd.switch.manager(connection.conn, manager, 0)
    pvmd.registry.managers.dealers.add(manager)
    return Dealings(manager)


def asks(pvmd: Pvmd, event: MessageEvent) -> None:
    """A task asks its manager."""
    task = pvmd.tasks.get(event.src)
    if task is None or task.dealings is None:
        return
    dealings = task.dealings
    server = _server(pvmd, task, dealings)
    if event.tag == c.SM_NOTIFY:
        if dealings.gone:
            _serve(pvmd, task, event)
            return
        _keep_wishes(dealings, event)
    elif event.tag in _REQUESTS:
        if not server or len(dealings.asked) >= _WAITS_MAX:
            _serve(pvmd, task, event)
            return
        dealings.asked.append(_Asked(server, event))
        pvmd.registry.managers.dealers.add(server)
    elif not server:
        pvmd.log(f"{c.message_name(event.tag)} of t{event.src:x} for no manager, dropped")
        return
    _listen(pvmd, task, dealings)
    _, _, src, enc, tag, ctx, wid, body = event
    pvmd.switch.send(server, src, tag, ctx, wid, body, enc)


def _server(pvmd: Pvmd, task: Task, dealings: Dealings) -> int:
    """Who serves a task's requests now; 0: this daemon."""
    if not dealings.gone:
        return dealings.manager
    current = pvmd.registry.sched
    return 0 if current == task.tid else current


def _serve(pvmd: Pvmd, task: Task, event: MessageEvent) -> None:
    """Serve a request here, and answer in the manager's name."""
    if task.dealings is not None:
        pvmd.serve_for_manager(event, _REQUESTS[event.tag], task.dealings.manager)


def _listen(pvmd: Pvmd, task: Task, dealings: Dealings) -> None:
    """Let the switch report what the manager says, as long as anything is open.

    One that has taken another's place is listened to always, for its answers are renamed.
    """
    server = _server(pvmd, task, dealings)
    if not (dealings.asked or dealings.wishes or server != dealings.manager):
        server = 0
    if task.conn is not None:
        pvmd.switch.manager(task.conn, dealings.manager, server)


def _keep_wishes(dealings: Dealings, event: MessageEvent) -> None:
    """Remember the notices asked for; the manager itself answers a cancel with the notice."""
    try:
        body = NotifyRequest.decode(event.body)
    except WireError:
        return
    what = body.what & ~c.PvmNotifyCancel
    cancel = what != body.what
    if what == c.PvmHostAdd:
        dealings.wishes = [
            wish
            for wish in dealings.wishes
            if (wish.what, wish.ctx, wish.tag) != (what, body.ctx, body.tag)
        ]
        if body.count and not cancel:
            dealings.wishes.append(_Wish(what, body.ctx, body.tag, 0, body.count))
    elif not cancel and about_tids(body):
        tids = body.tids[: body.count]
        dealings.wishes += [_Wish(what, body.ctx, body.tag, tid, 1) for tid in tids]


def spoke(pvmd: Pvmd, event: SpokeEvent) -> None:
    """What a manager said to a task has passed: an answer, a notice, or something else."""
    task = pvmd.tasks.get(event.dst)
    if task is None or task.dealings is None:
        return
    dealings = task.dealings
    if event.ctx == c.BASECONTEXT and event.tag in _REQUESTS:
        _answered(dealings, event)
    else:
        _noticed(dealings, event)
    _listen(pvmd, task, dealings)


def _answered(dealings: Dealings, event: SpokeEvent) -> None:
    """Not every manager repeats the wait id; then it is the oldest request of the kind."""
    answers = [
        one for one in dealings.asked if (one.server, one.event.tag) == (event.src, event.tag)
    ]
    exact = [one for one in answers if one.event.wid == event.wid]
    for one in (exact or answers)[:1]:
        dealings.asked.remove(one)


def _noticed(dealings: Dealings, event: SpokeEvent) -> None:
    """Not every manager tells the tid; then it is the oldest wish for such a message."""
    wishes = [w for w in dealings.wishes if (w.ctx, w.tag) == (event.ctx, event.tag)]
    tid = int.from_bytes(event.body[:4], "big", signed=True)
    exact = [wish for wish in wishes if wish.what != c.PvmHostAdd and wish.tid == tid]
    for wish in (exact or wishes)[:1]:
        if wish.count == 1:
            dealings.wishes.remove(wish)
        elif wish.count > 0:
            wish.count -= 1


def manager_gone(pvmd: Pvmd, tid: int) -> None:
    """A manager has ended: others serve what it left open, and what its tasks ask from now on."""
    pvmd.registry.managers.dealers.discard(tid)
    for task in pvmd.tasks:
        if task.sched == tid:
            task.sched = pvmd.registry.sched
        dealings = task.dealings
        if dealings is None or task.conn is None:
            continue
        if dealings.manager == tid:
            dealings.gone = True
            wishes, dealings.wishes = dealings.wishes, []
            for wish in wishes:
                _grant(pvmd, task, wish)
        left = [one for one in dealings.asked if one.server == tid]
        dealings.asked = [one for one in dealings.asked if one.server != tid]
        for one in left:
            asks(pvmd, one.event)
        _listen(pvmd, task, dealings)


def _grant(pvmd: Pvmd, task: Task, wish: _Wish) -> None:
    """Give a notice here that the manager had promised."""
    assert task.conn is not None
    tids = [] if wish.what == c.PvmHostAdd else [wish.tid]
    body = NotifyRequest(wish.what, wish.ctx, wish.tag, wish.count, tids).encode()
    words = (c.WIRE_ENC_XDR, c.SM_NOTIFY, c.BASECONTEXT, 0)
    _serve(pvmd, task, MessageEvent(task.conn, 0, task.tid, *words, body))
