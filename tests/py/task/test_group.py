# SPDX-License-Identifier: MIT
"""Group: members, barriers with a time limit, calls on buffers and on objects, deaths."""

from __future__ import annotations

import textwrap

from support.programs.scripts import STRUCK, ScriptMachine

PRELUDE = """
from pvm3py import *

def failing(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise SystemExit(f"{kind} was not raised")

def name_of(args):
    return "-".join(["grid", *args])

def together(member, n, *args):
    '''Run a function of group and arguments as n members, of which this task is one.'''
    task = Task()
    for instance in range(n):
        if instance:
            task.spawn(begin, member, n, *args)
            assert task.recv(timeout=100) == "joined"
        else:
            group = task.group(name_of(args))
    group.barrier(n)
    result = member(group, *args)
    return result

def begin(member, n, *args):
    with Task() as task, task.group(name_of(args)) as group:
        task.send("joined", task.parent)
        group.barrier(n)
        member(group, *args)
"""


def run(machine: ScriptMachine, text: str) -> str:
    """Run a task with these functions; the text begins with definitions."""
    return machine.run(PRELUDE + STRUCK + textwrap.dedent(text))


# ---- members ---------------------------------------------


def test_members_are_known_by_instance_and_block_leaves(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        def member(group):
            task = Task()
            assert group.size == len(group) == 3 and group[group.instance] == task.tid
            assert list(group) == group.members == [group[i] for i in range(3)]
            assert f"<td>{task.tid}</td>" in group._repr_html_()
            assert repr(group) == f"<Group 'grid', instance {group.instance}>"
            group.barrier(3)
        if __name__ == "__main__":
            with Task() as task:
                together(member, 3)
                with task.group("grid") as again:
                    assert again.instance == 0
                assert classic.gettid("grid", 0) == task.tid
                with task.group("other") as other:
                    failing(NoInst, lambda: other[1])
                failing(NoGroup, lambda: other.size)
        """.replace("classic.", "pvm3py.classic."),
    )


# ---- barriers --------------------------------------------


def test_barrier_that_timed_out_stands_and_the_next_one_goes_on_with_it(
    machine: ScriptMachine,
) -> None:
    run(
        machine,
        """
        def member(group):
            if group.instance == 0:
                for _ in range(2):
                    error = failing(Timeout, lambda: group.barrier(2, timeout=0.05))
                    assert "barrier of group 'grid'" in str(error)
                with Task().group("other") as other:
                    failing(RuntimeError, other.barrier)
                Task().send("go", group[1], 5)
                group.barrier(2, timeout=100)
                failing(Timeout, lambda: group.barrier(2, timeout=0.05))
                Task().send("go", group[1], 5)
                group.barrier(2)
            else:
                for _ in range(2):
                    assert Task().recv(group[0], 5) == "go"
                    group.barrier(2)
        if __name__ == "__main__":
            with Task():
                together(member, 2)
        """,
    )


def test_ctrl_c_ends_a_barrier_with_a_time_limit_and_it_stands(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        def member(group):
            if group.instance == 0:
                struck(lambda: group.barrier(2, timeout=100))
                Task().send("go", group[1], 5)
            else:
                assert Task().recv(group[0], 5) == "go"
            group.barrier(2)
        if __name__ == "__main__":
            with Task():
                together(member, 2)
        """,
    )


# ---- objects ---------------------------------------------


def test_objects_are_exchanged_among_all_members(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        def member(group):
            me, others = group.instance, range(3)
            for root in others:
                assert group.bcast({"of": root} if me == root else None, root) == {"of": root}
                got = group.gather(me * 10, root)
                assert got == ([0, 10, 20] if me == root else None)
                mine = group.scatter("abc" if me == root else None, root)
                assert mine == "abc"[me]
                got = group.reduce([me], "sum", root)
                assert got == ([0, 1, 2] if me == root else None)
            assert group.allgather(me) == [0, 1, 2]
            assert [group.allreduce(me + 1, op) for op in ("sum", "product", "max", "min")] == [
                6, 6, 3, 1
            ]
            assert group.allreduce(me, lambda a, b: f"{a}{b}") == "012"
            big = array.array("d", [me]) * 100_000
            assert group.allgather(big)[2][-1] == 2.0
            failing(ValueError, lambda: group.reduce(1, "mean", me))
        if __name__ == "__main__":
            with Task():
                together(member, 3)
        """,
    )


def test_objects_of_groups_meet_no_other_messages(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        def member(group):
            with Task().group("other") as other:
                group.barrier(2)
                if group.instance == 0:
                    for tag in range(3):
                        Task().send("stray", group[1], tag)
                    group.bcast("first")
                    other.bcast("second", other.instance)
                else:
                    root = other.members.index(group[0])
                    assert other.bcast(None, root) == "second"
                    assert group.bcast(None) == "first"
                    assert [Task().recv() for _ in range(3)] == ["stray"] * 3
                group.barrier(2)
        if __name__ == "__main__":
            with Task():
                together(member, 2)
        """,
    )


# ---- buffers ---------------------------------------------


def test_buffers_are_exchanged_among_all_members(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        def numbers(*values):
            return array.array("d", values)
        def member(group):
            me = group.instance
            for root in range(3):
                buf = numbers(1.5, root) if me == root else numbers(0, 0)
                group.Bcast(buf, root, tag=4)
                assert buf == numbers(1.5, root)
                every = numbers(*[0] * 6) if me == root else None
                group.Gather(numbers(me, -me), every, root, tag=4)
                assert me != root or every == numbers(0, 0, 1, -1, 2, -2)
                part = numbers(0, 0)
                group.Scatter(every, part, root, tag=4)
                assert part == numbers(me, -me)
                plus = lambda a, b: numbers(a[0] + b[0] + 1)
                for op, result in (("sum", 3), ("max", 2), (plus, 5)):
                    buf = numbers(me)
                    group.Reduce(buf, op, root, tag=4)
                    assert me != root or buf == numbers(result), (op, buf)
                    group.barrier(3)
            wide = array.array("I", [1])
            assert "items of type uint" in str(failing(TypeError, lambda: group.Gather(wide)))
            if me == 0:
                failing(Overflow, lambda: group.Gather(numbers(0), numbers(0, 0)))
            else:
                group.Gather(numbers(0))
            group.barrier(3)
        if __name__ == "__main__":
            with Task():
                together(member, 3)
        """,
    )


def test_exception_of_an_operation_ends_the_reduction(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        def refuse(a, b):
            raise KeyError("no")
        def member(group):
            buf = array.array("i", [1])
            if group.instance == 0:
                failing(KeyError, lambda: group.Reduce(buf, refuse))
            else:
                group.Reduce(buf, refuse)
            group.barrier(2)
        if __name__ == "__main__":
            with Task():
                together(member, 2)
        """,
    )


def test_buffers_that_the_collector_frees_with_their_views(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        import gc
        from pvm3py.binding.items import in_memory
        class Cycle:
            pass
        gc.disable()
        view = memoryview(array.array("d", [1, 2]))
        cycle = Cycle()
        cycle.view, cycle.memory, cycle.me = view, in_memory(view), cycle
        del view, cycle
        assert gc.collect() > 0
        """,
    )


# ---- deaths ----------------------------------------------


def test_death_of_a_member_ends_all_waits_for_it(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        def member(group, call):
            me = group.instance
            if call != "barrier":
                group.freeze(3)  # so that the dead member stays one
            if me == (1 if call in ROOTED else 2):
                os._exit(3)
            waits = me == 0 or call not in AT_ROOT
            if not waits:
                CALLS[call](group)
                return
            error = failing(MemberDied, lambda: CALLS[call](group))
            assert error.group == group.name == f"grid-{call}"
            assert f"member of group '{group.name}' has died" in str(error)
        def buf(n=1):
            return array.array("i", [0]) * n
        CALLS = {
            "barrier": lambda group: group.barrier(3),
            "gather": lambda group: group.gather(1),
            "bcast": lambda group: group.bcast(None, 1),
            "scatter": lambda group: group.scatter(None, 1),
            "reduce": lambda group: group.reduce(1),
            "allreduce": lambda group: group.allreduce(1),
            "allgather": lambda group: group.allgather(1),
            "Bcast": lambda group: group.Bcast(buf(), 1),
            "Gather": lambda group: group.Gather(buf(), buf(3)),
            "Scatter": lambda group: group.Scatter(None, buf(), 1),
        }
        ROOTED = ("bcast", "scatter", "Bcast", "Scatter")
        AT_ROOT = ("gather", "reduce", "Gather")
        if __name__ == "__main__":
            for call in CALLS:
                with Task() as task:
                    together(member, 3, call)
        """,
    )


def test_death_in_a_group_that_is_not_frozen_is_told_once_to_each(machine: ScriptMachine) -> None:
    """The dead member is none any more when the others call: without that they would not know."""
    run(
        machine,
        """
        import time
        def member(group, call):
            if group.instance == 1:
                os._exit(3)
            while group.size == 3:
                time.sleep(0.01)
            error = failing(MemberDied, lambda: CALLS[call](group))
            assert error.group == group.name
            group.barrier()
            for again in CALLS.values():
                again(group)
            assert group.allgather(group.instance) == [0, 2]
        def buf(n=1):
            return array.array("i", [0]) * n
        def reduced(group):
            one = array.array("i", [1])
            group.Reduce(one, "sum", tag=5)
            assert group.instance or one[0] == 2
        CALLS = {
            "barrier": lambda group: group.barrier(),
            "gather": lambda group: group.gather(1),
            "bcast": lambda group: group.bcast(1),
            "scatter": lambda group: group.scatter([1] * 2),
            "reduce": lambda group: group.reduce(1),
            "allreduce": lambda group: group.allreduce(1),
            "allgather": lambda group: group.allgather(1),
            "Bcast": lambda group: group.Bcast(buf()),
            "Reduce": reduced,
        }
        if __name__ == "__main__":
            for call in CALLS:
                with Task() as task:
                    together(member, 3, call)
        """,
    )


def test_member_that_waits_for_one_who_was_told_of_a_death_is_told_too(
    machine: ScriptMachine,
) -> None:
    """The root waits for the first member, which knows of the other's death and sends nothing."""
    run(
        machine,
        """
        import time
        def member(group):
            task = Task()
            if group.instance == 0:
                failing(MemberDied, lambda: group.gather(0))
                task.send("told", group[1])
            elif group.instance == 1:
                task.recv(group[2], timeout=100)
                while group.size == 3:
                    time.sleep(0.01)
                failing(MemberDied, lambda: group.gather(0))
                task.recv(group[0], timeout=100)
            else:
                time.sleep(0.2)
                task.send("dies", group[1])
                os._exit(3)
        if __name__ == "__main__":
            with Task() as task:
                together(member, 3)
        """,
    )


def test_member_that_leaves_is_no_death(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        import time
        def member(group):
            if group.instance == 2:
                group.leave()
                return
            while group.size == 3:
                time.sleep(0.01)
            assert group.allgather(group.instance) == [0, 1]
            group.barrier()
        if __name__ == "__main__":
            with Task() as task:
                together(member, 3)
        """,
    )
