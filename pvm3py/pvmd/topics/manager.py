# SPDX-License-Identifier: MIT
"""Who is resource manager, and what the tasks of this host have open with it.

A task learns of the manager when it enrols, and asks that one from then on. The switch hands over
what it asks; the daemon passes it on, and keeps it until the answer has passed. When the manager
has gone, what it has not answered and all that is asked later goes to the manager there is then;
if there is none, the daemon serves it. The task sees every answer in the name of the manager that
it knows.
"""

from __future__ import annotations

from itertools import groupby

from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError
from pvm3py.wire.moves import ManagerRecord, OwedWish
from pvm3py.wire.system import TaskEnd
from pvm3py.wire.task import Empty, NotifyRequest, SchedReply, SpawnRequest, TidBody

from ..core import Pvmd
from ..dispatch import Request, handles, only
from ..occasions import HOST_LOST, HOSTS_ADDED, REQUESTED, TASK_GONE, TASK_LEFT, Step, on
from ..state.connections import Connection
from ..state.dealings import Asked, Dealings, Wish
from ..state.errors import Refused
from ..state.events import MessageEvent, SpokeEvent
from ..state.hosts import Host
from ..state.task import Task, is_task
from .notify import about_tids
from .roles import Registry, manager_setting

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


def _announce(pvmd: Pvmd) -> None:
    """Tell all other daemons who is manager here."""
    pvmd.peers.tell_all(*manager_setting(Registry.of(pvmd).sched))


# ---- becoming the manager ------------------------------------------------------------------


@handles(c.TM_SCHED)
def register_sched(pvmd: Pvmd, request: Request, _body: Empty) -> SchedReply:
    """Become the resource manager, in place of the one before; all hosts are told."""
    previous = Registry.of(pvmd).sched
    Registry.of(pvmd).managers.register(pvmd, request.src)
    _announce(pvmd)
    master = pvmd.hosts.get(pvmd.hosts.master) or pvmd.hosts.own
    return SchedReply(
        previous, master.tid, master.name, master.arch, master.speed, master.signature
    )


@handles(c.SM_HANDOFF, TidBody, reply=False, system=True)
def sm_handoff(pvmd: Pvmd, request: Request, body: TidBody) -> None:
    """The resource manager names another one, of this host or another."""
    only(Registry.of(pvmd).sched, request)
    known = pvmd.tasks if pvmd.owns(body.tid) else pvmd.hosts
    if not is_task(body.tid) or known.get(body.tid) is None:
        raise Refused(c.PvmNoTask, f"t{body.tid & 0xFFFFFFFF:x} is no task")
    Registry.of(pvmd).managers.hand_over(pvmd, body.tid)


# ---- what tasks have asked -----------------------------------------------------------------


def begin(pvmd: Pvmd, connection: Connection) -> Dealings | None:
    """A task enrols and is told who is manager: let its requests come here."""
    manager = Registry.of(pvmd).sched
    if not manager:
        return None
    pvmd.switch.manager(connection.conn, manager, 0)
    Registry.of(pvmd).managers.dealers.add(manager)
    return Dealings(manager)


def open_with(task: Task) -> list[ManagerRecord]:
    """What a task that moves has open with its manager, but requests."""
    dealings = task.dealings
    if dealings is None:
        return []
    wishes = [OwedWish(w.what, w.ctx, w.tag, w.tid, w.count) for w in dealings.wishes]
    return [ManagerRecord(dealings.manager, dealings.gone, wishes)]


def take_over(pvmd: Pvmd, task: Task, record: ManagerRecord) -> None:
    """A task has come: its manager is who it was told of elsewhere."""
    wishes = [Wish(w.what, w.ctx, w.tag, w.tid, w.count) for w in record.wishes]
    task.dealings = Dealings(record.manager, bool(record.gone), wishes=wishes)
    Registry.of(pvmd).managers.dealers.add(record.manager)
    _listen(pvmd, task, task.dealings)


def asks(pvmd: Pvmd, event: MessageEvent) -> None:
    """A task asks its manager."""
    task = pvmd.tasks.get(event.src)
    if task is None or task.dealings is None:
        return
    dealings = task.dealings
    server = _server(pvmd, task, dealings)
    if event.tag == c.SM_NOTIFY:
        if dealings.gone or event.too_long or not _keep_wishes(dealings, event):
            _serve(pvmd, task, event)
            return
    elif event.tag in _REQUESTS:
        if not server or event.too_long or not dealings.may_ask(event):
            _serve(pvmd, task, event)
            return
        dealings.asked.append(Asked(server, event))
        Registry.of(pvmd).managers.dealers.add(server)
    elif not server or event.too_long:
        pvmd.log(f"{c.message_name(event.tag)} of t{event.src:x} for no manager, dropped")
        return
    _listen(pvmd, task, dealings)
    _, _, src, enc, tag, ctx, wid, body, _ = event
    if tag == c.SM_SPAWN and task.job:
        body = _with_job(body, task.job)
    pvmd.switch.send(server, src, tag, ctx, wid, body, enc)


def _with_job(body: bytes, job: int) -> bytes:
    """A request to spawn, and the job of who asks, which managers of 3.4.6 do not read."""
    try:
        order = SpawnRequest.decode(body)
    except WireError:
        return body
    order.job = job
    return order.encode()


def _server(pvmd: Pvmd, task: Task, dealings: Dealings) -> int:
    """Who serves a task's requests now; 0: this daemon."""
    if not dealings.gone:
        return dealings.manager
    current = Registry.of(pvmd).sched
    return 0 if current == task.tid else current


def _serve(pvmd: Pvmd, task: Task, event: MessageEvent) -> None:
    """Serve a request here, and answer in the manager's name."""
    connection = pvmd.connections.get(event.conn)
    if task.dealings is not None and connection is not None and connection.task is not None:
        request = Request.of(event, connection, None)
        request.tag = _REQUESTS[event.tag]
        request.manager = task.dealings.manager, event.tag
        REQUESTED.tell(pvmd, request)


def _listen(pvmd: Pvmd, task: Task, dealings: Dealings) -> None:
    """Let the switch report what the manager says, as long as anything is open.

    One that has taken another's place is listened to always, for its answers are renamed.
    """
    server = _server(pvmd, task, dealings)
    if not (dealings.asked or dealings.wishes or server != dealings.manager):
        server = 0
    if task.conn is not None:
        pvmd.switch.manager(task.conn, dealings.manager, server)


def _keep_wishes(dealings: Dealings, event: MessageEvent) -> bool:
    """Remember the notices asked for; the manager itself answers a cancel with the notice.

    False: they are too many.
    """
    try:
        body = NotifyRequest.decode(event.body)
    except WireError:
        return True
    what = body.what & ~c.PvmNotifyCancel
    cancel = what != body.what
    if what == c.PvmHostAdd:
        dealings.wishes = [
            wish
            for wish in dealings.wishes
            if (wish.what, wish.ctx, wish.tag) != (what, body.ctx, body.tag)
        ]
        if body.count and not cancel:
            if not dealings.may_wish(1):
                return False
            dealings.wishes.append(Wish(what, body.ctx, body.tag, 0, body.count))
    elif not cancel and about_tids(body):
        if not dealings.may_wish(body.count):
            return False
        tids = body.tids[: body.count]
        dealings.wishes += [Wish(what, body.ctx, body.tag, tid, 1) for tid in tids]
    return True


def spoke(pvmd: Pvmd, event: SpokeEvent) -> None:
    """What a manager said to a task has passed: an answer, a notice, or something else."""
    task = pvmd.tasks.get(event.dst)
    if task is None or task.dealings is None:
        return
    dealings = task.dealings
    if event.ctx == c.BASECONTEXT and event.tag in _REQUESTS:
        dealings.answered(event)
    else:
        dealings.noticed(event)
    _listen(pvmd, task, dealings)


# ---- occasions -----------------------------------------------------------------------------


@on(TASK_LEFT, Step.MANAGERS)
@on(TASK_GONE, Step.MANAGERS)
def task_gone(pvmd: Pvmd, tid: int, _task: Task | None) -> None:
    """A task is gone; if it was a manager, now or before, others take over."""
    managers = Registry.of(pvmd).managers
    current = managers.current
    if managers.forget(tid) or tid in managers.dealers:
        if current == tid and pvmd.owns(tid):
            _announce(pvmd)
        _replace(pvmd, tid)


@on(TASK_GONE, Step.REPORT)
def report_task(pvmd: Pvmd, tid: int, task: Task | None) -> None:
    """The manager that the task had is told of its end."""
    if task is not None and task.sched:
        end = TaskEnd(tid, task.status or 0).encode()
        pvmd.send(task.sched, c.SM_TASKX, c.BASECONTEXT, end)


@on(HOST_LOST, Step.MANAGERS)
def host_lost(pvmd: Pvmd, host: int) -> None:
    """Tasks of a lost host are managers no more."""
    Registry.of(pvmd).managers.host_lost(pvmd, host)


@on(HOST_LOST, Step.REPORT)
def report_host(pvmd: Pvmd, host: int) -> None:
    """The manager is told of the loss by the master."""
    manager = Registry.of(pvmd).sched
    if manager and pvmd.hosts.is_master:
        body = TidBody(c.TIDPVMD | host).encode()
        pvmd.send(manager, c.SM_HOSTX, c.BASECONTEXT, body)


@on(HOSTS_ADDED, Step.MANAGERS)
def hosts_added(pvmd: Pvmd, _hosts: list[Host]) -> None:
    """A slave may have been told of managers on hosts that it did not know yet."""
    if not pvmd.hosts.is_master:
        Registry.of(pvmd).managers.watch(pvmd)


def _replace(pvmd: Pvmd, tid: int) -> None:
    """A manager has ended: others serve what it left open, and what its tasks ask from now on."""
    Registry.of(pvmd).managers.dealers.discard(tid)
    for task in pvmd.tasks:
        if task.sched == tid:
            task.sched = Registry.of(pvmd).sched
        dealings = task.dealings
        if dealings is None or task.conn is None:
            continue
        if dealings.manager == tid:
            dealings.gone = True
            wishes, dealings.wishes = dealings.wishes, []
            for kind, alike in groupby(wishes, lambda wish: (wish.what, wish.ctx, wish.tag)):
                _grant(pvmd, task, *kind, list(alike))
        left = [one for one in dealings.asked if one.server == tid]
        dealings.asked = [one for one in dealings.asked if one.server != tid]
        for one in left:
            asks(pvmd, one.event)
        _listen(pvmd, task, dealings)


def _grant(pvmd: Pvmd, task: Task, what: int, ctx: int, tag: int, wishes: list[Wish]) -> None:
    """Give notices of one kind here that the manager had promised."""
    assert task.conn is not None
    if what == c.PvmHostAdd:
        count, tids = wishes[0].count, []  # there is one of a context and tag
    else:
        count, tids = len(wishes), [wish.tid for wish in wishes]
    body = NotifyRequest(what, ctx, tag, count, tids).encode()
    words = (c.WIRE_ENC_XDR, c.SM_NOTIFY, c.BASECONTEXT, 0)
    _serve(pvmd, task, MessageEvent(task.conn, 0, task.tid, *words, body))
