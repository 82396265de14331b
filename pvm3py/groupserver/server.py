# SPDX-License-Identifier: MIT
"""What the group server answers to each request. Pure: messages in, messages out.

A handler is found by the request it serves; it returns the body of the answer to the caller,
puts into `outbox` what goes to others, and raises GroupError to refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from pvm3py.groupserver.group import Group, GroupError, Rendezvous, host_of
from pvm3py.groupserver.messages import (
    AllHosts,
    Coordinators,
    DeadTid,
    Deaths,
    Empty,
    GroupEntry,
    GroupList,
    GroupName,
    GroupNumber,
    HostMembers,
    Result,
    State,
    StaticRecord,
    TidList,
)
from pvm3py.wire import constants as c
from pvm3py.wire.checkpoints import GroupsAnswer, GroupsKeep, GroupsRestore, KeptGroup, KeptGroups
from pvm3py.wire.codec import WireError
from pvm3py.wire.record import Record


class Answer(NamedTuple):
    """A message to send."""

    tids: list[int]
    tag: int
    body: bytes


Body = TypeVar("Body", bound=Record)
Reply = TypeVar("Reply", bytes, None)

# Request -> its body and the handler.
_handlers: dict[int, tuple[type[Record], Callable[[GroupServer, int, Any], bytes | None]]] = {}


def _serves(
    request: int, body: type[Body]
) -> Callable[
    [Callable[[GroupServer, int, Body], Reply]], Callable[[GroupServer, int, Body], Reply]
]:
    """Mark the handler of a request, which gets the caller's tid and the decoded body."""

    def register(
        handler: Callable[[GroupServer, int, Body], Reply],
    ) -> Callable[[GroupServer, int, Body], Reply]:
        _handlers[request] = body, handler
        return handler

    return register


@lru_cache(maxsize=256)
def _decoded(request: int, body: bytes) -> Record:
    """A request's body; members of a group ask the same in the same words. Not to be changed."""
    return _handlers[request][0].decode(body)


@lru_cache(maxsize=1024)
def _result(value: int, state: bytes = b"") -> bytes:
    """The body of a Result; the same numbers are answered again and again."""
    return Result(value, state).encode()


@lru_cache(maxsize=64)
def _tid_list(tids: tuple[int, ...], state: bytes) -> bytes:
    """The body of a TidList."""
    return TidList(list(tids), state).encode()


_DYNAMIC = State(c.GROUP_DYNAMIC).encode()
# Requests whose answers depend on what they ask and on the members of groups, and on nothing else.
QUESTIONS = frozenset(
    (
        c.GROUP_BCAST,
        c.GROUP_GETINST,
        c.GROUP_GETTID,
        c.GROUP_GSIZE,
        c.GROUP_TIDLIST,
        c.GROUP_HOSTCHAR,
        c.GROUP_HOSTCHARV,
    )
)
# Requests that may change members or kind of a group.
CHANGES = frozenset((c.GROUP_JOIN, c.GROUP_LEAVE, c.GROUP_DEADTID, c.GROUP_FREEZE, c.GROUP_RESTORE))
# Requests whose refusal is followed by the group's state.
_STATE_AFTER_ERROR = frozenset((c.GROUP_GETINST, c.GROUP_GETTID, c.GROUP_GSIZE))


def display_order(name: str) -> tuple[int, bytes]:
    """Key that sorts groups as the original server's hash table does."""
    text = name.encode("utf-8", "surrogateescape")
    average = sum(min(max(code, 32), 127) for code in text) // len(text)
    return average - 32, text


class GroupServer:
    """All groups.

    outbox   messages to send, in order, the answer to the caller being the last
    watch    tids whose exit notices must be asked for before that
    running  false when the server is to end
    """

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self.outbox: list[Answer] = []
        self.watch: list[int] = []
        self.running = True
        self._watched: set[int] = set()

    def handle(self, callers: list[int], request: int, body: bytes) -> None:
        """Act on what some tasks have sent, one after the other. Unknown requests are ignored."""
        known = _handlers.get(request)
        if known is None:
            return
        handler = known[1]
        outbox = self.outbox
        try:
            record = _decoded(request, body)
        except WireError:
            refusal = _result(c.PvmBadMsg)
            outbox += [Answer([caller], request, refusal) for caller in callers]
            return
        for caller in callers:
            try:
                answer = handler(self, caller, record)
            except GroupError as error:
                answer = self._refusal(request, record, error.code)
            if answer is not None:
                outbox.append(Answer([caller], request, answer))

    def _refusal(self, request: int, record: Any, code: int) -> bytes:
        state = b""
        if request in _STATE_AFTER_ERROR:
            state = self._state(self.groups.get(record.group))
        return _result(code, state)

    def _group(self, name: str) -> Group:
        if not name:
            raise GroupError(c.PvmNullGroup)
        group = self.groups.get(name)
        if group is None:
            raise GroupError(c.PvmNoGroup)
        return group

    def _living_group(self, name: str) -> Group:
        group = self._group(name)
        if group.kind == c.GROUP_DEAD:
            raise GroupError(c.PvmNoGroup)
        return group

    def _state(self, group: Group | None, dead: int = c.GROUP_DYNAMIC) -> bytes:
        """The state to send; `dead` stands for a dead group."""
        if group is None or (group.kind == c.GROUP_DYNAMIC and not group.deaths):
            return _DYNAMIC
        if group.kind == c.GROUP_DYNAMIC:
            return State(c.GROUP_DYNAMIC, Deaths(group.deaths).encode()).encode()
        if group.kind == c.GROUP_DEAD:
            return State(dead).encode()
        hosts = group.hosts().values()
        record = StaticRecord(
            name_length=len(group.name.encode("utf-8", "surrogateescape")),
            name=group.name,
            members=len(group),
            tids=group.slots,
            per_host=[len(tids) for tids in hosts],
            coordinators=[tids[0] for tids in hosts],
        )
        return State(c.GROUP_STATIC, record.encode()).encode()

    # ---- members -----------------------------------------------------------

    @_serves(c.GROUP_JOIN, GroupName)
    def _join(self, caller: int, request: GroupName) -> bytes:
        if not request.group:
            raise GroupError(c.PvmNullGroup)
        group = self.groups.setdefault(request.group, Group(request.group))
        instance = group.join(caller)
        self._watch(caller)
        return _result(instance)

    def _watch(self, tid: int) -> None:
        """Learn of the end of a member."""
        if tid not in self._watched:
            self._watched.add(tid)
            self.watch.append(tid)

    @_serves(c.GROUP_LEAVE, GroupName)
    def _leave(self, caller: int, request: GroupName) -> bytes:
        self._remove(self._group(request.group), caller, died=False)
        return _result(0)

    @_serves(c.GROUP_DEADTID, DeadTid)
    def _dead_tid(self, caller: int, request: DeadTid) -> None:
        if caller != c.TIDPVMD:
            return
        self._watched.discard(request.tid)
        for group in sorted(self.groups.values(), key=lambda group: display_order(group.name)):
            if request.tid in group:
                self._remove(group, request.tid, died=True)

    def _remove(self, group: Group, tid: int, *, died: bool) -> None:
        was_static = group.kind == c.GROUP_STATIC
        if died:
            group.lose(tid)
        else:
            group.leave(tid)
        present = set(group.members())
        if was_static:
            self._fail(group.barrier.fail(set()), c.GROUP_BARRIER, c.PvmNoGroup)
        elif died:
            self._fail(group.barrier.died(tid, present), c.GROUP_BARRIER, c.PvmNoTask)
            self._fail(group.freeze.died(tid, present), c.GROUP_FREEZE, c.PvmNoTask)
        if not group:
            del self.groups[group.name]

    def _fail(self, waiting: list[int], tag: int, code: int) -> None:
        if waiting:
            self.outbox.append(Answer(waiting, tag, _result(code)))

    # ---- questions ---------------------------------------------------------

    @_serves(c.GROUP_GETINST, GroupNumber)
    def _get_instance(self, caller: int, request: GroupNumber) -> bytes:
        group = self._group(request.group)
        return _result(group.instance(request.number), self._state(group))

    @_serves(c.GROUP_GETTID, GroupNumber)
    def _get_tid(self, caller: int, request: GroupNumber) -> bytes:
        group = self._group(request.group)
        return _result(group.tid(request.number), self._state(group))

    @_serves(c.GROUP_GSIZE, GroupName)
    def _size(self, caller: int, request: GroupName) -> bytes:
        group = self._group(request.group)
        return _result(len(group), self._state(group))

    @_serves(c.GROUP_BCAST, GroupName)
    def _tids(self, caller: int, request: GroupName) -> bytes:
        group = self._living_group(request.group)
        return _tid_list(tuple(group.members()), self._state(group))

    @_serves(c.GROUP_TIDLIST, GroupName)
    def _tids_without_hole(self, caller: int, request: GroupName) -> bytes:
        if self._living_group(request.group).has_hole():
            raise GroupError(c.PvmNoInst)
        return self._tids(caller, request)

    @_serves(c.GROUP_HOSTCHAR, GroupNumber)
    def _host(self, caller: int, request: GroupNumber) -> bytes:
        group = self.groups.get(request.group)
        hosts = group.hosts() if group else {}
        tids = hosts.get(request.number)
        if tids is None:
            return HostMembers(0, 0, -1, self._state(None)).encode()
        return HostMembers(
            len(hosts), len(tids), tids[0], self._state(group, c.GROUP_DEAD)
        ).encode()

    @_serves(c.GROUP_HOSTCHARV, GroupName)
    def _all_hosts(self, caller: int, request: GroupName) -> bytes:
        group = self.groups.get(request.group)
        hosts = list(group.hosts().values()) if group else []
        coordinators = Coordinators([tids[0] for tids in hosts]).encode()
        return AllHosts(
            [len(tids) for tids in hosts], coordinators + self._state(group, c.GROUP_DEAD)
        ).encode()

    # ---- waiting for each other --------------------------------------------

    @_serves(c.GROUP_BARRIER, GroupNumber)
    def _barrier(self, caller: int, request: GroupNumber) -> None:
        if self._arrive_at_barrier(request, caller, [caller]):
            self._group(request.group).count_barrier(request.encode(), request.number)

    @_serves(c.GROUP_BARRIERV, GroupNumber)
    def _host_barrier(self, caller: int, request: GroupNumber) -> None:
        group = self.groups.get(request.group)
        here = group.hosts().get(host_of(caller), []) if group else []
        self._arrive_at_barrier(request, caller, here)

    def _arrive_at_barrier(self, request: GroupNumber, caller: int, members: list[int]) -> bool:
        """One arrives for itself or others; is the barrier complete?"""
        group = self._living_group(request.group)
        group.instance(caller)
        barrier = group.barrier
        complete = barrier.arrive(caller, request.number, members, group)
        if complete:
            answer = _result(barrier.reached)
            self.outbox.append(Answer(barrier.waiting, c.GROUP_BARRIER, answer))
        return complete

    @_serves(c.GROUP_FREEZE, GroupNumber)
    def _freeze(self, caller: int, request: GroupNumber) -> None:
        group = self._living_group(request.group)
        if group.kind != c.GROUP_DYNAMIC:
            raise GroupError(c.PvmDupGroup)
        group.instance(caller)
        freeze = group.freeze
        if freeze.arrive(caller, request.number, [caller], group):
            group.kind = c.GROUP_STATIC
            answer = _result(freeze.reached, self._state(group))
            self.outbox.append(Answer(freeze.waiting, c.GROUP_FREEZE, answer))

    # ---- checkpoints -------------------------------------------------------

    @_serves(c.GROUP_KEEP, GroupsKeep)
    def _keep(self, caller: int, request: GroupsKeep) -> None:
        tids = set(request.tids)
        found = [
            group.keep(tids)
            for group in self.groups.values()
            if not tids.isdisjoint(group.members())
        ]
        self._tell_daemon(caller, request.stamp, 0, KeptGroups(found).encode())

    @_serves(c.GROUP_RESTORE, GroupsRestore)
    def _restore(self, caller: int, request: GroupsRestore) -> None:
        code = 0
        try:
            for one in request.groups.groups if caller == c.TIDPVMD else ():
                self._restore_group(one, waits=bool(request.waits))
        except GroupError as error:
            code = error.code
        self._tell_daemon(caller, request.stamp, code, b"")

    def _restore_group(self, one: KeptGroup, *, waits: bool) -> None:
        group = self.groups.get(one.name) or Group(one.name)
        for tid in group.give_back(one):
            self._watch(tid)
        self.groups[one.name] = group
        if group.barrier.give_back(one.barrier, waits=waits):
            answer = _result(group.barrier.reached)
            self.outbox.append(Answer(group.barrier.waiting, c.GROUP_BARRIER, answer))
        group.freeze.give_back(one.freeze, waits=waits)

    def _tell_daemon(self, caller: int, stamp: int, code: int, groups: bytes) -> None:
        """Answer a daemon; nobody else gets one."""
        if caller == c.TIDPVMD:
            body = GroupsAnswer(stamp, code, groups).encode()
            self.outbox.append(Answer([caller], c.SM_CKPT_GROUPS, body))

    # ---- the server itself -------------------------------------------------

    def _in_display_order(self) -> list[Group]:
        return [self.groups[name] for name in sorted(self.groups, key=display_order)]

    @_serves(c.GROUP_LIST, Empty)
    def _list(self, caller: int, request: Empty) -> bytes:
        return GroupList([_entry(group) for group in self._in_display_order()]).encode()

    @_serves(c.GROUP_DIE, Empty)
    def _die(self, caller: int, request: Empty) -> None:
        self.running = False

    def describe(self, title: str, tid: int) -> str:
        """All groups as text; `title` and the server's tid come first."""
        lines = [f"{title} 0x{tid:x}, {len(self.groups)} groups:"]
        for group in self._in_display_order():
            lines += _description(group)
        return "\n".join(lines) + "\n"


def _entry(group: Group) -> GroupEntry:
    barrier: Rendezvous = group.barrier
    return GroupEntry(
        name_length=len(group.name.encode("utf-8", "surrogateescape")),
        name=group.name,
        members=len(group),
        capacity=len(group.slots),
        count=barrier.count,
        reached=len(barrier.waiting),
        slots=group.slots,
        waiting=barrier.waiting,
    )


def _description(group: Group) -> list[str]:
    barrier, freeze = group.barrier, group.freeze
    lines = [
        f"group: {group.name}  size: {len(group)} "
        f"barrier_count: {barrier.count} barrier_reached {barrier.reached}",
        f" sgroup_count: {freeze.count} sgroup_reached {freeze.reached}",
        "  Tids: ",
        "".join(f"({group.instance(tid)},  0x{tid:x}) " for tid in group.members()),
    ]
    if barrier.waiting:
        lines += ["  Tids waiting at the barrier: ", "".join(f"0x{t:x} " for t in barrier.waiting)]
    lines.append("Host characterization:")
    for host, tids in group.hosts().items():
        lines.append(f"host {host:x} - {len(tids)} procs, {tids[0]:x} coord ")
    return lines
