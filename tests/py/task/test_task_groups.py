# SPDX-License-Identifier: MIT
"""Groups in the Python task interface."""

from __future__ import annotations

from support.programs.scripts import ScriptMachine


def test_group_of_one(machine: ScriptMachine) -> None:
    machine.run("""
        me = mytid()
        assert joingroup("g") == 0 and gsize("g") == 1
        assert getinst("g", me) == 0 and gettid("g", 0) == me
        barrier("g"); barrier("g", 1)
        assert gather(array.array("h", [1, 2]), 3, "g") == [array.array("h", [1, 2])]
        got = array.array("d", [0, 0])
        scatter(got, 3, "g", items=array.array("d", [1.5, 2.5]))
        assert list(got) == [1.5, 2.5]
        reduce(Operation.MAX, got, 3, "g")
        assert list(got) == [1.5, 2.5]
        for call, code in [
            (lambda: joingroup("g"), Code.DUP_GROUP),
            (lambda: bcast("g", 1), Code.NO_INST),
            (lambda: gsize("h"), Code.NO_GROUP),
            (lambda: gettid("g", 1), Code.NO_INST),
            (lambda: barrier("g", 0), Code.MISMATCH),
            (lambda: joingroup(""), Code.NULL_GROUP),
            (lambda: scatter(got, 3, "g", items=array.array("d", [1])), Code.OVERFLOW),
            (lambda: scatter(got, 3, "g"), Code.BAD_PARAM),
            (lambda: gather(array.array("I", [1]), 3, "g"), Code.BAD_PARAM),
        ]:
            try:
                call()
            except PvmError as error:
                assert error.code == code, error
            else:
                raise SystemExit("accepted")
        try:
            scatter(got, 3, "g", items=array.array("i", [1, 2]))
        except TypeError:
            pass
        else:
            raise SystemExit("mixed types")
        lvgroup("g")
    """)


def test_collective_calls_of_a_family(machine: ScriptMachine) -> None:
    member = """
        me = joingroup("g")
        barrier("g", 4)
        items = array.array("i", [me, 10 * me])
        reduce(Operation.SUM, items, 1, "g")
        assert me != 0 or list(items) == [6, 60]
        barrier("g", 4)
        items = array.array("d", [me + 1, 2])
        reduce(lambda x, y: x * y, items, 2, "g")
        assert me != 0 or list(items) == [24, 16]
        barrier("g", 4)
        parts = gather(array.array("d", [me, 0.5]), 3, "g", root=2)
        assert (parts is None) == (me != 2)
        if parts:
            assert [list(part) for part in parts] == [[i, 0.5] for i in range(4)]
        mine = array.array("l", [0, 0, 0])
        whole = array.array("l", range(12)) if me == 1 else None
        scatter(mine, 4, "g", root=1, items=whole)
        assert list(mine) == [3 * me, 3 * me + 1, 3 * me + 2]
        if me == 3:
            initsend(); pkstr("to all"); bcast("g", 5)
        else:
            recv(tag=5); assert upkstr() == "to all"
        assert freezegroup("g", 4) == 4
        barrier("g")
    """
    machine.run(
        f"""
        children = spawn("child", count=3)
        notify(Event.TASK_EXIT, 99, children)
        {member}
        for _ in children:
            recv(tag=99)
        """.replace("\n        \n", "\n"),
        child=member + "\n        exit()\n",
    )


def test_exception_in_an_operation_reaches_the_caller(machine: ScriptMachine) -> None:
    machine.run(
        """
        joingroup("g")
        child, = spawn("child")
        barrier("g", 2)
        try:
            reduce(lambda x, y: x / 0, array.array("d", [1.0]), 2, "g")
        except ZeroDivisionError:
            pass
        else:
            raise SystemExit("swallowed")
        barrier("g", 2)
        """,
        child="""
        joingroup("g"); barrier("g", 2)
        reduce(Operation.SUM, array.array("d", [1.0]), 2, "g")
        barrier("g", 2)
        exit()
        """,
    )
