# SPDX-License-Identifier: MIT
"""Arguments that newcomers get wrong: the error says which, and what is wanted."""

from __future__ import annotations

from support.programs.scripts import ScriptMachine, run_face


def test_what_a_receive_cannot_wait_for_is_named(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        import asyncio
        from pvm3py import aio
        wrong = {
            "the source is a tid or ANY, not NoneType": dict(source=None),
            "the source is a tid or ANY, not str": dict(source="t40001"),
            "the tag is a number or ANY, not NoneType": dict(tag=None),
            "the tag is a number or ANY, not float": dict(tag=1.5),
            "the timeout is seconds or None, not str": dict(timeout="1"),
        }
        room = bytearray(8)
        with Task() as task:
            for text, given in wrong.items():
                for call in (task.recv, task.receive, task.probe, lambda **g: task.Recv(room, **g)):
                    raises(TypeError, lambda: call(**given), text)
            class Unwilling:
                def __reduce__(self):
                    return sorted, (5,)
            task.send(Unwilling(), task.tid)
            raises(TypeError, task.recv, "not iterable")
        async def main():
            async with aio.Task() as task:
                for text, given in wrong.items():
                    for call in (task.recv, task.receive, task.probe):
                        try:
                            await call(**given)
                        except TypeError as error:
                            assert text in str(error), error
                        else:
                            raise SystemExit(text)
        asyncio.run(main())
        """,
    )


def test_what_cannot_be_sent_or_packed_is_named(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            me = task.tid
            for send in (task.send, task.Send):
                raises(TypeError, lambda: send(b"x", me, "tag"), "the tag is a number, not str")
                raises(TypeError, lambda: send(me, "x"), "the receiver is a tid or several")
            raises(TypeError, lambda: task.send((i for i in range(3)), me), "generator")
            raises(ValueError, lambda: task.Send(b"x", me, encoding="zip"), "'auto', 'xdr', 'raw'")
            raises(ValueError, lambda: Message().pack([1], "integer"), "int, uint, long")
            raises(ValueError, lambda: Message().unpack("integer"), "int, uint, long")
            raises(TypeError, lambda: Message().pack("hello"), "'hello'", "pack_str")
            raises(TypeError, lambda: Message().pack_str(5), "a string is wanted, not int")
            raises(TypeError, lambda: task.group(5), "a string is wanted, not int")
            assert task.probe() is None
        """,
    )


def test_what_cannot_be_spawned_is_named(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            raises(TypeError, lambda: task.spawn(["/bin/true", "x"]), "not list", "'program'")
            raises(TypeError, lambda: task.spawn(None), "not NoneType")
            raises(TypeError, lambda: task.spawn("/bin/true", output="x"), "a file or a function")
            (tid,) = task.spawn(b"/bin/true")
            next(iter(task.notify_exit(tid)))
        """,
    )


def test_decorator_without_its_parentheses_is_refused(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        raises(TypeError, lambda: Task().handler(print), "@task.handler()")
        """,
    )


def test_tid_is_made_of_what_it_prints(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        import pickle
        tid = Tid(0x40001)
        for same in (Tid(str(tid)), Tid("262145"), Tid(tid), pickle.loads(pickle.dumps(tid))):
            assert same == tid and type(same) is Tid and str(same) == "t40001"
        for wrong in ("t", "tx", "x40001", ""):
            raises(ValueError, lambda: Tid(wrong), "invalid literal")
        """,
    )
