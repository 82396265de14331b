# SPDX-License-Identifier: MIT
"""One group: its members by instance and host, and those who wait for each other."""

from __future__ import annotations

from pvm3py._task import ffi, lib
from pvm3py.wire import checkpoints as kept
from pvm3py.wire import constants as c

FREE = -1
ALL = -1

# Free instances that are added when all are taken.
_GROWTH = 10


def host_of(tid: int) -> int:
    """The tid of the host where a task runs."""
    return int(lib.pvm_tidtohost(tid))


class GroupError(Exception):
    """A request is refused with an error code of pvm3.h."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Rendezvous:
    """Members waiting for each other: a barrier, or the freezing of a group.

    count    arrivals that complete it; ALL when nobody waits
    reached  arrivals so far; like `waiting` it stays until the next rendezvous, for display
    waiting  who is to be told, in the order of arrival
    """

    def __init__(self) -> None:
        self.count = ALL
        self.reached = 0
        self.waiting: list[int] = []
        self._arrived: set[int] = set()
        # Members that a broken rendezvous still waited for: their arrival is refused, once.
        self._late: set[int] = set()

    def arrive(self, tid: int, count: int, members: list[int], group: Group) -> bool:
        """Let `tid` wait until `count` have arrived (ALL: as many as the first one found).

        members  who arrives with it; usually it alone
        group    whose members now are ALL

        Tell whether it is complete. GroupError: NO_TASK to a member that comes late to a
        broken rendezvous, or begins one that needs members that have died, MISMATCH if the
        count is no number of members, or not that of the others.
        """
        if tid in self._late:
            self._late.discard(tid)
            raise GroupError(c.PvmNoTask)
        running = self.count != ALL
        if count == ALL:
            count = self.count if running else len(group)
        if not running and len(group) < count <= len(group) + group.lost:
            raise GroupError(c.PvmNoTask)
        reached = (self.reached if running else 0) + len(members)
        if count < 1 or count < reached or (running and count != self.count):
            raise GroupError(c.PvmMismatch)
        if not running:
            self.waiting = []
            self._arrived = set()
        self.count = count
        self.reached = reached
        self.waiting.append(tid)
        self._arrived.update(members)
        if reached < count:
            return False
        self.count = ALL
        return True

    def settled(self) -> bool:
        """Is nobody waiting, nobody to be refused, and did all arrive for themselves?"""
        return self.count == ALL and not self._late and self.reached == len(self.waiting)

    def restore(self, count: int, waiting: list[int]) -> None:
        """Take over what others have counted."""
        self.count = count
        self.waiting = waiting
        self.reached = len(self.waiting)
        self._arrived = set(self.waiting)

    def fail(self, present: set[int]) -> list[int]:
        """End it without success; those of `present` that have not arrived will be told later.

        Return who waits now.
        """
        if self.count == ALL:
            return []
        self._late = present - self._arrived
        self.count = ALL
        self.reached = 0
        failed, self.waiting = self.waiting, []
        return failed

    def keep(self, tids: set[int]) -> kept.Rendezvous:
        """What is there of some tasks."""
        running = self.count != ALL
        return kept.Rendezvous(
            self.count,
            [tid for tid in self.waiting if running and tid in tids],
            sorted(self._arrived & tids if running else ()),
            sorted(self._late & tids),
        )

    def give_back(self, one: kept.Rendezvous, *, waits: bool) -> bool:
        """Have that again, beside others who may wait now; is it complete?

        Not waits: who waited then comes again by itself.
        """
        self._late.update(one.late)
        if not waits or one.count == ALL:
            return False
        if self.count == ALL:
            self.count, self.reached, self.waiting, self._arrived = one.count, 0, [], set()
        self.waiting += one.waiting
        self._arrived.update(one.arrived)
        self.reached += len(one.arrived)
        if self.reached < self.count:
            return False
        self.count = ALL
        return True

    def died(self, tid: int, present: set[int]) -> list[int]:
        """A member has died, `present` are those left.

        If they are too few to complete it, fail, and return who waits. A dead member that had
        arrived counts as arrived.
        """
        self._late.discard(tid)
        if tid in self._arrived or self.reached + len(present - self._arrived) >= self.count:
            return []
        return self.fail(present)


class Counter:
    """Barriers of a group while the library counts who arrives (csrc/libgpvm/serve.c)."""

    def __init__(self, request: bytes, count: int, members: list[int], waited: list[int]) -> None:
        """Let it count those of `members` that send this request; `waited` have done so before."""
        room = max(count, len(waited))
        self._memory = (
            ffi.new("char[]", request),
            ffi.new("int[]", sorted(members)),
            ffi.new("int[]", waited + [0] * (room - len(waited))),
        )
        self._counted = ffi.gc(ffi.new("struct gs_barrier *"), lib.gs_uncount)
        counted = self._counted
        counted.body, counted.tids, counted.waiting = self._memory
        counted.length = len(request)
        counted.members = len(members)
        counted.count = count
        counted.reached = len(waited)
        lib.gs_count(counted)

    def end(self) -> tuple[int, list[int]]:
        """Stop; the count of the barrier that is running or ALL, and who waits or has waited."""
        counted = self._counted
        lib.gs_uncount(counted)
        count = counted.count if counted.running else ALL
        return count, ffi.unpack(counted.waiting, counted.reached) if counted.reached else []


class Group:
    """Members of a group.

    slots  tid by instance, or FREE
    kind   GROUP_DYNAMIC; after freezing GROUP_STATIC; when a member of that has gone GROUP_DEAD
    lost   members that died and whose places nobody has taken since
    deaths of members, as long as the group has been there

    From `count_barrier` on the library counts who arrives at the barrier, until that is looked at
    or the members change.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.slots: list[int] = []
        self.kind = c.GROUP_DYNAMIC
        self.freeze = Rendezvous()
        self.lost = self.deaths = 0
        self._instances: dict[int, int] = {}
        self._barrier = Rendezvous()
        self._counter: Counter | None = None

    def __len__(self) -> int:
        return len(self._instances)

    def __contains__(self, tid: int) -> bool:
        return tid in self._instances

    @property
    def barrier(self) -> Rendezvous:
        """The barrier, which the library does not count any more."""
        self._end_counter()
        return self._barrier

    def _end_counter(self) -> None:
        if self._counter is not None:
            self._barrier.restore(*self._counter.end())
            self._counter = None

    def count_barrier(self, request: bytes, count: int) -> None:
        """Let the library count members that send this request; `count` may be ALL.

        Only if such a barrier can begin, whoever comes first.
        """
        if count == ALL:
            count = len(self)
        barrier = self.barrier
        if barrier.settled() and 0 < count <= len(self):
            self._counter = Counter(request, count, self.members(), barrier.waiting)

    def join(self, tid: int) -> int:
        """Add a member; return its instance, the lowest that is free."""
        if self.kind != c.GROUP_DYNAMIC:
            raise GroupError(c.PvmNotInGroup)
        if tid in self:
            raise GroupError(c.PvmDupGroup)
        self._end_counter()
        if len(self) == len(self.slots):
            self.slots += [FREE] * _GROWTH
        instance = self.slots.index(FREE)
        self.slots[instance] = tid
        self._instances[tid] = instance
        self.lost = max(0, self.lost - 1)
        return instance

    def keep(self, tids: set[int]) -> kept.KeptGroup:
        """What is there of some tasks."""
        members = [
            word
            for tid, instance in self._instances.items()
            if tid in tids
            for word in (instance, tid)
        ]
        return kept.KeptGroup(
            self.name,
            self.kind,
            len(self),
            self.lost,
            self.deaths,
            members,
            self.barrier.keep(tids),
            self.freeze.keep(tids),
        )

    def give_back(self, one: kept.KeptGroup) -> list[int]:
        """Have these members again, with the instances that they had: those that are new.

        GroupError: PvmDupGroup: another one has an instance.
        """
        pairs = list(zip(one.members[::2], one.members[1::2], strict=True))
        new = [(instance, tid) for instance, tid in pairs if tid not in self]
        self.slots += [FREE] * (max((i for i, _ in new), default=-1) + 1 - len(self.slots))
        if any(self.slots[instance] != FREE for instance, _ in new):
            raise GroupError(c.PvmDupGroup)
        self._end_counter()
        if not self:
            self.lost, self.deaths = one.lost, one.deaths
        for instance, tid in new:
            self.slots[instance] = tid
            self._instances[tid] = instance
            self.lost = max(0, self.lost - 1)
        if one.kind != c.GROUP_DYNAMIC:
            self.kind = one.kind if len(self) == one.size else c.GROUP_DEAD
        return [tid for _, tid in new]

    def leave(self, tid: int) -> None:
        """Remove a member; a static group is dead then."""
        instance = self.instance(tid)
        self._end_counter()
        self.slots[instance] = FREE
        del self._instances[tid]
        if self.kind == c.GROUP_STATIC:
            self.kind = c.GROUP_DEAD

    def lose(self, tid: int) -> None:
        """Remove a member that died."""
        self.leave(tid)
        self.lost += 1
        self.deaths += 1

    def instance(self, tid: int) -> int:
        """Instance of a member; of FREE, which is no tid, the lowest that is free."""
        instance = self._instances.get(tid)
        if instance is not None:
            return instance
        if tid == FREE and FREE in self.slots:
            return self.slots.index(FREE)
        raise GroupError(c.PvmNotInGroup)

    def tid(self, instance: int) -> int:
        """Member with an instance."""
        if not 0 <= instance < len(self.slots) or self.slots[instance] == FREE:
            raise GroupError(c.PvmNoInst)
        return self.slots[instance]

    def members(self) -> list[int]:
        """Tids by instance."""
        return [tid for tid in self.slots if tid != FREE]

    def has_hole(self) -> bool:
        """Is an instance free that is smaller than the number of members?"""
        return FREE in self.slots[: len(self)]

    def hosts(self) -> dict[int, list[int]]:
        """Hosts with members, in the order of their tids: the members' tids, in order."""
        by_host: dict[int, list[int]] = {}
        for tid in sorted(self._instances):
            by_host.setdefault(host_of(tid), []).append(tid)
        return by_host
